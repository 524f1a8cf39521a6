# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Answers that never end, come a byte at a time, or are much larger than they look: bounded memory, bounded time, one clear error."""

from __future__ import annotations

import gzip
import json
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from hostile.test_hostile_memory import SMALL, WIDE, bounded
from integration.test_remote_http import NAME, certificate
from support.counting import record_count
from support.memory import MIB

from ansible_collections.mojaloop.onboarding.plugins.module_utils.host import firewall_nftables, gateway_socket
from ansible_collections.mojaloop.onboarding.plugins.module_utils.remote import http as transport
from ansible_collections.mojaloop.onboarding.plugins.module_utils.remote.http import LIMIT, HttpClient, Route

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")

OK = b"HTTP/1.1 200 OK\r\n"
PIECE = b"x" * 65536
Pieces = Callable[[], Iterator[bytes]]


def endless(start: bytes, piece: bytes) -> Pieces:
    """These bytes, then this piece for ever."""

    def pieces() -> Iterator[bytes]:
        yield start
        while True:
            yield piece

    return pieces


def exactly(content: bytes) -> Pieces:
    """This, and the end."""
    return lambda: iter([content])


class Speaker:
    """Whatever is asked, says its pieces until the other side has heard enough; ``pause`` seconds between them."""

    def __init__(self, listener: socket.socket, pieces: Pieces, pause: float = 0.0) -> None:
        self._listener, self._pieces, self._pause = listener, pieces, pause
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ended.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(20)

    def _serve(self) -> None:
        while not self._ended.is_set():
            try:
                connection, _ = self._listener.accept()
            except ssl.SSLError:
                continue
            except OSError:
                return
            connection.settimeout(5)
            with connection, suppress(OSError):
                connection.recv(65536)
                for piece in self._pieces():
                    connection.sendall(piece)
                    if self._ended.wait(self._pause):
                        return


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificate of the server, with its key beside it."""
    return certificate(tmp_path_factory.mktemp("server"), NAME)


@contextmanager
def https(trusted: Path, pieces: Pieces, pause: float = 0.0) -> Iterator[str]:
    """The URL of a server that speaks these pieces."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(trusted, trusted.with_suffix(".key"))
    plain = socket.create_server(("127.0.0.1", 0))
    port = plain.getsockname()[1]
    with closing(Speaker(context.wrap_socket(plain, server_side=True), pieces, pause)):
        yield f"https://{NAME}:{port}/token"


ANSWERS: dict[str, tuple[Pieces, str]] = {
    "a body without end": (endless(OK + b"\r\n", PIECE), "more than"),
    "a body of a thousand gigabytes": (endless(OK + b"Content-Length: 1000000000000\r\n\r\n", PIECE), "more than"),
    "one byte more than is allowed": (exactly(OK + b"\r\n" + b" " * (LIMIT + 1)), "more than"),
    "chunks without end": (endless(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + PIECE + b"\r\n"), "more than"),
    "one chunk without end": (endless(OK + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\n", PIECE), "more than"),
    "the size of a chunk without end": (endless(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0" * 65536), "no answer (LineTooLong)"),
    "a header without end": (endless(OK + b"X: ", PIECE), "no answer (LineTooLong)"),
    "headers without end": (endless(OK, b"X: y\r\n" * 5000), "no answer (HTTPException)"),
    "a status line without end": (endless(b"HTTP/1.1 200 ", PIECE), "no answer (LineTooLong)"),
}


def asked(trusted: Path, url: str, *, timeout: float = 5.0, longest: float = 10.0) -> Callable[[], bytes]:
    """One request, which is not repeated: the body."""

    def ask() -> bytes:
        route = Route(str(trusted), connect_address="127.0.0.1")
        with closing(HttpClient(route, timeout=timeout, longest=longest)) as client:
            return client.request("POST", url, {}).body

    return ask


@pytest.mark.parametrize("kind", ANSWERS)
def test_an_answer_without_end(trusted: Path, kind: str) -> None:
    pieces, reported = ANSWERS[kind]
    with https(trusted, pieces) as url:
        found = bounded(asked(trusted, url), SMALL)
    assert found.error is not None
    assert reported in found.error.text
    assert "\n" not in found.error.text


def test_the_largest_answer_is_taken(trusted: Path) -> None:
    with https(trusted, exactly(OK + b"\r\n" + b" " * (LIMIT - 2) + b"{}")) as url:
        found = bounded(asked(trusted, url), SMALL)
    assert found.error is None
    assert len(found.value) == LIMIT


DRIPS: dict[str, Pieces] = {
    "the body": endless(OK + b"\r\n", b"x"),
    "chunks": endless(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "trailers": endless(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n"),
    "headers": endless(OK, b"x"),
    "answers before the answer": endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
}


@pytest.mark.parametrize("kind", DRIPS)
def test_an_answer_that_drips(trusted: Path, kind: str) -> None:
    with https(trusted, DRIPS[kind], pause=0.05) as url:
        found = bounded(asked(trusted, url, longest=1.0), SMALL)
    assert found.error is not None
    assert "no answer (TooSlowError)" in found.error.text
    record_count("answers that drip", 1)


def test_an_answer_that_drips_and_ends_is_taken(trusted: Path) -> None:
    def pieces() -> Iterator[bytes]:
        return iter([OK, b"Content-Length: 4\r\n\r\n", b"t", b"r", b"u", b"e"])

    with https(trusted, pieces, pause=0.05) as url:
        assert bounded(asked(trusted, url), SMALL).value == b"true"


def test_what_is_compressed_stays_so(trusted: Path) -> None:
    content = gzip.compress(bytes(256 * MIB), compresslevel=1)
    while len(content) > LIMIT:
        content = gzip.compress(content)
    head = OK + b"Content-Encoding: gzip\r\nContent-Type: application/json\r\n\r\n"
    with https(trusted, exactly(head + content)) as url:
        found = bounded(lambda: repr(transport.Answer(200, {}, asked(trusted, url)()).json()), SMALL)
    assert found.value == "{}"


def test_a_connection_that_is_kept_has_its_time_anew(trusted: Path) -> None:
    served = [OK + b"Content-Length: 4\r\n\r\ntrue"] * 3

    def pieces() -> Iterator[bytes]:
        while served:
            yield served.pop()
            threading.Event().wait(0.6)

    with (
        https(trusted, pieces) as url,
        closing(HttpClient(Route(str(trusted), connect_address="127.0.0.1"), timeout=5, longest=1.0)) as client,
    ):
        assert [client.request("GET", url, {}).body for _ in range(3)] == [b"true"] * 3


# --- the sockets of a gateway


@contextmanager
def gateway(folder: Path, pieces: Pieces, pause: float = 0.0) -> Iterator[str]:
    """The socket of a gateway that speaks these pieces."""
    path = str(folder / "s")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    with closing(Speaker(listener, pieces, pause)):
        yield path


@pytest.mark.parametrize("ask", ["running_release", "worker", "read_map", "workers", "answers"])
def test_a_gateway_that_says_more_than_it_has(tmp_path: Path, ask: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_socket, "LIMIT", 4 * MIB)
    arguments = ("name",) if ask == "read_map" else ()
    with gateway(tmp_path, endless(b"", b"0x1 key value\n" * 4000)) as path:
        found = bounded(lambda: getattr(gateway_socket, ask)(path, *arguments), WIDE)
    assert found.error is not None
    assert found.error.kinds[0] == "GatewayError"
    assert found.error.text.startswith(f"{path}: answered with more than")


def test_the_largest_map_is_read(tmp_path: Path) -> None:
    lines = b"".join(b"0x%016x 203.0.113.0/24-%07d participant\n" % (number, number) for number in range(100_000))
    with gateway(tmp_path, exactly(lines)) as path:
        found = bounded(lambda: len(gateway_socket.read_map(path, "name") or {}), WIDE)
    assert found.value == 100_000


@pytest.mark.parametrize("piece", [b"x", b"0x1 k v\n"])
def test_a_gateway_that_drips(tmp_path: Path, piece: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_socket, "TIMEOUT", 0.5)
    with gateway(tmp_path, endless(b"", piece), pause=0.02) as path:
        assert bounded(lambda: gateway_socket.running_release(path), SMALL).value == ""
        assert bounded(lambda: int(gateway_socket.answers(path)), SMALL).value == 0
    record_count("answers that drip", 2)


# --- the packet filter


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file whose content an ``nft`` says when it is asked for JSON; it does nothing else."""
    program = tmp_path / "nft"
    program.write_text(f'#!/bin/sh\ncase $1 in -j) exec cat "{tmp_path}/said" ;; esac\n', encoding="utf-8")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path / "said"


@pytest.mark.parametrize("kind", ["nested", "nested objects", "not JSON"])
def test_a_packet_filter_that_says_what_it_cannot(said: Path, kind: str) -> None:
    said.write_bytes({"nested": b"[" * MIB, "nested objects": b'{"a":' * MIB, "not JSON": b"\xff" * MIB}[kind])
    found = bounded(lambda: firewall_nftables.observe("/nowhere")["content"] and None, WIDE)
    assert found.error is None


def test_the_largest_table_is_read(said: Path) -> None:
    elements = [{"prefix": {"addr": f"45.{number // 128}.{number % 128 * 2}.0", "len": 24}} for number in range(20_000)]
    table = {"family": "inet", "table": "mojaloop_onboarding", "name": "allowed", "type": "ipv4_addr", "handle": 1, "elem": elements}
    said.write_text(json.dumps({"nftables": [{"table": {"name": "mojaloop_onboarding"}}, {"set": table}]}), encoding="utf-8")
    found = bounded(lambda: len(str(firewall_nftables.observe("/nowhere")["content"])), WIDE)
    assert found.error is None
    assert found.value > 20_000
