# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Allowlists change in the packet filter and in the gateway at once, while requests come from two machines: none is lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.banks import Bank, load_on, with_caller
from support.counting import record_count
from support.depth import DEEP
from support.load import Load
from tools.firewall_cases import model
from tools.firewall_network import Machine, Network, network, why_not

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import Listener
from ansible_collections.mojaloop.onboarding.plugins.module_utils.firewall.nftables import desired_content, render
from ansible_collections.mojaloop.onboarding.plugins.module_utils.firewall.sharing import assigned
from ansible_collections.mojaloop.onboarding.plugins.module_utils.host import firewall_nftables as firewall

PRODUCTS = ("haproxy",)

if TYPE_CHECKING:
    from .conftest import Bench

pytestmark = [pytest.mark.root, pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")]

CHANGES = 100 if DEEP else 6
HUB, ADDRESSES = "203.0.113.10", {"greenbank": "203.0.113.21", "bluebank": "203.0.113.31"}


@pytest.fixture
def net() -> Iterator[Network]:
    with network(f"{HUB}/24") as made:
        for name, address in ADDRESSES.items():
            made.plug(name, f"{address}/24")
        yield made


@pytest.fixture
def inside(bench: Bench, net: Network) -> Iterator[Bench]:
    """The bench with its gateway and its services on the guarded machine."""
    services = net.guarded.call(type(bench.backend))
    callers = tuple(replace(caller, networks=(ip_network(ADDRESSES[caller.participant]),)) for caller in bench.inbound.callers)
    moved = bench.with_inbound(callers=callers, listeners=(Listener(ip_address(HUB), 8443),), backend=services.listener)
    try:
        yield replace(bench, model=moved, backend=services)
    finally:
        services.shutdown()
        services.server_close()


def allow(machine: Machine, bench: Bench, file: Path) -> None:
    """What the listener lets in, in the packet filter and then in the gateway; neither reloads anything."""
    listed = {caller.participant: [str(each) for each in caller.networks] for caller in bench.inbound.callers}
    final = assigned(model(listed))
    rules, content = render(final), desired_content(final)
    ticket = machine.call(lambda: firewall.apply(rules, content, str(file), 20))
    machine.call(lambda: firewall.confirm(ticket, rules, content, str(file)))
    machine.call(bench.install)


def test_allowlists_change_in_firewall_and_gateway_without_loss(inside: Bench, net: Network, tmp_path: Path) -> None:
    file = tmp_path / "nftables.d" / "onboarding.nft"
    allow(net.guarded, inside, file)
    coming = [Bank(inside, name, identity, ADDRESSES[name], net.machines[name].call) for name, identity in inside.clients.items()]
    with load_on(inside, [caller for bank in coming for caller in bank.callers()], "firewall set and gateway map") as load:
        for number in range(CHANGES):
            one_change(load, net.guarded, inside, file, (f"198.51.{number}.0/24", f"2001:db8:{number:x}::/48"))
    assert load.losses == {}
    assert net.guarded.counter("in_greenbank") > 0
    dropped = net.guarded.counter("refused_in")  # a packet may meet two generations of the table; TCP sends it again
    record_count("under load, firewall set and gateway map: packets dropped and sent again", dropped)
    inside.model = inside.with_inbound(callers=with_caller(inside, "bluebank", networks=()))
    allow(net.guarded, inside, file)
    assert not net.machines["bluebank"].passes(HUB, 8443), "the control: who is taken off the list is dropped"
    assert net.guarded.counter("refused_in") > dropped


def one_change(load: Load, guarded: Machine, bench: Bench, file: Path, more: tuple[str, ...]) -> None:
    """Addresses for one participant, then taken away again."""
    own = (ip_network(ADDRESSES["greenbank"]),)
    for networks in ((*own, *map(ip_network, more)), own):
        bench.model = bench.with_inbound(callers=with_caller(bench, "greenbank", networks=networks))
        allow(guarded, bench, file)
        record_count("under load, changes: firewall set and gateway map", 1)
        load.everyone()
