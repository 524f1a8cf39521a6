# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Secrets for one reader: they open for that reader, with the pack as with openssl, and for no one else."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from support.sides import self_signed, side

from ansible_collections.mojaloop.onboarding.plugins.module_utils.exchange.refusal import PublicationRefused
from ansible_collections.mojaloop.onboarding.plugins.module_utils.exchange.sealing import open_sealed, seal
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.keys import FreshKeys, private_pem

SECRET = b'{"client_id": "a",\n "client_secret": "\xc3\xa4"}\r\n'
GREEN, BLUE = side("greenbank"), side("bluebank")


def refusal(data: bytes) -> str:
    with pytest.raises(PublicationRefused) as refused:
        open_sealed(data, GREEN.exchange_key, GREEN.exchange, where="oauth.p7m")
    assert "client_secret" not in str(refused.value)
    return refused.value.reason


def test_it_opens_for_its_reader_and_no_one_else() -> None:
    assert open_sealed(seal(SECRET, GREEN.exchange), GREEN.exchange_key, GREEN.exchange, where="") == SECRET
    assert refusal(seal(SECRET, BLUE.exchange)) == "sealed-for-another"


def test_it_says_nothing_of_its_content() -> None:
    assert seal(SECRET, GREEN.exchange) != seal(SECRET, GREEN.exchange)
    assert seal(SECRET, GREEN.exchange).startswith(b"-----BEGIN PKCS7-----\n")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "sealed-unreadable"),
        (SECRET, "sealed-unreadable"),
        (b"-----BEGIN PKCS7-----\nAAAA\n-----END PKCS7-----\n", "sealed-unreadable"),
        (b"x" * 65537, "too-large"),
    ],
)
def test_what_is_not_sealed_does_not_open(data: bytes, reason: str) -> None:
    assert refusal(data) == reason


def test_it_needs_an_rsa_key() -> None:
    with pytest.raises(PublicationRefused) as refused:
        seal(SECRET, self_signed(ec.generate_private_key(ec.SECP256R1()), "greenbank"))
    assert refused.value.reason == "exchange-key-kind"


@pytest.mark.parametrize("program", ["cms", "smime"])
def test_openssl_opens_it_and_seals_for_us(tmp_path: Path, program: str) -> None:
    # A key of its own kind: openssl checks that p and q are primes.
    key = FreshKeys().make("rsa-3072")
    certificate = self_signed(key, "greenbank")
    (tmp_path / "key.pem").write_bytes(private_pem(key))
    (tmp_path / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "oauth.p7m").write_bytes(seal(SECRET, certificate))

    def openssl(*arguments: str) -> bytes:
        return subprocess.run(["openssl", program, *arguments], cwd=tmp_path, capture_output=True, timeout=60, check=True).stdout

    assert openssl("-decrypt", "-inform", "PEM", "-in", "oauth.p7m", "-inkey", "key.pem") == SECRET
    (tmp_path / "secret").write_bytes(SECRET)
    sealed = openssl("-encrypt", "-binary", "-aes256", "-outform", "PEM", "-in", "secret", "certificate.pem")
    assert open_sealed(sealed, key, certificate, where="") == SECRET  # type: ignore[arg-type]
    (tmp_path / "oauth.p7m").write_bytes(seal(SECRET, GREEN.exchange))
    with pytest.raises(subprocess.CalledProcessError):
        openssl("-decrypt", "-inform", "PEM", "-in", "oauth.p7m", "-inkey", "key.pem", "-recip", "certificate.pem")
