# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Policies as the neutral tables of a gateway (``gateway.tables``), and back: what a policy allows is read from the cluster itself.

A policy that says more or less than its tables do (a rule added by hand) is not the policy that they make: it is reported and
written anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

from ..model import Caller, GatewayModel, Inbound
from ..tables import Maps, maps
from .inbound import caller_opening, caller_policy
from .place import FSPIOP_ID, Object, Place, participant_of
from .shutting import allowed_certificates


def tables(callers: Iterable[Caller]) -> Maps:
    """The tables of these callers. Destinations are files here: nothing chooses among them but their host names."""
    return maps(callers, (), routed=False)


def callers_of(entries: Mapping[str, Mapping[str, str]]) -> list[Caller]:
    """Who is let in by these tables, by name."""
    owners = sorted(entries.get("sources", {}))
    return [
        Caller(
            owner,
            entries["sources"][owner],
            tuple(sorted(key for key, value in entries["fingerprints"].items() if value == owner)),
            tuple(ip_network(prefix) for prefix in sorted(_second(entries["allowed"], owner))),
            tuple(sorted(key for key, value in entries["clients"].items() if value == owner)),
            tuple(sorted(_second(entries["roles"], owner))),
        )
        for owner in owners
    ]


def policies(model: GatewayModel, place: Place, callers: Iterable[Caller]) -> dict[str, list[Object]]:
    """What lets each caller pass whom anything does, by participant: its rules, and the opening for its packets."""
    made = {}
    for caller in callers:
        policy = caller_policy(place, _inbound(model), model.fspiop_id, _ordered(caller))
        if policy is not None:
            made[caller.participant] = [policy, caller_opening(place, caller)]
    return made


def caller_in(policy: Mapping[str, Any]) -> Caller:
    """Whom a policy of the cluster lets pass, as far as it is one of this pack's."""
    rules: list[Mapping[str, Any]] = policy["spec"].get("rules", [])
    networks = [block for rule in rules for each in rule.get("from", []) for blocks in each["source"].values() for block in blocks]
    clients = [value for rule in rules for name in ("client_id", "azp") for value in _values(rule, f"request.auth.claims[{name}]")]
    paths = [path for rule in rules for each in rule.get("to", []) for path in each["operation"].get("paths", [])]
    roles = dict.fromkeys(path.rpartition("/")[2] for path in paths if not path.endswith("*"))
    return Caller(
        participant_of(policy),
        str(policy["metadata"]["annotations"].get(FSPIOP_ID, "")),
        tuple(sorted(allowed_certificates(policy))),
        tuple(ip_network(network) for network in dict.fromkeys(networks)),
        tuple(dict.fromkeys(clients)),
        tuple(roles),
    )


def _ordered(caller: Caller) -> Caller:
    """A caller whose policy reads the same whatever the order in which its values were found."""
    networks = tuple(sorted(caller.networks, key=lambda network: (network.version, network)))  # type: ignore[misc, unused-ignore]
    return replace(
        caller,
        certificates=tuple(sorted(caller.certificates)),
        networks=networks,
        clients=tuple(sorted(caller.clients)),
        roles=tuple(sorted(caller.roles)),
    )


def _inbound(model: GatewayModel) -> Inbound:
    if model.inbound is None:
        raise ValueError("there is no inbound side")
    return model.inbound


def _values(rule: Mapping[str, Any], key: str) -> Iterator[str]:
    for condition in rule.get("when", []):
        if condition["key"] == key:
            yield from condition.get("values", [])


def _second(entries: Mapping[str, str], owner: str) -> list[str]:
    return [key.partition("|")[2] for key in entries if key.partition("|")[0] == owner]
