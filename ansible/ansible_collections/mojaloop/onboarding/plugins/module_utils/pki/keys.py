# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Key pairs: making them, naming their kind, writing and reading them."""

from __future__ import annotations

from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

PrivateKey = EllipticCurvePrivateKey | RSAPrivateKey
PublicKey = EllipticCurvePublicKey | RSAPublicKey


class KeyFactory(Protocol):
    """Makes key pairs of a kind (``ec-p256``, ``ec-p384``, ``rsa-2048``, ``rsa-3072``, ``rsa-4096``)."""

    def make(self, kind: str) -> PrivateKey:
        """A new key pair; ValueError for any other kind."""


class FreshKeys:
    """Real keys, for real runs."""

    def make(self, kind: str) -> PrivateKey:
        """See ``KeyFactory``."""
        raise NotImplementedError


class RehearsalKeys:
    """Cheap, pairwise distinct keys for check mode: kept in memory, thrown away, never written or signed with in earnest."""

    def make(self, kind: str) -> PrivateKey:
        """See ``KeyFactory``."""
        raise NotImplementedError


def key_kind(public: object) -> str:
    """The kind of a public key: ``ec-p256``, ``rsa-3072`` …, or an honest name of what is not allowed (``rsa-1024``, ``ed25519``)."""
    raise NotImplementedError


def public_digest(public: PublicKey) -> str:
    """SHA-256 (hex, 64 characters) of the SubjectPublicKeyInfo in DER: the name of a key everywhere in the pack."""
    raise NotImplementedError


def private_pem(key: PrivateKey, passphrase: bytes | None = None) -> bytes:
    """PKCS#8 in PEM, encrypted (PBES2: PBKDF2-HMAC-SHA256, AES-256-CBC) when a passphrase is given."""
    raise NotImplementedError


def read_own_key(pem: bytes, passphrase: bytes | None = None, *, where: str = "") -> PrivateKey:
    """A key of our own store, checked by arithmetic and a trial signature; StoreError when damaged or not to be opened."""
    raise NotImplementedError


def public_pem(public: PublicKey) -> bytes:
    """SubjectPublicKeyInfo in PEM."""
    raise NotImplementedError


def read_public_key(pem: bytes, *, where: str) -> PublicKey:
    """A counterpart's public key (SPKI PEM, at most 16 KiB); InputRefused when it is anything else."""
    raise NotImplementedError
