# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""End to end: a participant pays its counterpart and is paid by it; what is refused moves nothing. Positions are those of the ledger."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from ..description.model import Participant
from .application import Application
from .material import Material
from .model import Answer, Case
from .outcomes import found, outcome
from .payments import Books, Pair, Payment

DIRECTION = "end to end with a counterpart"
SETTLED_SECONDS = 10.0
"""How long the ledger may take to release what it had reserved; it takes less than one."""
CENT = Decimal("0.01")


@dataclass(frozen=True)
class Business:
    """The end to end cases of one participant with its counterpart."""

    material: Material
    participant: Participant
    counterpart: Participant

    def cases(self) -> Iterator[Case]:
        """Both roles; then each refusal beside an accepted payment."""
        testing, other = self.material.run.description.hub.testing, self.counterpart.name
        out, back = self._pair(self.participant, self.counterpart), self._pair(self.counterpart, self.participant)
        for key, title, pair in (("pays", f"pays {other}: lookup, quote, transfer", out), ("is-paid", f"is paid by {other}", back)):
            words = f"COMPLETED, {testing.amount} {pair.currency} moved"
            yield self._case(key, title, words, pair, partial(self._accepted, pair, testing.amount))
        for key, title, amount in (
            ("wrong-fulfilment", f"{other} fulfils with what does not match the condition", testing.wrong_fulfilment),
            ("payee-abort", f"{other} refuses the transfer", testing.abort),
        ):
            missing = "" if amount else f"testing in hub.yml names no amount at which {other} does so"
            yield self._refusal(key, title, out, partial(self._refused, out, amount), missing)
        cap = dict(self.participant.net_debit_cap).get(out.currency, "")
        missing = "" if cap else f"it has no net debit cap in {out.currency}"
        yield self._refusal("over-the-cap", "pays more than its net debit cap", out, partial(self._over_the_cap, out, cap), missing)
        yield self._refusal("disabled", "is to be paid while the ledger has it disabled", back, partial(self._disabled, back))
        yield from Application(self.material, self.participant, DIRECTION).cases()

    def _pair(self, payer: Participant, payee: Participant) -> Pair:
        return Pair(self.material, payer, payee)

    def _case(self, key: str, title: str, words: str, pair: Pair, perform: Callable[[], Answer]) -> Case:
        return Case(key, title, DIRECTION, self.participant.name, outcome(words), perform, obstacle=pair.obstacle)

    def _refusal(self, key: str, title: str, pair: Pair, perform: Callable[[], Answer], missing: str = "") -> Case:
        control = partial(self._accepted, pair, self.material.run.description.hub.testing.amount)
        return Case(
            key, title, DIRECTION, self.participant.name, outcome("refused with an error code, positions unchanged", refusal=True), perform,
            control=control, control_key=f"{pair.payer.name} pays {pair.payee.name}", obstacle=pair.obstacle or self._unread or missing,
        )  # fmt: skip

    @property
    def _unread(self) -> str:
        return Books(self.material).obstacle

    def _accepted(self, pair: Pair, amount: str) -> Answer:
        payment, moved = self._observed(pair, amount, Decimal(amount))
        return found(f"{payment}, {moved or 'moved as it must'}", payment.transcript, holds=payment.completed and not moved)

    def _refused(self, pair: Pair, amount: str) -> Answer:
        payment, moved = self._observed(pair, amount, Decimal(0))
        words = f"{payment}, {moved or 'positions unchanged'}"
        return found(words, payment.transcript, holds=not payment.completed and bool(payment.code) and not moved)

    def _over_the_cap(self, pair: Pair, cap: str) -> Answer:
        """More by a cent than what is left of the cap."""
        position = Books(self.material).positions(pair.payer.name)[pair.payer.name].get(pair.currency, Decimal(0))
        return self._refused(pair, f"{Decimal(cap) - position + CENT:f}")

    def _disabled(self, pair: Pair) -> Answer:
        with self._disabled_in_ledger():
            return self._refused(pair, self.material.run.description.hub.testing.amount)

    @contextmanager
    def _disabled_in_ledger(self) -> Iterator[None]:
        """While it lasts, the ledger refuses the participant; a run that is killed meanwhile is put right by onboard.yml."""
        books = Books(self.material)
        books.set_active(self.participant.fspiop_id, active=False)
        try:
            yield
        finally:
            books.set_active(self.participant.fspiop_id, active=True)

    def _observed(self, pair: Pair, amount: str, expected: Decimal) -> tuple[Payment, str]:
        """A payment, and how positions moved otherwise than expected of the payer; empty: as expected (or the ledger is not read)."""
        books, names = Books(self.material), (pair.payer.fspiop_id, pair.payee.fspiop_id)
        before = books.positions(*names)
        payment = pair.pay(amount)
        wanted = dict(zip(names, (expected, -expected), strict=True)) if before else {}
        end = time.monotonic() + SETTLED_SECONDS
        while True:
            after = books.positions(*names)
            moved = {name: _change(before[name], after[name], pair.currency) for name in wanted}
            if moved == wanted or time.monotonic() > end:
                break
            time.sleep(0.1)
        wrong = [f"{name} moved by {change.normalize():f}" for name, change in moved.items() if change != wanted[name]]
        return payment, ", ".join(wrong)


def _change(before: Mapping[str, Decimal], after: Mapping[str, Decimal], currency: str) -> Decimal:
    return after.get(currency, Decimal(0)) - before.get(currency, Decimal(0))
