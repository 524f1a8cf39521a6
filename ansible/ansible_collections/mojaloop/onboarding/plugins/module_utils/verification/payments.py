# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Payments between participants with the Mojaloop SDK, asked for as their own systems do, and what they move in the hub's ledger.

Source: Mojaloop sdk-scheme-adapter 18, outbound API: ``POST /transfers`` and ``GET /parties/{type}/{id}`` answer when all is done.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from ..description.model import Participant
from ..description.testing import Party
from ..formats import read_json
from ..ledger.client import LedgerClient
from ..ledger.convergence import Order
from ..ledger.model import POSITION
from ..steps.ledger import ledger_access
from .material import Material, MissingMaterial
from .model import Answer, InboundListener
from .plain_http import exchange

SECONDS = 45.0
"""How long an answer is waited for; the SDK itself gives a transfer 30."""
COMPLETED = "COMPLETED"


@dataclass(frozen=True)
class Payment:
    """What came of a payment: the SDK's last state, the scheme's error code (empty: none), seconds, and the SDK's words."""

    state: str
    code: str
    seconds: float
    transcript: str

    @property
    def completed(self) -> bool:
        """Whether it was carried out."""
        return self.state == COMPLETED

    def __str__(self) -> str:
        return f"{self.state}{f', error {self.code}' if self.code else ''}"


@dataclass(frozen=True)
class Pair:
    """Who pays whom, in which currency."""

    material: Material
    payer: Participant
    payee: Participant

    @property
    def obstacle(self) -> str:
        """Why no payment can be made from here; empty where one can."""
        if self.payer.sdk is None or self.material.site.machine_of(self.payer.name) is None:
            return f"the systems of {self.payer.name} are not here to ask"
        for side in (self.payer, self.payee):
            if not side.parties:
                return f"no parties in the file of {side.name}"
        return "" if self.currency else "they have no currency in common"

    @property
    def currency(self) -> str:
        """The first currency of the payee that both have; empty: none."""
        return next((each for each in self.payee.currencies if each in self.payer.currencies), "")

    def pay(self, amount: str) -> Payment:
        """Pay this amount; OSError when the payer's connector is not there."""
        body = {
            "homeTransactionId": "verification",
            "from": {**_party(self.payer.parties[0]), "displayName": self.payer.name, "type": "CONSUMER"},
            "to": _party(self.payee.parties[0]),
            "amountType": "SEND",
            "currency": self.currency,
            "amount": amount,
            "transactionType": "TRANSFER",
        }
        began = time.monotonic()
        answer = self._ask("POST", "/transfers", body)
        return _payment(answer, time.monotonic() - began)

    def look_up(self) -> Payment:
        """Ask for the payee's party alone."""
        party, began = self.payee.parties[0], time.monotonic()
        answer = self._ask("GET", f"/parties/{party.identifier}/{party.value}", None)
        return _payment(answer, time.monotonic() - began)

    def _ask(self, method: str, path: str, body: object) -> Answer:
        sdk, machine = self.payer.sdk, self.material.site.machine_of(self.payer.name)
        if sdk is None or machine is None:
            raise MissingMaterial(self.obstacle, where=self.payer.name)
        listener = InboundListener("127.0.0.1", sdk.outbound_port, self.payer.name, b"")
        return exchange(self.material.site, machine, listener, method, path, body, seconds=SECONDS)


@dataclass(frozen=True)
class Books:
    """The positions of participants in the hub's ledger, where it is described."""

    material: Material

    @property
    def obstacle(self) -> str:
        """Why positions cannot be read; empty where they can."""
        return "" if self.material.run.description.hub.ledger else "hub.yml describes no ledger"

    def positions(self, *names: str) -> dict[str, Mapping[str, Decimal]]:
        """Each participant's positions by currency: above zero, it has sent more than it has received. Without a ledger none."""
        ledger = self.material.run.description.hub.ledger
        if ledger is None:
            return {}
        with ledger_access(self.material.run, ledger) as changes:
            client = LedgerClient(changes, ledger.url)
            return {name: client.balances(name, kind=POSITION) for name in names}

    def set_active(self, name: str, *, active: bool) -> None:
        """Have the ledger take the participant's transfers, or refuse them."""
        ledger = self.material.run.description.hub.ledger
        if ledger is None:
            raise MissingMaterial(self.obstacle, where=name)
        with ledger_access(self.material.run, ledger) as changes:
            word = "activating" if active else "disabling"
            LedgerClient(changes, ledger.url).send(Order("PUT", f"/participants/{name}", {"isActive": active}, f"{word} {name} for a test"))


def _party(party: Party) -> dict[str, str]:
    return {"idType": party.identifier, "idValue": party.value}


def _payment(answer: Answer, seconds: float) -> Payment:
    try:
        said: dict[str, Any] = dict(read_json(answer.body))
    except (ValueError, TypeError):
        said = {}
    code = _code(said)
    state = str(said.get("currentState") or (said.get("transferState") or {}).get("currentState") or f"status {answer.status}")
    if answer.status >= HTTPStatus.BAD_REQUEST and state == COMPLETED:
        state = f"status {answer.status}"
    kept = {name: said[name] for name in ("transferId", "currentState", "message", "amount", "currency") if name in said}
    return Payment(state, code, seconds, f"{answer.transcript} in {seconds:.3f} s\n{json.dumps(kept, indent=1)}")


def error_code(body: bytes) -> str:
    """The scheme's error code in the body of an answer; empty: none."""
    try:
        return _code(read_json(body))
    except ValueError:
        return ""


def _code(said: object) -> str:
    """The scheme's error code, wherever the SDK has put it."""
    if not isinstance(said, dict):
        return ""
    if isinstance(said.get("errorCode"), str):
        return str(said["errorCode"])
    names = ("transferState", "lastError", "mojaloopError", "errorInformation")
    return next((code for code in (_code(said.get(name)) for name in names) if code), "")
