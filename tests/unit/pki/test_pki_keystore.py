# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The documents' JWS keystore, with plain ``openssl pkcs12`` as the judge."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from unit.pki.bench import PASSPHRASE, artefact, authority

from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.certificates import read_certificate
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.keystore import keystore_record

FILES = artefact("jws")


@pytest.fixture
def keystore(tmp_path: Path) -> Path:
    (tmp_path / "keystore.p12").write_bytes(FILES["keystore.p12"])
    (tmp_path / "passphrase").write_bytes(PASSPHRASE)
    (tmp_path / "wrong").write_bytes(b"wrong")
    return tmp_path


def openssl(folder: Path, *options: str, passphrase: str = "passphrase") -> subprocess.CompletedProcess[str]:
    command = ["openssl", "pkcs12", "-in", "keystore.p12", "-passin", f"file:{passphrase}", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False, text=True)


def test_plain_openssl_opens_it_and_finds_the_key_the_certificate_and_its_ca(keystore: Path) -> None:
    opened = openssl(keystore, "-nodes")
    assert opened.returncode == 0, opened.stderr
    assert "friendlyName: greenbank" in opened.stdout
    assert opened.stdout.count("BEGIN CERTIFICATE") == 2
    assert FILES["key.pem"].decode() in opened.stdout
    assert FILES["certificate.pem"].decode() in opened.stdout
    assert "CN = greenbank CA" in opened.stdout
    assert authority("greenbank").certificate.subject.rfc4514_string()
    assert openssl(keystore, "-nodes", passphrase="wrong").returncode != 0


def test_it_is_encrypted_as_the_documents_tools_can_read_and_no_weaker(keystore: Path) -> None:
    reported = openssl(keystore, "-info", "-noout").stderr
    assert "MAC: sha256," in reported
    assert reported.count("PBES2, PBKDF2, AES-256-CBC, Iteration 20000, PRF hmacWithSHA256") == 2


def test_a_record_is_about_keystore_passphrase_key_and_certificate() -> None:
    certificate = read_certificate(FILES["certificate.pem"])
    other = read_certificate(artefact("server")["certificate.pem"])
    records = {
        keystore_record(b"data", b"passphrase", key_digest="aa", certificate=certificate),
        keystore_record(b"datb", b"passphrase", key_digest="aa", certificate=certificate),
        keystore_record(b"data", b"passphrasf", key_digest="aa", certificate=certificate),
        keystore_record(b"data", b"passphrase", key_digest="ab", certificate=certificate),
        keystore_record(b"data", b"passphrase", key_digest="aa", certificate=other),
    }
    assert len(records) == 5
