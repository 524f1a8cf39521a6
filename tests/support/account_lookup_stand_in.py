# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A stand-in for the administration API of Mojaloop's account lookup service, which is published as source and image only.

Held to what is published of it: admin-swagger 1.1 (required keys, types of identifiers, the one type of endpoint) and domain/oracle
(a second oracle for the same identifier and currency is an error 2001; an update ignores ``isDefault: false``). Beside it stands an
oracle (ALS Oracle API 1.1: ``/participants/{Type}/{ID}``), as of one process.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

IDENTIFIERS = {"MSISDN", "EMAIL", "PERSONAL_ID", "BUSINESS", "DEVICE", "ACCOUNT_ID", "IBAN", "ALIAS", "CONSENT", "THIRD_PARTY_LINK"}
PARTIES = "/participants/"
KEYS = {"oracleIdType", "endpoint", "currency", "isDefault"}


class AccountLookupStandIn:
    """The oracles that it holds by number; ``url`` is where it listens."""

    def __init__(self) -> None:
        self.url = ""
        self.oracles: dict[str, dict[str, Any]] = {}
        self.parties: dict[str, list[dict[str, Any]]] = {}
        """What the oracle holds, by path."""
        self._last = 0

    def create(self, wanted: dict[str, Any]) -> int:
        """The status of POST /oracles."""
        if not _is_right(wanted):
            return 400
        if any(_key(each) == _key(wanted) for each in self.oracles.values()):
            return 500
        self._last += 1
        self.oracles[str(self._last)] = {"isDefault": False, "currency": None, **wanted}
        return 201

    def update(self, number: str, wanted: dict[str, Any]) -> int:
        """The status of PUT /oracles/{ID}."""
        if number not in self.oracles or not _is_right(wanted):
            return 400
        self.oracles[number].update({key: value for key, value in wanted.items() if value})
        return 204

    def listed(self) -> list[dict[str, Any]]:
        """The answer of GET /oracles."""
        return [{"oracleId": number, **each, "isDefault": int(each["isDefault"])} for number, each in self.oracles.items()]


def _is_right(wanted: dict[str, Any]) -> bool:
    endpoint = wanted.get("endpoint")
    shaped = isinstance(endpoint, dict) and endpoint.get("endpointType") == "URL" and isinstance(endpoint.get("value"), str)
    return shaped and wanted.get("oracleIdType") in IDENTIFIERS and wanted.keys() <= KEYS


def _key(oracle: dict[str, Any]) -> tuple[str, str | None]:
    return oracle["oracleIdType"], oracle.get("currency")


@contextmanager
def account_lookup_stand_in() -> Iterator[AccountLookupStandIn]:
    """A running stand-in, without oracles."""
    made = AccountLookupStandIn()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(made))
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(service: AccountLookupStandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith(PARTIES):
                self._answer(200, {"partyList": service.parties.get(self.path, [])})
            else:
                self._answer(200, service.listed())

        def do_POST(self) -> None:
            body = self._body()
            if self.path.startswith(PARTIES):
                service.parties.setdefault(self.path, []).append(body)
                self._answer(201)
            else:
                self._answer(service.create(body))

        def do_DELETE(self) -> None:
            self._answer(204 if service.parties.pop(self.path, None) else 404)

        def do_PUT(self) -> None:
            self._answer(service.update(self.path.rpartition("/")[2], self._body()))

        def _body(self) -> dict[str, Any]:
            content: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            return content

        def _answer(self, status: int, content: object = None) -> None:
            error = {"errorInformation": {"errorCode": "2001", "errorDescription": "Internal server error"}}
            body = b"" if status in {201, 204} else json.dumps(content if status == 200 else error).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_ignored: object) -> None:
            """Tests read the proxy's list."""

    return Handler
