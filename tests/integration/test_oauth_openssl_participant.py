# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A participant of plain openssl commands: what it publishes is sound, what it receives it can use, and twice is once."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_public_key
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7EnvelopeBuilder, PKCS7Options
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store

SCRIPT = Path(__file__).resolve().parents[1] / "lab" / "openssl_participant.sh"
HOST = "fspiop.redbank.lab"
NOW = datetime.now(UTC)
LIFETIME = (NOW - timedelta(hours=1), NOW + timedelta(days=300))
CREDENTIALS = {"client_id": "a", "client_secret": "b"}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("published")
    (root / "exchange").mkdir()
    run("publish", root / "redbank", root / "exchange")
    return root


@pytest.fixture
def folders(published: Path, tmp_path: Path) -> tuple[Path, Path]:
    shutil.copytree(published, tmp_path, dirs_exist_ok=True)
    return tmp_path / "redbank", tmp_path / "exchange"


def run(verb: str, folder: Path, exchange: Path, *, status: int = 0) -> str:
    names = (HOST, "Red Bank") if verb == "publish" else ()
    done = subprocess.run([SCRIPT, verb, folder, exchange, "redbank", *names], capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    return done.stdout + (done.stderr if status else "")


def state(*folders: Path) -> dict[str, tuple[bytes, int, int]]:
    paths = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino) for path in paths}


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


class Hub:
    """The hub's half, in the exchange folder."""

    def __init__(self, exchange: Path) -> None:
        self.folder = exchange / "redbank" / "hub"
        self.folder.mkdir(parents=True)
        self.participant = exchange / "redbank" / "participant"
        self.key, self.ca_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())

    def request(self, name: str = "urn:fspiop:switch") -> None:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "switch")])
        builder = x509.CertificateSigningRequestBuilder(subject)
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(name)]), critical=False)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        (self.folder / "client.csr").write_bytes(builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM))

    def answer(self) -> None:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Hub CA")])
        builder = x509.CertificateBuilder(name, name, self.ca_key.public_key(), 1, *LIFETIME)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        (self.folder / "ca.pem").write_bytes(builder.sign(self.ca_key, hashes.SHA256()).public_bytes(Encoding.PEM))
        request = x509.load_pem_x509_csr((self.participant / "client.csr").read_bytes())
        builder = x509.CertificateBuilder(name, request.subject, request.public_key(), 2, *LIFETIME)
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        (self.folder / "client.pem").write_bytes(builder.sign(self.ca_key, hashes.SHA256()).public_bytes(Encoding.PEM))
        self.seal(certificate(self.participant / "exchange.pem"))

    def seal(self, recipient: x509.Certificate) -> None:
        envelope = PKCS7EnvelopeBuilder().set_data(json.dumps(CREDENTIALS).encode()).add_recipient(recipient)
        envelope = envelope.set_content_encryption_algorithm(AES256)
        (self.folder / "oauth.p7m").write_bytes(envelope.encrypt(Encoding.PEM, [PKCS7Options.Binary]))


def test_what_it_publishes_is_sound(folders: tuple[Path, Path]) -> None:
    folder, exchange = folders
    published = exchange / "redbank" / "participant"
    assert sorted(path.name for path in published.iterdir()) == ["ca.pem", "client.csr", "exchange.pem", "jws.pem", "server.pem"]
    store = Store([certificate(published / "ca.pem")])
    PolicyBuilder().store(store).build_server_verifier(x509.DNSName(HOST)).verify(certificate(published / "server.pem"), [])
    assert x509.load_pem_x509_csr((published / "client.csr").read_bytes()).is_signature_valid
    assert isinstance(load_pem_public_key((published / "jws.pem").read_bytes()), rsa.RSAPublicKey)
    assert not [path for path in published.iterdir() if b"PRIVATE" in path.read_bytes()]
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())


def test_it_signs_the_hubs_request_for_client_authentication_only(folders: tuple[Path, Path]) -> None:
    folder, exchange = folders
    assert "waits for the hub" in run("sign", folder, exchange)
    hub = Hub(exchange)
    hub.request()
    run("sign", folder, exchange)
    signed = certificate(hub.participant / "client.pem")
    assert signed.public_key() == hub.key.public_key()
    assert signed.subject.rfc4514_string() == "CN=switch"
    names = signed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == ["urn:fspiop:switch"]
    assert list(signed.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert signed.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    signed.verify_directly_issued_by(certificate(hub.participant / "client-chain.pem"))
    assert (folder / "hub-client.sha256").read_text().strip() == signed.fingerprint(hashes.SHA256()).hex()


def test_a_new_request_is_signed_and_a_strange_name_is_not(folders: tuple[Path, Path]) -> None:
    folder, exchange = folders
    hub = Hub(exchange)
    hub.request(name="urn:fspiop:a=b")
    assert "unusual names" in run("sign", folder, exchange, status=1)
    hub.request()
    run("sign", folder, exchange)
    first = certificate(hub.participant / "client.pem")
    hub.key = ec.generate_private_key(ec.SECP256R1())
    hub.request()
    run("sign", folder, exchange)
    assert certificate(hub.participant / "client.pem").public_key() == hub.key.public_key() != first.public_key()


def test_it_collects_certificate_authority_credentials_and_keys(folders: tuple[Path, Path]) -> None:
    folder, exchange = folders
    assert run("collect", folder, exchange).count("waits for the hub") == 3
    hub = Hub(exchange)
    hub.answer()
    (exchange / "jws").mkdir()
    (exchange / "jws" / "switch.pem").write_text("a key")
    assert run("collect", folder, exchange) == ""
    assert json.loads((folder / "credentials.json").read_text()) == CREDENTIALS
    certificate(folder / "client.pem").verify_directly_issued_by(certificate(folder / "hub-ca.pem"))
    assert (folder / "jws-keys" / "switch.pem").read_text() == "a key"


def test_it_refuses_what_is_not_meant_for_it_and_keeps_what_it_had(folders: tuple[Path, Path]) -> None:
    folder, exchange = folders
    hub = Hub(exchange)
    hub.answer()
    run("collect", folder, exchange)
    kept = state(folder)
    right = (hub.folder / "oauth.p7m").read_bytes()
    key = rsa.generate_private_key(65537, 3072)
    other = x509.CertificateBuilder(x509.Name([]), x509.Name([]), key.public_key(), 3, *LIFETIME).sign(key, hashes.SHA256())
    hub.seal(other)
    assert "credentials.json cannot be made" in run("collect", folder, exchange, status=1)
    assert state(folder) == kept
    (hub.folder / "oauth.p7m").write_bytes(right)
    (hub.folder / "client.pem").write_bytes((hub.folder / "ca.pem").read_bytes())
    assert "not for the key" in run("collect", folder, exchange, status=1)
    hub.answer()
    run("collect", folder, exchange)


def test_twice_is_once(folders: tuple[Path, Path]) -> None:
    folder, exchange = folders
    hub = Hub(exchange)
    hub.request()
    hub.answer()
    for verb in ("sign", "collect"):
        run(verb, folder, exchange)
    before = state(folder, exchange)
    for verb in ("publish", "sign", "collect"):
        run(verb, folder, exchange)
    assert state(folder, exchange) == before
