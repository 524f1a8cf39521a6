# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Opening funds: booked once, whatever happens between the request and its booking.

The ledger books in the background, and keeps silent about a transfer id that it knows, even with another amount. So the transfer id
is always the same, a record is written before the first request, funds go only into an account that is empty, and they count as
booked when the balance shows them. Another amount in the description afterwards is an error: the ledger would ignore it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from decimal import Decimal

from ..errors import StoreError
from ..findings import Disposition
from ..formats import FORMAT, read_json, refuse_newer
from ..store.layout import opening_funds_path
from ..store.tree import Tree
from .convergence import Difference, Order
from .model import SETTLEMENT, DesiredParticipant, Observed, opening_transfer

Balances = Mapping[str, Decimal]


@dataclass(frozen=True)
class Opening:
    """The record of one participant's opening funds in one currency, which go into an empty account."""

    transfer: str
    amount: str
    booked: bool = False

    def shown(self, balance: Decimal | None) -> bool:
        """Whether a balance shows the booking: funds are a debt of the hub, and count below zero."""
        return balance == -Decimal(self.amount)


class Openings:
    """The records of one participant's opening funds in the state folder."""

    def __init__(self, tree: Tree, participant: str) -> None:
        self._tree = tree
        self._participant = participant

    def read(self, currency: str) -> Opening | None:
        """The record; None when there is none, StoreError when it cannot be used."""
        path = opening_funds_path(self._participant, currency)
        content = self._tree.read(path)
        if content is None:
            return None
        try:
            found = read_json(content)
            refuse_newer(found, where=path)
            opening = Opening(**{each.name: found[each.name] for each in fields(Opening)})
            opening.shown(None)
        except (ValueError, KeyError, TypeError, ArithmeticError) as error:
            remedy = "Restore it from a backup: nothing else says what was asked of the ledger."
            raise StoreError("is no record of opening funds", where=path, remedy=remedy) from error
        return opening

    def unsettled(self, desired: DesiredParticipant) -> list[str]:
        """The currencies whose opening funds are not known to be booked: their balances have to be read."""
        records = {currency: self.read(currency) for currency in desired.funds}
        return [currency for currency, record in records.items() if record is None or not record.booked]

    def request(self, desired: DesiredParticipant, currency: str) -> None:
        """Record that funds are about to be asked for; an earlier record of the same stays."""
        if self.read(currency) is None:
            self._write(currency, _first(desired, currency))

    def shown(self, desired: DesiredParticipant, currency: str, balances: Balances) -> bool:
        """Whether the balance shows the described amount to be booked; without a record, from an empty account."""
        opening = self.read(currency) or _first(desired, currency)
        return Decimal(opening.amount) == desired.funds[currency] and opening.shown(balances.get(currency))

    def settle(self, desired: DesiredParticipant, balances: Balances) -> None:
        """Record as booked what the balances show to be so."""
        for currency in self.unsettled(desired):
            if self.shown(desired, currency, balances):
                opening = self.read(currency) or _first(desired, currency)
                self._write(currency, replace(opening, booked=True))

    def _write(self, currency: str, opening: Opening) -> None:
        text = json.dumps({"format": FORMAT, **asdict(opening)}, indent=2, sort_keys=True) + "\n"
        self._tree.write(opening_funds_path(self._participant, currency), text.encode())


def opening_funds(desired: DesiredParticipant, openings: Openings, observed: Observed) -> list[Difference]:
    """What is to be booked, and what a person has to resolve first."""
    found = (_opening(desired, currency, openings, observed) for currency in sorted(desired.funds))
    return [each for each in found if each]


def _opening(desired: DesiredParticipant, currency: str, openings: Openings, observed: Observed) -> Difference | None:
    artefact, amount, opening = f"opening-funds/{currency}", desired.funds[currency], openings.read(currency)
    if opening and Decimal(opening.amount) != amount:
        detail = f"{opening.amount} was asked for, {amount} is described now; describe the first amount, and book the rest in the ledger"
        return Difference(artefact, "opening-funds-changed", detail=detail, disposition=Disposition.FAULT)
    if (opening and opening.booked) or openings.shown(desired, currency, observed.balances):
        return None
    balance = observed.balances.get(currency)
    if opening is None and balance:
        detail = f"the account holds {-balance} from elsewhere; take opening_funds out of the file, or book what is missing in the ledger"
        return Difference(artefact, "opening-funds-unclear", detail=detail, disposition=Disposition.FAULT)
    return Difference(artefact, "opening-funds-missing", (_order(desired.name, currency, amount, observed),), f"{amount} {currency}")


def _first(desired: DesiredParticipant, currency: str) -> Opening:
    return Opening(opening_transfer(desired.name, currency), str(desired.funds[currency]))


def _order(name: str, currency: str, amount: Decimal, observed: Observed) -> Order:
    account = observed.account(SETTLEMENT, currency)
    body = {
        "transferId": opening_transfer(name, currency),
        "externalReference": f"opening funds of {name}",
        "action": "recordFundsIn",
        "reason": "opening funds",
        "amount": {"amount": str(amount), "currency": currency},
    }
    return Order("POST", f"/participants/{name}/accounts/{account.number if account else 0}", body, f"booking opening funds of {name}")
