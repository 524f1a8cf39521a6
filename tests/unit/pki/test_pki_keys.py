# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keys: kinds, cheap ones for dry runs, encryption at rest, and every way a stored or received key can be wrong."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from math import gcd
from pathlib import Path
from unittest.mock import Mock

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from unit.pki.bench import PASSPHRASE, key

from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import StoreError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.inputs import InputRefused
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.keys import (
    DryRunKeys,
    FreshKeys,
    KeyUnusable,
    key_kind,
    private_pem,
    public_digest,
    public_pem,
    read_own_key,
    read_public_key,
    weak_modulus,
)

PEM, PKCS8, PLAIN = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()


@pytest.mark.parametrize("kind", ["ec-p256", "ec-p384", "rsa-2048"])
def test_a_fresh_key_is_of_the_kind_asked_for(kind: str) -> None:
    assert key_kind(FreshKeys().make(kind).public_key()) == kind


@pytest.mark.parametrize("factory", [FreshKeys(), DryRunKeys()])
@pytest.mark.parametrize("kind", ["rsa-1024", "ed25519", "ec-p224", ""])
def test_other_kinds_are_not_made(factory: FreshKeys | DryRunKeys, kind: str) -> None:
    with pytest.raises(ValueError, match="allowed: ec-p256"):
        factory.make(kind)


def test_dry_run_keys_are_distinct_work_and_cost_few_generations(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Mock(wraps=rsa.generate_private_key)
    monkeypatch.setattr(rsa, "generate_private_key", real)
    keys = DryRunKeys()
    made = [keys.make("rsa-2048") for _ in range(15)]
    assert len({public_digest(one.public_key()) for one in made}) == 15
    assert {one.public_key().key_size for one in made if isinstance(one, RSAPrivateKey)} == {2048}
    assert real.call_count == 3
    for one in made:
        assert read_own_key(private_pem(one)).public_key() == one.public_key()
        serialization.load_pem_private_key(private_pem(one), None)  # the full check, primality included


def test_honest_names_of_kinds_that_are_not_allowed() -> None:
    assert key_kind(ed25519.Ed25519PrivateKey.generate().public_key()) == "ed25519"
    assert key_kind(ec.generate_private_key(ec.SECP224R1()).public_key()) == "ec-p224"
    assert key_kind(ec.generate_private_key(ec.BrainpoolP256R1()).public_key()) == "ec-brainpoolP256r1"
    assert key_kind(rsa.generate_private_key(65537, 1024).public_key()) == "rsa-1024"  # noqa: S505 - refused is what it is


def test_a_digest_is_that_of_openssl(tmp_path: Path) -> None:
    public = key("ec-p256").public_key()
    (tmp_path / "public.pem").write_bytes(public_pem(public))
    der = subprocess.run(["openssl", "pkey", "-pubin", "-in", tmp_path / "public.pem", "-outform", "DER"], capture_output=True, check=True)
    reported = subprocess.run(["openssl", "dgst", "-sha256", "-r"], input=der.stdout, capture_output=True, check=True)
    assert reported.stdout.decode().split()[0] == public_digest(public)


@pytest.mark.parametrize("kind", ["ec-p256", "ec-p384", "rsa-2048", "rsa-3072"])
def test_an_encrypted_key_opens_with_its_passphrase_here_and_in_openssl(kind: str, tmp_path: Path) -> None:
    pem = private_pem(key(kind), PASSPHRASE)
    assert pem.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert read_own_key(pem, PASSPHRASE).public_key() == key(kind).public_key()
    (tmp_path / "key.pem").write_bytes(pem)
    (tmp_path / "passphrase").write_bytes(PASSPHRASE)
    opened = ["openssl", "pkey", "-in", f"{tmp_path}/key.pem", "-passin", f"file:{tmp_path}/passphrase", "-check", "-noout"]
    assert b"Key is valid" in subprocess.run(opened, capture_output=True, check=True).stdout
    reported = subprocess.run(["openssl", "asn1parse", "-in", tmp_path / "key.pem"], capture_output=True, check=True).stdout
    assert all(word in reported for word in (b"PBES2", b"PBKDF2", b"hmacWithSHA256", b"aes-256-cbc", b":4E20"))


def _refusal(pem: bytes, passphrase: bytes | None = None) -> str:
    with pytest.raises(KeyUnusable) as refused:
        read_own_key(pem, passphrase, where="store/greenbank/server/key.pem")
    assert isinstance(refused.value, StoreError)
    assert refused.value.where == "store/greenbank/server/key.pem"
    assert refused.value.remedy
    return refused.value.reason


def test_reasons_why_a_stored_key_does_not_open() -> None:
    plain, closed = private_pem(key("ec-p256")), private_pem(key("ec-p256"), PASSPHRASE)
    assert _refusal(closed) == "key-passphrase-missing"
    assert _refusal(closed, b"another passphrase") == "key-passphrase-wrong"
    assert _refusal(plain, PASSPHRASE) == "key-not-encrypted"
    foreign = ed25519.Ed25519PrivateKey.generate().private_bytes(PEM, PKCS8, PLAIN)
    assert _refusal(foreign) == "key-kind"
    assert read_own_key(plain)
    assert read_own_key(closed, PASSPHRASE)


@pytest.mark.parametrize("kind", ["ec-p256", "rsa-2048"])
@pytest.mark.parametrize("part", range(20))
def test_a_truncated_key_is_damaged(kind: str, part: int) -> None:
    pem = private_pem(key(kind))
    assert _refusal(pem[: len(pem) * part // 20]) == "key-damaged"


def test_a_key_whose_public_point_is_another_ones_is_damaged() -> None:
    one, other = (key("ec-p256", use) for use in ("one", "other"))
    form = (serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    der = one.private_bytes(serialization.Encoding.DER, PKCS8, PLAIN)
    swapped = der.replace(one.public_key().public_bytes(*form), other.public_key().public_bytes(*form))
    assert swapped != der
    assert _refusal(_pem(swapped)) == "key-damaged"
    assert read_own_key(_pem(der))


def _pem(der: bytes) -> bytes:
    done = subprocess.run(["openssl", "enc", "-base64"], input=der, capture_output=True, check=True).stdout
    return b"-----BEGIN PRIVATE KEY-----\n" + done + b"-----END PRIVATE KEY-----\n"


@pytest.mark.parametrize("field", ["d", "dmp1", "dmq1", "iqmp", "p", "q"])
def test_an_rsa_key_with_one_wrong_number_is_damaged(field: str) -> None:
    held = key("rsa-2048")
    assert isinstance(held, RSAPrivateKey)
    right = held.private_numbers()
    number = getattr(right, field)
    length = (number.bit_length() + 7) // 8
    der = held.private_bytes(serialization.Encoding.DER, PKCS8, PLAIN)
    assert der.count(number.to_bytes(length, "big")) == 1
    assert read_own_key(_pem(der))
    assert _refusal(_pem(der.replace(number.to_bytes(length, "big"), (number ^ 2).to_bytes(length, "big")))) == "key-damaged"


PUBLIC = public_pem(key("ec-p256").public_key())
SECRET = private_pem(key("ec-p256"))


@pytest.mark.parametrize(
    ("pem", "reason"),
    [
        (lambda: SECRET, "private-key-received"),
        (lambda: PUBLIC + SECRET, "private-key-received"),
        (lambda: PUBLIC + b" " * 16_384, "too-large"),
        (lambda: PUBLIC + PUBLIC, "too-many"),
        (lambda: b"", "unreadable"),
        (lambda: PUBLIC[:80], "unreadable"),
        (lambda: public_pem(ec.generate_private_key(ec.SECP224R1()).public_key()), "key-kind"),
        (
            lambda: ed25519.Ed25519PrivateKey.generate().public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
            "key-kind",
        ),
        (lambda: public_pem(rsa.generate_private_key(3, 2048).public_key()), "rsa-exponent"),
        (lambda: public_pem(rsa.RSAPublicNumbers(65537, _even_factor()).public_key()), "key-weak"),
    ],
)
def test_a_counterparts_key_is_refused(pem: Callable[[], bytes], reason: str) -> None:
    kinds = ("ec-p256", "rsa-2048")
    with pytest.raises(InputRefused) as refused:
        read_public_key(pem(), where="jws.pem", kinds=kinds)
    assert refused.value.reason == reason
    assert SECRET.decode().splitlines()[1] not in str(refused.value)
    assert read_public_key(PUBLIC, where="jws.pem", kinds=kinds) == key("ec-p256").public_key()
    assert read_public_key(b"text around it\n" + PUBLIC, where="jws.pem") == key("ec-p256").public_key()


def _even_factor() -> int:
    held = key("rsa-2048")
    assert isinstance(held, RSAPrivateKey)
    numbers = held.public_key().public_numbers()
    return numbers.n + 7 - numbers.n % 7 + (7 if (numbers.n + 7 - numbers.n % 7) % 2 == 0 else 0)


def test_a_modulus_with_the_roca_fingerprint_is_weak() -> None:
    primes = [n for n in range(3, 168, 2) if all(n % d for d in range(3, n, 2))]
    product = 2
    for prime in primes:
        product *= prime
    # p = k * M + (65537^a mod M): the structure of the flawed library's primes; here the product of two such numbers.
    modulus = (product * (1 << 300) + pow(65537, 11, product)) * (product * (3 << 299) + pow(65537, 29, product))
    assert gcd(modulus, product) == 1
    assert weak_modulus(rsa.RSAPublicNumbers(65537, modulus).public_key())
    sound = key("rsa-2048").public_key()
    assert isinstance(sound, rsa.RSAPublicKey)
    assert not weak_modulus(sound)


def next_prime(number: int) -> int:
    """The first probable prime from this number on."""
    number |= 1
    while any(number % small == 0 for small in (3, 5, 7, 11, 13, 17, 19, 23, 29)) or pow(2, number - 1, number) != 1:
        number += 2
    return number


@pytest.mark.parametrize("apart", [None, 2, 8, 64, 128, 256, 400, 500])
def test_a_modulus_of_equal_or_close_primes_is_weak(apart: int | None) -> None:
    """``apart``: bits of the difference of the primes; a sound generator's differ in the first hundred bits (FIPS 186-5 section A.1.3)."""
    p = rsa.generate_private_key(65537, 2048).private_numbers().p
    q = p if apart is None else next_prime(p + 2**apart)
    assert weak_modulus(rsa.RSAPublicNumbers(65537, p * q).public_key())


@pytest.mark.parametrize("apart", [924, 1000])
def test_primes_that_are_apart_are_not_close(apart: int) -> None:
    p = rsa.generate_private_key(65537, 2048).private_numbers().p
    assert not weak_modulus(rsa.RSAPublicNumbers(65537, p * next_prime(p + 2**apart)).public_key())
