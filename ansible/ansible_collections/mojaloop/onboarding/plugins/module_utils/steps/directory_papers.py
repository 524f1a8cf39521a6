# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a person needs at the scheme's directory for one request: the request itself, and where to upload it as what."""

from __future__ import annotations

import json

from ..description.model import Description
from ..description.trust import Artefact, named
from ..pki.contents import alternative_names, subject


def title(artefact: Artefact) -> str:
    """The scheme's own name of an artefact, as in ``C3``."""
    return artefact.rule.title


def papers(description: Description, artefact: Artefact, request: bytes, *, key: str, place: str, inbox: str) -> dict[str, bytes]:
    """The files of one upload: ``request.csr`` and, for people and machines, ``request.json`` (``format`` 1)."""
    holder, rule, submission = named(description, artefact), artefact.rule, artefact.rule.submission
    where = description.profile.places.get(description.directory.environment)
    facts = {
        "format": 1,
        "certificate": rule.title,
        "purpose": rule.purpose,
        "holder": artefact.holder,
        "directory": description.profile.directory,
        "environment": description.directory.environment,
        "website": where.website if where else "",
        "organisation": holder.organisation,
        "location": submission.location if submission else "",
        "type": submission.type if submission else "",
        "subject": subject(rule, holder).rfc4514_string(),
        "names": [str(name.value) for name in alternative_names(rule, holder) or ()],
        "usages": [*rule.key_usage, *rule.extended_key_usage],
        "public_key_sha256": key,
        "key_set": key_set_url(description, artefact),
        "put_into": inbox,
        "how": [
            f"Sign in at the website, open {holder.organisation}, then {submission.location if submission else 'its certificates'}.",
            f"Make a new certificate of type {submission.type if submission else rule.title}, description {rule.title}; skip making a key.",
            f"Upload {place}/request.csr.",
            f"Save the certificate as a .pem file, and the key set as a .jwks file, in {inbox}; run onboard.yml again.",
        ],
    }
    return {"request.csr": request, "request.json": json.dumps(facts, indent=2).encode() + b"\n"}


def key_set_url(description: Description, artefact: Artefact) -> str:
    """The URL of the directory's key set that shows this artefact's key id; empty for a directory without any."""
    holder, submission = named(description, artefact), artefact.rule.submission
    where = description.profile.places.get(description.directory.environment)
    if where is None or submission is None or holder.registration is None:
        return ""
    path = submission.jwks.replace("{organisation}", holder.registration.organisation_id)
    return f"{where.keystore}/{path.replace('{client}', holder.registration.client_id)}"
