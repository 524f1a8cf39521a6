# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What all clients of a realm need: the realm, a role and a client scope for each API resource, the policy of rotated secrets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from urllib.parse import quote

from ...errors import AuthorizationServerError
from ...remote.http import json_body
from ..registry import Preparation
from .admin import MARK, Json, RealmAdmin, covers

POLICY = "mojaloop-onboarding"
FEATURE = "CLIENT_SECRET_ROTATION"
SECRET_SECONDS = 315_360_000
"""After how many seconds the server itself would end a secret: ten years, because replacing them is this pack's work."""
TOKEN_SECONDS = 300
"""How long the access tokens of a realm made here live."""
MISSING = "oauth-resources-missing"


def representation(name: str) -> Json:
    """A realm without clients and users, as Keycloak makes and imports it (its RealmRepresentation); no one registers by himself."""
    return {
        "realm": name,
        "enabled": True,
        "sslRequired": "external",
        "registrationAllowed": False,
        "resetPasswordAllowed": False,
        "bruteForceProtected": True,
        "accessTokenLifespan": TOKEN_SECONDS,
    }


@dataclass
class Realm:
    """The realm, as far as it is prepared."""

    admin: RealmAdmin
    resources: tuple[str, ...]
    api: str = ""
    """Id of the client whose roles are the API's resources; empty while it is only to be made."""
    scopes: dict[str, str] = field(default_factory=dict)
    """Id of each resource's client scope."""
    _rotates: bool | None = None

    def prepare(self) -> Iterator[Preparation]:
        """Make what is missing, and correct what is this pack's."""
        yield from self._realm()
        yield from self._api()
        yield from self._policy()

    @property
    def overlap(self) -> str:
        """Why a rotated secret does not overlap with the one before; empty when it does."""
        server = self.admin.server
        if not server.client_overlap_days:
            return "client_overlap_days is 0"
        if self._rotates is None:
            answer = self.admin.changes.read(f"{server.base_url}/admin/serverinfo", "reading the server's features")
            found = answer.json().get("features")
            features = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
            self._rotates = any(one.get("name") == FEATURE and one.get("enabled") is True for one in features)
        return "" if self._rotates else "the server runs without its feature client-secret-rotation"

    def role(self, name: str) -> Json:
        """The role of a resource, as role mappings name it."""
        return self.admin.read(f"clients/{self.api}/roles/{quote(name, safe='')}", "reading a role").json()

    def _realm(self) -> Iterator[Preparation]:
        admin, missing = self.admin, HTTPStatus.NOT_FOUND
        if admin.changes.read(admin.url(), "reading the realm", also={missing}).status != missing:
            return
        yield Preparation("realm", "oauth-realm-missing", admin.server.realm)
        values = json_body(representation(admin.server.realm))
        admin.changes.write("POST", f"{admin.server.base_url}/admin/realms", "making the realm", values)
        admin.token.until = 0.0  # the rights on a new realm are in the next token

    def _api(self) -> Iterator[Preparation]:
        name = self.admin.server.resource_client
        found = self.admin.client(name)
        if found is None:
            yield Preparation("resources", MISSING, f"the client {name}")
            values = {"clientId": name, "bearerOnly": True, "enabled": True, "attributes": {MARK: self.admin.environment}}
            self.admin.write("POST", "clients", "making the client of the API's roles", json_body(values))
            found = self.admin.client(name)
        else:
            self._refuse_foreign(found, f"the client {name}")
        self.api = str(found["id"]) if found else ""
        place = f"clients/{self.api}/roles"
        roles = {role["name"] for role in self.admin.listed(place, "reading roles")} if found else set()
        scopes = {scope["name"]: scope for scope in self.admin.listed("client-scopes", "reading client scopes")}
        for resource in self.resources:
            if resource not in roles:
                yield Preparation("resources", MISSING, f"the role {resource}")
                self.admin.write("POST", place, "making a role", json_body({"name": resource}))
            yield from self._scope(resource, scopes.get(resource))

    def _scope(self, name: str, found: Json | None) -> Iterator[Preparation]:
        if found is None:
            yield Preparation("resources", MISSING, f"the client scope {name}")
            attributes = {"include.in.token.scope": "true", "display.on.consent.screen": "false", MARK: self.admin.environment}
            values = {"name": name, "protocol": "openid-connect", "attributes": attributes}
            self.admin.write("POST", "client-scopes", "making a client scope", json_body(values))
            scopes = self.admin.listed("client-scopes", "reading client scopes")
            found = next((one for one in scopes if one["name"] == name), None)
        else:
            self._refuse_foreign(found, f"the client scope {name}")
        self.scopes[name] = str(found["id"]) if found else ""
        place = f"client-scopes/{self.scopes[name]}/scope-mappings/clients/{self.api}"
        # A scope without a role would be granted to every client that asks for it.
        if not (found and self.api) or name not in {role["name"] for role in self.admin.listed(place, "reading the roles of a scope")}:
            yield Preparation("resources", MISSING, f"the role {name} of the client scope {name}")
            self.admin.write("POST", place, "binding a scope to its role", json_body([self.role(name)] if self.api else []))

    def _policy(self) -> Iterator[Preparation]:
        if self.overlap:
            return
        wanted = {"profiles": _profile(self.admin.server.client_overlap_days), "policies": _policy(self.admin.environment)}
        for kind, one in wanted.items():
            found = self.admin.read(f"client-policies/{kind}", f"reading client {kind}").json().get(kind)
            kept = [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
            if not any(covers(each, one) for each in kept):
                yield Preparation("secret-rotation", "oauth-rotation-differs", f"{POLICY} among the client {kind}")
                merged = [*(each for each in kept if each.get("name") != POLICY), one]
                self.admin.write("PUT", f"client-policies/{kind}", f"merging this pack's own into client {kind}", json_body({kind: merged}))

    def _refuse_foreign(self, found: Json, what: str) -> None:
        if not self.admin.is_ours(found):
            raise AuthorizationServerError(
                f"{what} exists, and is not of this environment", where=self.admin.url(), remedy=self.admin.foreign(what)
            )


def _profile(days: int) -> Json:
    seconds = int(timedelta(days=days).total_seconds())
    periods = {"expiration-period": SECRET_SECONDS, "rotated-expiration-period": seconds, "remaining-rotation-period": 1}
    return {"name": POLICY, "executors": [{"executor": "secret-rotation", "configuration": periods}]}


def _policy(environment: str) -> Json:
    marked = json.dumps([{"key": MARK, "value": environment}], separators=(",", ":"))
    condition = {"condition": "client-attributes", "configuration": {"attributes": marked}}
    return {"name": POLICY, "enabled": True, "conditions": [condition], "profiles": [POLICY]}
