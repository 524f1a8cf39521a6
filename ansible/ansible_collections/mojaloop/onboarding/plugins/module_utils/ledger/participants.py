# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One participant in the ledger: accounts, caps, endpoints and state first; opening funds when all of these are right."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial

from ..errors import RemoteError
from ..findings import Disposition
from ..remote.errors import Refused
from . import comparison
from .client import LedgerClient
from .convergence import Convergence, Difference, Order
from .funds import Openings, opening_funds
from .model import DesiredParticipant, Observed

BOOKING = 30.0
"""Seconds until funds that were accepted count as not booked; the ledger takes about one, and three right after its start."""
PAUSE = 0.2


@dataclass(frozen=True)
class ParticipantInLedger:
    """One participant, with the ledger and the records of its opening funds."""

    desired: DesiredParticipant
    client: LedgerClient
    openings: Openings
    dry_run: bool
    _sent: set[str] = field(default_factory=set)

    def ensure(self) -> Iterator[Difference]:
        """Make it active, with all that is described; or, where it is not to be active, inactive and nothing else."""
        desired = self.desired
        first = (comparison.accounts, comparison.limits, comparison.endpoints) if desired.active else ()
        stages = [partial(stage, desired) for stage in (*first, comparison.states)]
        right = True
        for each in Convergence(self._read, self.client.send, stages).differences(dry_run=self.dry_run):
            right = right and each.disposition is not Disposition.FAULT
            yield self._explained(each)
        if desired.active and right:
            funds = partial(opening_funds, desired, self.openings)
            yield from Convergence(self._read_balances, self._book, [funds]).differences(dry_run=self.dry_run)

    def remaining(self) -> Iterator[Difference]:
        """What an offboarded participant still has in the ledger."""
        observed = self._read()
        if observed.exists:
            yield from comparison.remaining_funds(replace(observed, balances=self.client.balances(self.desired.name)))

    def _read(self) -> Observed:
        return self.client.participant(self.desired.name)

    def _read_balances(self) -> Observed:
        """As ``_read``, with the balances where they count; what was sent is waited for, and what is booked is recorded."""
        if not self.openings.unsettled(self.desired):
            return Observed()
        self._wait_for_booking()
        observed = self.client.participant(self.desired.name, balances=True)
        if not self.dry_run:
            self.openings.settle(self.desired, observed.balances)
        return observed

    def _wait_for_booking(self) -> None:
        end = time.monotonic() + BOOKING
        while self._sent and time.monotonic() < end:
            balances = self.client.balances(self.desired.name)
            self._sent.difference_update({each for each in self._sent if self.openings.shown(self.desired, each, balances)})
            if self._sent:
                time.sleep(PAUSE)
        self._sent.clear()

    def _book(self, order: Order) -> None:
        """Record the request, then send it: a run that is killed in between repeats it with the same transfer id.

        An account that filled since it was read gets nothing: what is read next shows whether another installation booked the same.
        """
        currency = str(order.body["amount"]["currency"])
        if self.openings.read(currency) is None and self.client.balances(self.desired.name).get(currency):
            return
        self.openings.request(self.desired, currency)
        self._sent.add(currency)
        try:
            self.client.send(order)
        except Refused:
            self._sent.discard(currency)
            raise

    def _explained(self, difference: Difference) -> Difference:
        """The ledger compares names without case and answers a collision with 500; its lookups are exact."""
        if difference.disposition is not Disposition.FAULT or not difference.artefact.startswith("ledger-account"):
            return difference
        try:
            taken = [name for name in self.client.names() if name.lower() == self.desired.name.lower() and name != self.desired.name]
        except RemoteError:
            return difference
        if not taken:
            return difference
        return replace(
            difference, reason="ledger-name-taken", detail=f"the ledger has {taken[0]} already, which it takes for the same name"
        )
