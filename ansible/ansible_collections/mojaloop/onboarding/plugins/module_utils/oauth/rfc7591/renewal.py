# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Replacement of a participant's OAuth client while it is in use: no request is lost unless a person wants it at once.

A server need not keep two secrets of one client (RFC 7592 section 2.2), so the successor is a client of its own:

1. It is registered, and its credentials are kept where no one reads them (``NEXT``). The gateways, configured later in
   that run, accept both clients.
2. In the first run after *every* gateway of the hub was seen to accept it, its credentials are handed over. Not earlier:
   the server gives out tokens for it at once, and an inbound listener that does not know the client yet would refuse them. The earlier
   client is kept (``PREVIOUS``) and still works.
3. After ``client_overlap_days`` the earlier client is deleted at the server, and the listeners forget it.

``revoke_before`` does all of it in one run and waits for no one: whoever has the secret must be out, and requests with the
old token are refused until the participant has its new credentials and the gateways are configured. Where no successor can be
had, the old ones are deleted nevertheless; where the server does not do that, the listeners refuse them (``listeners.accepted_clients``).

The record of the earlier client, written first, is the mark of a hand-over that has begun: a killed one is finished by the next run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ...description.model import Participant
from ...errors import OnboardingError
from ...findings import OPERATOR, Finding
from ...store.layout import NEXT, PREVIOUS, sealed_credentials_path
from ..listeners import listeners_without
from ..model import desired_registration, differences
from ..orders import Orders
from ..records import Registration, intent_path, read_intent, write_registration
from ..workplace import kept_here
from .work import RegistrationWork


@dataclass(frozen=True)
class Renewal:
    """The renewal of one participant's client, as far as it has come."""

    work: RegistrationWork
    participant: Participant

    @property
    def _orders(self) -> Orders:
        return Orders(self.work.description, self.work.server, self.participant, self.work.now)

    def finish(self) -> Iterator[Finding]:
        """Finish what a killed run began: a registration without an answer, a hand-over half done."""
        clients = self._clients()
        intent = read_intent(self.work.tree, self.participant.name)
        if intent and intent.action == "renew":
            if NEXT not in clients:
                yield self.work.orphan(self.participant, intent)
                self.work.forget(self.participant, NEXT)
            self.work.tree.remove(intent_path(self.participant.name))
        present, following, earlier = (clients.get(which) for which in ("", NEXT, PREVIOUS))
        if following and present and following.same_client(present):
            self.work.forget(self.participant, NEXT)
        elif following is None and present and earlier and earlier.same_client(present):
            self.work.forget(self.participant, PREVIOUS)
        elif following and present and earlier and earlier.same_client(present) and not self.work.lacks_exchange(self.participant):
            secret, findings = self._looked_at(following)
            yield from findings
            if secret is None:
                self.work.forget(self.participant, PREVIOUS)
            else:
                yield from self._hand_over(secret)

    def carry_on(self) -> Iterator[Finding]:
        """Whatever is due: of a participant that is suspended, or that nothing can be sealed to, nothing but the end of clients."""
        yield from self.retire()
        if self.participant.active and not self.work.lacks_exchange(self.participant):
            yield from self._renew()
            yield from self.retire()
        else:
            yield from self.end_revoked()

    def end_revoked(self) -> Iterator[Finding]:
        """Delete what is revoked, successor or not, and each although another could not be; the last error then."""
        refused: OnboardingError | None = None
        for which, client in self._clients().items():
            if self._orders.revoked(client):
                try:
                    self.work.delete(self.participant, client, which)
                except OnboardingError as error:
                    refused = error
                else:
                    yield self._finding(f"client{which}", "oauth-client-retired", "it was registered before oauth.revoke_before")
        if refused:
            raise refused

    def retire(self) -> Iterator[Finding]:
        """End the earlier client when its time is over."""
        clients = self._clients()
        present, earlier = clients.get(""), clients.get(PREVIOUS)
        if earlier is None or (present and earlier.same_client(present)):
            return
        if self._orders.revoked(earlier) or earlier.ends(self.work.server.client_overlap_days) <= self.work.now:
            yield from self._retired(earlier)

    def _renew(self) -> Iterator[Finding]:
        clients = self._clients()
        present, following = clients[""], clients.get(NEXT)
        secret: str | None = None
        if following:
            secret, findings = self._looked_at(following)
            yield from findings
        if secret is None:
            waiting = self._waiting(present, clients.get(PREVIOUS))
            if waiting is not None:
                yield from waiting
                return
            secret = self._prepare()
            yield self._finding("client", "oauth-client-renewed", self._orders.why(present))
        without = (
            []
            if self._orders.revoked(present)
            else listeners_without(self.work.description, self.work.tree, self._clients()[NEXT].client_id)
        )
        if without:
            detail = f"handed over by the next run, once the new client is accepted by {', '.join(without)}"
            yield self._finding("credentials", "awaiting-gateways", detail, OPERATOR)
        else:
            yield from self._hand_over(secret)

    def _waiting(self, present: Registration, earlier: Registration | None) -> list[Finding] | None:
        """Why no successor is made now, if so: it is not due (nothing to tell), or someone is waited for."""
        if not self._orders.due(present):
            return [self._finding("client", "order-to-come", detail, OPERATOR) for detail in self._orders.to_come()]
        if earlier and not self._orders.revoked(present):
            detail = f"the earlier client works until {self._end(earlier)}; to end both at once: oauth.revoke_before"
            return [self._finding("client", "overlap-running", detail, self.participant.name)]
        return None

    def _prepare(self) -> str:
        """Register the successor; the intent goes when its record is kept."""
        registration, secret = self.work.register(self.participant, "renew")
        self.work.deliver(self.participant, registration, secret, NEXT)
        self.work.tree.remove(intent_path(self.participant.name))
        return secret

    def _looked_at(self, following: Registration) -> tuple[str | None, list[Finding]]:
        """The secret of a prepared client (empty: it is sealed already); None when it is good for nothing, and gone now."""
        observed: dict[str, object] | None = {}
        asks = self.work.asks(following)
        if asks:
            observed = self.work.client.read(following)
        if observed is None:
            self.work.forget(self.participant, NEXT)
            return None, [self._finding("client.next", "oauth-client-missing", "the server no longer knows it")]
        if asks:
            following = self.work.follow(self.participant, following, observed, NEXT)
            changed = differences(desired_registration(self.work.description, self.participant), observed)
        else:
            changed = []
        secret = self._secret(following, observed)
        if changed or secret is None or self._orders.revoked(following):
            self.work.delete(self.participant, following, NEXT)
            why = (
                "it was registered before oauth.revoke_before"
                if self._orders.revoked(following)
                else ", ".join(changed) or "its secret is lost"
            )
            return None, [self._finding("client.next", "oauth-client-retired", why)]
        return secret, []

    def _secret(self, following: Registration, observed: dict[str, object]) -> str | None:
        tree, name = self.work.tree, self.participant.name
        sealed = not kept_here(self.participant) and tree.read(sealed_credentials_path(name, NEXT)) is not None
        if sealed and following.delivered == self.work.delivery(self.participant, following):
            return ""
        return str(observed.get("client_secret") or "") or self.work.kept_secret(self.participant, following.client_id, NEXT) or None

    def _hand_over(self, secret: str) -> Iterator[Finding]:
        """Put the successor in the place of the present client; the record of the earlier one comes first."""
        tree, name = self.work.tree, self.participant.name
        clients = self._clients()
        present, following, earlier = clients[""], clients[NEXT], clients.get(PREVIOUS)
        if earlier and not earlier.same_client(present):
            yield from self._retired(earlier)
        replaced = replace(present, replaced=self.work.now.isoformat(timespec="seconds"))
        write_registration(tree, name, replaced, PREVIOUS)
        if secret:
            self.work.deliver(self.participant, following, secret)
        else:
            tree.write(sealed_credentials_path(name), tree.read(sealed_credentials_path(name, NEXT)) or b"")
            write_registration(tree, name, following)
        self.work.forget(self.participant, NEXT)
        end = "ends in this run" if self._orders.revoked(present) else f"works until {self._end(replaced)}"
        yield self._finding("credentials", "oauth-credentials-renewed", f"the earlier client {end}")

    def _retired(self, earlier: Registration) -> Iterator[Finding]:
        self.work.delete(self.participant, earlier, PREVIOUS)
        yield self._finding("client.previous", "oauth-client-retired", f"it was replaced on {earlier.replaced}")

    def _end(self, earlier: Registration) -> str:
        return f"{earlier.ends(self.work.server.client_overlap_days):%Y-%m-%d %H:%M} UTC"

    def _clients(self) -> dict[str, Registration]:
        return self.work.clients(self.participant)

    def _finding(self, artefact: str, reason: str, detail: str, pending_on: str = "") -> Finding:
        return self.work.finding(self.participant, artefact, reason, detail, pending_on)
