# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A proxy on the loopback address between the pack and a system: notes every request, and misbehaves where a test wants it to."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

PASS = "pass"
BEFORE, AFTER = "before", "after"
"""Fates of a request: a 500 without it being passed on, a 500 after it was carried out."""
DROPPED, SILENT = "dropped", "silent"
"""No answer, the request not passed on; no answer after it was carried out."""
TWICE = "twice"
"""The request is passed on twice, as if a rival had been faster, and the second answer given."""
PAGE = "page"
"""A page of HTML with status 200, the request not passed on."""
Misbehaviour = Callable[["Seen"], str]


@dataclass(frozen=True)
class Seen:
    """One request, and how many came before it."""

    ordinal: int
    method: str
    path: str
    authorization: str = ""


@dataclass
class Between:
    """The proxy. ``misbehave`` decides about each request; ``seen`` holds all of them."""

    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    misbehave: Misbehaviour = lambda _seen: PASS
    done: Callable[[Seen], object] = lambda _seen: None
    """Is called when a request was passed on, before it is answered."""
    ended: threading.Event = field(default_factory=threading.Event)

    def changing(self) -> list[Seen]:
        """The requests that were not only reads."""
        return [each for each in self.seen if each.method != "GET"]

    def forget(self) -> None:
        """Begin a new list, and behave."""
        self.seen.clear()
        self.misbehave = lambda _seen: PASS
        self.done = lambda _seen: None


@contextmanager
def between(system: str) -> Iterator[Between]:
    """A proxy to the system at this URL."""
    proxy = Between()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(proxy, system))
    server.daemon_threads = True
    proxy.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(proxy: Between, system: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            seen = Seen(len(proxy.seen), self.command, self.path, self.headers.get("Authorization") or "")
            proxy.seen.append(seen)
            fate = proxy.misbehave(seen)
            if fate == TWICE:
                _forwarded(system, self, body)
            if fate not in {BEFORE, DROPPED, PAGE}:
                answer = _forwarded(system, self, body)
                proxy.done(seen)
            if fate in {DROPPED, SILENT}:
                proxy.ended.wait(60)
                self.close_connection = True
                return
            with suppress(OSError):
                self._answer(*{BEFORE: (500, b""), AFTER: (500, b""), PAGE: (200, b"<html></html>")}.get(fate) or answer)

        def _answer(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_ignored: object) -> None:
            """The list of the proxy is the log."""

        do_GET = do_POST = do_PUT = do_DELETE = handle_any  # noqa: N815 -- names of the base class

    return Handler


def _forwarded(system: str, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(urlsplit(system).netloc, timeout=60)
    try:
        kind = {"Content-Type": request.headers["Content-Type"]} if request.headers.get("Content-Type") else {}
        connection.request(request.command, request.path, body or None, kind)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except OSError:
        return 502, b""
    finally:
        connection.close()
