# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Overlaps inside and between counterparts, and what a narrowed run keeps."""

from __future__ import annotations

import random
from ipaddress import IPv4Network, ip_network

import pytest
from tools.firewall_cases import model

from ansible_collections.mojaloop.onboarding.plugins.module_utils.firewall.sharing import assigned, narrowed


def addresses(networks: tuple[object, ...]) -> list[str]:
    return [str(network) for network in networks]


def test_overlaps_of_one_counterpart_are_merged_into_the_fewest_networks() -> None:
    merged = assigned(model({"a": ["10.0.0.0/24", "10.0.0.7/32", "10.0.1.0/24", "2001:db8::/48", "2001:db8::1/128"]}))
    assert addresses(merged.allowed_in["a"]) == ["10.0.0.0/23", "2001:db8::/48"]


def test_an_address_of_two_belongs_to_the_first_by_name() -> None:
    shared = assigned(model({"b": ["10.0.0.0/30"], "a": ["10.0.0.1/32"]}))
    assert addresses(shared.allowed_in["a"]) == ["10.0.0.1/32"]
    assert addresses(shared.allowed_in["b"]) == ["10.0.0.0/32", "10.0.0.2/31"]


def test_a_listener_of_two_belongs_to_the_first_by_name_and_stays_open() -> None:
    shared = assigned(model({}, {"b": [("192.0.2.1", 443)], "a": [("192.0.2.1", 443), ("192.0.2.2", 443)]}))
    assert set(shared.allowed_out) == {"a"}


def test_the_order_of_what_is_given_does_not_matter() -> None:
    one = model({"a": ["10.0.0.0/24", "192.0.2.0/25"], "b": ["10.0.0.0/25"]}, {"a": [("192.0.2.9", 1), ("192.0.2.1", 2)]})
    other = model({"b": ["10.0.0.0/25"], "a": ["192.0.2.0/25", "10.0.0.0/24"]}, {"a": [("192.0.2.1", 2), ("192.0.2.9", 1)]})
    assert assigned(one) == assigned(other)
    assert list(assigned(one).allowed_in) == list(assigned(other).allowed_in)


@pytest.mark.parametrize("seed", range(20))
def test_nothing_is_lost_doubled_or_added(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 -- cases, not secrets
    lengths = range(24, 33)
    claims = {
        name: [str(IPv4Network((0x0A000000 + chance.randrange(256), chance.choice(lengths)), strict=False)) for _ in range(4)]
        for name in "abc"
    }
    given = {address: min(name for name in claims if any(address in ip_network(each) for each in claims[name])) for address in _all(claims)}
    found = assigned(model(claims)).allowed_in
    assert {address: name for name, networks in found.items() for network in networks for address in network} == given
    assert sum(network.num_addresses for networks in found.values() for network in networks) == len(given)


def test_a_narrowed_run_keeps_the_others_as_observed() -> None:
    described = model({"a": ["10.0.0.1/32"], "b": ["10.0.0.2/32"]}, {"b": [("192.0.2.2", 443)]})
    observed = model({"a": ["10.9.9.9/32"], "b": ["10.9.9.8/32"], "gone": ["10.9.9.7/32"]}, {"b": [("192.0.2.3", 8000)]})
    result = narrowed(described, observed, {"a"})
    assert {name: addresses(networks) for name, networks in result.allowed_in.items()} == {
        "a": ["10.0.0.1/32"],
        "b": ["10.9.9.8/32"],
        "gone": ["10.9.9.7/32"],
    }
    assert [port for _, port in result.allowed_out["b"]] == [8000]
    assert set(result.guarded_outbound) == {443, 8000}


def test_what_is_shared_stays_open_when_its_holder_goes() -> None:
    described = model({"b": ["10.0.0.0/30"]}, {"b": [("192.0.2.1", 443)]})
    observed = assigned(model({"a": ["10.0.0.1/32"], "b": ["10.0.0.0/30"]}, {"a": [("192.0.2.1", 443)], "b": [("192.0.2.1", 443)]}))
    result = narrowed(described, observed, {"a"})
    assert {name: addresses(networks) for name, networks in result.allowed_in.items()} == {"b": ["10.0.0.0/30"]}
    assert set(result.allowed_out) == {"b"}


def test_a_run_about_everybody_puts_in_force_what_is_described() -> None:
    described = model({"a": ["10.0.0.1/32"]}, {"a": [("192.0.2.1", 443)]})
    assert narrowed(described, model({"a": ["10.0.0.9/32"]}), {"a", "hub"}) == assigned(described)


def _all(claims: dict[str, list[str]]) -> set[object]:
    return {address for networks in claims.values() for network in networks for address in ip_network(network)}
