# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a side's packet filter must let pass: who may connect to its inbound listeners, where it may connect to.

An empty list means no address. Ports of no listener, here or at a counterpart, are not guarded: management and the
authorization server are never cut off.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from ..description.model import (
    HUB,
    Address,
    AuthorizationServer,
    Description,
    Endpoint,
    Firewall,
    Network,
    NftablesFirewall,
    Participant,
    Side,
)
from ..errors import FirewallError

Destination = tuple[Address, int]
"""An address and a TCP port to which connections are opened."""

_MAPPED = ip_network("::ffff:0:0/96")


@dataclass(frozen=True)
class FirewallModel:
    """One side's packet filter. Keys are counterparts; on the hub's side ``hub`` stands for the hub's own services.

    ``guarded_inbound`` are the ports of the side's listeners: only ``allowed_in`` may speak with them. ``guarded_outbound``
    are the ports of all counterparts' listeners, active or not: from the ``egress`` addresses only ``allowed_out`` is called.
    ``own`` networks alone reach the host's other ports; None: everyone does.
    """

    side: str
    guarded_inbound: tuple[int, ...]
    guarded_outbound: tuple[int, ...]
    egress: tuple[Network, ...]
    allowed_in: Mapping[str, tuple[Network, ...]]
    allowed_out: Mapping[str, tuple[Destination, ...]]
    own: tuple[Network, ...] | None = None

    @property
    def counterparts(self) -> tuple[str, ...]:
        """Everybody who is named, sorted."""
        return tuple(sorted({*self.allowed_in, *self.allowed_out}))


def firewall_model(description: Description, side_name: str, host: str = "") -> FirewallModel:
    """The packet filter that the description asks for on a gateway host; FirewallError where a load balancer hides the addresses.

    Source: "Technical onboarding of DFSPs", Sharing endpoint information (allowlists on both sides, both directions).
    """
    side = description.side(side_name)
    if any(gateway.source_address != "direct" for gateway in side.gateways):
        msg = "its gateway stands behind a load balancer, so the packet filter sees one address for everybody"
        remedy = "Filter at the load balancer and set firewall: {kind: none}; the gateway checks the address that it is given."
        raise FirewallError(msg, where=side_name, remedy=remedy)
    others: tuple[Side, ...] = description.participants if side_name == HUB else (description.hub,)
    active = [other for other in others if _open_between(side, other)]
    own = {HUB: _services(description.hub.authorization_server)} if side_name == HUB else {}
    return FirewallModel(
        side=side_name,
        guarded_inbound=tuple(sorted({listener.port for gateway in side.gateways for listener in gateway.listeners})),
        guarded_outbound=tuple(sorted({other.endpoint.port for other in others if other.endpoint})),
        egress=unmapped(side.egress_at(host)),
        allowed_in={other.name: unmapped(other.egress_addresses) for other in active},
        allowed_out={**own, **{other.name: _destinations(other.endpoint) for other in active}},
        own=_own_networks(side.firewall),
    )


def _own_networks(firewall: Firewall) -> tuple[Network, ...] | None:
    if isinstance(firewall, NftablesFirewall) and firewall.host_policy == "strict":
        return unmapped(firewall.own_networks)
    return None


def unmapped(networks: Iterable[Network]) -> tuple[Network, ...]:
    """Networks with IPv4-mapped IPv6 ones as the IPv4 networks they are: on the wire they only exist as those."""
    return tuple(_unmapped(network) for network in networks)


def _unmapped(network: Network) -> Network:
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):  # type: ignore[arg-type]
        return IPv4Network((int(network.network_address) & 0xFFFFFFFF, network.prefixlen - 96))
    return network


def _open_between(side: Side, other: Side) -> bool:
    """Whether neither of the two is suspended or offboarded."""
    return all(one.active for one in (side, other) if isinstance(one, Participant))


def _destinations(endpoint: Endpoint | None) -> tuple[Destination, ...]:
    if endpoint is None:
        return ()
    hosts = unmapped(ip_network(address) for address in endpoint.addresses)
    return tuple((host.network_address, endpoint.port) for host in hosts)


def _services(server: AuthorizationServer | None) -> tuple[Destination, ...]:
    """Where the hub's gateway asks for keys and tokens: kept open should it share a counterpart's port.

    Only addresses in numbers can be: names are never resolved.
    """
    destinations = set()
    for url in server.urls if server else ():
        parts = urlsplit(url)
        try:
            destinations.add((ip_address(parts.hostname or ""), parts.port or (443 if parts.scheme == "https" else 80)))
        except ValueError:
            continue
    return tuple(sorted(destinations, key=lambda destination: (destination[0].version, int(destination[0]), destination[1])))
