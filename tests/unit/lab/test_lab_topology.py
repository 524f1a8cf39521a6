# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The machines of a description: names, addresses, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import LabError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.lab.topology import Topology, port_name, topology

YELLOWBANK = """\
format: 1
id: yellowbank
organisation: Yellow Bank
currencies: [USD]
hosting: managed
endpoint:
  url: https://fspiop.yellowbank.lab:8443
  addresses: [203.0.113.60]
egress_addresses: [203.0.113.61/32]
ca: {kind: internal}
gateways:
  - host: yellowbank-gateway
    kind: haproxy
    inbound:
      - {address: 203.0.113.60, port: 8443}
    inbound_backend: {address: 127.0.0.1, port: 3000}
    outbound: {address: 127.0.0.1, port: 3100}
    log: stdout
firewall: {kind: nftables}
net_debit_cap: {USD: "10000"}
notification_addresses: [operations@yellowbank.example]
"""


@pytest.fixture
def folder(repository: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(repository / "inventories" / "lab", tmp_path / "lab"))


def _topology(folder: Path) -> Topology:
    return topology(load_description(folder, state=str(folder / "state")))


def _change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_the_machines_of_the_lab_and_their_addresses(folder: Path) -> None:
    found = {machine.name: machine.addresses for machine in _topology(folder).machines}
    assert found == {
        "authorization-server": ("198.18.0.20",),
        "bluebank-gateway": ("203.0.113.30", "203.0.113.31"),
        "greenbank-gateway": ("203.0.113.20", "2001:db8:6d6f::20", "203.0.113.21", "203.0.113.22", "2001:db8:6d6f::21"),
        "hub-gateway": ("203.0.113.10", "2001:db8:6d6f::10", "203.0.113.11", "2001:db8:6d6f::11", "198.18.0.10"),
        "probes": ("203.0.113.51", "203.0.113.52"),
        "redbank": ("203.0.113.40", "203.0.113.41"),
        "stranger": ("203.0.113.99", "2001:db8:6d6f::99"),
    }


def test_only_the_hub_and_the_authorization_server_are_on_the_internal_link(folder: Path) -> None:
    machines = _topology(folder).machines
    inside = {machine.name for machine in machines if any(card.bridge == "internal0" for card in machine.interfaces)}
    assert inside == {"hub-gateway", "authorization-server"}
    assert [card.bridge for card in _topology(folder).machine("authorization-server").interfaces] == ["internal0"]


def test_a_new_participant_adds_its_machine_and_changes_no_other(folder: Path) -> None:
    before = _topology(folder).machines
    (folder / "participants" / "yellowbank.yml").write_text(YELLOWBANK)
    after = _topology(folder).machines
    assert [machine.name for machine in after if machine not in before] == ["yellowbank-gateway"]
    assert set(before) <= set(after)


def test_of_two_gateways_each_has_its_own_listener_and_the_first_the_rest(folder: Path) -> None:
    second = """\
    - host: hub-gateway-2
      kind: haproxy
      inbound:
        - {address: 203.0.113.12, port: 8443}
      inbound_backend: {address: 127.0.0.1, port: 3000}
      outbound: {address: 127.0.0.1, port: 3100}
      egress_addresses: [203.0.113.13/32]
      log: stdout
  firewall:"""
    _change(folder / "hub.yml", "  firewall:", second)
    _change(folder / "hub.yml", "egress_addresses: [203.0.113.11/32,", "egress_addresses: [203.0.113.11/32, 203.0.113.13/32,")
    _change(folder / "hub.yml", 'addresses: [203.0.113.10, "2001', 'addresses: [203.0.113.10, 203.0.113.12, "2001')
    found = _topology(folder)
    assert found.machine("hub-gateway-2").addresses == ("203.0.113.12", "203.0.113.13", "198.18.0.11")
    assert {"203.0.113.12", "203.0.113.13"}.isdisjoint(found.machine("hub-gateway").addresses)


def test_an_address_outside_the_lab_is_refused(folder: Path) -> None:
    _topology(folder)  # control
    _change(folder / "participants" / "redbank.yml", "203.0.113.41/32", "198.51.100.41/32")
    with pytest.raises(LabError, match=r"198\.51\.100\.41: is not an address of the lab"):
        _topology(folder)


def test_an_authorization_server_that_needs_resolving_is_refused(folder: Path) -> None:
    _change(folder / "hub.yml", "token_endpoint: https://198.18.0.20:9443/token", "token_endpoint: https://auth.hub.lab:9443/token")
    with pytest.raises(LabError, match=r"https://auth\.hub\.lab:9443/token: has no address"):
        _topology(folder)


def test_the_strangers_address_is_no_one_elses(folder: Path) -> None:
    _change(folder / "participants" / "redbank.yml", "203.0.113.41/32", "203.0.113.99/32")
    with pytest.raises(LabError, match=r"203\.0\.113\.99: is claimed by two machines"):
        _topology(folder)


def test_names_of_cables_fit_the_kernel_and_differ() -> None:
    names = {port_name(machine, card) for machine in ("hub-gateway", "hub-gateway-2", "a" * 63) for card in ("eth0", "eth1")}
    assert len(names) == 6
    assert all(len(name) <= 15 for name in names)
