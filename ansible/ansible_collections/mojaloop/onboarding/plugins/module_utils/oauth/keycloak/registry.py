# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keycloak's clients (admin REST API of release 26): one confidential client for each participant in one realm.

- A role of the client ``resource_client`` for each API resource, and a client scope of the same name that is granted to clients with
  the role only: tokens name in ``scope`` what the participant may call. The scopes are optional: a token can ask for fewer.
- Mappers put the audience and ``dfsp.id`` into access tokens. Tokens are bound to the client certificate (RFC 8705).
- Secrets overlap by the client policy of rotated secrets, a preview feature of the server. The policy holds for clients with this
  pack's attribute only; the policies and profiles of others are sent back as they were read.

What this pack made bears the attribute ``mojaloop.environment``. Nothing else is changed, and of its own clients only the fields named
here: a client is read, corrected and sent back whole. The ``keycloak_*`` modules of community.general are not used: one process serves
all participants here, no module's result may hold a secret, and none of them knows rotated secrets or merges policies.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus

from ...remote.http import json_body
from ..registry import Client, ClientSpec, ForeignClient, Preparation
from .admin import MARK, Json, RealmAdmin, covers
from .realm import Realm

BOUND = "tls.client.certificate.bound.access.tokens"
_FIELDS: Json = {
    "clientAuthenticatorType": "client-secret",
    "publicClient": False,
    "bearerOnly": False,
    "serviceAccountsEnabled": True,
    "standardFlowEnabled": False,
    "implicitFlowEnabled": False,
    "directAccessGrantsEnabled": False,
    "fullScopeAllowed": False,
}

Correction = tuple[str, Callable[[], None]]
"""What differs, and what corrects it."""


@dataclass
class KeycloakRegistry:
    """The ``ClientRegistry`` of one realm."""

    admin: RealmAdmin
    realm: Realm

    def prepare(self) -> Iterator[Preparation]:
        """See ClientRegistry."""
        yield from self.realm.prepare()

    @property
    def overlap(self) -> str:
        """See ClientRegistry."""
        return self.realm.overlap

    def find(self, spec: ClientSpec) -> Client | None:
        """See ClientRegistry."""
        found = self.admin.client(spec.client_id)
        if found is None:
            return None
        if not self.admin.is_ours(found):
            what = f"the client {spec.client_id}"
            raise ForeignClient(f"{what} exists, and is not of this environment", where=self.admin.url(), remedy=self.admin.foreign(what))
        attributes = found.get("attributes") or {}
        place = f"clients/{found['id']}"
        secret = found.get("secret") or self.admin.read(f"{place}/client-secret", "reading a secret").json().get("value")
        return Client(
            client_id=spec.client_id,
            place=self.admin.url(place),
            secret=str(secret or ""),
            since=_moment(attributes.get("client.secret.creation.time")) or datetime.fromtimestamp(0, UTC),
            differs=tuple(name for name, _ in self._corrections(spec, found)),
            earlier_until=_moment(attributes.get("client.secret.rotated.expiration.time")),
        )

    def create(self, spec: ClientSpec) -> None:
        """See ClientRegistry."""
        values = _FIELDS | {
            "protocol": "openid-connect",
            "clientId": spec.client_id,
            "name": spec.name,
            "enabled": spec.enabled,
            "attributes": {MARK: self.admin.environment, BOUND: _word(flag=spec.bound)},
            "protocolMappers": list(_mappers(spec)),
            "defaultClientScopes": ["basic"],
            "optionalClientScopes": list(spec.scopes),
        }
        self.admin.write("POST", "clients", "making a client", json_body(values))
        self.update(spec)

    def update(self, spec: ClientSpec) -> None:
        """See ClientRegistry."""
        found = self.admin.client(spec.client_id)
        for _, correct in list(self._corrections(spec, found)) if found else ():
            correct()

    def rotate_secret(self, client: Client) -> None:
        """See ClientRegistry."""
        self.admin.changes.write("POST", f"{client.place}/client-secret", "replacing a secret")

    def end_earlier(self, client: Client) -> None:
        """See ClientRegistry."""
        url, gone = f"{client.place}/client-secret/rotated", {HTTPStatus.NOT_FOUND}
        self.admin.changes.write("DELETE", url, "ending a replaced secret", also=gone)

    def end_tokens(self, client: Client) -> None:
        """See ClientRegistry."""
        found = self.admin.changes.read(client.place, "reading a client").json()
        self._put(found, "ending tokens")
        self._log_out(found)

    def delete(self, client: Client) -> None:
        """See ClientRegistry."""
        self.admin.changes.write("DELETE", client.place, "deleting a client", also={HTTPStatus.NOT_FOUND})

    def _corrections(self, spec: ClientSpec, found: Json) -> Iterator[Correction]:
        yield from self._fields(spec, found)
        kept = {mapper["name"]: mapper for mapper in found.get("protocolMappers") or []}
        for mapper in _mappers(spec):
            if not covers(kept.get(mapper["name"]), mapper):
                yield f"mapper {mapper['name']}", partial(self._put_mapper, found, mapper, kept.get(mapper["name"]))
        yield from self._scopes(spec, found)
        yield from self._roles(spec, found)

    def _fields(self, spec: ClientSpec, found: Json) -> Iterator[Correction]:
        wanted = _FIELDS | {"name": spec.name, "enabled": spec.enabled}
        attributes = found.get("attributes") or {}
        names = [name for name, value in wanted.items() if found.get(name, False) != value]
        names += [] if attributes.get(BOUND, "false") == _word(flag=spec.bound) else [BOUND]
        if names:
            fresh = found | wanted | {"attributes": attributes | {BOUND: _word(flag=spec.bound)}}
            yield ", ".join(names), partial(self._put_client, fresh, f"correcting {', '.join(names)}")

    def _put_client(self, fresh: Json, why: str) -> None:
        if fresh["enabled"]:
            self.admin.write("PUT", f"clients/{fresh['id']}", why, json_body(fresh))
        else:
            # Threat: tokens and sessions from before would live again as soon as the client is enabled again.
            self._put(fresh, why)
            self._log_out(fresh)

    def _put(self, fresh: Json, why: str) -> None:
        """Replace a client; what it was given until now is inactive."""
        self.admin.write("PUT", f"clients/{fresh['id']}", why, json_body(fresh | {"notBefore": int(time.time()) + 1}))

    def _log_out(self, client: Json) -> None:
        self.admin.write("POST", f"users/{self.admin.service_account(client)}/logout", "ending sessions")

    def _put_mapper(self, found: Json, mapper: Json, kept: Json | None) -> None:
        place = f"clients/{found['id']}/protocol-mappers/models"
        if kept is None:
            self.admin.write("POST", place, "adding a mapper", json_body(mapper))
        else:
            fresh = kept | mapper | {"config": (kept.get("config") or {}) | mapper["config"]}
            self.admin.write("PUT", f"{place}/{kept['id']}", "correcting a mapper", json_body(fresh))

    def _scopes(self, spec: ClientSpec, found: Json) -> Iterator[Correction]:
        """Scopes of the API's resources; others that the client has are left to those who gave them."""
        given = set(found.get("optionalClientScopes") or [])
        for name, scope in self.realm.scopes.items():
            if (name in spec.scopes) != (name in given):
                method, why = ("PUT", "granting a scope") if name in spec.scopes else ("DELETE", "taking a scope back")
                place = f"clients/{found['id']}/optional-client-scopes/{scope}"
                yield f"scope {name}", partial(self.admin.write, method, place, why)

    def _roles(self, spec: ClientSpec, found: Json) -> Iterator[Correction]:
        place = f"users/{self.admin.service_account(found)}/role-mappings/clients/{self.realm.api}"
        given = {role["name"] for role in self.admin.listed(place, "reading roles of a service account")} if self.realm.api else set()
        for name in self.realm.scopes:
            if (name in spec.scopes) != (name in given):
                yield f"role {name}", partial(self._map_role, place, name, wanted=name in spec.scopes)

    def _map_role(self, place: str, name: str, *, wanted: bool) -> None:
        method, why = ("POST", "giving a role") if wanted else ("DELETE", "taking a role back")
        self.admin.write(method, place, why, json_body([self.realm.role(name)]))


def _mappers(spec: ClientSpec) -> Iterator[Json]:
    common = {"access.token.claim": "true", "introspection.token.claim": "true", "id.token.claim": "false"}
    dfsp = {"claim.name": r"dfsp\.id", "claim.value": spec.client_id, "jsonType.label": "String"}
    yield _mapper("audience", "oidc-audience-mapper", common | {"included.custom.audience": spec.audience})
    if spec.participant:
        yield _mapper("dfsp.id", "oidc-hardcoded-claim-mapper", common | dfsp)


def _mapper(name: str, kind: str, config: Mapping[str, str]) -> Json:
    return {"name": name, "protocol": "openid-connect", "protocolMapper": kind, "config": dict(config)}


def _word(*, flag: bool) -> str:
    return "true" if flag else "false"


def _moment(seconds: object) -> datetime | None:
    with suppress(ValueError, OverflowError):
        return datetime.fromtimestamp(int(str(seconds)), UTC)
    return None
