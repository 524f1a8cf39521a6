# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What of a participant is the same in every environment: evidence of one is worth something in another for this alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from .model import Participant


def portable_fields(participant: Participant) -> dict[str, object]:
    """The portable fields as a participant's file has them: id, organisation, currencies, roles, kind and version of the connector."""
    connector = {"kind": participant.connector.kind, **({"version": participant.sdk.version} if participant.sdk else {})}
    return {
        "id": participant.fspiop_id,
        "organisation": participant.organisation,
        "currencies": sorted(participant.currencies),
        "roles": sorted(participant.roles),
        "connector": connector,
    }


def portable_digest(participant: Participant) -> str:
    """SHA-256 (hex) of the portable fields; see there."""
    version = participant.sdk.version if participant.sdk else ""
    named = (participant.fspiop_id, participant.organisation, participant.connector.kind, version)
    return digest_of(named, participant.currencies, participant.roles)


def digest_of(named: tuple[str, str, str, str], currencies: Iterable[str], roles: Iterable[str]) -> str:
    """The same of the fields; ``named``: id, organisation, kind and version (or empty) of the connector."""
    fields = [*named, sorted(currencies), sorted(roles)]
    return hashlib.sha256(json.dumps(fields, separators=(",", ":")).encode()).hexdigest()
