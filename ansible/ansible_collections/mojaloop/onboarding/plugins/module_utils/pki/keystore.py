# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""JWS keystores (PKCS#12, RFC 7292) as the documents' Java tools want them."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography import x509

from .faults import Fault
from .keys import PrivateKey


def make_keystore(name: str, key: PrivateKey, certificate: x509.Certificate, chain: Sequence[x509.Certificate], passphrase: bytes) -> bytes:
    """A PKCS#12 file: PBES2 with AES-256, SHA-256 MAC, 20,000 rounds; opens with plain ``openssl pkcs12``."""
    raise NotImplementedError


def keystore_faults(data: bytes, passphrase: bytes, *, key_digest: str, certificate: x509.Certificate) -> list[Fault]:
    """What is wrong with a keystore, found by opening it (7 ms and more)."""
    raise NotImplementedError


def keystore_record(data: bytes, passphrase: bytes, *, key_digest: str, certificate: x509.Certificate) -> bytes:
    """What is stored as ``keystore.record`` beside a keystore that fits: re-verification is a comparison with it."""
    raise NotImplementedError
