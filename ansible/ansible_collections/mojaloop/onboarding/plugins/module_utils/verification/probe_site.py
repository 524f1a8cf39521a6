# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts of an environment that is no lab: what owns an address of a side can send as that side (see ``verification.model.Site``)."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import ip_address
from typing import Any

from ..description.model import Description, Side
from ..errors import OnboardingError
from ..host.relay import addresses
from .material import egress_address
from .model import Identity, InboundListener, Witness
from .relaying import Place, relayed

HERE = ""
"""The controller itself."""
_TABLE = ("inet", "mojaloop_onboarding")
_COUNTERS = {False: "refused_in", True: "refused_out"}
NO_PLACE = "no host here owns an address of these sides: name one in probe_hosts of hosts.yml"


@dataclass(frozen=True)
class Counter:
    """Reads a named counter of a host's packet filter."""

    place: Place
    counter: str

    @property
    def name(self) -> str:
        """See ``verification.model.Witness``."""
        return f"{self.place.name}'s firewall counter"

    def count(self) -> int:
        """See ``verification.model.Witness``; OnboardingError when the host has no such counter."""
        answer = self.place.carry_out({"do": "count", "table": _TABLE, "counter": self.counter})
        if "packets" not in answer:
            raise OnboardingError(f"has no counter {self.counter}: {answer.get('problem')}", where=self.place.name)
        return int(answer["packets"])


@dataclass(frozen=True)
class ProbeSite:
    """The controller, probe hosts and gateway hosts. ``unreached`` tells of each that was no help, why."""

    description: Description
    places: Mapping[str, Place]
    outside: frozenset[str] = frozenset()
    """The places that may call as strangers: those that were named for nothing but probes."""
    diverts: bool = False
    unreached: dict[str, str] = field(default_factory=dict)

    @property
    def obstacle(self) -> str:
        """Nothing is sent where no host has an address of any side."""
        if any(own for own, _calls in self._found.values()):
            return ""
        why = "; ".join(f"{name}: {words}" for name, words in sorted(self.unreached.items()))
        return f"{NO_PLACE} ({why})" if why else NO_PLACE

    def machine_of(self, side: str, source: str = "") -> str | None:
        """The host that owns this address of the side, or any of its addresses."""
        wanted = {source} if source else set(_sources(self.description.side(side)))
        return next((name for name, (own, _calls) in self._found.items() if wanted & own), None)

    def strangers(self, version: int = 4) -> tuple[str, str] | None:
        """A probe host that calls a listener from an address which no side has."""
        sides = (self.description.hub, *self.description.participants)
        allowed = [network for side in sides for network in side.egress_addresses]
        for name in sorted(self.outside & self._found.keys()):
            for source in self._found[name][1]:
                address = ip_address(source)
                if address.version == version and not address.is_loopback and not any(address in network for network in allowed):
                    return name, source
        return None

    def connect(self, machine: str, source: str, address: str, port: int, timeout: float) -> socket.socket:
        """A connection from there."""
        if machine == HERE:
            return socket.create_connection((address, port), timeout, (source, 0) if source else None)
        return relayed(self.places[machine], source, address, port, timeout)

    def handshake_witness(self, side: str) -> Witness | None:  # noqa: ARG002 -- as the protocol has it
        """None: where a gateway's log goes is its host's business."""
        return None

    def packet_witness(self, side: str, *, outward: bool = False) -> Witness | None:
        """The counter of the first firewall host of the side that is among the places."""
        firewall = self.description.side(side).firewall
        place = next((self.places[host] for host in firewall.hosts if host in self.places and host not in self.unreached), None)
        return None if place is None or firewall.kind == "none" else Counter(place, _COUNTERS[outward])

    def impostor(
        self,
        victim: str,
        listener: InboundListener,  # noqa: ARG002
        addresses: tuple[str, ...],  # noqa: ARG002
        identity: Identity,  # noqa: ARG002
    ) -> AbstractContextManager[None]:
        """OnboardingError: no one's network is diverted outside labs."""
        raise OnboardingError("its network is not this run's to divert", where=victim)

    def control(self, side: str) -> InboundListener | None:  # noqa: ARG002
        """None: the services behind the gateways are their sides' own."""
        return None

    @cached_property
    def _found(self) -> dict[str, tuple[frozenset[str], tuple[str, ...]]]:
        """Of each host, here last: the addresses of sides that it owns, and those with which it calls the sides' listeners."""
        sides = (self.description.hub, *self.description.participants)
        candidates = sorted({source for side in sides for source in _sources(side)})
        targets = sorted({str(address) for side in sides if side.endpoint for address in side.endpoint.addresses})
        order: dict[str, Any] = {"do": "addresses", "candidates": candidates, "targets": targets}
        found = {}
        for name, place in self.places.items():
            try:
                found[name] = _read(place.carry_out(order))
            except (OnboardingError, KeyError, TypeError, ValueError) as error:
                self.unreached[name] = str(error)
        return {**found, HERE: _read(addresses(order))}


def _read(answer: Mapping[str, Any]) -> tuple[frozenset[str], tuple[str, ...]]:
    calls = [str(source) for source in answer["calls"].values() if source]
    return frozenset(map(str, answer["own"])), tuple(dict.fromkeys(calls))


def _sources(side: Side) -> list[str]:
    """The single address of each egress network, as ``Material`` calls from it."""
    return [egress_address(network) for network in side.egress_addresses]
