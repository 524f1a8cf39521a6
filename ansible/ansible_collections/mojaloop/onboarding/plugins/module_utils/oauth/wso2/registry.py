# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""WSO2's clients: for each participant an account, its application, its subscriptions and one pair of keys.

The account is the participant's name. It is this pack's when it has the role of the environment (``mark_role``); only such accounts are
touched, and in them only what is named here. The application's description keeps when its secret was made: WSO2 does not tell.
A participant that is not active keeps keys without a usable grant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

from ...errors import AuthorizationServerError
from ..registry import Client, ClientSpec, ForeignClient, Preparation
from .access import Access
from .catalogue import OWNER, Catalogue
from .portal import TOKEN_SECONDS, Json, Portal
from .roles import SUBSCRIBER, mark_role, resource_role
from .store import Store
from .user_store import UserStore

USABLE, UNUSABLE = ["client_credentials"], ["refresh_token"]
APPROVED = {"", "APPROVED", "COMPLETED"}
_SECRET_OF = re.compile(r"secret of ([0-9T:+-]{25})")
_UNKNOWN = datetime.fromtimestamp(0, UTC)

Correction = tuple[str, Callable[[], object]]
"""What differs, and what corrects it."""


@dataclass(frozen=True)
class Held:
    """What stands for one client at the server."""

    portal: Portal
    application: Json
    keys: Json


@dataclass
class Wso2Registry:
    """The ``ClientRegistry`` of one API Manager."""

    access: Access
    users: UserStore
    catalogue: Catalogue
    overlap_days: int
    _portals: dict[str, Portal] = field(default_factory=dict)
    _held: dict[str, Held] = field(default_factory=dict)
    """Both by account."""
    _shown: dict[str, str] = field(default_factory=dict)
    """Secrets that the server showed once, by client id."""
    _regained: set[str] = field(default_factory=set)
    """Accounts whose password was set anew."""

    def prepare(self) -> Iterator[Preparation]:
        """See ClientRegistry."""
        yield from self.access.prepare()
        yield from self.catalogue.prepare(self.access.admin)

    @property
    def overlap(self) -> str:
        """See ClientRegistry."""
        if not self.overlap_days:
            return "client_overlap_days is 0"
        if self.access.server.version == "2.6":
            return "API Manager 2.6 makes a new client"
        return "" if self.catalogue.several_secrets else "the key manager has one secret for each client"

    def find(self, spec: ClientSpec) -> Client | None:
        """See ClientRegistry."""
        name = spec.participant
        if not self.users.has_user(name):
            return None
        self._refuse_foreign(name)
        differs = tuple(each for each, _ in self._corrections(spec))
        portal = self._portals.get(name)
        application = portal.application(name) if portal else None
        keys = portal.keys(application) if portal and application else None
        if not (portal and application and keys and keys.get("consumerKey")):
            awaits = _awaited(application or {}, keys or {}, [])
            return Client("", self._place(name), "", _since(application or {}), differs, awaits=awaits)
        held = self._held[name] = Held(portal, application, keys)
        secrets = self._secrets(held)
        return Client(
            client_id=str(keys["consumerKey"]),
            place=self._place(name),
            secret=self._secret(keys, secrets),
            since=_since(application),
            differs=differs,
            earlier_until=_since(application) + timedelta(days=self.overlap_days) if len(secrets) > 1 else None,
            awaits=_awaited(application, keys, list(portal.subscriptions(application).values())),
        )

    def create(self, spec: ClientSpec) -> None:
        """See ClientRegistry."""
        if not (self.catalogue.apis or self.access.dry_run):
            remedy = "Mend what is reported about the hub first."
            raise AuthorizationServerError("is not prepared for clients", where=self.access.server.base_url, remedy=remedy)
        self.update(spec)

    def update(self, spec: ClientSpec) -> None:
        """See ClientRegistry."""
        for _, correct in self._corrections(spec):
            correct()

    def rotate_secret(self, client: Client) -> None:
        """See ClientRegistry."""
        held, made = self._held[self._name(client)], _stamp()
        if self.overlap:
            self._show(held.portal.replace_secret(held.application, held.keys, self._description(made)))
        else:
            self._shown[client.client_id] = held.portal.add_secret(held.application, held.keys, made)
            held.portal.change_application(held.application, description=self._description(made))

    def end_earlier(self, client: Client) -> None:
        """See ClientRegistry."""
        self._end_earlier(self._held[self._name(client)])

    def end_tokens(self, client: Client) -> None:
        """WSO2 takes back single tokens, and only from who has them: they are short instead."""

    def delete(self, client: Client) -> None:
        """See ClientRegistry: the application first, because it would outlive its account."""
        name = self._name(client)
        portal = self._portals.get(name)
        application = portal.application(name) if portal else None
        if portal and application:
            portal.delete_application(application)
        self.users.delete_user(name)
        if self.access.admin and f"{name}:{name}" in self.catalogue.denied:
            self.catalogue.allow(self.access.admin, f"{name}:{name}")

    def _place(self, name: str) -> str:
        return f"{self.access.server.registry_url}#{name}"

    def _name(self, client: Client) -> str:
        return client.place.rpartition("#")[2]

    def _description(self, made: str) -> str:
        return f"{OWNER} {self.catalogue.environment}: secret of {made}"

    def _refuse_foreign(self, name: str) -> None:
        mark = mark_role(self.catalogue.environment)
        if mark not in self.users.roles_of(name):
            remedy = f"Rename the account, or give it the role {mark}: then this pack takes it over, with a new password."
            what = f"the account {name} exists, and is not of this environment"
            raise ForeignClient(what, where=self.access.server.base_url, remedy=remedy)

    def _portal(self, name: str) -> Portal | None:
        """What the account has; None while it cannot be read: in a dry run, when the account or its password is only to be made."""
        if name not in self._portals:
            changes = self.access.account(name)
            if changes is None and self.access.admin and not self.access.dry_run:
                self.users.set_password(name, self.access.account_password(name))
                self._regained.add(name)
                changes = self.access.account(name)
                if changes is None:
                    remedy = "Look for a lock of the account, or a policy that its password of 24 characters does not meet."
                    raise AuthorizationServerError(f"gives the account {name} no token", where=self.access.server.base_url, remedy=remedy)
            if changes:
                server = self.access.server
                kind = Portal if server.version == "4.2" else Store
                self._portals[name] = kind(changes, server.base_url, server.throttling_policy, server.key_manager)
        return self._portals.get(name)

    def _corrections(self, spec: ClientSpec) -> Iterator[Correction]:
        """What differs, read step by step: each step finds what the one before has made."""
        name = spec.participant
        yield from self._account(spec)
        portal = self._portal(name)
        if portal is None or name in self._regained:
            yield "account password", _nothing
        application = portal.application(name) if portal else None
        yield from self._application(name, portal, application)
        application = application or (portal.application(name) if portal else None)
        if application and application.get("status") not in APPROVED:
            return
        yield from self._keys(spec, portal, application)
        yield from self._subscriptions(portal, application)
        yield from self._denial(spec)

    def _denial(self, spec: ClientSpec) -> Iterator[Correction]:
        """Tokens from before a suspension live on: WSO2's gateways refuse them by a deny policy."""
        application, admin = f"{spec.participant}:{spec.participant}", self.access.admin
        denied = application in self.catalogue.denied
        if admin and denied == spec.enabled:
            change = self.catalogue.allow if denied else self.catalogue.deny
            yield "deny policy", partial(change, admin, application)

    def _account(self, spec: ClientSpec) -> Iterator[Correction]:
        name, wanted = spec.participant, {resource_role(scope) for scope in spec.scopes}
        if not self.users.has_user(name):
            roles = {SUBSCRIBER, mark_role(spec.environment), *wanted}
            yield "account", lambda: self.users.add_user(name, self.access.account_password(name), roles)
            return
        found, ours = self.users.roles_of(name), {resource_role(resource) for resource in self.catalogue.resources}
        give, take = ({SUBSCRIBER, *wanted} - found), (found & ours) - wanted
        if give or take:
            yield f"roles {', '.join(sorted(give | take))}", partial(self.users.change_roles, name, take=take, give=give)

    def _application(self, name: str, portal: Portal | None, found: Json | None) -> Iterator[Correction]:
        if portal is None or found is None:
            yield "application", partial(portal.make_application, name, self._description(_stamp())) if portal else _nothing
            return
        wanted = portal.application_values
        if _since(found) == _UNKNOWN:
            # Unknown is taken for old: no order to end a secret is escaped.
            wanted["description"] = self._description(_UNKNOWN.isoformat(timespec="seconds"))
        names = [each for each, value in wanted.items() if found.get(each) != value]
        if names:
            yield f"application {', '.join(names)}", partial(portal.change_application, found, **wanted)

    def _keys(self, spec: ClientSpec, portal: Portal | None, application: Json | None) -> Iterator[Correction]:
        grants = USABLE if spec.enabled else UNUSABLE
        found = portal.keys(application) if portal and application else None
        if portal is None or application is None:
            yield "keys", _nothing
        elif found is None or (not found.get("consumerKey") and found.get("keyState") in APPROVED):
            yield "keys", partial(self._generate, portal, application, grants)
        elif found.get("consumerKey"):
            held = Held(portal, application, found)
            names = portal.key_differences(found, grants, TOKEN_SECONDS)
            if names:
                yield ", ".join(names), partial(portal.change_keys, application, found, grants, TOKEN_SECONDS)
            over = _since(application) + timedelta(days=self.overlap_days) <= datetime.now(UTC)
            if over and len(self._secrets(held)) > 1:
                yield "earlier secret", partial(self._end_earlier, held)

    def _generate(self, portal: Portal, application: Json, grants: list[str]) -> None:
        self._show(portal.generate_keys(application, grants, TOKEN_SECONDS))

    def _show(self, made: Json) -> None:
        """Remember a secret that was shown."""
        self._shown[str(made.get("consumerKey"))] = str(made.get("consumerSecret") or "")

    def _subscriptions(self, portal: Portal | None, application: Json | None) -> Iterator[Correction]:
        found = portal.subscriptions(application) if portal and application else {}
        for name in self.access.server.apis:
            api = self.catalogue.apis.get(name, "")
            if not (api or self.access.dry_run):
                continue  # preparing failed, and that is reported
            if portal is None or application is None:
                yield f"subscription {name}", _nothing
            elif api not in found:
                yield f"subscription {name}", partial(portal.subscribe, application, api)
            elif portal.subscription_differs(found[api]):
                yield f"subscription {name}", partial(portal.change_subscription, found[api])

    def _secrets(self, held: Held) -> list[Json]:
        return held.portal.secrets(held.application, held.keys) if self.catalogue.several_secrets else []

    def _secret(self, keys: Json, secrets: list[Json]) -> str:
        """The present secret; empty where the server hides it."""
        shown = str((secrets[0].get("secretValue") if secrets else keys.get("consumerSecret")) or "")
        return self._shown.get(str(keys["consumerKey"])) or ("" if "*" in shown else shown)

    def _end_earlier(self, held: Held) -> None:
        for secret in self._secrets(held)[1:]:
            held.portal.end_secret(held.application, held.keys, secret)


def _nothing() -> None:
    """What cannot be read yet is not changed either."""


def _stamp() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _since(application: Json) -> datetime:
    found = _SECRET_OF.search(str(application.get("description") or ""))
    with suppress(ValueError):
        return datetime.fromisoformat(found.group(1)) if found else _UNKNOWN
    return _UNKNOWN


def _awaited(application: Json, keys: Json, subscriptions: list[Json]) -> str:
    states = {"application": application.get("status"), "keys": keys.get("keyState")}
    waiting = [f"approve its {name} ({state})" for name, state in states.items() if str(state or "") not in APPROVED]
    ends = {"ON_HOLD": "approve", "BLOCKED": "unblock", "PROD_ONLY_BLOCKED": "unblock", "REJECTED": "decide again on"}
    waiting += [f"{ends[one['status']]} its subscription ({one['status']})" for one in subscriptions if one.get("status") in ends]
    return ", ".join(waiting)
