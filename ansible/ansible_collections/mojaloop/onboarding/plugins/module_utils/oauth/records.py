# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the hub keeps of a registration, and where: never the client's secret in clear."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from ..description.model import HUB, AuthorizationServer
from ..errors import StoreError
from ..formats import FORMAT, read_json, refuse_newer
from ..store.layout import NEXT, PREVIOUS, registration_path
from ..store.tree import Tree

Kind = TypeVar("Kind", "Registration", "Intent")
_UNWRITTEN = {"replaced", "issuer", "registration_url"}
"""Fields that are not written when they are empty: records of earlier releases stay as they are."""


@dataclass(frozen=True)
class Registration:
    """One client. ``registration_access_token`` manages it; ``delivered`` tells to what its secret was sealed."""

    client_id: str
    registration_client_uri: str
    registration_access_token: str
    issued: str
    scope: str
    delivered: str = ""
    """Digest over exchange certificate, token URL, scope and secret's client; empty for managed participants."""
    replaced: str = ""
    """When the credentials of its successor were handed over; empty for the present one, and then not written."""
    issuer: str = ""
    registration_url: str = ""
    """The server at which it was registered; empty in records of earlier releases until the one described has answered for it."""

    @property
    def registered(self) -> datetime:
        """When it was registered, as this side's clock said; StoreError when the record does not say."""
        return _moment(self.issued, self.client_id)

    def before(self, moment: datetime | None, now: datetime, skew: timedelta) -> bool:
        """Whether an order about clients registered before a moment is about this one.

        A moment still to come orders nothing: what is registered until then would be replaced in every run. What was
        registered more than ``skew`` later than now was so by a clock that ran ahead: it escapes no order.
        """
        return moment is not None and moment <= now and not moment <= self.registered <= now + skew

    def elsewhere(self, server: AuthorizationServer) -> bool:
        """Whether it was registered at another server than this one."""
        return self.issuer not in {"", server.issuer} or self.registration_url not in {"", server.registry_url}

    def same_client(self, other: Registration) -> bool:
        """Whether the other record is about this client too. Threat: another server may give out the same id, even for the same issuer."""
        places = ((self.issuer, other.issuer), (self.registration_url, other.registration_url))
        # A record of an earlier release may be filled in while a copy of it is not yet.
        return self.client_id == other.client_id and all(mine == theirs or "" in {mine, theirs} for mine, theirs in places)

    def ends(self, overlap_days: int) -> datetime:
        """When a client that was replaced is to end."""
        return _moment(self.replaced, self.client_id) + timedelta(days=overlap_days)


@dataclass(frozen=True)
class Intent:
    """What is about to be asked of the server, written first: an answer that is lost leaves this behind."""

    action: str
    client_name: str
    since: str

    @classmethod
    def of(cls, action: str, client_name: str, now: datetime) -> Intent:
        """An intent of ``create``, ``update`` or ``renew``, as of now."""
        return cls(action, client_name, now.isoformat(timespec="seconds"))


def intent_path(participant: str) -> str:
    """Where an unfinished request to the server is remembered."""
    return f"store/{HUB}/oauth/{participant}.intent.json"


def read_registration(tree: Tree, participant: str, which: str = "") -> Registration | None:
    """The record of the present client (``which``: of ``NEXT`` or ``PREVIOUS``), or None; StoreError when it is damaged."""
    path = registration_path(participant, which)
    found = read_object(tree, path)
    return None if found is None else _build(Registration, found, path)


def write_registration(tree: Tree, participant: str, registration: Registration, which: str = "") -> None:
    """Keep the record when it differs from what is kept."""
    if read_registration(tree, participant, which) != registration:
        values = {name: value for name, value in asdict(registration).items() if value or name not in _UNWRITTEN}
        tree.write(registration_path(participant, which), canonical({"format": FORMAT, **values}))


def read_clients(tree: Tree, participant: str) -> dict[str, Registration]:
    """Every client of a participant that is recorded: the present one first (under the empty name), then ``NEXT`` and ``PREVIOUS``."""
    found = {which: read_registration(tree, participant, which) for which in ("", NEXT, PREVIOUS)}
    return {which: one for which, one in found.items() if one is not None}


def read_intent(tree: Tree, participant: str) -> Intent | None:
    """The intent that an interrupted run left, or None."""
    found = read_object(tree, intent_path(participant))
    return None if found is None else _build(Intent, found, intent_path(participant))


def write_intent(tree: Tree, participant: str, intent: Intent) -> None:
    """Remember what is about to be asked."""
    tree.write(intent_path(participant), canonical({"format": FORMAT, **asdict(intent)}))


def canonical(data: object) -> bytes:
    """JSON for people and git: sorted, indented, one trailing newline."""
    return json.dumps(data, sort_keys=True, indent=2).encode() + b"\n"


def read_object(tree: Tree, path: str) -> dict[str, object] | None:
    """A JSON object in the tree, or None when there is no file; StoreError when it is something else."""
    content = tree.read(path)
    if content is None:
        return None
    try:
        found = read_json(content)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise StoreError("is not a JSON object", where=path, remedy="Restore it, or remove it to have it made anew.")
    return found


def _moment(text: str, client: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise StoreError(f"does not say when the client {client} was registered or replaced", remedy="Restore the record.")
    return found


def _build(kind: type[Kind], found: dict[str, object], path: str) -> Kind:
    refuse_newer(found, where=path)
    values = {name: value for name, value in found.items() if name != "format"}
    if found.get("format") != FORMAT or not all(isinstance(value, str) for value in values.values()):
        raise StoreError(f"is not of format {FORMAT}", where=path, remedy="Restore it, or use the release that wrote it.")
    try:
        return kind(**values)  # type: ignore[arg-type]
    except TypeError:
        raise StoreError("lacks or has unknown fields", where=path, remedy="Restore it, or remove it to register anew.") from None
