# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Addresses that several counterparts claim, and what a narrowed run leaves as it is.

In the kernel an address belongs to exactly one counterpart: to the first by name of those who claim it (two may have
their inbound listeners at one service provider; an address may have moved to another participant while the run is about one only).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, collapse_addresses, summarize_address_range

from ..description.model import Network
from .model import Destination, FirewallModel

Networks = Mapping[str, tuple[Network, ...]]
Destinations = Mapping[str, tuple[Destination, ...]]

_HELD = ""
"""Stands for no counterpart's name among the claims of a sweep."""


def assigned(model: FirewallModel) -> FirewallModel:
    """The model with every address under one counterpart's name, networks as their fewest CIDRs, all sorted; empty lists left out."""
    owned: dict[str, list[Network]] = {name: [] for name in model.allowed_in}
    for names, network in _segments(model.allowed_in):
        owned[min(names)].append(network)
    return replace(
        model,
        egress=_fewest(model.egress),
        own=None if model.own is None else _fewest(model.own),
        allowed_in={name: _fewest(owned[name]) for name in sorted(owned) if owned[name]},
        allowed_out=_assign_destinations(model.allowed_out),
    )


def narrowed(described: FirewallModel, observed: FirewallModel, chosen: Collection[str]) -> FirewallModel:
    """What a run about ``chosen`` puts in force: theirs as described, everybody else's as observed in the kernel.

    What the kernel holds under a chosen one's name stays open for those others who share it, and the ports of what is
    kept stay guarded.
    """
    held = tuple(network for name in chosen for network in observed.allowed_in.get(name, ()))
    shared_in = _shared(described.allowed_in, held)
    called = {destination for name in chosen for destination in observed.allowed_out.get(name, ())}
    allowed_in: dict[str, tuple[Network, ...]] = {}
    allowed_out: dict[str, tuple[Destination, ...]] = {}
    for name in {*described.counterparts, *observed.counterparts}:
        networks, destinations = described.allowed_in.get(name, ()), described.allowed_out.get(name, ())
        if name not in chosen:
            networks = (*observed.allowed_in.get(name, ()), *shared_in.get(name, ()))
            destinations = (*observed.allowed_out.get(name, ()), *(destination for destination in destinations if destination in called))
        allowed_in[name], allowed_out[name] = networks, destinations
    kept = {port for name, destinations in allowed_out.items() if name not in chosen for _, port in destinations}
    guarded = tuple(sorted({*described.guarded_outbound, *kept}))
    return assigned(replace(described, guarded_outbound=guarded, allowed_in=allowed_in, allowed_out=allowed_out))


def _assign_destinations(claims: Destinations) -> Destinations:
    owner: dict[Destination, str] = {}
    for name in sorted(claims):
        for destination in claims[name]:
            owner.setdefault(destination, name)
    by_owner: dict[str, list[Destination]] = {name: [] for name in sorted(set(owner.values()))}
    for destination in sorted(owner, key=lambda destination: (destination[0].version, int(destination[0]), destination[1])):
        by_owner[owner[destination]].append(destination)
    return {name: tuple(destinations) for name, destinations in by_owner.items()}


def _shared(claims: Networks, held: tuple[Network, ...]) -> dict[str, list[Network]]:
    """Of each counterpart's networks, what lies in ``held``."""
    shared: dict[str, list[Network]] = {}
    for names, network in _segments({**claims, _HELD: held}):
        if _HELD in names:
            for name in names:
                shared.setdefault(name, []).append(network)
    return shared


def _segments(claims: Networks) -> Iterator[tuple[tuple[str, ...], Network]]:
    """All claimed addresses as disjoint networks, each with the names that claim it."""
    for family in (IPv4Network, IPv6Network):
        address = IPv4Address if family is IPv4Network else IPv6Address
        edges = []
        for name, networks in claims.items():
            for network in networks:
                if isinstance(network, family):
                    edges += [(int(network.network_address), name, 1), (int(network.broadcast_address) + 1, name, -1)]
        for names, first, last in _sweep(sorted(edges)):
            for network in summarize_address_range(address(first), address(last)):
                yield names, network


def _sweep(edges: Iterable[tuple[int, str, int]]) -> Iterator[tuple[tuple[str, ...], int, int]]:
    """Walk along the sorted beginnings (+1) and ends (-1); yields names, first and last address of each stretch."""
    active: Counter[str] = Counter()
    begun = 0
    for position, name, step in edges:
        if active and position > begun:
            yield tuple(active), begun, position - 1
        begun = position
        active[name] += step
        if not active[name]:
            del active[name]


def _fewest(networks: Iterable[Network]) -> tuple[Network, ...]:
    listed = list(networks)
    narrow = collapse_addresses(network for network in listed if isinstance(network, IPv4Network))
    wide = collapse_addresses(network for network in listed if isinstance(network, IPv6Network))
    return (*narrow, *wide)
