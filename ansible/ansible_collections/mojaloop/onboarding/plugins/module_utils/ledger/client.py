# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ledger's administration API (Mojaloop central-ledger 19): the one place that knows its paths and shapes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from typing import Any

from ..errors import RemoteError
from ..remote.changes import Changes
from ..remote.http import Answer, json_body
from .convergence import Order
from .model import POSITION, SETTLEMENT, Account, Limit, Observed

CAP = "NET_DEBIT_CAP"
_ABSENT = "3200"
"""The ledger's error code for "no such participant", with status 400."""


class LedgerClient:
    """Reads what the ledger has; sends orders."""

    def __init__(self, changes: Changes, url: str) -> None:
        self._changes = changes
        self._url = url

    def send(self, order: Order) -> None:
        """Send a change; raises Refused, Unknown or Unreachable."""
        self._changes.write(order.method, self._url + order.path, order.why, json_body(order.body))

    def participant(self, name: str, *, balances: bool = False) -> Observed:
        """A participant, whether the ledger knows it or not; ``balances`` are read when asked for."""
        why = f"reading {name}"
        answer = self._changes.read(f"{self._url}/participants/{name}", why, also={HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND})
        if answer.status != HTTPStatus.OK:
            if _code(answer) != _ABSENT:
                raise RemoteError(f"{why} was answered with {answer.status}", where=self._url, remedy="Look into the ledger's log.")
            return Observed()
        found = _record(answer.parsed(), why)
        accounts = tuple(_account(each, why) for each in _records(found.get("accounts"), why))
        limited = [account.currency for account in accounts if account.kind == POSITION]
        return Observed(
            exists=True,
            active=bool(found.get("isActive")),
            proxy=bool(found.get("isProxy")),
            accounts=accounts,
            limits=self._limits(name, limited),
            endpoints=self._endpoints(name),
            balances=self.balances(name) if balances else {},
        )

    def balances(self, name: str, *, kind: str = SETTLEMENT) -> dict[str, Decimal]:
        """The balances of a participant's accounts of a kind by currency. Settlement: below zero, the hub owes it that much.

        RemoteError when an account has two: central-ledger 19 takes two first caps that arrive at once, books on one balance, shows both.
        """
        why = f"reading the balances of {name}"
        listed = _records(self._changes.read(f"{self._url}/participants/{name}/accounts", why).parsed(), why)
        accounts = [each for each in listed if each.get("ledgerAccountType") == kind]
        found = {str(each.get("currency")): _amount(each.get("value"), why) for each in accounts}
        if len(found) < len(accounts):
            remedy = "Have the rows of participantPosition repaired in the ledger's database; until then nothing is booked."
            raise RemoteError(f"{name} has two balances on one {kind} account", where=self._url, remedy=remedy)
        return found

    def names(self) -> list[str]:
        """The names of all participants."""
        why = "listing the participants"
        return [str(each.get("name")) for each in _records(self._changes.read(f"{self._url}/participants", why).parsed(), why)]

    def settlement_models(self) -> list[Mapping[str, Any]]:
        """The settlement models, as the ledger lists them."""
        why = "reading the settlement models"
        return _records(self._changes.read(f"{self._url}/settlementModels", why).parsed(), why)

    def _limits(self, name: str, currencies: Iterable[str]) -> dict[str, Limit]:
        """Asked for by currency: the list of all leaves out those whose account is inactive."""
        found = {}
        for currency in currencies:
            why = f"reading the limits of {name}"
            url = f"{self._url}/participants/{name}/limits?currency={currency}&type={CAP}"
            for each in _records(self._changes.read(url, why).parsed(), why):
                limit = _record(each.get("limit"), why)
                found[currency] = Limit(_amount(limit.get("value"), why), _amount(limit.get("alarmPercentage"), why))
        return found

    def _endpoints(self, name: str) -> dict[str, str]:
        why = f"reading the endpoints of {name}"
        listed = _records(self._changes.read(f"{self._url}/participants/{name}/endpoints", why).parsed(), why)
        return {str(each.get("type")): str(each.get("value")) for each in listed}


def _code(answer: Answer) -> str:
    information = answer.json().get("errorInformation")
    return str(information.get("errorCode")) if isinstance(information, dict) else ""


def _account(found: Mapping[str, Any], why: str) -> Account:
    number = found.get("id")
    if not isinstance(number, int):
        raise _unusable(why)
    return Account(number, str(found.get("ledgerAccountType")), str(found.get("currency")), bool(found.get("isActive")))


def _amount(found: object, why: str) -> Decimal:
    try:
        return Decimal(str(found))
    except InvalidOperation:
        raise _unusable(why) from None


def _records(found: object, why: str) -> list[Mapping[str, Any]]:
    if not isinstance(found, list):
        raise _unusable(why)
    return [_record(each, why) for each in found]


def _record(found: object, why: str) -> Mapping[str, Any]:
    if not isinstance(found, dict):
        raise _unusable(why)
    return found


def _unusable(why: str) -> RemoteError:
    return RemoteError(f"{why} was answered with something else than the ledger's API", remedy="Check ledger.url in hub.yml.")
