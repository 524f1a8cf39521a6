# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Clients at a server with dynamic registration (RFC 7591, 7592), which can neither be searched nor keep two secrets of a client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from ...description.model import HUB, Participant, State
from ...errors import AuthorizationServerError, OnboardingError
from ...findings import Disposition, Finding
from ...store.layout import NEXT, PREVIOUS, registration_path
from ..metadata import metadata_faults
from ..model import desired_registration, differences
from ..records import Intent, Registration, intent_path, read_intent, read_registration, write_intent, write_registration
from ..workplace import STEP
from .leaving import leave_server
from .renewal import Renewal
from .work import RegistrationWork


class DynamicRegistrar(RegistrationWork):
    """Keeps one participant's clients after the other's."""

    def prepare(self) -> Iterator[Finding]:
        """Before the first client is registered, the server's metadata tells whether it can have what is needed."""
        if any(self.tree.status(registration_path(one.name)) for one in self.description.participants):
            return
        try:
            self.unfit.update(metadata_faults(self.server, self.http))
        except OnboardingError:
            if not self.check:  # a dry run before the first run may find no server, nor the CA that verifies it
                raise
        for fault in sorted(self.unfit):
            yield Finding(HUB, STEP, HUB, "authorization-server", "metadata-unfit", Disposition.FAULT, detail=fault)

    def onboard(self, participant: Participant) -> Iterator[Finding]:
        """Findings of one participant, acted upon."""
        renewal = Renewal(self, participant)
        if participant in self.description.revoking:
            yield from renewal.end_revoked()
            return
        if participant.state is State.OFFBOARDED:
            yield from self._offboard(participant)
            return
        try:
            yield from self._onboard(participant, renewal)
        except Exception:
            # Threat: whoever has a leaked secret must be out, whatever it was that failed. That first error is reported.
            with suppress(OnboardingError):
                yield from renewal.end_revoked()
            raise

    def _onboard(self, participant: Participant, renewal: Renewal) -> Iterator[Finding]:
        yield from leave_server(self, participant)
        yield from renewal.finish()
        registration, intent = read_registration(self.tree, participant.name), read_intent(self.tree, participant.name)
        moving = registration is not None and registration.elsewhere(self.server)
        if registration and not moving and not self.asks(registration):
            yield from renewal.carry_on()
            return
        observed = self.client.read(registration) if registration and not moving else None
        if registration and observed is not None:
            placed = self.placed(participant, self.follow(participant, registration, observed))
            yield from self._maintain(participant, placed, observed, intent)
            yield from renewal.carry_on()
        elif participant.state is not State.SUSPENDED:
            yield from self._onboard_anew(participant, registration, intent)
            yield from renewal.retire()
        else:  # it may not call: nothing new is made for it
            yield from renewal.carry_on()

    def _onboard_anew(self, participant: Participant, registration: Registration | None, intent: Intent | None) -> list[Finding]:
        """Register the first client, or one in place of a client that the server no longer knows, or that another server has."""
        if self.lacks_exchange(participant):
            return [self.awaited(participant)]
        if self.unfit:
            return []
        if registration and registration.elsewhere(self.server):
            leaving, reason = registration, "authorization-server-changed"
            detail = f"it is registered at {registration.issuer} ({registration.registration_url})"
        else:
            leaving, reason, detail = None, "oauth-client-missing", "the server no longer knows it" if registration else ""
        findings = [*self._orphans(participant, intent), self.finding(participant, "client", reason, detail)]
        self._register(participant, leaving)
        return [*findings, *leave_server(self, participant)]

    def _maintain(
        self, participant: Participant, registration: Registration, observed: dict[str, object], intent: Intent | None
    ) -> list[Finding]:
        """Bring fields and credentials of a client that exists up to the description."""
        self.refuse_another(participant, observed)
        desired = desired_registration(self.description, participant)
        changed = differences(desired, observed)
        findings = []
        if changed:
            findings.append(self.finding(participant, "client", "oauth-client-differs", ", ".join(changed)))
            if not self.check:
                registration, observed = self._update(participant, registration, desired)
        elif intent and intent.action != "renew":
            self.tree.remove(intent_path(participant.name))
        if self.lacks_exchange(participant):
            findings.append(self.awaited(participant))
        elif not self.delivered(participant, registration, str(observed.get("client_secret") or "")):
            findings.append(self.finding(participant, "credentials", "oauth-credentials-missing"))
            self._redeliver(participant, registration, observed)
        return findings

    def _register(self, participant: Participant, leaving: Registration | None = None) -> None:
        """Register a client: intent, request, credentials, record; a kill in between leaves the intent.

        One of another server (``leaving``) stays the present one until then, so that a description changed by mistake costs nothing.
        """
        registration, secret = self.register(participant, "create")
        if leaving:
            write_registration(self.tree, participant.name, replace(leaving, replaced=self.now.isoformat(timespec="seconds")), PREVIOUS)
        self.deliver(participant, registration, secret)
        self.tree.remove(intent_path(participant.name))

    def _update(
        self, participant: Participant, registration: Registration, desired: dict[str, object]
    ) -> tuple[Registration, dict[str, object]]:
        """Change the client at the server; the new management token is kept before anything else happens."""
        write_intent(self.tree, participant.name, Intent.of("update", str(desired["client_name"]), self.now))
        observed = self.client.update(registration, desired)
        if observed is None:
            raise AuthorizationServerError(f"the client of {participant.name} vanished during its update", remedy="Run again.")
        registration = self.follow(participant, replace(registration, scope=str(desired["scope"])), observed)
        self.tree.remove(intent_path(participant.name))
        return registration, observed

    def _redeliver(self, participant: Participant, registration: Registration, observed: dict[str, object]) -> None:
        """Deliver again: the secret as the server tells it, or as the participant has it, else that of a new client."""
        secret = observed.get("client_secret") or self.kept_secret(participant, registration.client_id)
        if secret:
            self.deliver(participant, registration, str(secret))
            return
        if not self.check:
            self.client.delete(registration)
        self.tree.remove(registration_path(participant.name))
        self._register(participant)

    def _offboard(self, participant: Participant) -> Iterator[Finding]:
        """Delete the clients of a participant that left, and what is kept of them."""
        yield from leave_server(self, participant)
        intent, clients = read_intent(self.tree, participant.name), self.clients(participant)
        if not clients and intent is None:
            return
        yield from self._orphans(participant, intent)
        for which in (PREVIOUS, NEXT, ""):
            if which in clients:
                self.delete(participant, clients[which], which)
                yield self.finding(participant, f"client{which}", "oauth-client-retired")
            else:
                self.forget(participant, which)
        if intent:
            self.tree.remove(intent_path(participant.name))

    def _orphans(self, participant: Participant, intent: Intent | None) -> list[Finding]:
        """A request whose answer was lost may have left a client that no one can manage (RFC 7591 has no list)."""
        kept = {"create": "", "renew": NEXT}.get(intent.action) if intent else None
        found = self.clients(participant).get(kept) if kept is not None else None
        answered = found is not None and not found.elsewhere(self.server)
        return [self.orphan(participant, intent)] if intent and not answered else []
