# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Clients at a server that is a ``ClientRegistry``: one client for each participant for good, whose secret is replaced within it.

Everything follows from what the server has now, so that a killed run is finished by the next one: a client without roles differs, a
secret that is not the one delivered is delivered. A rotated secret needs no waiting for gateways, because they know the client.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import cached_property

from ..description.model import HUB, Participant, State
from ..errors import AuthorizationServerError
from ..findings import OPERATOR, Disposition, Finding
from ..store.layout import NEXT, PREVIOUS
from .operators import keep_operators
from .orders import Orders
from .records import Registration, read_registration
from .registry import Client, ClientRegistry, ClientSpec, ForeignClient, client_spec
from .workplace import STEP, Workplace

PLACEHOLDER = "dry-run"
"""The secret that a dry run puts into its overlay."""


class RegistryRegistrar:
    """Keeps the clients of one registry."""

    def __init__(self, work: Workplace, connect: Callable[[Workplace], ClientRegistry], *, operators: bool = False) -> None:
        self._work = work
        self._operators = operators
        self._connect = connect
        self._prepared = False

    @cached_property
    def _registry(self) -> ClientRegistry:
        return self._connect(self._work)

    def prepare(self) -> Iterator[Finding]:
        """See Registrar."""
        for one in self._registry.prepare():
            disposition = Disposition.PENDING if one.pending_on else Disposition.CHANGE
            yield Finding(HUB, STEP, HUB, one.artefact, one.reason, disposition, one.pending_on, one.detail)
        self._prepared = True
        if self._operators:
            yield from keep_operators(self._work, self._registry)

    def onboard(self, participant: Participant) -> Iterator[Finding]:
        """See Registrar."""
        spec = client_spec(self._work.description, participant)
        record = read_registration(self._work.tree, participant.name)
        if record and not self._work.asks(record):
            return
        if participant in self._work.description.revoking:
            yield from self._end_revoked(participant, spec, record)
        elif participant.state is State.OFFBOARDED:
            yield from self._offboard(participant, spec, record)
        else:
            client = self._registry.find(spec)
            if client:
                yield from self._maintain(participant, spec, client, record)
            elif participant.active:
                yield from self._create(participant, spec, record)

    def _create(self, participant: Participant, spec: ClientSpec, record: Registration | None) -> Iterator[Finding]:
        if self._work.lacks_exchange(participant):
            yield self._work.awaited(participant)
            return
        yield self._work.finding(participant, "client", "oauth-client-missing", "the server no longer knows it" if record else "")
        self._registry.create(spec)
        yield from self._left_behind(participant, record)
        client = None if self._work.check else self._registry.find(spec)
        yield from self._awaited(participant, client)
        if client is None or client.client_id:
            self._deliver(participant, spec, client)

    def _awaited(self, participant: Participant, client: Client | None) -> Iterator[Finding]:
        """What a person has to do at the server first."""
        if client and client.awaits:
            yield self._work.finding(participant, "client", "awaiting-approval", client.awaits, OPERATOR)

    def _left_behind(self, participant: Participant, record: Registration | None) -> Iterator[Finding]:
        """A client at a server that the description does not name any more is reported once, and forgotten here."""
        if record and record.elsewhere(self._work.server):
            detail = f"delete the client {record.client_id} at {record.issuer} ({record.registration_url})"
            yield self._work.finding(participant, "client.previous", "oauth-orphan-possible", detail, OPERATOR)
            self._work.forget(participant, PREVIOUS)
            self._work.forget(participant, NEXT)

    def _maintain(self, participant: Participant, spec: ClientSpec, client: Client, record: Registration | None) -> Iterator[Finding]:
        present, orders = self._record(spec, client), self._orders(participant)
        leaked = orders.revoked(present) or bool(record and orders.revoked(record) and client.earlier_until)
        revoked = leaked and bool(client.client_id)  # a client that is only half made has no secret yet
        if revoked:  # before anything else can fail
            yield from self._revoke(participant, spec, client, present)
            if participant.active and not self._work.lacks_exchange(participant):
                self._deliver(participant, spec)
        if client.differs:
            yield self._work.finding(participant, "client", "oauth-client-differs", ", ".join(client.differs))
            self._registry.update(spec)
            client = (None if self._work.check else self._registry.find(spec)) or client
        yield from self._left_behind(participant, record)
        yield from self._awaited(participant, client)
        if revoked or not participant.active or (client.awaits and not client.client_id):
            return
        if self._work.lacks_exchange(participant):
            yield self._work.awaited(participant)
        elif self._prepared and client.client_id and orders.due(self._record(spec, client)):
            yield from self._rotate(participant, spec, client, self._record(spec, client))
        else:
            yield from (self._work.finding(participant, "client", "order-to-come", each, OPERATOR) for each in orders.to_come())
            yield from self._credentials(participant, spec, client, record)

    def _credentials(self, participant: Participant, spec: ClientSpec, client: Client, record: Registration | None) -> Iterator[Finding]:
        """The secret may have been replaced at the server, or a run was killed before it was delivered."""
        kept = replace(self._record(spec, client), delivered=record.delivered if record else "")
        if record != kept or not self._work.delivered(participant, kept, client.secret):
            yield self._work.finding(participant, "credentials", "oauth-credentials-missing")
            self._deliver(participant, spec, client)

    def _rotate(self, participant: Participant, spec: ClientSpec, client: Client, present: Registration) -> Iterator[Finding]:
        orders, overlap = self._orders(participant), self._registry.overlap
        if client.earlier_until and client.earlier_until > self._work.now:
            detail = f"the earlier secret works until {client.earlier_until:%Y-%m-%d %H:%M} UTC; to end both at once: oauth.revoke_before"
            yield self._work.finding(participant, "client", "overlap-running", detail, participant.name)
            return
        self._registry.rotate_secret(client)
        if overlap:
            self._end_earlier(spec)
        end = f"no overlap: {overlap}" if overlap else f"the earlier secret works for {self._work.server.client_overlap_days} days"
        yield self._work.finding(participant, "credentials", "oauth-credentials-renewed", f"{orders.why(present)}; {end}")
        self._deliver(participant, spec)

    def _revoke(self, participant: Participant, spec: ClientSpec, client: Client, present: Registration) -> Iterator[Finding]:
        """End every secret from before the order. Threat: whoever has one must be out, so a participant in any state loses it."""
        if self._orders(participant).revoked(present):
            self._registry.rotate_secret(client)
        self._end_earlier(spec)
        self._registry.end_tokens(client)
        detail = "it was made before oauth.revoke_before; gateways let tokens made until now pass to their end"
        yield self._work.finding(participant, "credentials", "oauth-credentials-renewed", detail)

    def _end_revoked(self, participant: Participant, spec: ClientSpec, record: Registration | None) -> Iterator[Finding]:
        """Of a participant whose file has faults only the order to revoke is known: its secret ends, and is delivered by a later run."""
        known = replace(spec, client_id=record.client_id) if record else spec
        client = self._registry.find(known) if record else None
        if client and client.client_id and self._orders(participant).revoked(self._record(known, client)):
            yield from self._revoke(participant, known, client, self._record(known, client))

    def _end_earlier(self, spec: ClientSpec) -> None:
        found = self._registry.find(spec)
        if found and found.earlier_until:
            self._registry.end_earlier(found)

    def _offboard(self, participant: Participant, spec: ClientSpec, record: Registration | None) -> Iterator[Finding]:
        client = None
        with suppress(ForeignClient):
            client = self._registry.find(spec)
        if client:
            self._registry.delete(client)
        yield from self._left_behind(participant, record)
        if client or record:
            yield self._work.finding(participant, "client", "oauth-client-retired")
        for which in (PREVIOUS, NEXT, ""):
            self._work.forget(participant, which)

    def _deliver(self, participant: Participant, spec: ClientSpec, client: Client | None = None) -> None:
        """Put the secret that the server has now where its owner reads it; in a dry run a placeholder where it is only to be made."""
        found = client
        if self._work.check and not (found and found.secret):
            found = Client(spec.client_id, "", PLACEHOLDER, self._work.now)
        found = found or self._registry.find(spec)
        if found and found.client_id and not found.secret:  # the server showed it once, to a run that did not deliver it
            self._registry.rotate_secret(found)
            found = self._registry.find(spec)
        if found is None or not found.secret:
            remedy = "Look for the client there, and run again."
            raise AuthorizationServerError(f"shows no secret of {spec.name}", where=self._work.server.registry_url, remedy=remedy)
        self._work.deliver(participant, self._record(spec, found), found.secret)

    def _record(self, spec: ClientSpec, client: Client) -> Registration:
        server = self._work.server
        return Registration(
            client_id=client.client_id,
            registration_client_uri=client.place,
            registration_access_token="",
            issued=client.since.isoformat(timespec="seconds"),
            scope=" ".join(spec.scopes),
            issuer=server.issuer,
            registration_url=server.registry_url,
        )

    def _orders(self, participant: Participant) -> Orders:
        return Orders(self._work.description, self._work.server, participant, self._work.now)
