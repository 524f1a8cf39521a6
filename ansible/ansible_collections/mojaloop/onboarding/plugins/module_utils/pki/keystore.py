# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""JWS keystores (PKCS#12, RFC 7292) as the documents' Java tools want them."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12

from .certificates import fingerprint
from .faults import Fault
from .keys import KDF_ROUNDS, PrivateKey, public_digest


def make_keystore(name: str, key: PrivateKey, certificate: x509.Certificate, chain: Sequence[x509.Certificate], passphrase: bytes) -> bytes:
    """A PKCS#12 file: PBES2 with AES-256 and 20,000 rounds, SHA-256 MAC; opens with plain ``openssl pkcs12``.

    The MAC has the library's own 2,048 rounds: the passphrase must be random, not one that a person thought of.
    """
    encryption = (
        PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(KDF_ROUNDS)
        .key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC)
        .hmac_hash(hashes.SHA256())
        .build(passphrase)
    )
    return pkcs12.serialize_key_and_certificates(name.encode(), key, certificate, chain, encryption)


def keystore_faults(data: bytes, passphrase: bytes, *, key_digest: str, certificate: x509.Certificate) -> list[Fault]:
    """What is wrong with a keystore, found by opening it (7 ms for the passphrase, 40 ms and more for the RSA key)."""
    try:
        opened = pkcs12.load_pkcs12(data, passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return [Fault("keystore-unreadable", "does not open: damaged, or the passphrase is another one's", "keystore.p12")]
    if opened.key is None or public_digest(opened.key.public_key()) != key_digest:
        return [Fault("keystore-wrong-key", "holds another key than key.pem", "keystore.p12")]
    if opened.cert is None or opened.cert.certificate != certificate:
        return [Fault("keystore-wrong-certificate", "holds another certificate than certificate.pem", "keystore.p12")]
    return []


def keystore_record(data: bytes, passphrase: bytes, *, key_digest: str, certificate: x509.Certificate) -> bytes:
    """What is stored as ``keystore.record`` beside a keystore that fits: re-verification is a comparison with it.

    One digest over all four, so that it tells nothing of the passphrase that could be tried without the keystore.
    """
    parts = (sha256(data).hexdigest(), sha256(passphrase).hexdigest(), key_digest, fingerprint(certificate))
    return sha256(" ".join(parts).encode()).hexdigest().encode() + b"\n"
