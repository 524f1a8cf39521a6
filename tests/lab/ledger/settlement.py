# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A stand-in for central-settlement, which no package registry has: settlement.py CONFIGURATION.json (listen, socket).

Held to its openapi 2.0 (paths, keys, states). Like the real one it works on the ledger's own database: the ledger notes the open window
of every transfer, so the net of a window is the sum of its transfers; a settlement moves it from the position to the settlement account.
It settles all accounts of a settlement together, and checks no liquidity.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import subprocess

from support.ledger import query_command, rows_of

STATES = ("PENDING_SETTLEMENT", "PS_TRANSFERS_RECORDED", "PS_TRANSFERS_RESERVED", "PS_TRANSFERS_COMMITTED", "SETTLED")
WINDOWS = """
SELECT w.settlementWindowId, c.settlementWindowStateId FROM settlementWindow w
JOIN settlementWindowStateChange c ON c.settlementWindowStateChangeId = w.currentStateChangeId ORDER BY 1
"""
CHANGED = """
INSERT INTO settlementWindowStateChange (settlementWindowId, settlementWindowStateId, reason) VALUES ({window}, '{state}', 'stand-in');
UPDATE settlementWindow SET currentStateChangeId = LAST_INSERT_ID() WHERE settlementWindowId = {window};
"""
OPENED = "INSERT INTO settlementWindow (reason) VALUES ('stand-in'); SELECT LAST_INSERT_ID();"
NETS = """
SELECT c.participantId, c.participantCurrencyId, c.currencyId, SUM(p.amount) FROM transferParticipant p
JOIN transferFulfilment f USING (transferId) JOIN transfer t USING (transferId)
JOIN participantCurrency c ON c.participantId = p.participantId AND c.currencyId = t.currencyId
WHERE f.settlementWindowId = {window} AND f.isValid AND c.ledgerAccountTypeId = 1 GROUP BY 1, 2, 3
"""
"""By participant and currency: the ledger notes no account for the payee (``transferParticipant.participantCurrencyId`` is null)."""
MOVED = """
UPDATE participantPosition SET value = value - ({net}) WHERE participantCurrencyId = {account};
UPDATE participantPosition SET value = value + ({net}) WHERE participantCurrencyId = (SELECT s.participantCurrencyId
FROM participantCurrency p JOIN participantCurrency s USING (participantId, currencyId)
WHERE p.participantCurrencyId = {account} AND s.ledgerAccountTypeId = 2);
"""


class Settlements:
    """The windows in the database, and the settlements of this process."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._settlements: dict[int, dict[str, Any]] = {}

    def rows(self, query: str) -> list[tuple[str, ...]]:
        """Ask, or change, the ledger's database."""
        done = subprocess.run(query_command(self._socket, query), capture_output=True, text=True, timeout=30, check=True)
        return rows_of(done.stdout)

    def windows(self, state: str) -> list[dict[str, object]]:
        """The windows in a state (empty: all)."""
        return [{"settlementWindowId": int(number), "state": at} for number, at in self.rows(WINDOWS) if state in {"", at}]

    def close(self, window: int) -> dict[str, object] | None:
        """Close the open window, and open the next one; None when it is not open."""
        if {"settlementWindowId": window, "state": "OPEN"} not in self.windows("OPEN"):
            return None
        self.rows(CHANGED.format(window=window, state="CLOSED"))
        self.rows(CHANGED.format(window=self.rows(OPENED)[0][0], state="OPEN"))
        return {"settlementWindowId": window, "state": "CLOSED"}

    def create(self, window: int) -> dict[str, Any] | None:
        """A settlement of a closed window; None when it is not closed."""
        if {"settlementWindowId": window, "state": "CLOSED"} not in self.windows("CLOSED"):
            return None
        self.rows(CHANGED.format(window=window, state="PENDING_SETTLEMENT"))
        participants: dict[str, list[dict[str, Any]]] = {}
        for participant, account, currency, net in self.rows(NETS.format(window=window)):
            amount = {"amount": float(net), "currency": currency}
            found = {"id": int(account), "state": STATES[0], "reason": "", "netSettlementAmount": amount}
            participants.setdefault(participant, []).append(found)
        number = len(self._settlements) + 1
        listed = [{"id": int(name), "accounts": accounts} for name, accounts in participants.items()]
        made = {"id": number, "state": STATES[0], "settlementWindows": [{"id": window}], "participants": listed}
        self._settlements[number] = made
        return made

    def advance(self, number: int, wanted: dict[str, Any]) -> dict[str, Any] | None:
        """Take all accounts to their next state; None for any other order."""
        made = self._settlements.get(number)
        asked = {(each["id"], each["state"]) for participant in wanted["participants"] for each in participant["accounts"]}
        if made is None or made["state"] == STATES[-1]:
            return None
        state = STATES[STATES.index(made["state"]) + 1]
        accounts = [account for participant in made["participants"] for account in participant["accounts"]]
        if asked != {(account["id"], state) for account in accounts}:
            return None
        for account in accounts:
            account["state"] = state
            if state == "PS_TRANSFERS_COMMITTED":
                self.rows(MOVED.format(net=account["netSettlementAmount"]["amount"], account=account["id"]))
        made["state"] = state
        if state == STATES[-1]:
            self.rows(CHANGED.format(window=made["settlementWindows"][0]["id"], state="SETTLED"))
        return made


def handler(settlements: Settlements) -> type[BaseHTTPRequestHandler]:
    """The API under ``/v2``."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60

        def answer(self, found: object) -> None:
            content = json.dumps(found or {"errorInformation": {"errorCode": "3100", "errorDescription": "not in this state"}}).encode()
            self.send_response(200 if found else 400)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def handle_any(self) -> None:
            url = urlsplit(self.path)
            _empty, _version, resource, *number = url.path.split("/")
            length = int(self.headers.get("Content-Length") or 0)
            body: dict[str, Any] = json.loads(self.rfile.read(length) or b"{}")
            calls: dict[tuple[str, str], Callable[[], object]] = {
                ("GET", "settlementWindows"): lambda: settlements.windows(url.query.removeprefix("state=")),
                ("POST", "settlementWindows"): lambda: settlements.close(int(number[0])),
                ("POST", "settlements"): lambda: settlements.create(int(body["settlementWindows"][0]["id"])),
                ("PUT", "settlements"): lambda: settlements.advance(int(number[0]), body),
            }
            self.answer(calls[self.command, resource]())

        do_GET = do_POST = do_PUT = handle_any  # noqa: N815 -- names of the base class

    return Handler


def main() -> None:
    """Serve until SIGTERM."""
    configuration = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    listen = configuration["listen"]
    server = ThreadingHTTPServer((listen["address"], listen["port"]), handler(Settlements(Path(configuration["socket"]))))
    server.daemon_threads = True
    signal.signal(signal.SIGTERM, lambda *_ignored: sys.exit())
    sys.stdout.write("settlement ready\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
