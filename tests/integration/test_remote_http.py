# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Requests to remote systems over real sockets: what is tried again, what never, which way they go, and what a dry run sends."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
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

from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import RemoteError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.oauth.token import fetch_token
from ansible_collections.mojaloop.onboarding.plugins.module_utils.remote import http as transport
from ansible_collections.mojaloop.onboarding.plugins.module_utils.remote.changes import Change, Changes
from ansible_collections.mojaloop.onboarding.plugins.module_utils.remote.errors import Refused, Unknown, Unreachable
from ansible_collections.mojaloop.onboarding.plugins.module_utils.remote.http import HttpClient, Route, bearer, form_body, json_body

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
    """A server with TLS (``port``) and without (``plain``) that answers from a script, and remembers who asked."""

    port: int = 0
    plain: int = 0
    statuses: list[int] = field(default_factory=list)
    body: bytes = b"{}"
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    received: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    certificates: list[bytes | None] = field(default_factory=list)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    monkeypatch.setattr(transport, "PAUSE", 0.01)
    certificate(tmp_path, NAME)
    certificate(tmp_path, "client.test")
    scripted = Scripted()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            scripted.received.append(self.rfile.read(int(self.headers.get("Content-Length", "0"))))
            scripted.headers.append(dict(self.headers))
            scripted.asked.append((self.command, self.headers["Host"], self.client_address[0]))
            if isinstance(self.connection, ssl.SSLSocket):
                scripted.certificates.append(self.connection.getpeercert(binary_form=True))
            status = scripted.statuses.pop(0) if scripted.statuses else 200
            if status:
                self.send_response(status)
                self.send_header("Content-Length", str(len(scripted.body)))
                self.end_headers()
                self.wfile.write(scripted.body)
            else:
                self.close_connection = True

        do_GET = do_PUT = do_DELETE = do_POST  # noqa: N815 -- names of the standard library

        def log_message(self, *_: object) -> None:
            pass

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(tmp_path / "client.test.pem"))
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_cert_chain(tmp_path / f"{NAME}.pem", tmp_path / f"{NAME}.key")
    listener, plain = (ThreadingHTTPServer(("127.0.0.1", 0), Handler) for _ in range(2))
    listener.socket = context.wrap_socket(listener.socket, server_side=True)
    scripted.port, scripted.plain = (int(one.server_address[1]) for one in (listener, plain))
    with served(listener), served(plain):
        yield scripted


@contextmanager
def served(listener: ThreadingHTTPServer) -> Iterator[None]:
    thread = threading.Thread(target=listener.serve_forever, daemon=True)
    thread.start()
    yield
    listener.shutdown()
    listener.server_close()
    thread.join(5)


@pytest.fixture
def client(server: Scripted, tmp_path: Path) -> Iterator[HttpClient]:
    with closing(HttpClient(Route(str(tmp_path / f"{NAME}.pem"), connect_address="127.0.0.1"), timeout=5)) as client:
        yield client


def url(server: Scripted) -> str:
    return f"https://{NAME}:{server.port}/token"


def test_a_busy_server_or_a_broken_connection_is_asked_again_when_reading(server: Scripted, client: HttpClient) -> None:
    server.statuses = [503, 0, 200]
    assert client.request("GET", url(server), {}).status == 200
    assert len(server.asked) == 3
    server.statuses = [503, 503, 503]
    assert client.request("GET", url(server), {}).status == 503
    server.statuses = [0, 0, 0]
    with pytest.raises(Unreachable, match="no answer"):
        client.request("GET", url(server), {})


@pytest.mark.parametrize(("status", "count"), [(503, 1), (0, 1)])
def test_nothing_that_changes_something_is_ever_sent_twice(server: Scripted, client: HttpClient, status: int, count: int) -> None:
    server.statuses = [status]
    if status:
        assert client.request("POST", url(server), {}, b"{}").status == status
    else:
        with pytest.raises(Unknown, match="was asked to POST, and gave no answer"):
            client.request("POST", url(server), {}, b"{}")
    assert len(server.asked) == count


def test_names_are_checked_though_never_resolved(server: Scripted, client: HttpClient) -> None:
    assert client.request("GET", url(server), {}).status == 200
    assert server.asked == [("GET", f"{NAME}:{server.port}", "127.0.0.1")]
    with pytest.raises(Unreachable, match="certificate is refused"):
        client.request("GET", url(server).replace(NAME, "other.test"), {})


def test_the_client_certificate_and_the_source_address_are_those_given(server: Scripted, tmp_path: Path) -> None:
    own = (str(tmp_path / "client.test.pem"), str(tmp_path / "client.test.key"))
    route = Route(str(tmp_path / f"{NAME}.pem"), *own, connect_address="127.0.0.1", source_address="127.0.0.7")
    server.body = b'{"access_token": "a.b.c", "expires_in": 300}'
    with closing(HttpClient(route)) as client:
        answer = fetch_token(client, {"client_id": "a:b", "client_secret": "c", "token_url": url(server), "scope": ""})
    assert (answer.status, answer.token, answer.claims) == (200, "a.b.c", {})
    assert server.asked[0][2] == "127.0.0.7"
    assert server.certificates == [ssl.PEM_cert_to_DER_cert(Path(own[0]).read_text())]


def test_an_endless_answer_is_cut_off(server: Scripted, client: HttpClient) -> None:
    server.body = b" " * (transport.LIMIT + 1)
    with pytest.raises(RemoteError, match="more than 1000000 bytes"):
        client.request("GET", url(server), {})


def test_without_a_connection_nothing_was_asked_so_that_a_change_may_be_asked_again(server: Scripted, client: HttpClient) -> None:
    with pytest.raises(Unreachable, match="certificate is refused"):
        client.request("POST", url(server).replace(NAME, "other.test"), {}, b"{}")
    unused = HttpClient(Route("", connect_address="127.0.0.1", internal=True), timeout=5)
    with served(silent := ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)):
        port = silent.server_address[1]
    with pytest.raises(Unreachable, match="no answer"):
        unused.request("POST", f"http://nowhere.test:{port}/", {}, b"{}")


def test_a_server_that_refuses_the_client_certificate_gives_no_answer(server: Scripted, tmp_path: Path) -> None:
    certificate(tmp_path, "foreign.test")
    own = (str(tmp_path / "foreign.test.pem"), str(tmp_path / "foreign.test.key"))
    foreign = HttpClient(Route(str(tmp_path / f"{NAME}.pem"), *own, connect_address="127.0.0.1"))
    # With TLS 1.3 the refusal comes after the request; where the connection is reset before it is read, nothing is known.
    with pytest.raises((Unreachable, Unknown), match="no answer"):
        foreign.request("POST", url(server), {}, b"{}")
    assert server.asked == []


def test_without_tls_only_this_machine_or_an_internal_address_is_asked(server: Scripted, client: HttpClient) -> None:
    assert client.request("GET", f"http://127.0.0.1:{server.plain}/a", {}).status == 200
    assert client.request("POST", f"http://127.0.0.1:{server.plain}/a", {}, b"{}").status == 200
    outside = f"http://ledger.test:{server.plain}/a"
    with pytest.raises(RemoteError, match="plain http goes to this machine"):
        client.request("GET", outside, {})
    with closing(HttpClient(Route("", connect_address="127.0.0.1", internal=True), timeout=5)) as internal:
        assert internal.request("GET", outside, {}).status == 200
        with pytest.raises(RemoteError, match="cannot be verified"):
            internal.request("GET", url(server), {})
    assert len(server.asked) == 3


def test_an_environment_that_names_a_proxy_changes_nothing(server: Scripted, client: HttpClient, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://192.0.2.1:9")
    assert client.request("GET", url(server), {}).status == 200


def test_what_would_end_a_line_of_the_request_is_not_sent(server: Scripted, client: HttpClient) -> None:
    with pytest.raises(RemoteError, match="cannot be asked for what was given") as caught:
        client.request("GET", url(server), bearer("token\r\nX-Role: admin"))
    assert "token" not in str(caught.value).replace("/token", "")
    assert server.asked == []


def changes(client: HttpClient, *, dry_run: bool = False) -> Changes:
    return Changes(client, dry_run=dry_run, headers=lambda: bearer("management-token-1"))


def test_a_dry_run_notes_what_a_run_sends_and_sends_what_only_reads(server: Scripted, client: HttpClient) -> None:
    def work(made: Changes) -> list[Change]:
        assert made.read(url(server), "reading").status == 200
        for method, body in (("POST", json_body({"a": 1})), ("PUT", form_body({"b": "2 3"})), ("DELETE", None)):
            answer = made.write(method, url(server) + "?force=true", "making it so", body)
            assert (answer is None) == made.dry_run
        return made.changes

    noted = work(changes(client, dry_run=True))
    assert [method for method, _, _ in server.asked] == ["GET"]
    assert noted == [Change(method, "/token", "making it so") for method in ("POST", "PUT", "DELETE")]
    assert work(changes(client)) == noted
    assert [method for method, _, _ in server.asked[1:]] == ["GET", "POST", "PUT", "DELETE"]
    assert server.received[2:] == [b'{"a": 1}', b"b=2+3", b""]
    assert [sent.get("Content-Type") for sent in server.headers[2:]] == ["application/json", "application/x-www-form-urlencoded", None]
    assert {sent["Authorization"] for sent in server.headers} == {"Bearer management-token-1"}


@pytest.mark.parametrize(("status", "error"), [(302, Refused), (400, Refused), (404, Refused), (500, Unknown), (503, Unknown)])
def test_an_error_says_by_its_class_what_to_do(server: Scripted, client: HttpClient, status: int, error: type[RemoteError]) -> None:
    server.statuses = [status, status]
    with pytest.raises(error) as caught:
        changes(client).write("POST", url(server), "making it so", json_body({}))
    assert isinstance(caught.value, Refused | Unknown)
    assert caught.value.status == status
    answer = changes(client).write("POST", url(server), "making it so", json_body({}), also={status})
    assert answer is not None
    assert answer.status == status


def test_an_error_quotes_a_bounded_answer_without_secrets(server: Scripted, client: HttpClient) -> None:
    server.statuses = [403]
    server.body = b'{"error": "no", "client_secret": "s3cr3t-of-client", "you sent": "management-token-1"}' + b" x" * 5000
    with pytest.raises(Refused, match="403") as caught:
        changes(client).read(url(server) + "?code=s3cr3t-in-query", "reading clients")
    text = str(caught.value)
    assert text.startswith(f'https://{NAME}:{server.port}/token: reading clients was answered with 403 ({{"error": "no"')
    assert not any(secret in text for secret in ("s3cr3t", "management-token-1"))
    assert len(text) < 600
