# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lab's machines, derived from the description: who has which addresses on which network."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..description.model import Address, Description, Endpoint, EnvoyGateway, HaproxyGateway, Network, Participant, Side
from ..errors import LabError

PUBLIC = "lab0"
"""The bridge that stands for the internet."""
INTERNAL = "internal0"
"""The bridge of the hub's own network: the operator, the hub's gateways, the authorization server."""

CONTROLLER = "controller"
PROBES = "probes"
STRANGER = "stranger"
AUTHORIZATION_SERVER = "authorization-server"

NETWORKS: dict[str, tuple[Network, ...]] = {
    PUBLIC: (ipaddress.IPv4Network("203.0.113.0/24"), ipaddress.IPv6Network("2001:db8:6d6f::/64")),  # RFC 5737, RFC 3849
    INTERNAL: (ipaddress.IPv4Network("198.18.0.0/24"),),  # RFC 2544
}
CONTROLLER_ADDRESS = "198.18.0.1/24"
_STRANGER_ADDRESSES = ("203.0.113.99", "2001:db8:6d6f::99")
_HUB_GATEWAY_ADDRESS = ipaddress.IPv4Address("198.18.0.10")


@dataclass(frozen=True)
class Interface:
    """One network card: its name in the machine, the bridge it is plugged into, its addresses (``address/length``)."""

    name: str
    bridge: str
    addresses: tuple[str, ...]


@dataclass(frozen=True)
class Machine:
    """One machine. ``gateway`` is the gateway it hosts, ``side`` whose machine it is (empty: no one's)."""

    name: str
    interfaces: tuple[Interface, ...]
    side: str = ""
    gateway: HaproxyGateway | EnvoyGateway | None = None

    @property
    def addresses(self) -> tuple[str, ...]:
        """All addresses, without lengths."""
        return tuple(address.partition("/")[0] for interface in self.interfaces for address in interface.addresses)


@dataclass(frozen=True)
class Topology:
    """The machines, sorted by name."""

    machines: tuple[Machine, ...]

    def machine(self, name: str) -> Machine:
        """The machine of this name; KeyError when there is none."""
        for machine in self.machines:
            if machine.name == name:
                return machine
        raise KeyError(name)


def topology(description: Description) -> Topology:
    """The machines of a description; LabError when two of them claim one name or address, or an address is outside the lab's networks."""
    machines = [*_gateways(description.hub, internal=True), _stranger()]
    for participant in description.participants:
        if participant.managed:
            machines += _gateways(participant, internal=False)
        elif not participant.probe:
            machines.append(_own_machine(participant))
    machines += _probes(description)
    if description.hub.authorization_server is not None:
        machines.append(_authorization_server(description.hub.authorization_server.token_endpoint))
    _refuse_repeated([machine.name for machine in machines], "machine name")
    _refuse_repeated([address for machine in machines for address in machine.addresses], "address")
    return Topology(tuple(sorted(machines, key=lambda machine: machine.name)))


def port_name(machine: str, interface: str) -> str:
    """The name of the bridge's end of a cable: stable, unique, at most 15 bytes (IFNAMSIZ)."""
    digest = hashlib.sha256(f"{machine}/{interface}".encode()).hexdigest()
    return f"{machine[:8]}-{digest[:6]}"


def _gateways(side: Side, *, internal: bool) -> list[Machine]:
    """A machine for each gateway: its own listeners; the first one also has what no gateway claims."""
    listening = [[listener.address for listener in gateway.inbound if not listener.address.is_unspecified] for gateway in side.gateways]
    claimed = {address for addresses in listening for address in addresses}
    egress = [_hosts_of(gateway.egress_addresses) for gateway in side.gateways]
    spare = [address for address in _endpoint_addresses(side.endpoint) if address not in claimed]
    spare += [address for address in _hosts_of(side.egress_addresses) if all(address not in own for own in egress)]
    machines = []
    for index, (gateway, own) in enumerate(zip(side.gateways, listening, strict=True)):
        if not isinstance(gateway, HaproxyGateway | EnvoyGateway):
            raise LabError(f"kind {gateway.kind} is not raised by the lab", where=gateway.name, remedy="Describe kind haproxy or envoy.")
        interfaces = [_card("eth0", PUBLIC, [*own, *egress[index], *(spare if index == 0 else ())])]
        if internal:
            interfaces.append(_card("eth1", INTERNAL, [_HUB_GATEWAY_ADDRESS + index]))
        machines.append(Machine(gateway.name, tuple(interfaces), side.name, gateway))
    return machines


def _own_machine(participant: Participant) -> Machine:
    addresses = [*_endpoint_addresses(participant.endpoint), *_hosts_of(participant.egress_addresses)]
    return Machine(participant.name, (_card("eth0", PUBLIC, addresses),), participant.name)


def _probes(description: Description) -> list[Machine]:
    addresses = [
        address for participant in description.participants if participant.probe for address in _hosts_of(participant.egress_addresses)
    ]
    return [Machine(PROBES, (_card("eth0", PUBLIC, addresses),))] if addresses else []


def _stranger() -> Machine:
    return Machine(STRANGER, (_card("eth0", PUBLIC, [ipaddress.ip_address(address) for address in _STRANGER_ADDRESSES]),))


def _authorization_server(url: str) -> Machine:
    try:
        address = ipaddress.ip_address(urlsplit(url).hostname or "")
    except ValueError as error:
        remedy = "In a lab the token_endpoint names an address: nothing resolves names here."
        raise LabError("has no address", where=url, remedy=remedy) from error
    return Machine(AUTHORIZATION_SERVER, (_card("eth0", INTERNAL, [address]),))


def _card(name: str, bridge: str, addresses: list[Address]) -> Interface:
    return Interface(name, bridge, tuple(dict.fromkeys(_with_length(address, bridge) for address in addresses)))


def _with_length(address: Address, bridge: str) -> str:
    for network in NETWORKS[bridge]:
        if address in network:
            return f"{address}/{network.prefixlen}"
    allowed = " and ".join(str(network) for network in NETWORKS[bridge])
    raise LabError("is not an address of the lab", where=str(address), remedy=f"Describe addresses of {allowed}.")


def _endpoint_addresses(endpoint: Endpoint | None) -> tuple[Address, ...]:
    return endpoint.addresses if endpoint else ()


def _hosts_of(networks: Iterable[Network]) -> list[Address]:
    """One address of each egress network: the only one, or the first that a host may have."""
    return [network[0] if network.num_addresses == 1 else network[1] for network in networks]


def _refuse_repeated(values: list[str], what: str) -> None:
    repeated = sorted({value for value in values if values.count(value) > 1})
    if repeated:
        raise LabError(f"is claimed by two machines as {what}", where=", ".join(repeated), remedy="Give each machine its own.")
