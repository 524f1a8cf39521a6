# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The manifest of a publication: from whom, for whom, which files by digest, in which order of publications, signed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from ..formats import FORMAT
from .envelope import content_digest, read_envelope, sign_envelope, signed_by, signed_with, unreadable
from .refusal import PublicationRefused

MANIFEST = "manifest.json"
LIMIT = 64 * 1024
"""Bytes of a manifest, and of any file of a publication."""
MOST_FILES = 32
MOST = 2**53 - 1
"""The largest sequence number: what every JSON reader takes without loss (RFC 8259 section 6)."""
KIND = "manifest"
FIELDS = {"environment", "from", "to", "sequence", "previous", "files"}
_TEXT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Manifest:
    """What a side says of its publication.

    ``files`` maps names to SHA-256 (hex) of their bytes; ``previous`` is the digest of the manifest before, or empty.
    """

    environment: str
    sender: str
    receiver: str
    sequence: int
    previous: str
    files: Mapping[str, str]
    signature: bytes = b""

    @property
    def content(self) -> dict[str, object]:
        """What is signed."""
        return {
            "format": FORMAT,
            "environment": self.environment,
            "from": self.sender,
            "to": self.receiver,
            "sequence": self.sequence,
            "previous": self.previous,
            "files": dict(self.files),
        }

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the canonical form without the signature: what the next manifest calls ``previous``."""
        return content_digest(self.content)

    def made_with(self, key: RSAPublicKey) -> bool:
        """Whether this is the public half of the key that signed it."""
        return signed_with(self.content, self.signature, key)


def sign_manifest(manifest: Manifest, key: RSAPrivateKey) -> bytes:
    """The content of ``manifest.json``: the manifest and its signature (see ``envelope``)."""
    return sign_envelope(KIND, manifest.content, key)


def read_manifest(data: bytes, where: str) -> Manifest:
    """Parse a manifest strictly, without trusting it; PublicationRefused (``manifest-unreadable``) for anything unexpected."""
    envelope = read_envelope(KIND, data, fields=FIELDS, limit=LIMIT, where=where)
    content = envelope.content
    texts = all(isinstance(content[name], str) and _TEXT.fullmatch(content[name]) for name in ("environment", "from", "to"))
    if not texts or not (content["previous"] == "" or is_digest(content["previous"])):
        raise unreadable(KIND, "environment, from, to or previous", where)
    if not is_sequence(content["sequence"]):
        raise unreadable(KIND, f"a sequence number that is not 1 to {MOST}", where)
    files = content["files"]
    if not isinstance(files, dict) or len(files) > MOST_FILES or not all(is_digest(digest) for digest in files.values()):
        raise unreadable(KIND, f"files that are not up to {MOST_FILES} names with SHA-256 digests", where)
    return Manifest(
        content["environment"], content["from"], content["to"], content["sequence"], content["previous"], files, envelope.signature
    )


def verify_manifest(manifest: Manifest, known: Sequence[x509.Certificate], where: str) -> x509.Certificate:
    """The exchange certificate whose key signed it; PublicationRefused (``manifest-signature``) when it is none of these."""
    for certificate in known:
        if signed_by(manifest.content, manifest.signature, certificate):
            return certificate
    raise PublicationRefused(
        "manifest-signature",
        f"is not signed by the exchange key of {manifest.sender} that is known here",
        where=where,
        remedy="Ask its sender over another channel. If its exchange key is lost, confirm its new first publication.",
    )


def is_sequence(value: object) -> bool:
    """Whether this is a sequence number."""
    return type(value) is int and 1 <= value <= MOST


def is_digest(value: object) -> bool:
    """Whether this is a SHA-256 digest in lower-case hex."""
    return isinstance(value, str) and DIGEST.fullmatch(value) is not None
