# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the onboarding is for: participants transfer in the real ledger, within their caps, and not while they are suspended.

Prepare and fulfil messages come as the hub's ml-api-adapter sends them. Positions are computed by hand and read from the database.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from support.ledger import RealLedger
from support.ledger_database import BALANCES, STATE, of

from .conftest import Site

pytestmark = pytest.mark.usefixtures("hub")
PATIENCE = 60.0


class Transfer:
    """One transfer in USD between two participants."""

    def __init__(self, ledger: RealLedger, payer: str, payee: str, amount: str) -> None:
        self.ledger, self.payer, self.payee, self.amount = ledger, payer, payee, amount
        self.number = str(uuid4())
        self._fulfilment = os.urandom(32)

    def prepare(self) -> str:
        """The payer asks; the state that the ledger comes to: RESERVED, or one of refusal."""
        expires = datetime.now(UTC) + timedelta(minutes=5)
        payload = {
            "transferId": self.number,
            "payerFsp": self.payer,
            "payeeFsp": self.payee,
            "amount": {"amount": self.amount, "currency": "USD"},
            "ilpPacket": _text(b"packet"),
            "condition": _text(hashlib.sha256(self._fulfilment).digest()),
            "expiration": expires.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
        self._send("prepare", self.payer, self.payee, payload)
        return self._until("RESERVED", "ABORTED_REJECTED", "INVALID")

    def fulfil(self) -> str:
        """The payee accepts; the state that the ledger comes to."""
        completed = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        payload = {"fulfilment": _text(self._fulfilment), "transferState": "COMMITTED", "completedTimestamp": completed}
        self._send("fulfil", self.payee, self.payer, payload, action="commit")
        return self._until("COMMITTED", "ABORTED_ERROR")

    def _send(self, step: str, source: str, destination: str, payload: Mapping[str, object], action: str = "") -> None:
        kind = "application/vnd.interoperability.transfers+json;version=1.1"
        event = {"id": str(uuid4()), "type": step, "action": action or step, "createdAt": datetime.now(UTC).isoformat()}
        message = {
            "id": self.number,
            "from": source,
            "to": destination,
            "type": "application/json",
            "content": {
                "uriParams": {"id": self.number},
                "headers": {"content-type": kind, "fspiop-source": source, "fspiop-destination": destination},
                "payload": payload,
            },
            "metadata": {"correlationId": self.number, "event": event | {"state": {"status": "success", "code": 0, "description": ""}}},
        }
        self.ledger.broker(f"send topic-transfer-{step} {json.dumps(message)}")

    def _until(self, *states: str) -> str:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            found = self.ledger.rows(STATE.format(self.number))
            if found and found[0][0] in states:
                return found[0][0]
            time.sleep(0.1)
        raise AssertionError(f"the transfer came to none of {states}: {found}")


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def position(ledger: RealLedger, name: str) -> str:
    return next(value for _code, kind, _active, value in of(ledger, BALANCES, name) if kind == "POSITION")


def test_onboarded_participants_transfer_within_their_caps(ledger: RealLedger, site: Site) -> None:
    site.describe("payerbank", "USD", opening_funds={"USD": "1000"}, net_debit_cap={"USD": "300"})
    site.describe("payeebank", "USD")
    site.run()
    paid = Transfer(ledger, "payerbank", "payeebank", "120.5")
    assert paid.prepare() == "RESERVED"
    assert (position(ledger, "payerbank"), position(ledger, "payeebank")) == ("120.5000", "0.0000")
    assert paid.fulfil() == "COMMITTED"
    assert (position(ledger, "payerbank"), position(ledger, "payeebank")) == ("120.5000", "-120.5000")
    # The cap is 300: 120.5 and 179.5 are as much as it bears, a cent more is not.
    assert Transfer(ledger, "payerbank", "payeebank", "179.51").prepare() == "ABORTED_REJECTED"
    assert Transfer(ledger, "payerbank", "payeebank", "179.5").prepare() == "RESERVED"
    # A run finds nothing to do in a ledger in which money has moved, and moves none.
    assert site.run() == []
    assert (position(ledger, "payerbank"), position(ledger, "payeebank")) == ("300.0000", "-120.5000")


def test_who_is_suspended_neither_pays_nor_is_paid_until_active_again(ledger: RealLedger, site: Site) -> None:
    site.describe("stopbank", "USD", opening_funds={"USD": "1000"})
    site.describe("gobank", "USD", opening_funds={"USD": "1000"})
    site.run()
    site.participants["stopbank"]["state"] = "suspended"
    site.run()
    assert Transfer(ledger, "stopbank", "gobank", "1").prepare() == "INVALID"
    assert Transfer(ledger, "gobank", "stopbank", "1").prepare() == "INVALID"
    site.participants["stopbank"]["state"] = "active"
    site.run()
    assert Transfer(ledger, "stopbank", "gobank", "1").prepare() == "RESERVED"
    assert Transfer(ledger, "gobank", "stopbank", "1").prepare() == "RESERVED"
