# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a table of nftables holds, in one form for the kernel's listing and for the desired table: compared with ``==``.

Handles, counter values and the order of elements are left out; everything that decides about a packet is in.
"""

from __future__ import annotations

import ipaddress
from typing import Any, Callable, Dict, Iterable

FAMILY = "inet"
TABLE = "mojaloop_onboarding"

Element = Any
"""An element as ``nft -j`` prints it: a word, a number, or an object that names its kind."""
Content = Dict[str, Any]
"""``flags`` (``dormant`` …), ``counters`` (names), ``sets`` and ``maps`` (declaration and elements by name), ``chains``
(hook declaration and rules by name), ``unknown`` (objects that the pack never makes). Plain data, as JSON has it."""


def content_of(listing: dict[str, Any]) -> Content | None:
    """The content of ``nft -j list table``'s answer; None when it holds no table."""
    content: Content = {"flags": [], "counters": [], "sets": {}, "maps": {}, "chains": {}, "unknown": []}
    found = False
    for entry in listing["nftables"]:
        for kind, item in entry.items():
            if kind == "table":
                found = True
                # nft 1.0.6 prints whatever is in memory there: that there is a flag is what counts
                content["flags"] = ["set"] if item.get("flags") else []
            elif kind != "metainfo":
                _READERS.get(kind, _read_unknown)(content, kind, item)
    content["counters"].sort()
    return content if found else None


def counters_of(listing: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """Packets and bytes by counter name."""
    items = [entry["counter"] for entry in listing["nftables"] if "counter" in entry]
    return {item["name"]: (item["packets"], item["bytes"]) for item in items}


def canonical_networks(values: Iterable[Any]) -> list[str]:
    """The fewest CIDRs that cover the same addresses, sorted; ``values`` as nft prints elements, of one IP version."""
    networks: list[Any] = []
    for value in values:
        networks += _networks(value)
    return [str(network) for network in ipaddress.collapse_addresses(networks)]


def canonical_destinations(values: Iterable[Any]) -> list[str]:
    """Addresses with ports as ``address port``, sorted; ``values`` as nft prints concatenations."""
    destinations = sorted((ipaddress.ip_address(value["concat"][0]), int(value["concat"][1])) for value in values)
    return [f"{address} {port}" for address, port in destinations]


def _networks(value: Element) -> list[Any]:
    if isinstance(value, str):
        return [ipaddress.ip_network(value)]
    if "elem" in value:
        return _networks(value["elem"]["val"])
    if "prefix" in value:
        return [ipaddress.ip_network("{addr}/{len}".format(**value["prefix"]))]
    first, last = (ipaddress.ip_address(end) for end in value["range"])
    return list(ipaddress.summarize_address_range(first, last))


def _read_counter(content: Content, _kind: str, item: dict[str, Any]) -> None:
    content["counters"].append(item["name"])


def _read_set(content: Content, kind: str, item: dict[str, Any]) -> None:
    name = item["name"]
    declared = [_listed(item["type"]), item.get("map", ""), sorted(_listed(item.get("flags")))]
    elements = item.get("elem", [])
    if kind == "map":
        owned: dict[str, list[Any]] = {}
        for key, data in elements:
            owned.setdefault(str(data), []).append(key)
        content["maps"][name] = {"type": declared, "elements": {owner: _canonical(keys) for owner, keys in owned.items()}}
    else:
        content["sets"][name] = {"type": declared, "elements": _canonical(elements)}


def _canonical(elements: list[Any]) -> list[Any]:
    """Elements in their one form; those of a kind the pack never makes stay as they are, and so differ."""
    try:
        if all(isinstance(element, int) for element in elements):
            return sorted(elements)
        if all(isinstance(element, dict) and "concat" in element for element in elements):
            return canonical_destinations(elements)
        return canonical_networks(elements)
    except (ValueError, KeyError, TypeError):
        return [str(element) for element in elements]


def _read_chain(content: Content, _kind: str, item: dict[str, Any]) -> None:
    chain = content["chains"].setdefault(item["name"], {"hook": [], "rules": []})
    chain["hook"] = [item.get(key) for key in ("type", "hook", "prio", "policy")] if "hook" in item else []


def _read_rule(content: Content, _kind: str, item: dict[str, Any]) -> None:
    content["chains"].setdefault(item["chain"], {"hook": [], "rules": []})["rules"].append(item["expr"])


def _read_unknown(content: Content, kind: str, item: Element) -> None:
    content["unknown"].append("{} {}".format(kind, item.get("name", "") if isinstance(item, dict) else item))


def _listed(value: str | list[str] | None) -> list[str]:
    """Nft prints a list of one as the one thing in some versions."""
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)


_READERS: dict[str, Callable[[Content, str, dict[str, Any]], None]] = {
    "counter": _read_counter,
    "set": _read_set,
    "map": _read_set,
    "chain": _read_chain,
    "rule": _read_rule,
}
