# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a caller learns: who refused him, and by whom a refusal of the services behind the inbound listener was made."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import Listener

from .test_gateway_changes import until

if TYPE_CHECKING:
    from .conftest import Bench, Recorder


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


NAMES = pytest.mark.parametrize(
    ("name", "reported"), [("backend", "signature-invalid"), ("gateway", ""), ("Gateway", ""), ("x, gateway", "")]
)


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
def test_services_refuse_in_their_own_name_only(bench: Bench, refuser: Listener, name: str, reported: str) -> None:
    bench.install(bench.with_inbound(backend=refuser))
    answer = bench.connect("greenbank").ask(headers=bench.headers())
    assert (answer.status, answer.reason) == (400, reported)


@NAMES
def test_services_of_a_participants_listener_do_so_too(participants: Bench, refuser: Listener, name: str, reported: str) -> None:
    participants.install(participants.with_inbound(backend=refuser))
    answer = participants.connect("hub").ask(headers=[("fspiop-destination", "greenbank")])
    assert (answer.status, answer.reason) == (400, reported)


WANTED = [("connection", "upgrade"), ("upgrade", "tls/1.0")]


def tunnelled(bench: Bench, client: http.client.HTTPConnection, server: Recorder, headers: list[tuple[str, str]]) -> int:
    """The status of a request that asks for another protocol; AssertionError when bytes that no one judged reach the server."""
    server.upgrading = True
    client.putrequest("GET", "/parties/MSISDN/1")
    for header in (*headers, *WANTED):
        client.putheader(*header)
    client.endheaders()
    status = client.getresponse().status
    if client.sock:
        client.sock.sendall(b"DELETE /participants/bluebank HTTP/1.1\r\n\r\n")
    client.close()
    server.upgrading = False
    assert server.seen, status
    assert server.header("upgrade") == []
    assert [line for line in server.tunnelled if line] == []
    assert until(lambda: "refused=upgrade-answered" in Path(bench.place.folder, "gateway.log").read_text())
    return status


def test_no_answer_of_the_services_opens_a_tunnel_through_the_listener(bench: Bench) -> None:
    bench.install()
    assert tunnelled(bench, bench.connect("greenbank").client, bench.backend, bench.headers()) == 502
    assert until(lambda: bench.connect("greenbank").ask(headers=[*bench.headers(), *WANTED]).status == 200)


def test_nor_through_the_listener_to_the_authorization_server(bench: Bench) -> None:
    bench.install()
    bench.authorization.upgrading = True
    assert bench.connect("greenbank").ask("POST", "/oauth2/token", WANTED).status == 502
    assert bench.authorization.header("upgrade") == []
    assert [line for line in bench.authorization.tunnelled if line] == []


def test_nor_through_a_participants_listener(participants: Bench) -> None:
    to_greenbank = [("fspiop-destination", "greenbank")]
    assert tunnelled(participants, participants.connect("hub").client, participants.backend, to_greenbank) == 502
    assert until(lambda: participants.connect("hub").ask(headers=[*to_greenbank, *WANTED]).status == 200)


def test_nor_outbound_from_the_sides_own_services_to_a_counterpart(bench: Bench, destination: Any, recorder: Any) -> None:  # noqa: ANN401
    authority = bench.authority("Green CA")
    green = recorder(authority.identity("fspiop.greenbank.test", server=True), bench.root, authority.pem)
    right = destination("greenbank", green, authority.pem, authority.identity("switch"))
    bench.install(bench.with_destinations(right))
    client = http.client.HTTPConnection("127.0.0.1", bench.model.outbound.listener.port, timeout=10)
    assert tunnelled(bench, client, green, [("fspiop-destination", "greenbank")]) == 502
    client.request("GET", "/parties/MSISDN/1", headers={"fspiop-destination": "greenbank"})
    assert client.getresponse().status == 200
    client.close()
