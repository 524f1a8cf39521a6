# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Settlement windows and settlements of the hub: the one place that knows the settlement service's API.

Source: Mojaloop central-settlement, openapi 2.0: ``/settlementWindows``, ``/settlements``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from ..errors import RemoteError
from ..remote.changes import Changes
from ..remote.http import Answer, json_body

STATES = ("PS_TRANSFERS_RECORDED", "PS_TRANSFERS_RESERVED", "PS_TRANSFERS_COMMITTED", "SETTLED")
"""What every account of a settlement goes through, in this order."""
_WHY = "verification"


@dataclass(frozen=True)
class Settlement:
    """A settlement: its number, and the net amount of each ledger account: above zero, its participant pays."""

    number: int
    nets: Mapping[int, Decimal]
    accounts: Mapping[int, int]
    """The participant's number of each account."""


class SettlementClient:
    """Reads and changes windows and settlements."""

    def __init__(self, changes: Changes, url: str) -> None:
        self._changes = changes
        self._url = url

    def open_window(self) -> int:
        """The number of the open window; RemoteError when there is none, or several."""
        found = self._changes.read(f"{self._url}/settlementWindows?state=OPEN", "reading the open settlement window").parsed()
        try:
            numbers = [int(each["settlementWindowId"]) for each in found]  # type: ignore[attr-defined]
            (number,) = numbers
        except (TypeError, ValueError, KeyError):
            raise self._unusable("the open settlement window") from None
        return number

    def close(self, window: int) -> None:
        """Close a window, which opens the next one."""
        body = json_body({"state": "CLOSED", "reason": _WHY})
        self._changes.write("POST", f"{self._url}/settlementWindows/{window}", "closing a settlement window", body)

    def create(self, model: str, window: int) -> Settlement:
        """A settlement of a closed window by this model."""
        body = json_body({"settlementModel": model, "reason": _WHY, "settlementWindows": [{"id": window}]})
        answer = self._changes.write("POST", f"{self._url}/settlements", "creating a settlement", body)
        try:
            return _settlement(answer)
        except (TypeError, ValueError, KeyError, InvalidOperation):
            raise self._unusable("a new settlement") from None

    def settle(self, settlement: Settlement) -> None:
        """Take every account of a settlement through all states."""
        for state in STATES:
            participants: dict[int, list[dict[str, object]]] = {}
            for account, participant in settlement.accounts.items():
                participants.setdefault(participant, []).append({"id": account, "reason": _WHY, "state": state})
            body = json_body({"participants": [{"id": number, "accounts": accounts} for number, accounts in participants.items()]})
            self._changes.write("PUT", f"{self._url}/settlements/{settlement.number}", f"settling: {state}", body)

    def _unusable(self, what: str) -> RemoteError:
        return RemoteError(f"{what} was answered with something else", where=self._url, remedy="Check settlement.url in hub.yml.")


def _settlement(answer: Answer | None) -> Settlement:
    found: dict[str, Any] = dict(answer.parsed()) if answer else {}  # type: ignore[call-overload]
    rows = [(participant, account) for participant in found["participants"] for account in participant["accounts"]]
    nets = {int(account["id"]): Decimal(str(account["netSettlementAmount"]["amount"])) for _participant, account in rows}
    return Settlement(int(found["id"]), nets, {int(account["id"]): int(participant["id"]) for participant, account in rows})
