# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Signed evidence of a verification: one file for each participant and run, which others believe if they know the signer.

Its form is that of every signed document of the pack (see ``envelope``). The signer's exchange certificate lies inside, and is worth
nothing by itself: a reader compares its fingerprint with one that came over another channel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from ..formats import FORMAT
from ..pki.certificates import CertificateUnreadable, read_certificate
from .envelope import read_envelope, sign_envelope, signed_by
from .refusal import PublicationRefused

KIND = "evidence"
LIMIT = 1024 * 1024
"""Bytes of one file."""
FIELDS = {
    "environment", "kind", "hub", "participant", "organisation", "profile", "at", "portable", "material", "suites", "cases", "signer",
    "override",
}  # fmt: skip


@dataclass(frozen=True)
class Evidence:
    """Evidence whose signature holds. ``signer``: SHA-256 (hex) of the exchange certificate."""

    content: Mapping[str, Any]
    signer: str

    @property
    def passed(self) -> frozenset[str]:
        """The suites of which everything that could be tried was as described, and something was."""
        return frozenset(name for name, found in self.content["suites"].items() if found["passed"] is True)

    @property
    def made_at(self) -> datetime:
        """When the run was; PublicationRefused where the file does not say it."""
        try:
            return datetime.fromisoformat(str(self.content["at"]))
        except ValueError:
            raise PublicationRefused("evidence-unreadable", "has no time of its run") from None


def sign_evidence(content: Mapping[str, object], certificate: bytes, key: RSAPrivateKey) -> bytes:
    """The file: these fields, with the signer's exchange certificate (PEM), signed."""
    return sign_envelope(KIND, {"format": FORMAT, **content, "signer": certificate.decode()}, key)


@lru_cache(maxsize=4096)
def read_evidence(data: bytes, where: str) -> Evidence:
    """Parse evidence and check its signature by the certificate that lies inside; PublicationRefused."""
    envelope = read_envelope(KIND, data, fields=FIELDS, limit=LIMIT, where=where)
    certificate = _certificate(envelope.content["signer"], where)
    if not signed_by(envelope.content, envelope.signature, certificate):
        raise PublicationRefused(
            "evidence-signature", "is not what was signed", where=where, remedy="It was changed after the run. Ask for it again."
        )
    return Evidence(envelope.content, certificate.fingerprint(hashes.SHA256()).hex())


def _certificate(text: object, where: str) -> x509.Certificate:
    try:
        return read_certificate(str(text).encode())
    except CertificateUnreadable as error:
        raise PublicationRefused("evidence-signature", f"has no certificate of its signer ({error})", where=where) from error
