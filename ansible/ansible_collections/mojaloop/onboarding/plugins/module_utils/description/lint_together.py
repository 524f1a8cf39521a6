# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules between files: what two participants, or a participant and the hub, must not share.

Who has the thing in force, by the record of the last run, keeps it: the other file alone is at fault. Where neither or both have it,
both are reported and skipped by a run: which of the two is right is a person's decision, and neither may pass as the other
meanwhile. But one file stops no more than one other: a file that collides with several is skipped alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from operator import itemgetter
from pathlib import PurePath

from ..errors import Problem
from .addresses import Url, too_wide
from .claims import Claims
from .documents import shown
from .lint import Circumstances, SideText, same_name
from .model import Network
from .spec import Checked

PROBES = 2
"""Probe participants of an environment: one to be accepted, one to be mistaken for the other."""


def lint_together(
    hub: SideText, participants: Iterable[Checked], around: Circumstances, faulty: frozenset[str], held: Claims
) -> list[Problem]:
    """Every fault between files, in the participants' files (the hub's is taken as right).

    ``faulty`` are the files that are wrong in themselves: what they collide with goes on, as they are skipped anyway. ``held``: what
    each participant has in force.
    """
    sides = [SideText(document, "", document.values) for document in participants]
    together = _Together(hub, sides, faulty, held)
    problems = together.problems()
    while greedy := together.greedy():
        together = _Together(hub, sides, together.faulty | greedy, held)
        problems = together.problems()
    return [*problems, *_probes(hub, sides, around)]


@dataclass(frozen=True)
class _Together:
    hub: SideText
    sides: list[SideText]
    faulty: frozenset[str]
    held: Claims
    met: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """With which files that are not faulty each such file collides."""

    def problems(self) -> list[Problem]:
        """Every collision."""
        shared = (*self.shared_hosts(), *self.shared_names(), *self.shared_listeners(), *self.shared_addresses())
        return [*self.same_ids(), *shared]

    def greedy(self) -> frozenset[str]:
        """The files with the most collisions, more than one each: they are skipped first, so that they stop no one else."""
        most = max(map(len, self.met.values()), default=0)
        return frozenset(file for file, others in self.met.items() if len(others) == most > 1)

    def collisions(self, side: SideText, claim: str, others: Iterable[tuple[SideText, str]]) -> list[SideText]:
        """The others that count against this side, each with its claim: none that is skipped, none that wants what this side has."""
        wrong, holds = side.document.file in self.faulty, self.holds(side, claim)
        found = [
            other
            for other, theirs in others
            if (wrong or other.document.file not in self.faulty) and (not holds or self.holds(other, theirs))
        ]
        if side is not self.hub and side.document.file not in self.faulty:
            self.met[side.document.file].update(other.document.file for other in found if other is not self.hub)
        return found

    def holds(self, side: SideText, claim: str) -> bool:
        """Whether this side has what it claims in force. The file's name says whose it is: its content may say anything."""
        return side is self.hub or claim in self.held.get(PurePath(side.document.file).stem, ())

    def same_ids(self) -> Iterator[Problem]:
        rule = "ids that differ in more than case, _ and -"
        for side, others in self.sharing("id", self.sides):
            yield side.problem("id", f"{shown(side.get('id'))}, too close to the id in {others[0].document.file}", rule)

    def shared_hosts(self) -> Iterator[Problem]:
        for side, others in self.sharing("host", [self.hub, *self.sides]):
            if side is not self.hub:
                yield side.problem(
                    "gateways", f"a gateway host that {others[0].document.file} has too", "hosts that belong to one side only"
                )

    def shared_names(self) -> Iterator[Problem]:
        """A server certificate names its host: whoever describes another's host would be certified as that other."""
        for side, others in self.sharing("name", [self.hub, *self.sides]):
            if side is not self.hub:
                found = f"{shown(side.get('endpoint.url').host)}, a host of {others[0].document.file} too"
                yield side.problem("endpoint.url", found, "a host name that belongs to one side only")

    def shared_listeners(self) -> Iterator[Problem]:
        """What is sent to one side's listener must not arrive at another's."""
        for side, others in self.sharing("listener", [self.hub, *self.sides]):
            if side is not self.hub:
                found = f"an address and port of {others[0].document.file} too"
                yield side.problem("endpoint.addresses", found, "listeners that belong to one side only")

    def sharing(self, kind: str, sides: list[SideText]) -> Iterator[tuple[SideText, list[SideText]]]:
        """Each side that shares a thing of this kind with others that count against it, and those others."""
        holders: defaultdict[str, list[SideText]] = defaultdict(list)
        for side in sides:
            for claim in _CLAIMED[kind](side):
                holders[claim].append(side)
        for claim, group in holders.items():
            for side in group:
                if others := self.collisions(side, claim, ((other, claim) for other in group if other is not side)):
                    yield side, others

    def shared_addresses(self) -> Iterator[Problem]:
        """An address is one participant's identity; offboarded ones have given theirs back."""
        entries = [(network, key, side) for side in self.sides for key, network in _egress(side)]
        entries += [(network, "", self.hub) for network in _networks_of_hub(self.hub)]
        for one, other in _overlaps(entries):
            for (network, key, side), (taken, _, holder) in ((one, other), (other, one)):
                if side is not self.hub and self.collisions(side, f"egress {network}", [(holder, f"egress {taken}")]):
                    found = f"{shown(str(network))}, which overlaps {taken} in {holder.document.file}"
                    yield side.problem(key, found, "addresses that belong to one side only")


def claims_of(document: Checked) -> frozenset[str]:
    """What a participant's file says is that participant's alone, as texts to record."""
    side = SideText(document, "", document.values)
    return frozenset(claim for claimed in _CLAIMED.values() for claim in claimed(side))


def _ids(side: SideText) -> list[str]:
    return [f"id {same_name(side.get('id'))}"] if side.get("id") else []


def _egress(side: SideText) -> Iterator[tuple[str, Network]]:
    """The side's own networks, each with its key."""
    if side.get("state") != "offboarded":
        for key, network in side.items("egress_addresses"):
            if side.get("wide_addresses") or not too_wide(network):
                yield key, network


def _networks_of_hub(hub: SideText) -> set[Network]:
    """What no participant calls from: the hub's egress networks, and where the hub itself listens."""
    return {*(network for _, network in _egress(hub)), *(ip_network(address) for _, address in hub.items("endpoint.addresses"))}


def _hosts_of(side: SideText) -> list[str]:
    return sorted({f"host {gateway[part]}" for _, gateway in side.items("gateways") for part in ("name", "host") if part in gateway})


def _urls_of_listeners(side: SideText) -> list[Url]:
    """The side's own and, for the hub, those of its authorization server; offboarded participants have given theirs back."""
    server = [value for value in (side.get("authorization_server") or {}).values() if isinstance(value, Url)]
    return [url for url in (side.get("endpoint.url"), *server) if url and side.get("state") != "offboarded"]


def _names_of_listeners(side: SideText) -> list[str]:
    return sorted({f"name {url.host.lower().rstrip('.')}" for url in _urls_of_listeners(side)})


def _listeners(side: SideText) -> list[str]:
    urls, own = _urls_of_listeners(side), side.get("endpoint.url")
    addresses = [address for _, address in side.items("endpoint.addresses")] if own in urls else []
    found = {(address, own.port) for address in addresses} | {(url.address, url.port) for url in urls if url.address}
    return sorted(f"listener {address} {port}" for address, port in found)


_CLAIMED: Mapping[str, Callable[[SideText], Iterable[str]]] = {
    "id": _ids,
    "host": _hosts_of,
    "name": _names_of_listeners,
    "listener": _listeners,
    "egress": lambda side: (f"egress {network}" for _key, network in _egress(side)),
}
"""What belongs to one side only, by kind."""


Entry = tuple[Network, str, SideText]


def _overlaps(entries: list[Entry]) -> Iterator[tuple[Entry, Entry]]:
    """Pairs of overlapping networks of different sides. Networks nest or are apart: one pass over them in order suffices."""
    order: list[tuple[tuple[int, int, int], Entry]] = [
        ((network.version, int(network.network_address), network.prefixlen), (network, key, side)) for network, key, side in entries
    ]
    around: list[Entry] = []
    for _, entry in sorted(order, key=itemgetter(0)):
        around = [outer for outer in around if _holds(outer[0], entry[0])]
        yield from ((outer, entry) for outer in around if outer[2] is not entry[2])
        around.append(entry)


def _holds(outer: Network, inner: Network) -> bool:
    if isinstance(outer, IPv4Network):
        return isinstance(inner, IPv4Network) and inner.subnet_of(outer)
    return isinstance(inner, IPv6Network) and inner.subnet_of(outer)


def _probes(hub: SideText, sides: list[SideText], around: Circumstances) -> Iterator[Problem]:
    count = sum(1 for side in sides if side.get("probe"))
    tenant = around.profile is not None and around.profile.tenant
    if around.exposed and around.for_the_hub and count < PROBES and not tenant:
        found = f"{count} probe participant{'s' if count != 1 else ''}"
        folder = hub.document.file.rpartition("/")[0]
        yield Problem(f"{folder}/participants" if folder else "participants", 1, "probe", found, f"{PROBES} of them (probe: true)")


def by_file(problems: Iterable[Problem]) -> Mapping[str, list[Problem]]:
    """Problems by file, sorted."""
    found: defaultdict[str, list[Problem]] = defaultdict(list)
    for problem in sorted(problems):
        found[problem.file].append(problem)
    return found
