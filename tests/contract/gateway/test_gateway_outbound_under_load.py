# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The way out changes without loss: own client certificate towards a counterpart, through one egress first, then the other."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from support.counterpart import Counterpart
from support.counting import record_count
from support.depth import DEEP
from support.load import Caller, Load, Session, under
from support.ports import free_port

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import Listener
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.model import Identity

if TYPE_CHECKING:
    from .conftest import Bench

CHANGES = 100 if DEEP else 5


class Egress:
    """One of the hub's gateways on its way out; ``name`` goes along with each request, so that the counterpart can tell them apart."""

    def __init__(self, bench: Bench, name: str, to: Any) -> None:  # noqa: ANN401 -- makes a destination with an identity
        place = bench.driver.place(bench.root, name)
        inbound = replace(bench.inbound, listeners=(Listener(bench.inbound.listeners[0].address, free_port()),))
        outbound = replace(bench.model.outbound, listener=Listener(bench.inbound.listeners[0].address, free_port()))
        model = replace(bench.model, inbound=inbound, outbound=outbound, gateway=bench.driver.gateway(place))
        self.bench, self.name, self.to = replace(bench, place=place, model=model), name, to

    @property
    def port(self) -> int:
        return self.bench.model.outbound.listener.port

    def switch(self, identity: Identity) -> int:
        """Use this client certificate from now on; returns the number of reloads."""
        outbound = replace(self.bench.model.outbound, destinations=(self.to(identity),))
        return int(self.bench.install(replace(self.bench.model, outbound=outbound))["reloads"])

    def drained(self, load: Load) -> None:
        """Wait until no earlier process is left, which kept connections with the earlier certificate."""
        for _attempt in range(200):
            load.everyone(1)
            if len(self.bench.driver.process(self.bench.place)) == 1:
                return
        raise AssertionError(self.bench.driver.process(self.bench.place))

    def dial(self) -> Session:
        raw = socket.create_connection(("127.0.0.1", self.port), 10)
        request = f"GET /parties/1 HTTP/1.1\r\nhost: x\r\nx-egress: {self.name}\r\nfspiop-destination: greenbank\r\n\r\n".encode()
        return Session(raw, lambda: request)

    def callers(self) -> list[Caller]:
        kept = [Caller(f"{self.name} kept", self.dial, keep=True, pause=0.02 * number) for number in (1, 2, 8)]
        return [*kept, Caller(f"{self.name} new", self.dial, keep=False, pause=0.04)]

    def ask(self) -> int:
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            client.request("GET", "/parties/1", headers={"fspiop-destination": "greenbank"})
            return client.getresponse().status
        finally:
            client.close()


@contextmanager
def counterpart(bench: Bench, name: str) -> Iterator[tuple[Counterpart, Any]]:
    authority = bench.authority(f"CA of {name}")
    made = Counterpart(authority.identity(f"fspiop.{name}.test", server=True), authority.pem, bench.root)
    try:
        yield made, authority
    finally:
        made.close()


def test_own_client_certificate_rotates_through_one_egress_first(bench: Bench, destination: Any) -> None:  # noqa: ANN401
    """Accepted beside the old one; one egress switches, is proved at the counterpart and drained; the other; the old one retires."""
    with counterpart(bench, "greenbank") as (peer, authority):
        both = [
            Egress(bench, name, lambda identity: destination("greenbank", peer, authority.pem, identity)) for name in ("first", "second")
        ]
        old = authority.identity("switch")
        peer.accept(old)
        for egress in both:
            egress.switch(old)
        with under([caller for egress in both for caller in egress.callers()], "own client certificate") as load:
            for _number in range(CHANGES):
                old = rotated(load, peer, both, old, authority.identity("switch"))
        assert load.losses == {}
        assert peer.answered == load.answered
        assert both[0].ask() == 200
        both[0].switch(authority.identity("switch"))
        assert both[0].ask() == 403, "the control: a certificate that the counterpart does not know is refused"


def rotated(load: Load, peer: Counterpart, both: list[Egress], old: Identity, new: Identity) -> Identity:
    peer.accept(old, new)
    for egress in both:
        assert egress.switch(new) == egress.bench.driver.reloads
        record_count("under load, changes: own client certificate at an egress", 1)
        egress.drained(load)
        before = peer.seen(egress.name, old)
        load.everyone()
        assert peer.seen(egress.name, old) == before, "the pool was drained"
        assert peer.seen(egress.name, new) > 0, "the counterpart has seen the new certificate from this egress"
    peer.accept(new)
    record_count("under load, changes: own client certificate retired at the counterpart", 1)
    load.everyone()
    return new
