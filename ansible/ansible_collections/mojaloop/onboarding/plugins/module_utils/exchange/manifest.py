# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The manifest of a publication: from whom, for whom, which files by digest, in which order of publications, signed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Manifest:
    """What a side says of its publication. ``files`` maps names to SHA-256 (hex); ``previous`` is the digest of the manifest before, or empty."""

    environment: str
    sender: str
    receiver: str
    sequence: int
    previous: str
    files: Mapping[str, str]
    signature: bytes = b""

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the canonical form without the signature: what the next manifest calls ``previous``."""
        raise NotImplementedError


def sign_manifest(manifest: Manifest, key: RSAPrivateKey) -> bytes:
    """The content of ``manifest.json``: the manifest and its signature (RSASSA-PSS, SHA-256; RFC 8017 section 8.1)."""
    raise NotImplementedError


def read_manifest(data: bytes, where: str) -> Manifest:
    """Parse a manifest strictly, without trusting it; PublicationRefused (``manifest-unreadable``) for anything unexpected."""
    raise NotImplementedError


def verify_manifest(manifest: Manifest, certificate: x509.Certificate, where: str) -> None:
    """PublicationRefused (``manifest-signature``) unless the key of this exchange certificate signed it."""
    raise NotImplementedError
