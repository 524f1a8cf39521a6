# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Secrets for one reader: PKCS#7 enveloped data, opened by the reader's exchange key alone."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey


def seal(data: bytes, recipient: x509.Certificate) -> bytes:
    """PKCS#7 enveloped data in PEM (AES-256-CBC, RSA PKCS#1 v1.5 transport; RFC 2315 section 10); ``openssl cms -decrypt -inform PEM`` opens it."""
    raise NotImplementedError


def open_sealed(data: bytes, key: RSAPrivateKey, certificate: x509.Certificate, *, where: str) -> bytes:
    """The sealed content; PublicationRefused (``sealed-for-another``, ``sealed-unreadable``) when it does not open."""
    raise NotImplementedError
