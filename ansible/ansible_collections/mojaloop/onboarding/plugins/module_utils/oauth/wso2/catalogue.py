# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What all participants' accounts need: a role and a shared scope for each API resource, and the APIs to subscribe to.

WSO2 grants a scope to the applications of accounts that have one of the scope's roles: so roles of the user store are the API roles.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import ClassVar
from urllib.parse import quote

from ...description.authorization_servers import Wso2Server
from ...errors import AuthorizationServerError
from ...remote.changes import Changes
from ...remote.http import Http, json_body
from ..registry import Preparation
from .portal import Json, listed
from .publisher import Publisher
from .roles import mark_role, resource_role
from .user_store import UserStore

MISSING = "oauth-resources-missing"
OWNER = "Kept by mojaloop-onboarding for the environment"


@dataclass
class Catalogue:
    """The catalogue, as far as it is prepared."""

    server: Wso2Server
    http: Http
    users: UserStore
    resources: tuple[str, ...]
    environment: str
    clients: Mapping[str, bytes] = field(default_factory=dict)
    """Client certificates of active participants, by alias."""
    apis: dict[str, str] = field(default_factory=dict)
    """Id of each API to subscribe to; empty in a dry run in which nothing can be read."""
    several_secrets: bool = False
    """Whether the key manager has several secrets for one client at a time."""
    denied: dict[str, str] = field(default_factory=dict)
    """Id of each deny policy for an application (``account:application``)."""
    portal: ClassVar[str] = "/api/am/devportal/v3"
    administration: ClassVar[str] = "/api/am/admin/v4"
    denials: ClassVar[str] = "throttling/deny-policies"
    denial: ClassVar[str] = "throttling/deny-policy"
    denial_values: ClassVar[Json] = {"conditionStatus": True}

    def prepare(self, admin: Changes | None) -> Iterator[Preparation]:
        """Make what is missing."""
        yield from self._role(mark_role(self.environment))
        for resource in self.resources:
            yield from self._role(resource_role(resource))
        yield from self._published(admin)
        if admin:
            self.denied = self._denied(admin)
            self.apis = {name: self._api(name, admin) for name in self.server.apis}
            self.several_secrets = self._several_secrets(admin)

    def _published(self, admin: Changes | None) -> Iterator[Preparation]:
        scopes = self._scopes(admin)
        for resource in self.resources:
            yield from self._scope(resource, scopes.get(resource), admin)
        yield from Publisher(self.server, self.http, admin, self.resources, self.environment, self.clients).prepare()

    def deny(self, admin: Changes, application: str) -> None:
        """Have gateways refuse an application, whatever tokens it has."""
        values = {"conditionType": "APPLICATION", "conditionValue": application, **self.denial_values}
        admin.write("POST", self._admin(self.denials), "denying an application", json_body(values))
        self.denied[application] = self._denied(admin).get(application, "")

    def allow(self, admin: Changes, application: str) -> None:
        """Take that back."""
        number, gone = quote(self.denied.pop(application), safe=""), {HTTPStatus.NOT_FOUND}
        admin.write("DELETE", self._admin(f"{self.denial}/{number}"), "allowing an application", also=gone)

    def _denied(self, admin: Changes) -> dict[str, str]:
        found = listed(admin, self._admin(self.denials), "reading deny policies")
        ours = [one for one in found if one.get("conditionType") == "APPLICATION" and one.get("conditionStatus") is not False]
        return {str(one.get("conditionValue")): str(one.get("conditionId")) for one in ours}

    def _role(self, name: str) -> Iterator[Preparation]:
        if not self.users.has_role(name):
            yield Preparation("resources", MISSING, f"the role {name}")
            self.users.add_role(name)

    def _scopes(self, admin: Changes | None) -> dict[str, Json]:
        found = listed(admin, self._publisher("scopes?limit=500"), "reading scopes") if admin else []
        return {str(one.get("name")): one for one in found}

    def _scope(self, name: str, found: Json | None, admin: Changes | None) -> Iterator[Preparation]:
        description, bindings = f"{OWNER} {self.environment}.", [resource_role(name)]
        if found is None:
            yield Preparation("resources", MISSING, f"the scope {name}")
            values = {"name": name, "displayName": name, "description": description, "bindings": bindings}
            if admin:
                admin.write("POST", self._publisher("scopes"), "making a scope", json_body(values))
        elif not str(found.get("description") or "").startswith(OWNER):
            what = f"the scope {name} exists, and is not this pack's"
            remedy = f"Rename it, or let its description begin with '{OWNER}': then this pack takes it over."
            raise AuthorizationServerError(what, where=self._publisher("scopes"), remedy=remedy)
        elif admin and resource_role(name) not in (found.get("bindings") or []):
            yield Preparation("resources", "oauth-scope-differs", f"the role of the scope {name}")
            fresh = found | {"bindings": [*(found.get("bindings") or []), *bindings]}
            admin.write("PUT", self._publisher(f"scopes/{found['id']}"), "correcting a scope", json_body(fresh))

    def _api(self, wanted: str, admin: Changes) -> str:
        name, _, version = wanted.partition(":")
        url = f"{self.server.base_url}{self.portal}/apis"
        for one in listed(admin, f"{url}?limit=100&query={quote(f'name:{name}', safe='')}", "looking for an API"):
            if (one.get("name"), one.get("version")) == (name, version):
                return str(one["id"])
        raise AuthorizationServerError(
            f"has no published API {wanted}", where=url, remedy="Publish it, or correct apis in the description."
        )

    def _several_secrets(self, admin: Changes) -> bool:
        for one in listed(admin, f"{self.server.base_url}/api/am/devportal/v3/key-managers", "reading key managers"):
            if one.get("name") == self.server.key_manager:
                return str((one.get("additionalProperties") or {}).get("enable_multiple_client_secrets")).lower() == "true"
        remedy = "Correct key_manager in the description."
        raise AuthorizationServerError(f"has no key manager '{self.server.key_manager}'", where=self.server.base_url, remedy=remedy)

    def _admin(self, place: str) -> str:
        return f"{self.server.base_url}{self.administration}/{place}"

    def _publisher(self, place: str) -> str:
        return f"{self.server.base_url}/api/am/publisher/v4/{place}"
