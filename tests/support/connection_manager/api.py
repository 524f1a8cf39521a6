# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the stand-ins of both eras share: a server on this machine that records requests, holds them to the contract, and can fail."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import RLock, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from .contract import Contract

Json = Any


@dataclass(frozen=True)
class Call:
    """One request. ``roles``: of its caller; None where authentication is off."""

    method: str
    template: str
    params: Mapping[str, str]
    query: Mapping[str, str]
    body: Json
    roles: frozenset[str] | None = None


@dataclass(frozen=True)
class Text:
    """An answer that is no JSON."""

    content: str
    kind: str = "text/html"
    headers: Mapping[str, str] = field(default_factory=dict)


class Failure(Exception):
    """An answer of an error."""

    def __init__(self, status: int, value: Json) -> None:
        super().__init__(str(value))
        self.status = status
        self.value = value


def service_error(status: int, kind: str, message: str = "", **more: Json) -> Failure:
    """An error of the service: the shape S1."""
    return Failure(status, {"payload": {"id": kind, "message": message, **more}, "message": message})


def type_error(message: str) -> Failure:
    """An unexpected error: the shape S2."""
    return Failure(500, {"payload": "TypeError", "message": message})


def not_found(message: str = "") -> Failure:
    """No such object."""
    return service_error(404, "NotFoundError", message)


@dataclass
class StandIn:
    """The state and the rules of one server; ``url`` is its base with ``/api``."""

    contract: Contract
    url: str = ""
    requests: list[tuple[str, str, int]] = field(default_factory=list)
    """Method, path and status of each request under ``/api``."""
    intercept: Callable[[Call], str] = lambda _call: ""
    """``refuse``: answer nothing and do nothing; ``drop``: do it and answer nothing; ``500``: do it and answer 500."""
    lock: RLock = field(default_factory=RLock)
    tokens: dict[str, frozenset[str]] = field(default_factory=dict)
    """Roles by bearer token; none: authentication is off."""
    clients: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Secret and token by client id, at ``/token``."""

    @property
    def writes(self) -> list[str]:
        """The requests that change something, in their order."""
        return [f"{method} {path}" for method, path, _status in self.requests if method != "GET" and not path.startswith("/login")]

    def handlers(self) -> Mapping[str, Callable[[Call], Json]]:
        """What is carried out for each published operation."""
        raise NotImplementedError

    def authenticate(self, template: str, headers: Mapping[str, str]) -> frozenset[str] | None:
        """The caller's roles; raises Failure."""
        raise NotImplementedError

    def unknown_path(self, method: str, path: str) -> Failure:
        """The answer to a path that is not published."""
        raise NotImplementedError

    def refuse_body(self, faults: list[str]) -> Failure | None:
        """The answer to a body that is not as published; None where this era does not look."""
        raise NotImplementedError

    def answer(self, method: str, target: str, headers: Mapping[str, str], content: bytes) -> tuple[int, Json, str]:
        """Status, value, and what the interceptor wants."""
        parts = urlsplit(target)
        path = parts.path.removeprefix("/api")
        wish = ""
        try:
            found = self.contract.template(path)
            if found is None or not parts.path.startswith("/api/"):
                raise self.unknown_path(method, parts.path)
            template, params = found
            roles = self.authenticate(template, headers)
            if self.contract.operation(method, template) is None:
                raise Failure(405, {"message": f"{method} method not allowed", "errors": []})  # noqa: TRY301 -- answered as the others are
            body = self._body(method, template, headers, content)
            call = Call(method, template, params, {name: values[0] for name, values in parse_qs(parts.query).items()}, body, roles)
            wish = self.intercept(call)
            status, value = (0, None) if wish == "refuse" else self._carried_out(call)
        except Failure as failure:
            status, value = failure.status, failure.value
        self.requests.append((method, path, status))
        return status, value, wish

    def _body(self, method: str, template: str, headers: Mapping[str, str], content: bytes) -> Json:
        if "form" in headers.get("content-type", ""):
            return {name: values[0] for name, values in parse_qs(content.decode()).items()}
        try:
            body = json.loads(content) if content else None
        except ValueError:
            raise Failure(400, {"message": "Unexpected token in JSON"}) from None
        refusal = self.refuse_body(faults) if (faults := self.contract.check_request(method, template, body)) else None
        if refusal is not None:
            raise refusal
        return body

    def _carried_out(self, call: Call) -> tuple[int, Json]:
        handler = self.handlers().get(f"{call.method} {call.template}")
        if handler is None:
            raise Failure(501, {"message": "not part of this stand-in"})
        with self.lock:
            value = handler(call)
        status, value = value if isinstance(value, tuple) else (200, value)
        if not isinstance(value, Text):
            self.contract.check_answer(call.method, call.template, status, value)
        return status, value


@contextmanager
def serving(stand_in: StandIn, port: int = 0) -> Iterator[StandIn]:
    """The stand-in at a port of this machine (0: a free one), for as long as the context lasts."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            if self.path == "/token":
                self._send(*_token(stand_in, content))
                return
            status, value, wish = stand_in.answer(self.command, self.path, headers, content)
            if wish in {"refuse", "drop"}:
                self.close_connection = True
                return
            self._send(*((500, {"payload": "Error", "message": "lost"}) if wish == "500" else (status, value)))

        def _send(self, status: int, value: Json) -> None:
            text = value if isinstance(value, Text) else Text("" if value is None else json.dumps(value), "application/json")
            content = text.content.encode()
            self.send_response(status)
            for name, field_value in {"Content-Type": text.kind, "Content-Length": str(len(content)), **text.headers}.items():
                self.send_header(name, field_value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 -- the names of http.server

        def log_message(self, *_arguments: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    stand_in.url = f"http://127.0.0.1:{server.server_address[1]}/api"
    try:
        yield stand_in
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _token(stand_in: StandIn, content: bytes) -> tuple[int, Json]:
    form = {name: values[0] for name, values in parse_qs(content.decode()).items()}
    secret, token = stand_in.clients.get(form.get("client_id", ""), ("", ""))
    if not secret or form.get("client_secret") != secret or form.get("grant_type") != "client_credentials":
        return 401, {"error": "invalid_client"}
    return 200, {"access_token": token, "expires_in": 300, "token_type": "Bearer"}
