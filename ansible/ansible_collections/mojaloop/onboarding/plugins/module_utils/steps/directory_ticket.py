# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a side returns on the Service Desk ticket: facts, key ids and key sets of its certificates, as data and as a page for people.

Source: nebras-open-finance.com, "Environment Specific Configuration": which field of the ticket's form each side provides.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from ..description.model import HUB, Description, Side
from ..description.trust import Artefact
from .directory_papers import key_set_url, title


def ticket(description: Description, side: Side, answered: Iterable[tuple[Artefact, str]], key_ids: Mapping[str, str]) -> dict[str, bytes]:
    """``ticket.json`` (``format`` 1) and ``ticket.md``. ``answered``: what the directory has signed, each with its key's digest."""
    certificates = [
        {
            "certificate": title(artefact),
            "purpose": artefact.rule.purpose,
            "key_id": key_ids.get(title(artefact), ""),
            "key_set": key_set_url(description, artefact),
            "public_key_sha256": digest,
        }
        for artefact, digest in sorted(answered, key=lambda each: title(each[0]))
    ]
    facts = _facts(description, side)
    data = {"format": 1, "environment": description.directory.environment, "side": side.name, "facts": facts, "certificates": certificates}
    return {"ticket.json": json.dumps(data, indent=1).encode() + b"\n", "ticket.md": _page(description, side, facts, certificates).encode()}


def _facts(description: Description, side: Side) -> dict[str, str]:
    registration = side.registration
    facts = {"Legal name": side.organisation, "Organisation ID": registration.organisation_id if registration else ""}
    if side.name == HUB:
        hosts = [side.endpoint.host if side.endpoint else "", *(host for _name, found in side.further_hosts for host in found)]
        return {**facts, "Domain names": " ".join(hosts), "IP addresses of outbound traffic": " ".join(map(str, side.egress_addresses))}
    hub = description.hub.organisation
    facts["Application ID"] = registration.client_id if registration else ""
    facts["Ozone Connect base URL"] = side.endpoint.url if side.endpoint else ""
    return {**facts, "IP addresses of calls to the API Hub": " ".join(map(str, side.egress_addresses)), "API Hub operator": hub}


def _page(description: Description, side: Side, facts: Mapping[str, str], certificates: Iterable[Mapping[str, str]]) -> str:
    """Markdown: every value comes from the description, whose texts hold no markup of tables, or from the directory's key sets."""
    lines = [
        f"# {side.organisation}: for the ticket, environment {description.directory.environment}",
        "",
        *_table(("field", "value"), facts.items()),
        "",
        *_table(
            ("certificate", "proves", "KID", "JWKS URL"),
            ((each["certificate"], each["purpose"], each["key_id"], each["key_set"]) for each in certificates),
        ),
        "",
        "Connectivity in both directions: run playbooks/verify.yml and attach evidence/verification.html.",
        "",
    ]
    return "\n".join(lines)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    written = [head, tuple("---" for _ in head), *rows]
    return [f"| {' | '.join(cell.replace('|', ' ') for cell in row)} |" for row in written]
