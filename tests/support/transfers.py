# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Payments in a raised lab with real connectors: asked for as a bank's own systems do, and judged by what every part of it says."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from ansible_collections.mojaloop.onboarding.plugins.module_utils.connector.ilp import fulfils, transaction_of
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import SdkConnector
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.transports import PaymentManagerConnector
from ansible_collections.mojaloop.onboarding.plugins.module_utils.lab.connectors import CONTROL_PORT, LEDGER_SOCKET, PARTY_TYPE, parties
from ansible_collections.mojaloop.onboarding.plugins.module_utils.lab.vantage import enter_command

from .ledger import query_command, rows_of
from .ledger_database import BALANCES

ROOT = Path(__file__).resolve().parents[2]
CALL = ROOT / "tests" / "lab" / "sdk" / "call.py"
HUB = "hub-gateway"
SECONDS = 120
EXPECTED = {"GET /parties": 1, "PUT /parties": 1, "POST /quotes": 1, "PUT /quotes": 1, "POST /transfers": 1, "PUT /transfers": 1}
"""What the switch forwards for one transfer."""


@dataclass(frozen=True)
class Payment:
    """One payment: the SDK's answer, what the switch forwarded for it, and how long it took (seconds)."""

    status: int
    answer: dict[str, Any] = field(repr=False)
    forwarded: dict[str, int]
    seconds: float

    @property
    def state(self) -> str:
        """``COMPLETED``, or how far it came; of a failed one the SDK's message."""
        return str(self.answer.get("currentState") or self.answer.get("message") or self.answer)

    @property
    def ilp_holds(self) -> bool:
        """Whether the fulfilment belongs to the quote's condition, and the packet is about this very transfer."""
        quote, fulfil = self.answer["quoteResponse"]["body"], self.answer["fulfil"]["body"]
        transaction = transaction_of(quote["ilpPacket"])
        return fulfils(fulfil["fulfilment"], quote["condition"]) and transaction["transactionId"] == self.answer["transferId"]

    @property
    def signatures(self) -> int:
        """Messages of this payment that carry a JWS (the payee's callbacks and the payer's requests)."""
        messages = ("getPartiesResponse", "quoteRequest", "quoteResponse", "prepare", "fulfil")
        return sum("fspiop-signature" in self.answer.get(name, {}).get("headers", {}) for name in messages)


@dataclass(frozen=True)
class TransferLab:
    """A raised lab whose participants have connectors."""

    folder: Path
    """The description."""
    state: Path

    def call(self, machine: str, method: str, url: str, body: object = None) -> tuple[int, Any]:
        """Status and answer of one plain HTTP call, made on a machine of the lab."""
        command = [*enter_command(self.state, machine), sys.executable, str(CALL), method, url]
        given = json.dumps(body) if body is not None else ""
        done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=SECONDS, check=False)
        if done.returncode:
            raise AssertionError(done.stderr.strip().rpartition("\n")[2])
        answer = json.loads(done.stdout)
        return answer["status"], answer["body"]

    def counts(self) -> dict[str, dict[str, int]]:
        """What the switch has received, forwarded and refused since its start."""
        counts: dict[str, dict[str, int]] = self.call(HUB, "GET", f"http://127.0.0.1:{CONTROL_PORT}/counts")[1]
        return counts

    def rows(self, query: str) -> list[tuple[str, ...]]:
        """What the ledger's database answers, asked on the hub's machine by its own client."""
        command = [*enter_command(self.state, HUB), *query_command(Path(LEDGER_SOCKET), query)]
        return rows_of(subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=True).stdout)

    def positions(self) -> dict[str, Decimal]:
        """Each participant's position in the ledger's database: above zero, it has sent more than it has received."""
        return {name: Decimal(value) for name, _currency, kind, _active, value in self.rows(BALANCES) if kind == "POSITION"}

    def pay(self, payer: str, payee: str, amount: str = "10.5") -> Payment:
        """Pay a customer of one bank from a customer of another, as the payer's own systems ask its connector."""
        description = load_description(self.folder, state=str(self.state))
        numbers = {holder: number for number, holder in parties(description).items()}
        body = {
            "homeTransactionId": "demo",
            "from": {"idType": PARTY_TYPE, "idValue": numbers[payer], "displayName": "Payer", "type": "CONSUMER"},
            "to": {"idType": PARTY_TYPE, "idValue": numbers[payee]},
            "amountType": "SEND",
            "currency": "USD",
            "amount": amount,
            "transactionType": "TRANSFER",
        }
        before, began = self.counts()["forwarded"], time.monotonic()
        participant = description.participant(payer)
        connector, machine = participant.connector, participant.connector_host or participant.name
        assert isinstance(connector, SdkConnector | PaymentManagerConnector), payer
        status, answer = self.call(machine, "POST", f"http://127.0.0.1:{connector.outbound_port}/transfers", body)
        seconds = time.monotonic() - began
        after = self._settled(before)
        forwarded = {name: count - before.get(name, 0) for name, count in after.items() if count != before.get(name, 0)}
        return Payment(status, answer, forwarded, seconds)

    def around_the_gateway(self) -> tuple[int, Any]:
        """A call to the switch's own port from the hub's machine: it came through no gateway."""
        return self.call(HUB, "GET", f"http://127.0.0.1:3000/parties/{PARTY_TYPE}/27710000001")

    def _settled(self, before: dict[str, int]) -> dict[str, int]:
        """The counts once the last answer has been counted: the payer's connector is quicker than the switch's record."""
        deadline = time.monotonic() + 5
        while True:
            found = self.counts()["forwarded"]
            complete = all(found.get(name, 0) - before.get(name, 0) >= count for name, count in EXPECTED.items())
            if complete or time.monotonic() > deadline:
                return found
            time.sleep(0.1)
