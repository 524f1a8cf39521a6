# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""HTTPS of the OAuth step over real sockets: what is tried again, what never, and by which way it goes."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import AuthorizationServerError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.oauth import transport
from ansible_collections.mojaloop.onboarding.plugins.module_utils.oauth.token import fetch_token
from ansible_collections.mojaloop.onboarding.plugins.module_utils.oauth.transport import HttpsClient, Route, Unreachable

NAME = "auth.test"
NOW = datetime.now(UTC)


def certificate(folder: Path, name: str) -> Path:
    """A self-signed certificate for ``name``: <folder>/<name>.pem and .key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    lifetime = (NOW - timedelta(days=1), NOW + timedelta(days=2))
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number(), *lifetime)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    path = folder / f"{name}.pem"
    path.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    path.with_suffix(".key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


@dataclass
class Scripted:
    """A server that answers as told, and remembers who asked."""

    port: int
    statuses: list[int] = field(default_factory=list)
    body: bytes = b"{}"
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    certificates: list[bytes | None] = field(default_factory=list)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    monkeypatch.setattr(transport, "PAUSE", 0.01)
    certificate(tmp_path, NAME)
    certificate(tmp_path, "client.test")
    scripted = Scripted(0)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            assert isinstance(self.connection, ssl.SSLSocket)
            scripted.asked.append((self.command, self.headers["Host"], self.client_address[0]))
            scripted.certificates.append(self.connection.getpeercert(binary_form=True))
            status = scripted.statuses.pop(0) if scripted.statuses else 200
            if status:
                self.send_response(status)
                self.send_header("Content-Length", str(len(scripted.body)))
                self.end_headers()
                self.wfile.write(scripted.body)
            else:
                self.close_connection = True

        do_GET = do_POST  # noqa: N815 -- names of the standard library

        def log_message(self, *_: object) -> None:
            pass

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(tmp_path / "client.test.pem"))
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_cert_chain(tmp_path / f"{NAME}.pem", tmp_path / f"{NAME}.key")
    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.socket = context.wrap_socket(listener.socket, server_side=True)
    scripted.port = int(listener.server_address[1])
    thread = threading.Thread(target=listener.serve_forever, daemon=True)
    thread.start()
    yield scripted
    listener.shutdown()
    listener.server_close()
    thread.join(5)


@pytest.fixture
def client(server: Scripted, tmp_path: Path) -> Iterator[HttpsClient]:
    with closing(HttpsClient(Route(str(tmp_path / f"{NAME}.pem"), connect_address="127.0.0.1"), timeout=5)) as client:
        yield client


def url(server: Scripted) -> str:
    return f"https://{NAME}:{server.port}/token"


def test_a_busy_server_or_a_broken_connection_is_asked_again_when_reading(server: Scripted, client: HttpsClient) -> None:
    server.statuses = [503, 0, 200]
    assert client.request("GET", url(server), {}).status == 200
    assert len(server.asked) == 3
    server.statuses = [503, 503, 503]
    assert client.request("GET", url(server), {}).status == 503
    server.statuses = [0, 0, 0]
    with pytest.raises(Unreachable, match="no answer"):
        client.request("GET", url(server), {})


@pytest.mark.parametrize(("status", "count"), [(503, 1), (0, 1)])
def test_nothing_that_changes_something_is_ever_sent_twice(server: Scripted, client: HttpsClient, status: int, count: int) -> None:
    server.statuses = [status]
    if status:
        assert client.request("POST", url(server), {}, b"{}").status == status
    else:
        with pytest.raises(Unreachable):
            client.request("POST", url(server), {}, b"{}")
    assert len(server.asked) == count


def test_names_are_checked_though_never_resolved(server: Scripted, client: HttpsClient) -> None:
    assert client.request("GET", url(server), {}).status == 200
    assert server.asked == [("GET", f"{NAME}:{server.port}", "127.0.0.1")]
    with pytest.raises(Unreachable, match="certificate is refused"):
        client.request("GET", url(server).replace(NAME, "other.test"), {})


def test_the_client_certificate_and_the_source_address_are_those_given(server: Scripted, tmp_path: Path) -> None:
    own = (str(tmp_path / "client.test.pem"), str(tmp_path / "client.test.key"))
    route = Route(str(tmp_path / f"{NAME}.pem"), *own, connect_address="127.0.0.1", source_address="127.0.0.7")
    server.body = b'{"access_token": "a.b.c", "expires_in": 300}'
    with closing(HttpsClient(route)) as client:
        answer = fetch_token(client, {"client_id": "a:b", "client_secret": "c", "token_url": url(server), "scope": ""})
    assert (answer.status, answer.token, answer.claims) == (200, "a.b.c", {})
    assert server.asked[0][2] == "127.0.0.7"
    assert server.certificates == [ssl.PEM_cert_to_DER_cert(Path(own[0]).read_text())]


def test_an_endless_answer_is_cut_off(server: Scripted, client: HttpsClient) -> None:
    server.body = b" " * (transport.LIMIT + 1)
    with pytest.raises(AuthorizationServerError, match="more than 1000000 bytes"):
        client.request("GET", url(server), {})
