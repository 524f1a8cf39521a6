# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The model as a table of nftables: the text that is loaded, and the content that the kernel must then show.

One lookup decides: an interval map leads from the address to the counterpart's counter, and only what was found is
accepted. So a packet costs the same with 10 and with 1,000 participants, and every accepted packet is counted.

Guarded ports are judged on every packet and nothing is accepted because its connection was: taking an address away ends
its live connections, also where the server keeps sending. A chain of another table cannot accept what is dropped here;
what is accepted here still has to pass the others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

from ..host.firewall_content import FAMILY, TABLE, Content
from .model import FirewallModel

PRIORITY = -10
"""Before the usual filter chains (priority 0), after connection tracking (-200)."""
INBOUND = "in_"
"""Prefix of the counter of what passes at the side's own listeners, in both directions. Ids keep their case: nft names do."""
OUTBOUND = "out_"
"""Prefix of the counter of what passes between the side and a counterpart's listener, in both directions."""
REFUSED_IN = "refused_in"
REFUSED_OUT = "refused_out"
REFUSED_HOST = "refused_host"
"""Counter of what came to another port of a host under ``host_policy: strict``."""

_WRITTEN_MAP = re.compile(r"^\tmap (\w+) \{ .*elements = \{ (.+) \} \}$", re.MULTILINE)
_WRITTEN_ELEMENT = re.compile(r'([0-9A-Fa-f.:/]+(?: \. [0-9]+)?) : "([^"]+)"')

Json = dict[str, Any]


@dataclass(frozen=True)
class Clause:
    """A part of a rule: as it is written, and as ``nft -j`` prints it."""

    text: str
    json: Json


def _is(text: str, left: Json, right: str) -> Clause:
    return Clause(f'{text} "{right}"' if text.endswith("if") else f"{text} {right}", {"match": {"op": "==", "left": left, "right": right}})


def _payload(protocol: str, name: str) -> Json:
    return {"payload": {"protocol": protocol, "field": name}}


def _port(name: str, ports: str) -> Clause:
    return _is(f"tcp {name}", _payload("tcp", name), f"@{ports}")


def _state(name: str) -> Clause:
    return Clause(f"ct state {name}", {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": name}})


def _protocol(name: str) -> Clause:
    return _is("meta l4proto", {"meta": {"key": "l4proto"}}, name)


def _datagrams(port: int) -> Clause:
    return Clause(f"udp dport {port}", {"match": {"op": "==", "left": _payload("udp", "dport"), "right": port}})


def _jump(chain: str) -> Clause:
    return Clause(f"jump {chain}", {"jump": {"target": chain}})


def _counted_by_network(protocol: str, name: str, found_in: str) -> Clause:
    key = _payload(protocol, name)
    return Clause(f"counter name {protocol} {name} map @{found_in}", {"counter": {"map": {"key": key, "data": f"@{found_in}"}}})


def _counted_by_listener(protocol: str, name: str, port: str, found_in: str) -> Clause:
    key = {"concat": [_payload(protocol, name), _payload("tcp", port)]}
    text = f"counter name {protocol} {name} . tcp {port} map @{found_in}"
    return Clause(text, {"counter": {"map": {"key": key, "data": f"@{found_in}"}}})


def _refusal(counter: str) -> tuple[tuple[Clause, ...], ...]:
    """Log some of them, count and drop all of them. A log without a limit would be a way to fill the disk."""
    prefix = f"mojaloop-onboarding {counter.replace('_', '-')}: "
    limit = Clause("limit rate 10/minute burst 5 packets", {"limit": {"rate": 10, "burst": 5, "per": "minute"}})
    return (
        (limit, Clause(f'log prefix "{prefix}"', {"log": {"prefix": prefix}})),
        (Clause(f"counter name {counter}", {"counter": counter}), Clause("drop", {"drop": None})),
    )


_ACCEPT = Clause("accept", {"accept": None})
_REPLY = _is("ct direction", {"ct": {"key": "direction"}}, "reply")
_FAMILIES = (("ip", "v4"), ("ip6", "v6"))

CHAINS: Mapping[str, tuple[tuple[Clause, ...], ...]] = {
    # what comes to a listener, by who sends it
    "inbound": (*((_counted_by_network(ip, "saddr", f"inbound_{v}"), _ACCEPT) for ip, v in _FAMILIES), *_refusal(REFUSED_IN)),
    # what a listener answers, by who gets it
    "inbound_answers": (*((_counted_by_network(ip, "daddr", f"inbound_{v}"), _ACCEPT) for ip, v in _FAMILIES), *_refusal(REFUSED_IN)),
    # what calls a counterpart, by its listener
    "outbound": (*((_counted_by_listener(ip, "daddr", "dport", f"outbound_{v}"), _ACCEPT) for ip, v in _FAMILIES), *_refusal(REFUSED_OUT)),
    # what a counterpart's listener answers, by that listener
    "outbound_answers": (
        *((_counted_by_listener(ip, "saddr", "sport", f"outbound_{v}"), _ACCEPT) for ip, v in _FAMILIES),
        *_refusal(REFUSED_OUT),
    ),
    # no one else's packets arrive on the loopback interface: the host's own probes are no counterpart
    "input": (
        (_is("iif", {"meta": {"key": "iif"}}, "lo"), _ACCEPT),
        (_port("dport", "inbound_ports"), _jump("inbound")),
        *(
            (_REPLY, _is(f"{ip} daddr", _payload(ip, "daddr"), f"@egress_{v}"), _port("sport", "outbound_ports"), _jump("outbound_answers"))
            for ip, v in _FAMILIES
        ),
    ),
    # after the listeners' answers, an answer belongs to a connection that someone opened to a port that is not guarded
    "output": (
        (_is("oif", {"meta": {"key": "oif"}}, "lo"), _ACCEPT),
        (_port("sport", "inbound_ports"), _jump("inbound_answers")),
        (_REPLY, _ACCEPT),
        *(
            (_is(f"{ip} saddr", _payload(ip, "saddr"), f"@egress_{v}"), _port("dport", "outbound_ports"), _jump("outbound"))
            for ip, v in _FAMILIES
        ),
    ),
}
_HOST: tuple[tuple[Clause, ...], ...] = (
    # the controller's own connection among them; a listener's was judged before, packet by packet
    *((_state(name), _ACCEPT) for name in ("established", "related")),
    # without these a host loses its neighbours (IPv6), its path MTU and its lease (DHCP)
    *((_protocol(name), _ACCEPT) for name in ("icmp", "ipv6-icmp")),
    *((_datagrams(port), _ACCEPT) for port in (68, 546)),
    *((_is(f"{ip} saddr", _payload(ip, "saddr"), f"@own_{v}"), _ACCEPT) for ip, v in _FAMILIES),
    *_refusal(REFUSED_HOST),
)
_HOOKS = ("input", "output")
_TYPES = {"v4": "ipv4_addr", "v6": "ipv6_addr"}


def _chains(model: FirewallModel) -> Mapping[str, tuple[tuple[Clause, ...], ...]]:
    """The chains; under the strict policy the host's other ports are judged last."""
    if model.own is None:
        return CHAINS
    return {"host": _HOST, **CHAINS, "input": (*CHAINS["input"], (_jump("host"),))}


def desired_content(model: FirewallModel) -> Content:
    """What the kernel shows when an ``assigned`` model is in force."""
    chains = _chains(model)
    hooks = {name: ["filter", name, PRIORITY, "accept"] if name in _HOOKS else [] for name in chains}
    return {
        "flags": [],
        "counters": sorted(_counters(model)),
        "sets": _sets(model),
        "maps": _maps(model),
        "chains": {
            name: {"hook": hooks[name], "rules": [[clause.json for clause in rule] for rule in rules]} for name, rules in chains.items()
        },
        "unknown": [],
    }


def render(model: FirewallModel) -> str:
    """The text for ``nft -f`` of an ``assigned`` model: replaces the whole table in one transaction, also at boot."""
    content = desired_content(model)
    lines = [
        f"# The packet filter of {model.side}, made from the description. Changes by hand are undone by the next run.",
        f"add table {FAMILY} {TABLE}",
        f"delete table {FAMILY} {TABLE}",
        f"table {FAMILY} {TABLE} {{",
        '\tcomment "made by mojaloop.onboarding; changes by hand are undone by its next run"',
        *(f"\tcounter {name} {{ packets 0 bytes 0 }}" for name in content["counters"]),
        *(_declaration("set", name, declared) for name, declared in content["sets"].items()),
        *(_declaration("map", name, declared) for name, declared in content["maps"].items()),
        *(line for name, rules in _chains(model).items() for line in _chain(name, rules)),
        "}",
    ]
    return "\n".join(lines) + "\n"


def observed_model(side: str, content: Content | None) -> FirewallModel:
    """The model behind a content read from the kernel; what is no part of a model is left out."""
    sets, maps = (content or {}).get("sets", {}), (content or {}).get("maps", {})
    return FirewallModel(
        side=side,
        guarded_inbound=tuple(_elements(sets, "inbound_ports")),
        guarded_outbound=tuple(_elements(sets, "outbound_ports")),
        egress=tuple(ip_network(text) for version in _TYPES for text in _elements(sets, f"egress_{version}")),
        allowed_in=_owned(maps, "inbound", INBOUND, ip_network),
        allowed_out=_owned(maps, "outbound", OUTBOUND, _destination),
    )


def written_model(side: str, text: str) -> FirewallModel:
    """The model behind a text that ``render`` made; no one's addresses where it is another text."""
    maps: Json = {}
    for name, elements in _WRITTEN_MAP.findall(text):
        owned = maps.setdefault(name, {"elements": {}})["elements"]
        for key, counter in _WRITTEN_ELEMENT.findall(elements):
            owned.setdefault(counter, []).append(key.replace(" . ", " "))
    try:
        return observed_model(side, {"maps": maps})
    except ValueError:
        return observed_model(side, None)


def _counters(model: FirewallModel) -> Iterator[str]:
    yield from (REFUSED_IN, REFUSED_OUT, *([] if model.own is None else [REFUSED_HOST]))
    yield from (f"{INBOUND}{name}" for name in model.allowed_in)
    yield from (f"{OUTBOUND}{name}" for name in model.allowed_out)


def _sets(model: FirewallModel) -> Json:
    ports = [["inet_service"], "", []]
    networks = {"egress": model.egress, **({} if model.own is None else {"own": model.own})}
    return {
        "inbound_ports": {"type": ports, "elements": list(model.guarded_inbound)},
        "outbound_ports": {"type": ports, "elements": list(model.guarded_outbound)},
        **{
            f"{name}_{version}": {"type": [[kind], "", ["interval"]], "elements": _of_version(listed, version)}
            for name, listed in networks.items()
            for version, kind in _TYPES.items()
        },
    }


def _maps(model: FirewallModel) -> Json:
    maps: Json = {}
    for version, kind in _TYPES.items():
        networks = {f"{INBOUND}{name}": _of_version(listed, version) for name, listed in model.allowed_in.items()}
        maps[f"inbound_{version}"] = {"type": [[kind], "counter", ["interval"]], "elements": _filled(networks)}
    for version, kind in _TYPES.items():
        destinations = {
            f"{OUTBOUND}{name}": [f"{address} {port}" for address, port in listed if f"v{address.version}" == version]
            for name, listed in model.allowed_out.items()
        }
        maps[f"outbound_{version}"] = {"type": [[kind, "inet_service"], "counter", []], "elements": _filled(destinations)}
    return maps


def _filled(owned: dict[str, list[str]]) -> dict[str, list[str]]:
    return {name: listed for name, listed in owned.items() if listed}


def _of_version(networks: Iterable[Any], version: str) -> list[str]:
    return [str(network) for network in networks if f"v{network.version}" == version]


def _declaration(kind: str, name: str, declared: Json) -> str:
    types, value, flags = declared["type"]
    parts = [f"type {' . '.join(types)}{' : ' + value if value else ''};", *(f"flags {flag};" for flag in flags)]
    elements = [str(element) for element in declared["elements"]] if kind == "set" else list(_map_elements(declared["elements"]))
    if elements:
        parts.append(f"elements = {{ {', '.join(elements)} }}")
    return f"\t{kind} {name} {{ {' '.join(parts)} }}"


def _map_elements(owned: dict[str, list[str]]) -> Iterator[str]:
    for counter, keys in owned.items():
        yield from (f'{key.replace(" ", " . ")} : "{counter}"' for key in keys)


def _chain(name: str, rules: tuple[tuple[Clause, ...], ...]) -> Iterator[str]:
    yield f"\tchain {name} {{"
    if name in _HOOKS:
        yield f"\t\ttype filter hook {name} priority {PRIORITY}; policy accept;"
    yield from ("\t\t" + " ".join(clause.text for clause in rule) for rule in rules)
    yield "\t}"


def _elements(declared: Json, name: str) -> list[Any]:
    return list(declared.get(name, {}).get("elements", []))


def _owned(maps: Json, name: str, prefix: str, parse: Callable[[str], Any]) -> dict[str, tuple[Any, ...]]:
    owned: dict[str, tuple[Any, ...]] = {}
    for version in _TYPES:
        for counter, keys in maps.get(f"{name}_{version}", {}).get("elements", {}).items():
            if counter.startswith(prefix):
                owned[counter[len(prefix) :]] = (*owned.get(counter[len(prefix) :], ()), *(parse(key) for key in keys))
    return owned


def _destination(text: str) -> tuple[Any, int]:
    address, port = text.split()
    return ip_address(address), int(port)
