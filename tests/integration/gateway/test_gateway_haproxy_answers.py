# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a caller is told: who refused him, and by whom a refusal of the services behind the door was made."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import Listener

if TYPE_CHECKING:
    from .conftest import Bench


class Refuser(BaseHTTPRequestHandler):
    """Refuses in the name that the server was given."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(400)
        self.send_header("x-refused-by", self.server.name)  # type: ignore[attr-defined]
        self.send_header("x-refused-because", "signature-invalid")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep quiet."""


NAMES = pytest.mark.parametrize(("name", "told"), [("backend", "signature-invalid"), ("gateway", ""), ("Gateway", ""), ("x, gateway", "")])


@pytest.fixture
def refuser(name: str) -> Iterator[Listener]:
    """Services that refuse in a name."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Refuser)
    server.name = name  # type: ignore[attr-defined]
    server.daemon_threads = True
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield Listener(ip_address("127.0.0.1"), server.server_port)
    server.shutdown()
    server.server_close()


@NAMES
def test_services_refuse_in_their_own_name_only(bench: Bench, refuser: Listener, name: str, told: str) -> None:
    bench.install(bench.with_door(backend=refuser))
    answer = bench.connect("greenbank").ask(headers=bench.headers())
    assert (answer.status, answer.reason) == (400, told)


@NAMES
def test_services_of_a_participants_door_do_so_too(participants: Bench, refuser: Listener, name: str, told: str) -> None:
    participants.install(participants.with_door(backend=refuser))
    answer = participants.connect("hub").ask(headers=[("fspiop-destination", "greenbank")])
    assert (answer.status, answer.reason) == (400, told)
