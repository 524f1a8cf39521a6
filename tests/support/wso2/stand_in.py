# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A stand-in for WSO2 API Manager 4.2, and 2.6 with IS-KM, because the product is in no package registry: HTTPS on loopback, with state.

Every request and every answer is held against what WSO2 has published; what is not so stands in ``faults``, which tests find empty.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from . import admin, devportal, gateway, old_store, publisher, user_store
from .published import Published
from .state import SUBSCRIBING, Answered, Asked, Handler, Json, Refusal, State

APIS: dict[str, list[tuple[Published, dict[str, Handler]]]] = {
    "4.2": [
        (Published("devportal-v3", "/api/am/devportal/v3"), devportal.HANDLERS),
        (Published("publisher-v4", "/api/am/publisher/v4"), publisher.HANDLERS),
        (Published("admin-v4", "/api/am/admin/v4"), admin.HANDLERS),
    ],
    "2.6": [
        (Published("store-v0.14", "/api/am/store/v0.14"), old_store.HANDLERS),
        (Published("admin-v0.14", "/api/am/admin/v0.14"), admin.OLD_HANDLERS),
    ],
}
NEEDED = {"devportal": SUBSCRIBING, "store": SUBSCRIBING, "publisher": {"apim:api_create"}, "admin": {"apim:bl_manage"}}
"""Scopes, one of which a token for an API must have."""
DCR = {version: Published("dcr-v0.17", f"/client-registration/{path}") for version, path in (("4.2", "v0.17"), ("2.6", "v0.14"))}
"""The file of 2.6 is not published; what is known of it is the same (Mojaloop's iac-shared-modules, wso2/create-test-user)."""


def _handled(handler: Handler, state: State, asked: Callable[[Any], Asked], body: object) -> Answered:
    return handler(state, asked(body))


def _form(content: bytes) -> Json:
    """The fields of a form with files (RFC 7578)."""
    parts = content.split(content.partition(b"\r\n")[0])[1:-1]
    names = [re.findall(rb'name="([^"]+)"', part)[0].decode() for part in parts]
    return dict(zip(names, (part.partition(b"\r\n\r\n")[2].decode().strip() for part in parts), strict=True))


@dataclass
class Wso2StandIn:
    """One running stand-in."""

    state: State
    port: int
    certificate: Path
    version: str = "4.2"
    faults: list[str] = field(default_factory=list)
    """What was not as published."""
    breaks: Callable[[str], str] = lambda _operation: ""
    """For an operation: ``before`` or ``after`` it is carried out, 500 is answered; empty: it is answered."""
    _server: ThreadingHTTPServer = field(init=False)

    def start(self) -> None:
        """Listen."""
        stand_in = self

        class Handling(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 30

            def _all(self) -> None:
                content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, kind, body = stand_in.answer(self.command, self.path, dict(self.headers.items()), content)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _all  # noqa: N815 -- names of the library

            def log_message(self, *_arguments: object) -> None:
                """Nothing."""

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.certificate.with_suffix(".key"))
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handling)
        self._server.block_on_close = False  # connections that are kept open end with the test
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method: str, target: str, headers: dict[str, str], content: bytes) -> tuple[int, str, bytes]:
        """One exchange: status, media type and body."""
        parts = urlsplit(target)
        if parts.path.startswith("/services/RemoteUserStoreManagerService"):
            return self._soap(headers, content)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        try:
            status, body = self._rest(method, parts.path, query, headers, content)
        except Refusal as refusal:
            status, body = refusal.status, refusal.body
        if isinstance(body, bytes):
            return status, "application/octet-stream", body
        return status, "application/json", b"" if body is None else json.dumps(body).encode()

    def _rest(self, method: str, path: str, query: Json, headers: dict[str, str], content: bytes) -> Answered:
        if path == "/oauth2/jwks":
            return 200, self.state.key_set()
        if path.startswith(f"{gateway.BASE}/"):
            return gateway.called(self.state, method, path, headers)
        if path == "/oauth2/token":
            return self._token(headers, {name: values[0] for name, values in parse_qs(content.decode()).items()})
        if found := DCR[self.version].operation(method, path):
            return self._checked(DCR[self.version], found[0], content, lambda body: self._register(headers, body))
        for published, handlers in APIS[self.version]:
            if found := published.operation(method, path):
                name, named = found[0], {part: unquote(value) for part, value in found[1].items()}
                if name not in handlers:
                    raise Refusal(501, f"the stand-in does not have {name}")
                user = self._user(headers, published.name)
                asked = partial(Asked, user, named, query)
                return self._checked(published, name, content, partial(_handled, handlers[name], self.state, asked))
        raise Refusal(404, f"no such operation: {method} {path}")

    def _checked(self, published: Published, name: str, content: bytes, carry_out: Callable[[Any], Answered]) -> Answered:
        body = _form(content) if content.startswith(b"--") else json.loads(content) if content else None
        if wrong := published.wrong_body(name, body):
            self.faults.append(wrong)
            raise Refusal(400, wrong)
        broken = self.breaks(name)
        if broken == "before":
            raise Refusal(500, "Internal server error")
        try:
            status, found = carry_out(body)
        except Refusal as refusal:
            status, found = refusal.status, refusal.body
        if wrong := published.wrong_answer(name, status, found):
            self.faults.append(wrong)
        if broken == "after":
            raise Refusal(500, "Internal server error")
        return status, found

    def _user(self, headers: dict[str, str], api: str) -> str:
        """Whose token it is; it must allow what the API is for."""
        user, scopes = self.state.tokens.get(headers.get("Authorization", "").removeprefix("Bearer "), ("", set()))
        needed = NEEDED[api.partition("-")[0]]
        if not user or not scopes & needed:
            raise Refusal(401, "Unauthenticated request")
        return user

    def _basic(self, headers: dict[str, str]) -> tuple[str, str]:
        kind, _, value = headers.get("Authorization", "").partition(" ")
        name, _, secret = base64.b64decode(value).decode().partition(":") if kind == "Basic" else ("", "", "")
        return name, secret

    def _is_admin(self, headers: dict[str, str]) -> bool:
        name, password = self._basic(headers)
        found = self.state.users.get(name)
        return bool(found and found.password == password and "admin" in found.roles)

    def _soap(self, headers: dict[str, str], content: bytes) -> tuple[int, str, bytes]:
        operation = user_store.operation_of(headers.get("Content-Type", ""))
        if not self._is_admin(headers):
            return 401, "text/html", b""
        broken = self.breaks(operation)
        status, body = 500, user_store.fault("broken")
        try:
            if broken != "before":
                done = user_store.carry_out(self.state, operation, content.decode())
                status, body = (status, body) if broken else done
        except user_store.Fault as found:
            self.faults.append(str(found))
            body = user_store.fault(str(found))
        return status, "application/soap+xml", body.encode()

    def _register(self, headers: dict[str, str], body: Json) -> Answered:
        """WSO2's DCR: an application of this name is given out as it is."""
        if not self._is_admin(headers):
            raise Refusal(401, "Unauthorized")
        known = next((one for one in self.state.rest_clients.items() if one[1]["name"] == body["clientName"]), None)
        if known is None:
            made = {"name": body["clientName"], "secret": secrets.token_urlsafe(18), "grants": body["grantType"].split()}
            known = (secrets.token_urlsafe(18), made)
            self.state.rest_clients[known[0]] = made
        number, found = known
        about = json.dumps({"grant_types": " ".join(found["grants"]), "client_name": found["name"]})
        answer = {"clientId": number, "clientSecret": found["secret"], "clientName": found["name"], "appOwner": body["owner"]}
        return 200, {**answer, "jsonString": about, "jsonAppAttribute": "{}"}

    def _token(self, headers: dict[str, str], form: Json) -> Answered:
        name, secret = (unquote(one) for one in self._basic(headers))
        grant, scope = form.get("grant_type"), form.get("scope", "")
        rest = self.state.rest_clients.get(name)
        if rest and rest["secret"] == secret:
            user = self.state.users.get(form.get("username", ""))
            if grant not in rest["grants"]:
                return 400, {"error": "unauthorized_client"}
            if not user or user.password != form.get("password"):
                return 400, {"error": "invalid_grant", "error_description": "Authentication failed"}
            scopes = set(scope.split()) if "admin" in user.roles else set(scope.split()) & SUBSCRIBING
            token = secrets.token_urlsafe(24)
            self.state.tokens[token] = (form["username"], scopes if user.roles & {"admin", "Internal/subscriber"} else set())
            return 200, {"access_token": token, "scope": " ".join(sorted(scopes)), "token_type": "Bearer", "expires_in": 3600}
        found = self.state.client(name)
        if not found or secret not in self.state.secrets_of(found[0]):
            return 401, {"error": "invalid_client", "error_description": "Client Authentication failed."}
        if grant not in found[0]["supportedGrantTypes"]:
            return 400, {"error": "unauthorized_client"}
        return 200, self.state.token_of(*found, scope)
