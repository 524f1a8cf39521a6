# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The files that sides publish to each other: one row for each, and all that is known of it by its name alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from ..description.profiles import EXCHANGE, JWS, PROFILES, CertificateRule, Profile, Signer
from ..document_steps import Phase
from ..pki.revocation import LIST, LIST_LIMIT
from ..store.layout import OWN_CLIENT
from .manifest import LIMIT, MANIFEST

AUTHORITY = "ca.pem"
EXCHANGE_CERTIFICATE = "exchange.pem"
NEXT_EXCHANGE_CERTIFICATE = "exchange-next.pem"
"""The certificate of the key that will sign manifests next: announced under the signature of the one in use."""
JWS_KEY = "jws.pem"
ENDPOINTS = "endpoints.json"
CREDENTIALS = "oauth.p7m"


class Form(Enum):
    """What a file must at least be to be kept."""

    CHAIN = "chain"
    CERTIFICATE = "certificate"
    REQUEST = "request"
    JUDGED = "judged"
    """A file with a judge of its own: see ``steps.received_certificates``."""


@dataclass(frozen=True)
class PublishedFile:
    """One file of a publication.

    ``step`` is the document step that its exchange carries out. ``identity``: the word with which it counts in the digest of
    a first publication; empty when it does not. ``approved``: another one than the approved one awaits a person.
    """

    name: str
    step: str
    form: Form = Form.JUDGED
    identity: str = ""
    approved: bool = False
    limit: int = LIMIT


@lru_cache(maxsize=16)
def published_files(profile: Profile) -> Mapping[str, PublishedFile]:
    """Every file that a publication may hold by this profile, beside its manifest, by name."""
    rows = [
        PublishedFile(AUTHORITY, Phase.AUTHORITY_SHARED, identity="ca", approved=True),
        PublishedFile(LIST, Phase.AUTHORITY_SHARED, limit=LIST_LIMIT),
        PublishedFile(EXCHANGE_CERTIFICATE, Phase.EXCHANGE_KEY, identity="exchange-key"),
        PublishedFile(NEXT_EXCHANGE_CERTIFICATE, Phase.EXCHANGE_KEY, Form.CERTIFICATE),
        PublishedFile(ENDPOINTS, Phase.ADDRESSES),
        PublishedFile(CREDENTIALS, Phase.OAUTH),
    ]
    rows += [row for rule in profile.certificates for row in _rows(rule)]
    return {row.name: row for row in rows}


def _rows(rule: CertificateRule) -> Iterator[PublishedFile]:
    name, phases = rule.name, rule.phases
    if name == EXCHANGE:
        return
    if name == JWS:
        yield PublishedFile(JWS_KEY, phases.shared, identity="jws-key", approved=True)
        return
    if rule.per_counterpart:
        yield PublishedFile(OWN_CLIENT if name == "client" else f"own-{name}.pem", phases.shared)
    else:
        yield PublishedFile(f"{name}.pem", phases.shared, Form.JUDGED if name == "server" else Form.CERTIFICATE)
    if rule.signer is not Signer.SELF:
        signed = name if rule.per_counterpart else f"signed-{name}"
        yield PublishedFile(f"{name}.csr", phases.requested, Form.REQUEST, identity=f"{name}-key")
        yield PublishedFile(f"{signed}.pem", phases.returned, Form.CERTIFICATE)
        yield PublishedFile(f"{signed}-chain.pem", phases.returned, Form.CHAIN)


BUILT_IN: Mapping[str, PublishedFile] = {name: row for profile in PROFILES.values() for name, row in published_files(profile).items()}
"""The files of all built-in profiles, where no description says which of them counts."""
LIMIT_OF_FILE: Mapping[str, int] = {**{name: row.limit for name, row in BUILT_IN.items()}, MANIFEST: LIMIT}
"""Bytes that each file in a publication's folder may have: all are small, but for the list of what a CA has revoked."""
