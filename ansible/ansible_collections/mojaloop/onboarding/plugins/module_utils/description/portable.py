# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What of a participant is the same in every environment: evidence of one is worth something in another for this alone."""

from __future__ import annotations

import hashlib
import json

from .model import Participant


def portable_digest(participant: Participant) -> str:
    """SHA-256 (hex) of the portable fields: id, organisation, currencies, roles, kind and version of the connector."""
    fields = {
        "id": participant.fspiop_id,
        "organisation": participant.organisation,
        "currencies": sorted(participant.currencies),
        "roles": sorted(participant.roles),
        "connector": [participant.connector.kind, participant.sdk.version if participant.sdk else ""],
    }
    return hashlib.sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
