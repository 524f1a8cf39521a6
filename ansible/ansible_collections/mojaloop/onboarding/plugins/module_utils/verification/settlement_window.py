# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Settlement: a window is closed and settled; the net of what was paid in it leaves the position, what was paid later stays.

Payments: the participant pays twice the amount and is paid it once, so its net is the amount; once more after the window is closed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial

from ..description.model import Participant
from ..errors import OnboardingError
from ..ledger.client import LedgerClient
from ..ledger.model import POSITION, SETTLEMENT
from ..ledger.settlement import Settlement, SettlementClient
from ..steps.ledger import ledger_access
from .material import Material, MissingMaterial
from .model import Answer, Case
from .outcomes import found, outcome
from .payments import Pair

DIRECTION = "settlement"


@dataclass(frozen=True)
class Settled:
    """What came of it: the window closed and the one opened after it, the net, and how the two accounts moved."""

    closed: int
    opened: int
    net: Decimal
    paid_later: Decimal
    position: Decimal
    settlement: Decimal


@dataclass(frozen=True)
class Windows:
    """The settlement cases of one participant."""

    material: Material
    participant: Participant
    counterpart: Participant
    _made: list[Settled] = field(default_factory=list)

    def cases(self) -> Iterator[Case]:
        """The window, its net, and the accounts in the ledger."""
        amount, currency = self.material.run.description.hub.testing.amount, self._out.currency
        for key, title, words, perform in (
            ("window", "its window is closed, the next one is open", "a later window is open", self._window),
            ("net", "the net of the window is that of its payments", f"{amount} {currency}", self._net),
            ("position", "the net leaves its position, what is paid later stays", f"by -{amount} {currency}", self._position),
            ("settlement-account", "the net is taken from its settlement account", f"by {amount} {currency}", self._settlement),
        ):
            yield Case(
                key, title, DIRECTION, self.participant.name, outcome(words), partial(self._judged, perform), obstacle=self._obstacle
            )

    @property
    def _out(self) -> Pair:
        return Pair(self.material, self.participant, self.counterpart)

    @property
    def _obstacle(self) -> str:
        hub = self.material.run.description.hub
        if not (hub.settlement and hub.ledger):
            return "hub.yml describes no settlement service"
        back = Pair(self.material, self.counterpart, self.participant)
        return self._out.obstacle or back.obstacle

    def _judged(self, perform: Callable[[Settled], Answer]) -> Answer:
        if not self._made:
            self._made.append(self._scenario())
        return perform(self._made[0])

    def _window(self, made: Settled) -> Answer:
        return found(f"window {made.closed} is closed, {made.opened} open", holds=made.opened > made.closed)

    def _net(self, made: Settled) -> Answer:
        return found(f"{made.net.normalize():f}", holds=made.net == self._amount)

    def _position(self, made: Settled) -> Answer:
        return found(f"by {made.position.normalize():f}", holds=made.position == -self._amount)

    def _settlement(self, made: Settled) -> Answer:
        return found(f"by {made.settlement.normalize():f}", holds=made.settlement == self._amount)

    @property
    def _amount(self) -> Decimal:
        return Decimal(self.material.run.description.hub.testing.amount)

    def _scenario(self) -> Settled:
        hub = self.material.run.description.hub
        if hub.settlement is None or hub.ledger is None:
            raise MissingMaterial(self._obstacle, where="hub.yml")
        with ledger_access(self.material.run, hub.settlement) as service, ledger_access(self.material.run, hub.ledger) as books:
            return self._carried_out(SettlementClient(service, hub.settlement.url), LedgerClient(books, hub.ledger.url))

    def _carried_out(self, client: SettlementClient, ledger: LedgerClient) -> Settled:
        out, back = self._out, Pair(self.material, self.counterpart, self.participant)
        client.close(client.open_window())  # what was paid before is no one's test
        window = client.open_window()
        _paid(out, 2 * self._amount)
        _paid(back, self._amount)
        client.close(window)
        opened = client.open_window()
        _paid(out, self._amount)
        model = self.material.run.description.hub.ledger
        settlement = client.create(model.settlement_models[0].name if model else "", window)
        before = self._accounts(ledger)
        client.settle(settlement)
        after = self._accounts(ledger)
        return Settled(window, opened, self._own(settlement, ledger), self._amount, after[0] - before[0], after[1] - before[1])

    def _accounts(self, ledger: LedgerClient) -> tuple[Decimal, Decimal]:
        """Balance of position and settlement account."""
        name, currency = self.participant.fspiop_id, self._out.currency
        position, settlement = (ledger.balances(name, kind=kind).get(currency, Decimal(0)) for kind in (POSITION, SETTLEMENT))
        return position, settlement

    def _own(self, settlement: Settlement, ledger: LedgerClient) -> Decimal:
        account = ledger.participant(self.participant.fspiop_id).account(POSITION, self._out.currency)
        return settlement.nets.get(account.number, Decimal(0)) if account else Decimal(0)


def _paid(pair: Pair, amount: Decimal) -> None:
    payment = pair.pay(f"{amount:f}")
    if not payment.completed:
        raise OnboardingError(f"a payment of {amount} did not complete: {payment}", where=pair.payer.name)
