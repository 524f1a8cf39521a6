# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Key pairs: making them, naming their kind, writing and reading them."""

from __future__ import annotations

import base64
import math
import os
from collections import deque
from functools import cache, lru_cache
from hashlib import sha256
from typing import Protocol

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, padding, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from ..errors import Refusal, StoreError
from .inputs import KIBI, InputRefused, check_input

PrivateKey = EllipticCurvePrivateKey | RSAPrivateKey
PublicKey = EllipticCurvePublicKey | RSAPublicKey

KDF_ROUNDS = 20_000
"""For passphrases that the pack makes, which are random (128 bits and more); the library's own choice for PKCS#8 is 2,048."""
KDF_ROUNDS_FOR_PEOPLE = 600_000
"""For passphrases that a person has chosen: OWASP Password Storage Cheat Sheet, PBKDF2-HMAC-SHA256."""
EXPONENT = 65537
_CURVES: dict[str, type[ec.EllipticCurve]] = {"ec-p256": ec.SECP256R1, "ec-p384": ec.SECP384R1}
_CURVE_NAMES = {"secp256r1": "ec-p256", "secp384r1": "ec-p384", "secp521r1": "ec-p521", "secp224r1": "ec-p224", "secp192r1": "ec-p192"}
_RSA_BITS = {"rsa-2048": 2048, "rsa-3072": 3072, "rsa-4096": 4096}
_SMALL_PRIMES = tuple(n for n in range(3, 1000, 2) if all(n % d for d in range(3, math.isqrt(n) + 1, 2)))
_SMALL_FACTORS = 2 * math.prod(_SMALL_PRIMES)
_FERMAT_STEPS = 100
_ROCA_PRIMES = tuple(prime for prime in _SMALL_PRIMES if prime <= 167)  # noqa: PLR2004 - the fingerprint's last prime, see weak_modulus


class KeyFactory(Protocol):
    """Makes key pairs of a kind (``ec-p256``, ``ec-p384``, ``rsa-2048``, ``rsa-3072``, ``rsa-4096``)."""

    def make(self, kind: str) -> PrivateKey:
        """A new key pair; ValueError for any other kind."""


class KeyUnusable(Refusal, StoreError):
    """A private key of our own store cannot be used; ``reason`` is the stable code (``key-damaged`` …)."""

    def __init__(self, reason: str, what: str, *, where: str = "", remedy: str = "") -> None:
        remedy = remedy or "Restore the file from a backup; a new key pair needs a permitted re-key."
        super().__init__(reason, what, where=where, remedy=remedy)


class FreshKeys:
    """Real keys, for real runs."""

    def make(self, kind: str) -> PrivateKey:
        """See ``KeyFactory``."""
        if kind in _CURVES:
            return ec.generate_private_key(_CURVES[kind]())
        return rsa.generate_private_key(EXPONENT, _rsa_bits(kind))


class DryRunKeys:
    """Cheap, pairwise distinct keys for check mode: kept in memory and thrown away, never written to a disk.

    RSA keys are pairs from a pool of real primes, so k primes give k(k-1)/2 moduli of the right length. Whoever saw two
    of them could factor both: they must never leave the process.
    """

    def __init__(self) -> None:
        self._primes: dict[int, list[int]] = {}
        self._pairs: dict[int, deque[tuple[int, int]]] = {}

    def make(self, kind: str) -> PrivateKey:
        """See ``KeyFactory``."""
        if kind in _CURVES:
            return FreshKeys().make(kind)
        bits = _rsa_bits(kind)
        pairs = self._pairs.setdefault(bits, deque())
        if not pairs:
            self._grow(bits)
        return _from_primes(*pairs.popleft())

    def _grow(self, bits: int) -> None:
        """One real key generation: two more primes, each paired with all that were there before it."""
        numbers = rsa.generate_private_key(EXPONENT, bits).private_numbers()
        primes = self._primes.setdefault(bits, [])
        for prime in (numbers.p, numbers.q):
            self._pairs[bits].extend((prime, other) for other in primes)
            primes.append(prime)


def key_kind(public: object) -> str:
    """The kind of a public key: ``ec-p256``, ``rsa-3072`` …, or an honest name of what is not allowed (``rsa-1024``, ``ed25519``)."""
    if isinstance(public, RSAPublicKey):
        return f"rsa-{public.key_size}"
    if isinstance(public, EllipticCurvePublicKey):
        return _CURVE_NAMES.get(public.curve.name, f"ec-{public.curve.name}")
    return type(public).__name__.removesuffix("PublicKey").lower()


def public_digest(public: PublicKeyTypes) -> str:
    """SHA-256 (hex, 64 characters) of the SubjectPublicKeyInfo in DER: the name of a key everywhere in the pack."""
    return sha256(public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def weak_modulus(public: RSAPublicKey) -> bool:
    """Whether an RSA modulus has a small factor, primes that are close together or equal (CVE-2022-26320), or the ROCA fingerprint.

    ROCA is CVE-2017-15361 (Nemec et al., CCS 2017, section 2).
    """
    modulus = public.public_numbers().n
    if math.gcd(modulus, _SMALL_FACTORS) != 1 or _close_primes(modulus):
        return True
    return all(modulus % prime in _powers(prime) for prime in _ROCA_PRIMES)


@lru_cache(maxsize=4096)
def _close_primes(modulus: int) -> bool:
    """Whether Fermat's method finds the factors at once: of a square, or of primes that follow one another."""
    middle = math.isqrt(modulus)
    if middle * middle == modulus:
        return True
    for half in range(middle + 1, middle + 1 + _FERMAT_STEPS):
        rest = half * half - modulus
        if math.isqrt(rest) ** 2 == rest:
            return True
    return False


def signature_hash(key: PrivateKey) -> hashes.SHA256 | hashes.SHA384:
    """The hash to sign with: SHA-384 for P-384, else SHA-256 (Mojaloop PKI Best Practices, appendix A)."""
    return hashes.SHA384() if key_kind(key.public_key()) == "ec-p384" else hashes.SHA256()


def private_pem(key: PrivateKey, passphrase: bytes | None = None, rounds: int = KDF_ROUNDS) -> bytes:
    """PKCS#8 in PEM, encrypted (PBES2: PBKDF2-HMAC-SHA256, AES-256-CBC) when a passphrase is given; ``rounds`` of its derivation."""
    plain = serialization.NoEncryption()
    if passphrase is None:
        return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    der = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, plain)
    lines = base64.encodebytes(_encrypted_info(der, passphrase, rounds)).replace(b"\n", b"")
    body = b"\n".join(lines[start : start + 64] for start in range(0, len(lines), 64))
    return b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n" + body + b"\n-----END ENCRYPTED PRIVATE KEY-----\n"


def read_own_key(pem: bytes, passphrase: bytes | None = None, *, where: str = "") -> PrivateKey:
    """A key of our own store, its parts checked against each other; KeyUnusable (a StoreError) with the reason code.

    Reasons: ``key-damaged``, ``key-kind``, ``key-passphrase-missing``, ``key-passphrase-wrong``, ``key-not-encrypted`` (a
    passphrase was given). Of an RSA key's full load only the primality tests are left out, which cost 40 to 320 ms: damage
    cannot find other factors of the same modulus, so a trial signature would add nothing. Not for keys from elsewhere.
    """
    try:
        return _checked_key(pem, passphrase)
    except KeyUnusable as fault:
        raise KeyUnusable(fault.reason, fault.what, where=where, remedy=fault.remedy) from None


def public_pem(public: PublicKey) -> bytes:
    """SubjectPublicKeyInfo in PEM."""
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def read_public_key(pem: bytes, *, where: str, kinds: tuple[str, ...] = ()) -> PublicKey:
    """A counterpart's public key (PEM, at most 16 KiB) of one of these kinds (none given: any EC or RSA key).

    As SubjectPublicKeyInfo, as PKCS#1, or in a certificate, of which nothing else is looked at.

    InputRefused with ``unreadable``, ``too-large``, ``too-many``, ``private-key-received``, ``key-kind``, ``rsa-exponent``
    or ``key-weak``.
    """
    check_input(pem, labels=("PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE"), most=1, limit=16 * KIBI, where=where)
    try:
        certified = b"BEGIN CERTIFICATE" in pem
        public = x509.load_pem_x509_certificate(pem).public_key() if certified else serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise InputRefused("unreadable", "is not a public key in PEM", where=where) from error
    kind = key_kind(public)
    if not isinstance(public, EllipticCurvePublicKey | RSAPublicKey) or (kinds and kind not in kinds):
        raise InputRefused("key-kind", f"is of kind {kind}; allowed: {', '.join(kinds) or 'EC and RSA keys'}", where=where)
    reason, what = public_weakness(public)
    if reason:
        raise InputRefused(reason, what, where=where)
    return public


def public_weakness(public: PublicKey) -> tuple[str, str]:
    """Reason code and wording of what makes an RSA key unfit whatever its size (``rsa-exponent``, ``key-weak``); empty when fit."""
    if not isinstance(public, RSAPublicKey):
        return "", ""
    exponent = public.public_numbers().e
    if exponent < EXPONENT or exponent % 2 == 0 or exponent.bit_length() > 256:  # noqa: PLR2004 - FIPS 186-5 section A.1.1
        return "rsa-exponent", f"has a public exponent of {exponent.bit_length()} bits; allowed: odd, from {EXPONENT} to 256 bits"
    if weak_modulus(public):
        return "key-weak", "has a modulus that is easily factored; allowed: keys of a sound generator"
    return "", ""


def _rsa_bits(kind: str) -> int:
    if kind not in _RSA_BITS:
        msg = f"{kind} is not a kind of key that is made here; allowed: {', '.join([*_CURVES, *_RSA_BITS])}"
        raise ValueError(msg)
    return _RSA_BITS[kind]


def _from_primes(p: int, q: int) -> RSAPrivateKey:
    d = pow(EXPONENT, -1, math.lcm(p - 1, q - 1))
    numbers = rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), rsa.RSAPublicNumbers(EXPONENT, p * q))
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)


@cache
def _powers(prime: int) -> frozenset[int]:
    """The subgroup that 65537 generates modulo a small prime."""
    return frozenset(pow(EXPONENT, power, prime) for power in range(prime))


@lru_cache(maxsize=256)
def _checked_key(pem: bytes, passphrase: bytes | None) -> PrivateKey:
    key = _load(pem, passphrase)
    if isinstance(key, RSAPrivateKey) and not _coherent(key.private_numbers()):
        raise KeyUnusable("key-damaged", "is not a coherent RSA key")
    return key


def _load(pem: bytes, passphrase: bytes | None) -> PrivateKey:
    encrypted = b"ENCRYPTED PRIVATE KEY" in pem
    if encrypted and passphrase is None:
        raise KeyUnusable("key-passphrase-missing", "is encrypted and no passphrase was given", remedy="Give the passphrase.")
    if passphrase is not None and not encrypted:
        raise KeyUnusable("key-not-encrypted", "is not encrypted, and must be")
    try:
        key = serialization.load_pem_private_key(pem, passphrase, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        if encrypted:
            raise KeyUnusable("key-passphrase-wrong", "does not open: the passphrase is wrong or the file is damaged") from error
        raise KeyUnusable("key-damaged", "is not a private key in PEM") from error
    if not isinstance(key, EllipticCurvePrivateKey | RSAPrivateKey):
        raise KeyUnusable("key-kind", f"is of kind {key_kind(key.public_key())}; allowed: EC and RSA keys")
    return key


def _coherent(numbers: rsa.RSAPrivateNumbers) -> bool:
    """The arithmetic of RFC 8017 section 3.2, without the primality of p and q."""
    p, q, d, e = numbers.p, numbers.q, numbers.d, numbers.public_numbers.e
    if p * q != numbers.public_numbers.n or min(p, q) < 3 or p == q:  # noqa: PLR2004 - the smallest odd prime
        return False
    return d * e % math.lcm(p - 1, q - 1) == 1 and numbers.dmp1 == d % (p - 1) and numbers.dmq1 == d % (q - 1) and q * numbers.iqmp % p == 1


def _encrypted_info(der: bytes, passphrase: bytes, kdf_rounds: int) -> bytes:
    """EncryptedPrivateKeyInfo (RFC 5958 section 3) with PBES2 (RFC 8018 section 6.2); the library offers no choice of rounds here."""
    salt, vector = os.urandom(16), os.urandom(16)
    secret = PBKDF2HMAC(hashes.SHA256(), 32, salt, kdf_rounds).derive(passphrase)
    pad = padding.PKCS7(128).padder()
    encrypt = Cipher(algorithms.AES(secret), modes.CBC(vector)).encryptor()
    content = encrypt.update(pad.update(der) + pad.finalize()) + encrypt.finalize()
    hmac_sha256 = _der(0x30, _der(0x06, bytes.fromhex("2a864886f70d0209")), _der(0x05))
    rounds = _der(0x02, kdf_rounds.to_bytes(kdf_rounds.bit_length() // 8 + 1, "big"))
    kdf = _der(0x30, _der(0x06, bytes.fromhex("2a864886f70d01050c")), _der(0x30, _der(0x04, salt), rounds, hmac_sha256))
    aes = _der(0x30, _der(0x06, bytes.fromhex("60864801650304012a")), _der(0x04, vector))
    pbes2 = _der(0x30, _der(0x06, bytes.fromhex("2a864886f70d01050d")), _der(0x30, kdf, aes))
    return _der(0x30, pbes2, _der(0x04, content))


def _der(tag: int, *parts: bytes) -> bytes:
    """One DER element (X.690 sections 8.1.3 and 10.1)."""
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:  # noqa: PLR2004 - the short form of a length
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content
