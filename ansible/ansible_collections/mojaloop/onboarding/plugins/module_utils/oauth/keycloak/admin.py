# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keycloak's admin REST API: who asks, and how objects of one realm are read."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ...description.model import KeycloakServer
from ...errors import AuthorizationServerError, StoreError
from ...remote.changes import Changes
from ...remote.http import Answer, Body, Http, basic, bearer, form_body

Json = dict[str, Any]

MARK = "mojaloop.environment"
"""Attribute of what this pack made; its value is the environment."""
EARLY = 10.0
"""Seconds before its end at which an administrator's token is replaced."""


@dataclass
class AdminToken:
    """The administrator's token (RFC 6749 section 4.4), asked for when it is needed and again before it ends."""

    http: Http
    server: KeycloakServer
    value: str = ""
    until: float = 0.0

    def headers(self) -> Mapping[str, str]:
        """The header that presents it."""
        if time.monotonic() >= self.until:
            self._renew()
        return bearer(self.value)

    def _renew(self) -> None:
        url = f"{self.server.base_url}/realms/{quote(self.server.admin_realm or self.server.realm, safe='')}/protocol/openid-connect/token"
        body = form_body({"grant_type": "client_credentials"})
        identity = basic(quote(self.server.admin_client_id, safe=""), quote(_secret(self.server), safe=""))
        answer = self.http.request("POST", url, {"Accept": "application/json", "Content-Type": body.kind, **identity}, body.content)
        found = answer.json()
        self.value, seconds = str(found.get("access_token") or ""), found.get("expires_in")
        if answer.status != HTTPStatus.OK or not self.value or not isinstance(seconds, int):
            remedy = f"Check the client {self.server.admin_client_id} and its secret in {self.server.admin_secret_file}."
            raise AuthorizationServerError(f"asking for an admin token was answered with {answer.status}", where=url, remedy=remedy)
        self.until = time.monotonic() + max(seconds - EARLY, 1.0)


@dataclass
class RealmAdmin:
    """Requests about one realm; places are relative to it."""

    http: Http
    server: KeycloakServer
    environment: str
    dry_run: bool
    changes: Changes = field(init=False)
    token: AdminToken = field(init=False)

    def __post_init__(self) -> None:
        self.token = AdminToken(self.http, self.server)
        self.changes = Changes(self.http, dry_run=self.dry_run, headers=self.token.headers)

    def url(self, place: str = "") -> str:
        """The URL of a place in the realm."""
        base = f"{self.server.base_url}/admin/realms/{quote(self.server.realm, safe='')}"
        return f"{base}/{place}" if place else base

    def read(self, place: str, why: str) -> Answer:
        """An object; in a dry run its place may be one that is only to be made (404)."""
        return self.changes.read(self.url(place), why, also={HTTPStatus.NOT_FOUND} if self.dry_run else ())

    def listed(self, place: str, why: str) -> list[Json]:
        """A list of objects; empty in a dry run where its place is only to be made."""
        answer = self.read(place, why)
        found = [] if answer.status == HTTPStatus.NOT_FOUND else answer.parsed()
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise AuthorizationServerError(f"{why} gave no list", where=self.url(place), remedy="Check that admin_url is Keycloak's.")
        return found

    def write(self, method: str, place: str, why: str, body: Body | None = None) -> None:
        """Change something."""
        self.changes.write(method, self.url(place), why, body)

    def client(self, client_id: str) -> Json | None:
        """A client by its client id."""
        place = f"clients?clientId={quote(client_id, safe='')}"
        return next((one for one in self.listed(place, "looking for a client") if one.get("clientId") == client_id), None)

    def service_account(self, client: Json) -> str:
        """The id of the user that stands for a client."""
        return str(self.read(f"clients/{client['id']}/service-account-user", "reading a service account").json().get("id") or "")

    def is_ours(self, found: Json) -> bool:
        """Whether this pack made it, for this environment."""
        return bool((found.get("attributes") or {}).get(MARK) == self.environment)

    def foreign(self, what: str) -> str:
        """The remedy for something that has a name which this pack needs."""
        return f"Rename {what}, or give it the attribute {MARK} = {self.environment}: then this pack takes it over."


def covers(found: object, wanted: object) -> bool:
    """Whether everything wanted is there; what else is there belongs to others."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(covers(found.get(name), value) for name, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(found, list) and len(found) == len(wanted) and all(map(covers, found, wanted))
    return found == wanted


def _secret(server: KeycloakServer) -> str:
    try:
        secret = Path(server.admin_secret_file).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        remedy = "Put the secret of the client that administers the realm there (mode 0600)."
        raise StoreError("cannot be read", where=server.admin_secret_file, remedy=remedy) from error
    if not secret:
        raise StoreError(
            "is empty", where=server.admin_secret_file, remedy="Put the secret of the client that administers the realm there."
        )
    return secret
