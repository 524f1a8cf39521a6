# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the lab's hub publishes of its endpoints, as a file in an exchange of the test's own."""

from __future__ import annotations

import json
from pathlib import Path

ENDPOINTS = {
    "format": 1,
    "fspiop_id": "switch",
    "url": "https://api.hub.lab:8443",
    "addresses": ["203.0.113.10", "2001:db8:6d6f::10"],
    "egress_addresses": ["203.0.113.11/32", "2001:db8:6d6f::11/128"],
}


def publish(exchange: Path, participant: str, **changed: object) -> Path:
    """Write the hub's endpoints for a participant; the exchange's folder."""
    folder = exchange / participant / "hub"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "endpoints.json").write_text(json.dumps({**ENDPOINTS, **changed}), encoding="utf-8")
    return exchange
