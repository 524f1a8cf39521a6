# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One attempt against real TLS servers on this machine: how it ended, and who ended it."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification import probe
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.model import Answer, Attempt, Identity, InboundListener, Kind

NOW = datetime.now(UTC)
NAME = "listener.example"
TOKEN = "eyJhbGciOiJSUzI1NiJ9.a-token.and-its-signature"
REFUSAL = b"HTTP/1.1 403 Forbidden\r\nx-refused-by: gateway\r\nx-refused-because: role-missing\r\ncontent-length: 3\r\n\r\nno\n"
VERSIONS = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["tls-1.2", "tls-1.3"])


@cache
def certified(name: str, issuer: str) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """A CA (no issuer) or a certificate of a CA, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    signer = certified(issuer, "")[1] if issuer else key
    subject, issued_by = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in (name, issuer or name))
    lifetime = (NOW - timedelta(days=1), NOW + timedelta(days=1))
    builder = x509.CertificateBuilder(issued_by, subject, key.public_key(), x509.random_serial_number(), *lifetime)
    builder = builder.add_extension(x509.BasicConstraints(ca=not issuer, path_length=None), critical=True)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name.replace(" ", "-"))]), critical=False)
    return builder.sign(signer, hashes.SHA256()), key


def pem(name: str, issuer: str = "") -> bytes:
    return certified(name, issuer)[0].public_bytes(Encoding.PEM)


def identity(name: str, issuer: str = "") -> Identity:
    certificate, key = certified(name, issuer)
    return Identity(name, certificate.public_bytes(Encoding.PEM), key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


@dataclass(frozen=True)
class Here:
    """This machine is the only place; the rest of a site is not asked."""

    def connect(self, _machine: str, source: str, address: str, port: int, timeout: float) -> socket.socket:
        return socket.create_connection((address, port), timeout=timeout, source_address=(source, 0) if source else None)


def attempt(port: int, *, client: Identity | None = None, trust: str = "hub CA", path: str = "/parties/1") -> Attempt:
    listener = InboundListener("127.0.0.1", port, NAME, pem(trust), "/fspiop")
    return Attempt("", "127.0.0.1", listener, client, "GET", path, (("authorization", f"Bearer {TOKEN}"), ("accept", "x/y")))


def tried(wanted: Attempt) -> Answer:
    return probe.perform(Here(), wanted)  # type: ignore[arg-type]  # only the place is asked


Talk = Callable[[socket.socket], None]


@contextlib.contextmanager
def serving(talk: Talk) -> Iterator[int]:
    """A server on a port of its own: each connection is talked to in turn; failures are what some tests are about."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with contextlib.suppress(OSError), connection:
                    talk(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def secured(folder: Path, talk: Talk, version: ssl.TLSVersion, *, name: str = NAME, issuer: str = "hub CA") -> Talk:
    """TLS with a client certificate of ``bank CA`` required, then ``talk``."""
    shown = identity(name, issuer)
    file = folder / f"{issuer}.pem"
    file.write_bytes(shown.chain + shown.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = version
    context.load_cert_chain(file)
    context.load_verify_locations(cadata=pem("bank CA").decode())
    context.verify_mode = ssl.CERT_REQUIRED

    def shake_hands(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as channel:
            talk(channel)

    return shake_hands


def answering(content: bytes) -> Talk:
    def talk(channel: socket.socket) -> None:
        while b"\r\n\r\n" not in channel.recv(65536):
            pass
        channel.sendall(content)

    return talk


@VERSIONS
def test_without_or_with_a_wrong_certificate_the_handshake_is_refused_and_with_the_right_one_answered(
    tmp_path: Path, version: ssl.TLSVersion
) -> None:
    with serving(secured(tmp_path, answering(REFUSAL), version)) as port:
        none, foreign = tried(attempt(port)), tried(attempt(port, client=identity("bank", "another CA")))
        right = tried(attempt(port, client=identity("bank", "bank CA")))
    assert (none.kind, foreign.kind, right.kind) == (Kind.TLS_REFUSED, Kind.TLS_REFUSED, Kind.ANSWERED)


@VERSIONS
def test_who_refused_and_why_is_read(tmp_path: Path, version: ssl.TLSVersion) -> None:
    with serving(secured(tmp_path, answering(REFUSAL), version)) as port:
        answer = tried(attempt(port, client=identity("bank", "bank CA")))
    assert (answer.status, answer.refused_by, answer.reason, answer.body) == (403, "gateway", "role-missing", b"no\n")
    assert str(answer) == "403 by gateway: role-missing"
    lines = answer.transcript.splitlines()
    assert lines[0].startswith("* from 127.0.0.1 to 127.0.0.1 port ")
    assert lines[1].startswith("* client certificate: bank, SHA-256 ")
    assert lines[3] == "> GET /fspiop/parties/1 HTTP/1.1"
    assert lines[-6:] == [
        "< 403 Forbidden",
        "< x-refused-by: gateway",
        "< x-refused-because: role-missing",
        "< content-length: 3",
        "< ",
        "< no",
    ]


@pytest.mark.parametrize(
    ("name", "issuer", "why"), [(NAME, "another CA", "unable to get local issuer"), ("other.example", "hub CA", "mismatch")]
)
def test_a_listener_with_a_wrong_certificate_is_no_refusal(tmp_path: Path, name: str, issuer: str, why: str) -> None:
    with serving(secured(tmp_path, answering(REFUSAL), ssl.TLSVersion.TLSv1_3, name=name, issuer=issuer)) as port:
        answer = tried(attempt(port, client=identity("bank", "bank CA")))
    assert answer.kind is Kind.UNREACHABLE
    assert answer.reason.startswith("the listener's own certificate is wrong")
    assert why in answer.reason


def test_a_closed_port_is_no_server(free_port: int) -> None:
    answer = tried(attempt(free_port))
    assert (answer.kind, answer.reason) == (Kind.UNREACHABLE, "ECONNREFUSED")


def test_a_silent_peer_counts_as_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "ANSWER_SECONDS", 0.2)
    with serving(_hold) as port:
        assert tried(attempt(port)).kind is Kind.DROPPED


def _hold(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


def test_an_answer_that_drips_is_no_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def drip(channel: socket.socket) -> None:
        answering(b"HTTP/1.1 403 Forbidden\r\nx-refused-by: ")(channel)
        with contextlib.suppress(OSError):
            while True:
                channel.sendall(b"g")
                time.sleep(0.05)

    monkeypatch.setattr(probe, "LONGEST_SECONDS", 0.5)
    with serving(secured(tmp_path, drip, ssl.TLSVersion.TLSv1_3)) as port:
        answer = tried(attempt(port, client=identity("bank", "bank CA")))
    assert (answer.kind, answer.reason) == (Kind.UNREACHABLE, "the answer takes longer than 0.5 seconds")


def test_an_unanswered_connection_request_counts_as_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    # A listener whose queue is full is as silent as a packet filter that drops.
    monkeypatch.setattr(probe, "CONNECT_SECONDS", 0.2)
    with contextlib.ExitStack() as held:
        listener = held.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = held.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        assert tried(attempt(listener.getsockname()[1])).kind is Kind.DROPPED


def test_what_does_not_speak_tls_is_no_refusal() -> None:
    with serving(lambda connection: connection.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")) as port:
        assert tried(attempt(port)).kind is Kind.UNREACHABLE


def test_a_peer_that_closes_in_the_handshake_has_refused() -> None:
    with serving(lambda _connection: None) as port:
        assert tried(attempt(port)).kind is Kind.TLS_REFUSED


def test_a_wrong_key_on_our_side_is_no_refusal(tmp_path: Path) -> None:
    mismatched = replace(identity("bank", "bank CA"), key=identity("other", "bank CA").key)
    with serving(secured(tmp_path, answering(REFUSAL), ssl.TLSVersion.TLSv1_3)) as port:
        assert tried(attempt(port, client=mismatched)).kind is Kind.UNREACHABLE


@pytest.mark.parametrize("content", [b"220 mail ready\r\n", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nnonsense"])
def test_an_answer_that_is_no_http_is_none(tmp_path: Path, content: bytes) -> None:
    with serving(secured(tmp_path, answering(content), ssl.TLSVersion.TLSv1_3)) as port:
        assert tried(attempt(port, client=identity("bank", "bank CA"))).kind is Kind.UNREACHABLE


def test_an_answer_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    hostile = b"HTTP/1.1 403 F\r\nx-refused-by: \x1b[2Jgateway\r\nx-refused-because: role-missing\r\ncontent-length: 0\r\n\r\n"
    with serving(secured(tmp_path, answering(hostile), ssl.TLSVersion.TLSv1_3)) as port:
        answer = tried(attempt(port, client=identity("bank", "bank CA")))
    assert str(answer).isprintable()


def test_a_token_is_never_in_the_transcript(tmp_path: Path) -> None:
    granted = b'HTTP/1.1 200 OK\r\nx-echo: %b\r\n\r\n{"access_token": "%b"}' % (TOKEN.encode(), TOKEN.encode())
    fresh = b'HTTP/1.1 200 OK\r\n\r\n{"access_token": "fresh"}'
    client = identity("bank", "bank CA")
    with serving(secured(tmp_path, answering(granted), ssl.TLSVersion.TLSv1_3)) as port:
        echoed = tried(attempt(port, client=client))
    with serving(secured(tmp_path, answering(fresh), ssl.TLSVersion.TLSv1_3)) as port:
        given = tried(attempt(port, client=client, path="/oauth2/token"))
    assert (TOKEN in echoed.transcript, "x-echo: ***" in echoed.transcript) == (False, True)
    assert (b"fresh" in given.body, "fresh" in given.transcript) == (True, False)
    assert "fresh" not in repr(given)


def test_the_key_leaves_no_file_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with probe.client_context(pem("hub CA"), identity("bank", "bank CA")):
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert list(tmp_path.iterdir()) == []
