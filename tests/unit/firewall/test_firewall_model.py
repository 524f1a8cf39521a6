# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the description means for a packet filter."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest
from tools.firewall_cases import changed, lab

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import Description, Endpoint, State
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import FirewallError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.firewall.model import firewall_model, unmapped


@pytest.fixture(scope="module")
def description() -> Description:
    return lab()


def test_the_hub_admits_the_egress_addresses_of_active_participants_at_its_listeners(description: Description) -> None:
    model = firewall_model(description, "hub")
    assert model.guarded_inbound == (8443,)
    assert set(model.allowed_in) == {"bluebank", "greenbank", "probe-one", "probe-two", "redbank"}
    assert model.allowed_in["greenbank"] == description.participant("greenbank").egress_addresses


def test_the_hub_calls_participants_listeners_from_its_egress_addresses(description: Description) -> None:
    model = firewall_model(description, "hub")
    assert model.egress == description.hub.egress_addresses
    assert model.allowed_out["redbank"] == ((ip_address("203.0.113.40"), 8443),)
    assert model.allowed_out["probe-one"] == ()


def test_each_gateway_host_guards_the_addresses_that_it_has_itself(description: Description) -> None:
    first = description.hub.gateways[0]
    second = replace(first, name="hub-gateway-2", egress_addresses=(ip_network("10.0.0.5/32"),))
    both = replace(description, hub=replace(description.hub, gateways=(first, second)))
    assert firewall_model(both, "hub", first.name).egress == description.hub.egress_addresses
    assert firewall_model(both, "hub", second.name).egress == second.egress_addresses


def test_a_participant_mirrors_it_with_the_hub_alone(description: Description) -> None:
    model = firewall_model(description, "greenbank")
    assert model.allowed_in == {"hub": description.hub.egress_addresses}
    assert model.allowed_out == {"hub": ((ip_address("203.0.113.10"), 8443), (ip_address("2001:db8:6d6f::10"), 8443))}
    assert model.egress == description.participant("greenbank").egress_addresses


@pytest.mark.parametrize("state", [State.SUSPENDED, State.OFFBOARDED])
def test_who_is_not_active_is_no_one_on_either_side(description: Description, state: State) -> None:
    asleep = changed(description, "greenbank", state=state)
    assert "greenbank" not in firewall_model(asleep, "hub").allowed_in
    assert "greenbank" not in firewall_model(asleep, "hub").allowed_out
    assert firewall_model(asleep, "greenbank").allowed_in == {}
    assert firewall_model(asleep, "greenbank").allowed_out == {}
    assert "bluebank" in firewall_model(asleep, "hub").allowed_in


def test_the_port_of_a_suspended_participant_stays_guarded(description: Description) -> None:
    listener = Endpoint("fspiop.redbank.lab", 9999, "", (ip_address("203.0.113.40"),))
    asleep = changed(description, "redbank", state=State.SUSPENDED, endpoint=listener)
    assert firewall_model(asleep, "hub").guarded_outbound == (8443, 9999)


def test_no_addresses_admits_no_one(description: Description) -> None:
    assert firewall_model(changed(description, "greenbank", egress_addresses=()), "hub").allowed_in["greenbank"] == ()


def test_the_authorization_server_is_never_cut_off(description: Description) -> None:
    assert (ip_address("198.18.0.20"), 9443) in firewall_model(description, "hub").allowed_out["hub"]
    assert 9443 not in firewall_model(description, "hub").guarded_outbound


def test_behind_a_load_balancer_the_packet_filter_would_judge_the_wrong_address(description: Description) -> None:
    (gateway,) = description.hub.gateways
    hidden = replace(description, hub=replace(description.hub, gateways=(replace(gateway, source_address="proxy-protocol"),)))
    with pytest.raises(FirewallError, match="load balancer"):
        firewall_model(hidden, "hub")


@pytest.mark.parametrize(
    ("given", "meant"),
    [("::ffff:203.0.113.5/128", "203.0.113.5/32"), ("::ffff:203.0.113.0/120", "203.0.113.0/24"), ("2001:db8::/32", "2001:db8::/32")],
)
def test_ipv4_mapped_networks_are_ipv4_networks(given: str, meant: str) -> None:
    assert unmapped([ip_network(given)]) == (ip_network(meant),)
