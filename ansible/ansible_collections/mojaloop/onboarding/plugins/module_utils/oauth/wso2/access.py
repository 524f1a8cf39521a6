# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who asks WSO2's REST APIs: the administrator, and each participant's account for what belongs to it.

A REST client is registered once (WSO2's own DCR, which is not RFC 7591: 200, idempotent by name, no deletion) and kept in the hub's
store. Tokens come by the password grant, the only one with which an account acts for itself there; RFC 9700 forbids that grant to
others, so it is used here alone. The passwords of accounts are derived from a secret beside the REST client: none is kept or shown.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import quote

from ...description.authorization_servers import Wso2Server
from ...description.model import HUB
from ...errors import AuthorizationServerError
from ...formats import FORMAT
from ...remote.changes import Changes
from ...remote.http import Http, basic, bearer, form_body, json_body
from ...remote.tokens import read_token
from ...store.tree import Tree
from ..records import canonical, read_object
from ..registry import Preparation

REST_CLIENT_PATH = f"store/{HUB}/authorization-server/rest-client.json"
DCR_PATHS = {"4.2": "/client-registration/v0.17/register", "2.6": "/client-registration/v0.14/register"}
GRANTS = "password"
STORE_SCOPES = "apim:subscribe"
"""Those of an account in 2.6."""
ADMINISTRATION = (
    "apim:api_view apim:shared_scope_manage apim:subscribe apim:api_create apim:api_publish apim:api_manage "
    "apim:ep_certificates_view apim:ep_certificates_add apim:ep_certificates_update apim:bl_view apim:bl_manage"
)
OWN = "apim:subscribe apim:app_manage apim:sub_manage"
"""Scopes of an account: what is its own."""


@dataclass
class Access:
    """Credentials for one API Manager."""

    http: Http
    server: Wso2Server
    tree: Tree
    environment: str
    dry_run: bool
    _kept: dict[str, str] = field(default_factory=dict)
    _admin: Changes | None = None

    def prepare(self) -> Iterator[Preparation]:
        """Register the REST client where none is kept or the server no longer takes it."""
        self._kept = self._read()
        token = self._token(self.server.admin_user, self._password(), ADMINISTRATION) if self._kept else ""
        if not token:
            yield Preparation("rest-client", "oauth-rest-client-missing", self._name())
            if self.dry_run:
                return
            self._register()
            token = self._token(self.server.admin_user, self._password(), ADMINISTRATION)
            if not token:
                self._refuse()
        self._admin = self._presenting(bearer(token))

    @property
    def admin(self) -> Changes | None:
        """The administrator's requests; None in a dry run without a REST client: what is there cannot be read then."""
        return self._admin

    def user_store(self) -> Changes:
        """The administrator's requests to SOAP services."""
        return self._presenting(basic(self.server.admin_user, self._password()))

    def account(self, name: str) -> Changes | None:
        """The requests of an account; None when its password is not accepted, or is not known yet."""
        token = self._token(name, self.account_password(name), OWN if self.server.version == "4.2" else STORE_SCOPES) if self._kept else ""
        return self._presenting(bearer(token)) if token else None

    def account_password(self, name: str) -> str:
        """24 characters of all four kinds, as password policies ask for; of no use in a dry run without a REST client."""
        digest = hmac.new(self._kept.get("seed", "").encode(), name.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest[:15]).decode() + "a1A!"

    def _presenting(self, headers: Mapping[str, str]) -> Changes:
        return Changes(self.http, dry_run=self.dry_run, headers=lambda: headers)

    def _token(self, user: str, password: str, scope: str) -> str:
        body = form_body({"grant_type": "password", "username": user, "password": password, "scope": scope})
        identity = basic(*(quote(self._kept[name], safe="") for name in ("client_id", "client_secret")))
        headers = {"Accept": "application/json", "Content-Type": body.kind, **identity}
        answer = self.http.request("POST", self.server.token_endpoint, headers, body.content)
        if answer.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED}:
            return ""
        token = answer.json().get("access_token")
        if answer.status != HTTPStatus.OK or not isinstance(token, str):
            remedy = "Look into the log of the authorization server, and run again."
            raise AuthorizationServerError(
                f"asking for a token was answered with {answer.status}", where=self.server.token_endpoint, remedy=remedy
            )
        return token

    def _register(self) -> None:
        wanted = {"callbackUrl": self.server.base_url, "clientName": self._name(), "owner": self.server.admin_user, "grantType": GRANTS}
        url = self.server.base_url + DCR_PATHS[self.server.version]
        answer = self.user_store().write("POST", url, "registering the REST client", json_body(wanted))
        found = answer.json() if answer else {}
        identity = {"client_id": found.get("clientId"), "client_secret": found.get("clientSecret")}
        if not all(isinstance(value, str) and value for value in identity.values()):
            raise AuthorizationServerError("gave no credentials of a REST client", where=url, remedy="Check admin_url and version.")
        values = {**identity, "seed": self._kept.get("seed") or secrets.token_urlsafe(32)}
        self.tree.write(REST_CLIENT_PATH, canonical({"format": FORMAT, **values}))
        self._kept = {name: str(value) for name, value in values.items()}

    def _read(self) -> dict[str, str]:
        found = read_object(self.tree, REST_CLIENT_PATH) or {}
        names = ("client_id", "client_secret", "seed")
        return {name: str(found[name]) for name in names} if all(found.get(name) for name in names) else {}

    def _refuse(self) -> None:
        """An existing REST client of this name is given out as it is, so that its grants may be others."""
        raise AuthorizationServerError(
            f"gives the user {self.server.admin_user} no token",
            where=self.server.token_endpoint,
            remedy=f"Check {self.server.admin_password_file}, and that the client {self._name()} may use the grant {GRANTS}.",
        )

    def _name(self) -> str:
        return f"mojaloop-onboarding-{self.environment}"

    def _password(self) -> str:
        return read_token(self.server.admin_password_file, "Put the password of admin_user there (mode 0600).")
