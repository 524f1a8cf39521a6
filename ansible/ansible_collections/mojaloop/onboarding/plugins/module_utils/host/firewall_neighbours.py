# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Other tables on the same host: which may drop guarded traffic, and which may lead it around the guard.

Only what is certain to matter is looked for; these tables are someone else's and are never touched. A second chain on
a hook cannot accept what this pack drops, so ``accept`` elsewhere is no bypass; and no rule that drops needs
connection tracking, so ``notrack`` is none either.
"""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Sequence

from .firewall_content import FAMILY, TABLE, Element

MAY_DROP = "other-table-may-drop"
MAY_BYPASS = "other-table-may-bypass"

_OWN = f"{FAMILY} {TABLE}"
_HOOKS = ("input", "prerouting", "ingress")
_ELSEWHERE = ("dnat", "redirect", "tproxy", "fwd", "flow")
"""Statements that send a packet where the input hook does not see it under its guarded port."""

Rules = Dict[str, List[Dict[str, Any]]]


def neighbours(ruleset: dict[str, Any], ports: Sequence[int]) -> list[dict[str, str]]:
    """Findings (``reason``, ``table``, ``detail``) about the other tables of ``nft -j -t list ruleset``'s answer."""
    asleep = {_table(entry["table"], "name") for entry in ruleset["nftables"] if "table" in entry and _asleep(entry["table"])}
    chains: list[dict[str, Any]] = []
    rules: Rules = {}
    for entry in ruleset["nftables"]:
        item = entry.get("chain") or entry.get("rule")
        if not item or _table(item) in {_OWN, *asleep} or item["family"] in {"arp", "bridge"}:
            continue
        if "chain" in entry:
            chains.append(item)
        else:
            rules.setdefault(_table(item), []).append(item)
    return [*_droppers(chains, rules, ports), *_bypasses(rules, ports)] if ports else []


def _table(item: dict[str, Any], key: str = "table") -> str:
    return "{} {}".format(item["family"], item[key])


def _asleep(table: dict[str, Any]) -> bool:
    """Whether a table is switched off. nft 1.0.6 prints any word for that flag, later versions also know other flags."""
    flags = table.get("flags", [])
    return bool(({flags} if isinstance(flags, str) else set(flags)) - {"owner", "persist"})


def _droppers(chains: list[dict[str, Any]], rules: Rules, ports: Sequence[int]) -> Iterator[dict[str, str]]:
    for chain in chains:
        table = _table(chain)
        if chain.get("policy") == "drop" and chain.get("hook") in _HOOKS:
            closed = [
                port for port in ports if not any(_mentions(rule["expr"], port) and _lets_pass(rule) for rule in rules.get(table, []))
            ]
            if closed:
                detail = "chain {} drops what it does not name, and names port {} nowhere".format(chain["name"], _joined(closed))
                yield {"reason": MAY_DROP, "table": table, "detail": detail}
    for table, listed in sorted(rules.items()):
        for rule in listed:
            named = [port for port in ports if _mentions(rule["expr"], port)]
            if named and any("drop" in part or "reject" in part for part in rule["expr"]):
                detail = "a rule of chain {} drops port {}".format(rule["chain"], _joined(named))
                yield {"reason": MAY_DROP, "table": table, "detail": detail}


def _bypasses(rules: Rules, ports: Sequence[int]) -> Iterator[dict[str, str]]:
    for table, listed in sorted(rules.items()):
        for rule in listed:
            way = [key for part in rule["expr"] for key in part if key in _ELSEWHERE]
            if not way and any(_rewrites(part) for part in rule["expr"]):
                way = ["rewriting"]
            if way and (any(_mentions(rule["expr"], port) for port in ports) or not _names_ports(rule["expr"])):
                detail = "a rule of chain {} leads packets elsewhere ({})".format(rule["chain"], way[0])
                yield {"reason": MAY_BYPASS, "table": table, "detail": detail}


def _lets_pass(rule: dict[str, Any]) -> bool:
    return any(key in part for part in rule["expr"] for key in ("accept", "jump", "goto", "vmap"))


def _rewrites(part: dict[str, Any]) -> bool:
    """Whether a statement writes a source address or a port, so that the input hook judges another one."""
    payload = part.get("mangle", {}).get("key", {}).get("payload", {})
    return payload.get("field") in ("saddr", "dport")


def _names_ports(expression: list[dict[str, Any]]) -> bool:
    return any(_is_port(match["left"]) for match in _matches(expression))


def _mentions(expression: list[dict[str, Any]], port: int) -> bool:
    """Whether a rule's matches on a destination port cover this one; a named set is taken to hold it."""
    return any(_is_port(match["left"]) and match.get("op") != "!=" and _covers(match["right"], port) for match in _matches(expression))


def _matches(expression: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for part in expression:
        if "match" in part:
            yield part["match"]
        if "vmap" in part:
            yield {"left": part["vmap"]["key"], "right": part["vmap"]["data"]}


def _is_port(left: Element) -> bool:
    if isinstance(left, dict) and "concat" in left:
        return any(_is_port(part) for part in left["concat"])
    return isinstance(left, dict) and left.get("payload", {}).get("field") == "dport"


def _covers(right: Element, port: int) -> bool:
    if isinstance(right, dict):
        if "range" in right:
            first, last = right["range"]
            return bool(isinstance(first, int) and isinstance(last, int) and first <= port <= last)
        return any(_covers(value, port) for value in right.values())
    if isinstance(right, list):
        return any(_covers(value, port) for value in right)
    return right == port or (isinstance(right, str) and right.startswith("@"))


def _joined(ports: Sequence[int]) -> str:
    return ", ".join(str(port) for port in ports)
