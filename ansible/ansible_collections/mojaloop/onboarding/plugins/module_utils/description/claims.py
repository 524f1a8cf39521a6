# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What each participant has in force that no other may have: addresses, names, hosts, listeners. The last runs' record in the state folder.

Threat: a file that claims what is another's would stop that other's renewals and the revocation of its leaked secret.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from ..formats import FORMAT, read_json, refuse_newer

Claims = Mapping[str, frozenset[str]]
"""Participant -> what it has, as ``lint_together.claims_of`` writes it."""
PATH = "journal/claims.json"


def read_claims(state: str) -> Claims:
    """The record of a state folder; empty where there is none or it cannot be read: then no one has anything before the others."""
    try:
        found = read_json((Path(state) / PATH).read_bytes())
    except (OSError, ValueError):
        return {}
    refuse_newer(found, where=PATH)
    entries = found.get("participants") if isinstance(found, dict) else None
    if not isinstance(entries, dict):
        return {}
    return {name: frozenset(map(str, claims)) for name, claims in entries.items() if isinstance(claims, list)}


def written_claims(claims: Claims) -> bytes:
    """The record as a file."""
    entries = {name: sorted(found) for name, found in claims.items()}
    return json.dumps({"format": FORMAT, "participants": entries}, sort_keys=True, indent=1).encode() + b"\n"
