# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The way to a server, and who asks: no one in particular, a client of an OpenID provider, or a login at WSO2 (first era)."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

from ..description.transports import ConnectionManagerServer, ManagerAuthentication
from ..errors import RemoteError
from ..remote.changes import Changes
from ..remote.http import Body, Http, HttpClient, Route, bearer, form_body
from ..remote.tokens import read_token
from .detection import server_at
from .server import Server
from .service import reported

EARLY = 10.0
"""Seconds before its end at which a token is replaced."""
TIMEOUT = 60.0
"""Seconds: some requests have the server make a key of 4096 bits before it answers."""
_COOKIE = re.compile(r"(MCM-API_ACCESS_TOKEN=[^;\s]+)")


@dataclass(frozen=True)
class Access:
    """How one side reaches the server."""

    server: ConnectionManagerServer
    authentication: ManagerAuthentication
    dry_run: bool

    @contextmanager
    def open(self) -> Iterator[Server]:
        """The server, whatever its era is, for as long as the context lasts."""
        http = HttpClient(Route(self.server.ca_file, internal=True), timeout=TIMEOUT, longest=TIMEOUT)
        try:
            headers = Session(http, self.server, self.authentication).headers
            yield server_at(
                Changes(http, dry_run=self.dry_run, headers=headers, reported=reported), self.server.url, self.server.environment
            )
        finally:
            http.close()


@dataclass
class Session:
    """The headers that present the caller, asked for when they are needed. Nothing here changes anything at the server."""

    http: Http
    server: ConnectionManagerServer
    authentication: ManagerAuthentication
    _headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    _until: float = 0.0

    def headers(self) -> Mapping[str, str]:
        """The headers of a request."""
        if self.authentication.kind != "none" and time.monotonic() >= self._until:
            self._headers, seconds = self._token() if self.authentication.kind == "client-credentials" else self._login()
            self._until = time.monotonic() + max(seconds - EARLY, 1.0)
        return self._headers

    def _token(self) -> tuple[dict[str, str], float]:
        """RFC 6749 section 4.4, with the credentials in the form, as the participants' own client sends them."""
        own = self.authentication
        secret = read_token(own.secret_file, "Put the secret of the client there (mode 0600).")
        body = form_body({"grant_type": "client_credentials", "client_id": own.client_id, "client_secret": secret})
        answer = self.http.request("POST", own.token_url, _headers_of(body), body.content)
        found = answer.json()
        token, seconds = found.get("access_token"), found.get("expires_in")
        if answer.status != HTTPStatus.OK or not isinstance(token, str) or not token:
            remedy = f"Check the client {own.client_id} and its secret in {own.secret_file}."
            raise RemoteError(f"asking for a token was answered with {answer.status}", where=own.token_url, remedy=remedy)
        return bearer(token), float(seconds) if isinstance(seconds, int) else EARLY

    def _login(self) -> tuple[dict[str, str], float]:
        """The cookie is good for an hour; a server without authentication sets none."""
        own, url = self.authentication, f"{self.server.url.rstrip('/')}/login"
        body = form_body({"username": own.username, "password": read_token(own.password_file, "Put the password there (mode 0600).")})
        answer = self.http.request("POST", url, _headers_of(body), body.content)
        found, cookie = answer.json(), _COOKIE.search(answer.headers.get("set-cookie", ""))
        if answer.status != HTTPStatus.OK or (cookie is None and found.get("ok") is not False):
            second = "askPassword" in found or "twofactor" in str(found).lower()
            remedy = (
                "Use an account without a second factor." if second else f"Check {own.username} and its password in {own.password_file}."
            )
            raise RemoteError(f"the login was answered with {answer.status}", where=url, remedy=remedy)
        return {"Cookie": cookie.group(1)} if cookie else {}, 3600.0


def _headers_of(body: Body) -> dict[str, str]:
    return {"Accept": "application/json", "Content-Type": body.kind}
