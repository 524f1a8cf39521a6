# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Real packets through the real packet filter: who passes, who is dropped and counted, what happens to live connections."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest
from tools.firewall_cases import model
from tools.firewall_network import REFUSED_AFTER, Machine, Network, Server, network, still_receives, why_not

from ansible_collections.mojaloop.onboarding.plugins.module_utils.firewall.model import FirewallModel, unmapped
from ansible_collections.mojaloop.onboarding.plugins.module_utils.firewall.nftables import desired_content, render
from ansible_collections.mojaloop.onboarding.plugins.module_utils.firewall.sharing import assigned
from ansible_collections.mojaloop.onboarding.plugins.module_utils.host import firewall_nftables as host

pytestmark = [pytest.mark.root, pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")]

HUB, BANK, STRANGER = "203.0.113.10", "203.0.113.21", "203.0.113.99"
HUB6, BANK6, STRANGER6 = "2001:db8::10", "2001:db8::21", "2001:db8::99"
PORT = 8443


@pytest.fixture
def net() -> Iterator[Network]:
    with network(f"{HUB}/24", "203.0.113.12/24", f"{HUB6}/64") as made:
        made.plug("bank", f"{BANK}/24", f"{BANK6}/64")
        made.plug("stranger", f"{STRANGER}/24", f"{STRANGER6}/64")
        made.serve(made.guarded, "::", PORT)
        yield made


@pytest.fixture
def file(tmp_path: Path) -> str:
    return str(tmp_path / "nftables.d" / "onboarding.nft")


def put(machine: Machine, wanted: FirewallModel, file: str) -> None:
    """Put a model in force and confirm it."""
    final = assigned(wanted)
    rules, content = render(final), desired_content(final)
    ticket = machine.call(lambda: host.apply(rules, content, file, 20))
    machine.call(lambda: host.confirm(ticket, rules, content, file))


def test_an_allowed_address_passes_and_is_counted(net: Network, file: str) -> None:
    put(net.guarded, model({"greenbank": [f"{BANK}/32"]}), file)
    assert net.machines["bank"].passes(HUB, PORT)
    assert net.guarded.counter("in_greenbank") > 0
    assert net.guarded.counter("refused_in") == 0


def test_another_address_is_dropped_and_counted_until_it_is_allowed(net: Network, file: str) -> None:
    put(net.guarded, model({"greenbank": [f"{BANK}/32"]}), file)
    assert not net.machines["stranger"].passes(HUB, PORT)
    assert net.guarded.counter("refused_in") > 0
    put(net.guarded, model({"greenbank": [f"{BANK}/32"], "redbank": [f"{STRANGER}/32"]}), file)
    assert net.machines["stranger"].passes(HUB, PORT)
    assert net.guarded.counter("in_redbank") > 0


def test_ipv6_is_judged_as_ipv4_is(net: Network, file: str) -> None:
    put(net.guarded, model({"greenbank": [f"{BANK6}/128"]}), file)
    assert net.machines["bank"].passes(HUB6, PORT)
    assert net.guarded.counter("in_greenbank") > 0
    assert not net.machines["stranger"].passes(HUB6, PORT)
    assert not net.machines["bank"].passes(HUB, PORT)
    put(net.guarded, model({"greenbank": [f"{BANK6}/128", f"{BANK}/32", f"{STRANGER6}/128"]}), file)
    assert net.machines["stranger"].passes(HUB6, PORT)
    assert net.machines["bank"].passes(HUB, PORT)


def test_an_ipv4_mapped_address_is_the_ipv4_address(net: Network, file: str) -> None:
    mapped = unmapped([ip_network(f"::ffff:{BANK}/128")])
    put(net.guarded, model({"greenbank": [str(each) for each in mapped]}), file)
    assert net.machines["bank"].passes(f"::ffff:{HUB}", PORT)
    assert net.guarded.counter("in_greenbank") > 0
    assert not net.machines["stranger"].passes(f"::ffff:{HUB}", PORT)


def test_an_empty_list_admits_no_one(net: Network, file: str) -> None:
    assert net.machines["bank"].passes(HUB, PORT)
    put(net.guarded, model(), file)
    assert not net.machines["bank"].passes(HUB, PORT)
    assert not net.machines["bank"].passes(HUB6, PORT)


def test_other_ports_and_the_host_itself_are_left_alone(net: Network, file: str) -> None:
    net.serve(net.guarded, HUB, 22)
    put(net.guarded, model(), file)
    assert net.machines["stranger"].passes(HUB, 22)
    assert net.guarded.passes(HUB, PORT)
    assert not net.machines["stranger"].passes(HUB, PORT)


def test_a_strict_host_closes_its_other_ports_to_everyone_but_its_own_networks(net: Network, file: str) -> None:
    """``stranger`` is the operator here: the listener is not for it, every other port is; its connection from before goes on."""
    for address, port in ((HUB, 22), (HUB6, 22), (HUB, 9100)):
        net.serve(net.guarded, address, port, pushing=port == 9100)
    net.serve(net.machines["bank"], BANK, 443)
    bank, operator = net.machines["bank"], net.machines["stranger"]
    before = operator.connect(HUB, 9100)
    listeners_only = model({"greenbank": [f"{BANK}/32"]})
    put(net.guarded, listeners_only, file)
    assert bank.passes(HUB, 22)
    put(net.guarded, replace(listeners_only, own=(ip_network(f"{STRANGER}/32"), ip_network(f"{STRANGER6}/128"))), file)
    assert [bank.passes(HUB, 22), bank.passes(HUB6, 22), bank.passes(HUB, 9100), bank.passes(HUB, PORT)] == [False, False, False, True]
    assert net.guarded.counter("refused_host") > 0
    assert [operator.passes(HUB, 22), operator.passes(HUB6, 22), operator.passes(HUB, PORT)] == [True, True, False]
    assert still_receives(before, within=0.5)
    # What the host asks for itself is answered, and so is the host's own probe of itself.
    assert net.guarded.passes(BANK, 443)
    assert net.guarded.passes(HUB, 22)
    put(net.guarded, listeners_only, file)
    assert bank.passes(HUB, 22)
    before.close()


def test_a_live_connection_ends_with_its_address_although_the_server_keeps_sending(net: Network, file: str) -> None:
    net.serve(net.guarded, HUB, 9443, pushing=True)
    both = model({"greenbank": [f"{BANK}/32"], "redbank": [f"{STRANGER}/32"]})
    ports = FirewallModel(**{**both.__dict__, "guarded_inbound": (PORT, 9443)})
    put(net.guarded, ports, file)
    leaving, staying = net.machines["bank"].connect(HUB, 9443), net.machines["stranger"].connect(HUB, 9443)
    assert still_receives(leaving, within=0.5)
    put(net.guarded, FirewallModel(**{**ports.__dict__, "allowed_in": {"redbank": both.allowed_in["redbank"]}}), file)
    assert not still_receives(leaving, within=3)
    assert still_receives(staying, within=0.5)
    leaving.close()
    staying.close()


def test_only_described_listeners_are_called_from_the_egress_address(net: Network, file: str) -> None:
    for name, address in (("bank", BANK), ("stranger", STRANGER)):
        net.serve(net.machines[name], address, PORT)
    net.serve(net.machines["stranger"], STRANGER, 443)
    put(net.guarded, model(allowed_out={"greenbank": [(BANK, PORT)]}), file)
    assert net.guarded.passes(BANK, PORT, source=HUB)
    assert net.guarded.counter("out_greenbank") > 0
    assert not net.guarded.passes(STRANGER, PORT, source=HUB)
    assert net.guarded.counter("refused_out") > 0
    assert net.guarded.passes(STRANGER, 443, source=HUB)
    assert net.guarded.passes(STRANGER, PORT, source="203.0.113.12")
    put(net.guarded, model(allowed_out={"greenbank": [(BANK, PORT), (STRANGER, PORT)]}), file)
    assert net.guarded.passes(STRANGER, PORT, source=HUB)


def test_calls_over_ipv6_are_judged_as_well(net: Network, file: str) -> None:
    for name, address in (("bank", BANK6), ("stranger", STRANGER6)):
        net.serve(net.machines[name], address, PORT)
    net.serve(net.machines["stranger"], STRANGER6, 443)
    put(net.guarded, model(allowed_out={"greenbank": [(BANK6, PORT)]}), file)
    assert net.guarded.passes(BANK6, PORT, source=HUB6)
    assert not net.guarded.passes(STRANGER6, PORT, source=HUB6)
    assert net.guarded.passes(STRANGER6, 443, source=HUB6)


def test_a_live_call_ends_with_its_listener_although_the_counterpart_keeps_sending(net: Network, file: str) -> None:
    for name, address in (("bank", BANK), ("stranger", STRANGER)):
        net.serve(net.machines[name], address, PORT, pushing=True)
    both = model(allowed_out={"greenbank": [(BANK, PORT)], "redbank": [(STRANGER, PORT)]})
    put(net.guarded, both, file)
    leaving, staying = net.guarded.connect(BANK, PORT, source=HUB), net.guarded.connect(STRANGER, PORT, source=HUB)
    assert still_receives(leaving, within=0.5)
    put(net.guarded, model(allowed_out={"redbank": [(STRANGER, PORT)]}), file)
    assert not still_receives(leaving, within=3)
    assert still_receives(staying, within=0.5)
    leaving.close()
    staying.close()


@pytest.mark.parametrize(("own", "counterparts"), [(HUB, BANK), (HUB6, BANK6)])
def test_a_call_from_a_counterparts_own_port_number_to_another_service_is_answered(
    net: Network, file: str, own: str, counterparts: str
) -> None:
    net.serve(net.guarded, own, 22)
    put(net.guarded, model(allowed_out={"greenbank": [(counterparts, PORT)]}), file)
    with net.machines["stranger"].call(lambda: _from_port(PORT, own, 22)) as connection:
        assert connection.recv(1) == b"."


def test_what_is_refused_does_not_even_arrive(net: Network, file: str) -> None:
    # Dropping the answers alone would look the same to the caller, but his packets would reach the server.
    put(net.guarded, model({"greenbank": [f"{BANK}/32"]}), file)
    for address in (HUB, HUB6):
        assert not net.machines["stranger"].passes(address, PORT)
        assert half_open(net.guarded) == ""
    assert net.machines["bank"].passes(HUB, PORT)


def test_a_refused_call_does_not_even_leave(net: Network, file: str) -> None:
    for address in (STRANGER, STRANGER6):
        net.serve(net.machines["stranger"], address, PORT)
    put(net.guarded, model(allowed_out={"greenbank": [(BANK, PORT), (BANK6, PORT)]}), file)
    for address, source in ((STRANGER, HUB), (STRANGER6, HUB6)):
        assert not net.guarded.passes(address, PORT, source=source)
        assert half_open(net.machines["stranger"]) == ""


@pytest.mark.parametrize(("caller", "address"), [(BANK, HUB), (BANK6, HUB6)])
def test_after_its_end_a_connection_gets_not_one_answer_from_the_listener(net: Network, file: str, caller: str, address: str) -> None:
    put(net.guarded, model({"greenbank": [caller]}), file)
    with net.machines["bank"].connect(address, PORT) as connection:
        assert connection.recv(1) == b"."
        assert answered(connection, net.servers[0])
        put(net.guarded, model(), file)
        assert net.guarded.counter("refused_in") == 0
        assert not answered(connection, net.servers[0])
        assert net.guarded.counter("refused_in") > 0


@pytest.mark.parametrize(("address", "source"), [(BANK, HUB), (BANK6, HUB6)])
def test_after_its_end_a_call_gets_not_one_answer_from_the_counterpart(net: Network, file: str, address: str, source: str) -> None:
    server = net.serve(net.machines["bank"], address, PORT)
    other = (STRANGER, PORT)
    put(net.guarded, model(allowed_out={"greenbank": [(address, PORT)], "redbank": [other]}), file)
    with net.guarded.connect(address, PORT, source=source) as connection:
        assert connection.recv(1) == b"."
        assert answered(connection, server)
        put(net.guarded, model(allowed_out={"redbank": [other]}), file)
        assert net.guarded.counter("refused_out") == 0
        assert not answered(connection, server)
        assert net.guarded.counter("refused_out") > 0


def test_replacing_the_table_loses_no_connection(net: Network, file: str) -> None:
    with_one = model({"greenbank": [f"{BANK}/32"]})
    with_two = model({"bluebank": ["198.51.100.0/24"], "greenbank": [f"{BANK}/32"]})
    put(net.guarded, with_one, file)
    stop = threading.Event()
    outcomes: list[bool] = []

    def connect_on_and_on() -> None:
        while not stop.is_set():
            outcomes.append(net.machines["bank"].passes(HUB, PORT, patience=5))

    caller = threading.Thread(target=connect_on_and_on)
    caller.start()
    for number in range(12):
        put(net.guarded, with_two if number % 2 == 0 else with_one, file)
    stop.set()
    caller.join()
    assert len(outcomes) > 20
    assert all(outcomes)


def test_counters_go_on_after_a_replacement(net: Network, file: str) -> None:
    put(net.guarded, model({"greenbank": [f"{BANK}/32"]}), file)
    assert net.machines["bank"].passes(HUB, PORT)
    before = net.guarded.counter("in_greenbank")
    put(net.guarded, model({"bluebank": ["198.51.100.0/24"], "greenbank": [f"{BANK}/32"]}), file)
    assert net.guarded.counter("in_greenbank") >= before > 0
    assert net.guarded.counter("in_bluebank") == 0


def answered(connection: socket.socket, server: Server) -> bool:
    """Whether what the server sends now arrives; the caller itself is silent."""
    connection.settimeout(REFUSED_AFTER)
    server.held[-1].sendall(b"!")
    try:
        return connection.recv(1) == b"!"
    except TimeoutError:
        return False


def half_open(machine: Machine) -> str:
    """Connections that a server there has been asked for and has not seen confirmed; they last for a minute."""
    return machine.run("ss", "-Htan", "state", "syn-recv")


def _from_port(port: int, address: str, to: int) -> socket.socket:
    return socket.create_connection((address, to), timeout=2, source_address=("", port))
