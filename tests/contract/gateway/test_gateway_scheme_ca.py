# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One scheme CA for all: what the steps make feeds real inbound listeners of both sides, and each lets in only its counterpart."""

from __future__ import annotations

import http.client
import socket
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.authorities import Authority
from support.ports import free_port
from unit.steps.conftest import Site, faults, site

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.desired import gateway_model
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.model import Identity
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree

from .conftest import Bench, Recorder
from .drivers import Envoy, Haproxy

SOURCES = {"hub": "127.0.0.11", "greenbank": "127.0.0.21", "bluebank": "127.0.0.31"}
HOSTS = {"hub": "api.switch.example", "greenbank": "greenbank.example", "bluebank": "bluebank.example"}


@dataclass
class World:
    """The listeners of the hub and of one participant, in front of recorders, and what the steps have made."""

    made: Site
    ports: dict[str, int]
    outbound: dict[str, int]
    benches: dict[str, Bench]

    def identity(self, folder: str) -> Identity:
        return Identity(*(self.made.read(f"store/{folder}/{name}.pem") for name in ("certificate", "chain", "key")))

    def call(self, listener: str, source: str, identity: Identity) -> tuple[int, str]:
        """Status and reason of a call straight at a listener."""
        context = ssl.create_default_context(cadata=self.made.read("store/hub/ca/certificate.pem").decode())
        file = self.made.root / "caller.pem"
        file.write_bytes(identity.certificate + identity.key)
        context.load_cert_chain(file)
        raw = socket.create_connection(("127.0.0.1", self.ports[listener]), 10, (SOURCES[source], 0))
        client = http.client.HTTPSConnection(HOSTS[listener], timeout=10)
        client.sock = context.wrap_socket(raw, server_hostname=HOSTS[listener])
        return ask(client, source, listener)

    def through(self, side: str, counterpart: str) -> tuple[int, str]:
        """Status and reason of a call that a side's own backend makes through its gateway."""
        return ask(http.client.HTTPConnection("127.0.0.1", self.outbound[side], timeout=10), side, counterpart)


def ask(client: http.client.HTTPConnection, source: str, destination: str) -> tuple[int, str]:
    ids = {"hub": "switch"}
    headers = {"fspiop-source": ids.get(source, source), "fspiop-destination": ids.get(destination, destination)}
    with closing(client):
        client.request("GET", "/parties/MSISDN/1", headers=headers)
        response = client.getresponse()
        response.read()
        return response.status, response.headers.get("x-refused-because", "")


def described_site(root: Path, ports: dict[str, int], outbound: dict[str, int], backends: dict[str, Recorder]) -> Site:
    made = site(root, "greenbank", "bluebank", profile="mojaloop-scheme-ca")
    for name in ("hub", "greenbank", "bluebank"):
        side: dict[str, Any] = made.hub["hub"] if name == "hub" else made.participants[name]
        side["endpoint"] = {"url": f"https://{HOSTS[name]}:{ports[name]}", "addresses": ["127.0.0.1"]}
        side["egress_addresses"] = [f"{SOURCES[name]}/32"]
        side["gateways"] = [
            {
                "host": f"{name}-gateway",
                "kind": "haproxy",
                "inbound": [{"address": "127.0.0.1", "port": ports[name]}],
                "inbound_backend": {"address": "127.0.0.1", "port": backends[name].server_port},
                "outbound": {"address": "127.0.0.1", "port": outbound[name]},
            }
        ]
        if name != "hub":
            side["roles"] = ["parties"]
    return made.describe()


def finish(made: Site) -> None:
    """One side after the other, as where each runs its own half, until nothing is pending."""
    made.hub["approval"] = "automatic"
    made.describe()
    now = datetime.now(UTC)
    for _round in range(4):
        found = [finding for side in ("hub", "greenbank", "bluebank") for finding in made.run(now=now, sides=[side])]
        assert faults(found) == []
    assert found == []


@pytest.fixture(params=[(Haproxy, Envoy), (Envoy, Haproxy)], ids=["envoy calls haproxy", "haproxy calls envoy"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """The hub and greenbank behind gateways of different products."""
    root = Path(tempfile.mkdtemp(prefix="scheme-"))
    ports, outbound = ({name: free_port() for name in HOSTS} for _ in range(2))
    backends = {name: Recorder() for name in HOSTS}
    made = described_site(root / "site", ports, outbound, backends)
    finish(made)
    benches = {}
    description = load_description(made.root / "description", state=str(made.state))
    try:
        for side, product in zip(("hub", "greenbank"), request.param, strict=True):
            folder = root / side
            folder.mkdir()
            driver = product()
            place = driver.place(folder)
            (gateway,) = description.side(side).gateways
            model = gateway_model(description, side, gateway, DiskTree(made.state))
            assert model.findings == (), model.findings
            model = replace(model, gateway=driver.gateway(place))
            benches[side] = Bench(folder, driver, place, Authority("unused"), [], {}, backends[side], Recorder(), model)
            benches[side].install()
        yield World(made, ports, outbound, benches)
    finally:
        for bench in benches.values():
            bench.close()


def test_artefacts_of_one_scheme_ca_feed_the_listeners_in_both_directions(world: World) -> None:
    hub, green = world.identity("hub/client/greenbank"), world.identity("greenbank/client/hub")
    # Straight at the listeners, and through the callers' own gateways.
    assert world.call("hub", "greenbank", green) == (200, "")
    assert world.call("greenbank", "hub", hub) == (200, "")
    assert world.through("greenbank", "hub") == (200, "")
    assert world.through("hub", "greenbank") == (200, "")
    assert [len(world.benches[side].backend.seen) for side in ("hub", "greenbank")] == [2, 2]

    # The same CA signed all of these: not the CA lets in, but the one certificate.
    for folder in ("bluebank/client/hub", "hub/client/bluebank", "greenbank/client/hub"):
        assert world.call("greenbank", "hub", world.identity(folder)) == (403, "certificate-unknown"), folder
    for folder in ("hub/client/greenbank", "hub/client/bluebank"):
        assert world.call("hub", "greenbank", world.identity(folder)) == (403, "certificate-unknown"), folder
    # Right certificate, wrong address.
    assert world.call("greenbank", "bluebank", hub) == (403, "address-mismatch")
    # Another CA does not get through TLS at all.
    stranger = Authority("Another scheme CA").identity("switch")
    for listener, source in (("hub", "greenbank"), ("greenbank", "hub")):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            world.call(listener, source, stranger)
    assert [len(world.benches[side].backend.seen) for side in ("hub", "greenbank")] == [2, 2]
    assert world.call("greenbank", "hub", hub) == (200, "")
