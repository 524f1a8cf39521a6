# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The tables of a gateway: which certificate, address, client and role belongs to which participant.

They are the part of a gateway that changes without a reload (HAProxy: maps; Envoy: routes): taking a fingerprint out refuses
its owner's next request, on live connections too. ``fingerprints`` certificate -> participant; ``subjects`` pinned parts of a
subject -> participant; ``sources`` participant -> FSPIOP
id; ``networks`` prefix -> itself (the longest match of an address); ``allowed`` ``participant|prefix``; ``shares`` prefix -> for
whose share a connection counts; ``clients`` client id -> participant; ``roles`` ``participant|resource``; ``destinations`` FSPIOP
id (``*`` for the only one) -> backend; ``operators`` client id -> role at the internal listener.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from ipaddress import IPv6Network, ip_network

from ..description.model import Network
from . import rules
from .model import Caller, Destination

Maps = dict[str, dict[str, str]]
NAMES = ("fingerprints", "subjects", "sources", "networks", "allowed", "shares", "clients", "roles", "destinations")
SHARED = ("networks", "shares")
"""Maps by prefix, which follow from who is allowed from where."""
BACKEND = "to-"
OPERATORS = "operators"
"""A table of the side's own, whole in every run: it belongs to no participant."""


def maps(callers: Iterable[Caller], destinations: Iterable[Destination], *, routed: bool) -> Maps:
    """All maps of a gateway; GatewayError when a value may not enter or two participants claim the same thing."""
    made: Maps = {name: {} for name in NAMES}
    networks: dict[str, tuple[Network, ...]] = {}
    for caller in callers:
        owner = rules.checked(rules.PARTICIPANT, caller.participant, what="participant")
        networks[owner] = caller.networks
        made["sources"][owner] = rules.checked(rules.FSPIOP_ID, caller.fspiop_id, what="FSPIOP id")
        _claim(made["fingerprints"], rules.FINGERPRINT, caller.certificates, owner)
        _claim(made["subjects"], rules.SUBJECT, (caller.subject,) if caller.subject else (), owner)
        _claim(made["clients"], rules.CLIENT, caller.clients, owner)
        for role in caller.roles:
            made["roles"][f"{owner}|{rules.checked(rules.RESOURCE, role, what='role')}"] = "1"
    made["networks"], made["allowed"] = address_maps(networks)
    made["shares"] = shares(made["allowed"])
    for destination in destinations:
        key = rules.checked(rules.FSPIOP_ID, destination.fspiop_id, what="FSPIOP id") if routed else "*"
        made["destinations"][key] = BACKEND + destination.participant
    return made


def address_maps(networks: Mapping[str, Collection[Network]]) -> tuple[dict[str, str], dict[str, str]]:
    """The maps ``networks`` and ``allowed`` for participant -> prefixes.

    The lookup yields the longest prefix only; so each prefix allows everyone who has it *or a wider one*.
    """
    owners: dict[Network, set[str]] = {}
    for owner, prefixes in networks.items():
        for prefix in widest(prefixes):
            owners.setdefault(prefix, set()).add(owner)
    allowed = {f"{owner}|{prefix}": "1" for prefix, around in _nested(owners) for wider in around for owner in owners[wider]}
    return {str(prefix): str(prefix) for prefix in owners}, allowed


def shares(allowed: Iterable[str]) -> dict[str, str]:
    """For whose share a connection from a prefix counts: the participant's; the prefix' own, where several may come from there."""
    owners: dict[str, list[str]] = {}
    for entry in allowed:
        owner, _bar, prefix = entry.partition("|")
        owners.setdefault(prefix, []).append(owner)
    return {prefix: found[0] if len(found) == 1 else prefix for prefix, found in owners.items()}


def widest(prefixes: Iterable[Network]) -> list[Network]:
    """Sorted prefixes without those inside another; an IPv4-mapped IPv6 prefix is the IPv4 prefix it means."""
    return [prefix for prefix, around in _nested({_unmapped(prefix) for prefix in prefixes}) if len(around) == 1]


def narrowed(desired: Maps, observed: Mapping[str, Mapping[str, str]], participants: Collection[str]) -> Maps:
    """The desired maps for these participants, and what is observed for all others."""
    kept: Maps = {name: {} for name in desired}
    for name in desired:
        for source, inside in ((desired[name], True), (observed.get(name, {}), False)):
            kept[name].update({key: value for key, value in source.items() if (_in_scope(name, key, value, participants)) is inside})
    networks: dict[str, list[Network]] = {}
    for entry in kept["allowed"]:
        owner, _bar, prefix = entry.partition("|")
        networks.setdefault(owner, []).append(ip_network(prefix))
    kept["networks"], kept["allowed"] = address_maps(networks)
    kept["shares"] = shares(kept["allowed"])
    return {name: kept[name] for name in desired}


def operators(roles: Mapping[str, str]) -> dict[str, str]:
    """The table ``operators`` for client id -> role; GatewayError when a value may not enter."""
    return {
        rules.checked(rules.CLIENT, client, what="client id"): rules.checked(rules.ROLE, role, what="role")
        for client, role in roles.items()
    }


def _in_scope(name: str, key: str, value: str, participants: Collection[str]) -> bool:
    return name == OPERATORS or owner_of(name, key, value) in participants


def without_revoked(entries: Maps, left: Mapping[str, Collection[str]]) -> Maps:
    """The maps without clients that these participants no longer have; whatever else is installed of them stays."""
    if not left or "clients" not in entries:
        return entries
    clients = {client: owner for client, owner in entries["clients"].items() if owner not in left or client in left[owner]}
    return {**entries, "clients": clients}


def owner_of(name: str, key: str, value: str) -> str:
    """The participant an entry belongs to; empty for the shared maps ``networks`` and ``shares``, and the side's ``operators``."""
    if name in {"fingerprints", "subjects", "clients"}:
        return value
    if name == "destinations":
        return value[len(BACKEND) :]
    if name in {*SHARED, OPERATORS}:
        return ""
    return key.partition("|")[0]


def written(entries: Mapping[str, str]) -> bytes:
    """A map as the file that a gateway loads at its start."""
    return "".join(f"{key} {value}\n" for key, value in sorted(entries.items())).encode()


def _claim(entries: dict[str, str], rule: rules.Pattern, values: Iterable[str], owner: str) -> None:
    for value in values:
        if entries.setdefault(rules.checked(rule, value, what="identity"), owner) != owner:
            raise rules.doubled(value, owner, entries[value])


def _unmapped(prefix: Network) -> Network:
    if isinstance(prefix, IPv6Network) and prefix.prefixlen >= 96 and prefix.network_address.ipv4_mapped is not None:  # noqa: PLR2004
        return ip_network(f"{prefix.network_address.ipv4_mapped}/{prefix.prefixlen - 96}")
    return prefix


def _nested(prefixes: Collection[Network]) -> Iterator[tuple[Network, list[Network]]]:
    """Each prefix, sorted, with those of all that it lies in and itself. Prefixes nest or are apart: one pass in order suffices."""
    around: list[Network] = []
    for _order, prefix in sorted(((one.version, int(one.network_address), one.prefixlen), one) for one in prefixes):
        last = int(prefix.network_address)
        while around and (around[-1].version != prefix.version or int(around[-1].broadcast_address) < last):
            around.pop()
        around.append(prefix)
        yield prefix, list(around)
