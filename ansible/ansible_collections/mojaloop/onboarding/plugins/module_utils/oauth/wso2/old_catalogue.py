# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the REST APIs of API Manager 2.6 lack, and a person has to do: each named with its place until it is seen to be done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from ...findings import OPERATOR
from ...remote.changes import Changes
from ..registry import Preparation
from .catalogue import Catalogue
from .portal import Json, listed
from .publisher import Publisher
from .roles import resource_role


@dataclass
class OldCatalogue(Catalogue):
    """The catalogue of 2.6: scopes belong to an API, in its definition."""

    portal: ClassVar[str] = "/api/am/store/v0.14"
    administration: ClassVar[str] = "/api/am/admin/v0.14"
    denials: ClassVar[str] = "throttling/blacklist"
    denial: ClassVar[str] = "throttling/blacklist"
    denial_values: ClassVar[Json] = {}

    def _published(self, admin: Changes | None) -> Iterator[Preparation]:
        if admin is None:
            return
        url = f"{self.server.base_url}{self.portal}/apis"
        known = {f"{one.get('name')}:{one.get('version')}": one for one in listed(admin, f"{url}?limit=500", "looking for APIs")}
        for wanted in self.server.publish:
            if wanted.api not in known:
                detail = f"in the publisher: Add New API, context {wanted.context}, endpoint {wanted.endpoint}; then publish it"
                yield Preparation(f"api {wanted.api}", "awaiting-person", detail, OPERATOR)
        for name in (name for name in self.server.apis if name in known):
            definition = admin.read(f"{url}/{known[name]['id']}/swagger", "reading the definition of an API").json()
            lacking = [resource for resource in self.resources if resource not in _scopes_of(definition)]
            if lacking:
                roles = ", ".join(f"{each} with the role {resource_role(each)}" for each in lacking)
                detail = f"in the publisher: {name}, Manage, Resources, Add Scopes: {roles}"
                yield Preparation(f"api {name}", "awaiting-person", detail, OPERATOR)
        yield from self._by_hand(admin)

    def _several_secrets(self, admin: Changes) -> bool:
        """Never."""
        del admin
        return False

    def _by_hand(self, admin: Changes) -> Iterator[Preparation]:
        """2.6 has no API for endpoint certificates; that they are there is seen by a call through the gateway only."""
        publisher = Publisher(self.server, self.http, admin, self.resources, self.environment)
        proved = [one for one in self.server.publish if one.health and one.gateway_url]
        unproved = [found for one in proved for found in publisher.proved(one)]
        for certificate in self.server.endpoint_certificates if unproved or not proved else ():
            detail = f"in the publisher: Implement, Manage Certificates: {certificate.alias} for {certificate.endpoint}"
            yield Preparation(f"endpoint certificate {certificate.alias}", "awaiting-person", detail, OPERATOR)
        yield from unproved


def _scopes_of(definition: Json) -> set[str]:
    """The scopes in an API's definition, as 2.6 keeps them."""
    apim = (definition.get("x-wso2-security") or {}).get("apim") or {}
    found = apim.get("x-wso2-scopes")
    return {str(one.get("key")) for one in found if isinstance(one, dict) and one.get("roles")} if isinstance(found, list) else set()
