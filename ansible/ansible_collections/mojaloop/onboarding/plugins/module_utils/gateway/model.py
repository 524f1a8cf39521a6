# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What one gateway must do, whatever product carries it out.

Inbound it is the side's mTLS inbound listener, outbound it originates mTLS to the counterparts. Default is refuse: a caller, an
address, a token client or a role that is not in here does not pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ..description.hub_side import InternalListener
from ..description.model import Address, Gateway, Listener, Network
from ..findings import Finding


@dataclass(frozen=True)
class Identity:
    """A certificate with its chain (issuer first, no roots) and private key, all PEM."""

    certificate: bytes
    chain: bytes
    key: bytes = field(repr=False)


@dataclass(frozen=True)
class Caller:
    """Who may come through the listener: its certificates (SHA-256 of the DER, lower-case hex), from where, with what.

    ``certificates`` are several while a renewal overlaps; none where ``subject`` counts instead: the pinned parts of a certificate's
    subject, joined by ``|``. ``clients`` are OAuth client ids, ``roles`` resources of the API.
    """

    participant: str
    fspiop_id: str
    certificates: tuple[str, ...]
    networks: tuple[Network, ...]
    clients: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    subject: str = ""


@dataclass(frozen=True)
class TokenRules:
    """How bearer tokens are judged. ``keys``: (kid, SPKI public key PEM), several at once while keys rotate."""

    issuer: str
    audience: str
    keys: tuple[tuple[str, bytes], ...]
    certificate_bound: bool
    """RFC 8705 section 3.1: ``cnf.x5t#S256`` must be the presented certificate."""


@dataclass(frozen=True)
class TokenEndpoint:
    """The authorization server behind ``POST <base path>/oauth2/token``. ``name``: the name its certificate must hold."""

    host: str
    port: int
    path: str
    name: str
    ca: bytes


@dataclass(frozen=True)
class Internal:
    """The hub's internal listener. ``operators``: OAuth client id -> role (``administration``)."""

    place: InternalListener
    tokens: TokenRules
    operators: Mapping[str, str]


class HeaderRule(StrEnum):
    """Which header binds a request: the caller names itself to a hub, the hub names the participant it calls."""

    SOURCE = "fspiop-source"
    DESTINATION = "fspiop-destination"
    PROVIDER = "o3-provider-id"
    NONE = ""


@dataclass(frozen=True)
class Inbound:
    """The side's listener. ``trusted`` are the CAs (PEM, up to the root) that sign callers' certificates."""

    listeners: tuple[Listener, ...]
    proxy_protocol: bool
    identity: Identity
    trusted: bytes
    callers: tuple[Caller, ...]
    header_rule: HeaderRule
    backend: Listener
    base_path: str = ""
    resources: tuple[str, ...] = ()
    """FSPIOP resources that a role or a token scope can name."""
    tokens: TokenRules | None = None
    token_endpoint: TokenEndpoint | None = None
    host: str = ""
    """The host name of the side's endpoint."""
    pins: tuple[str, ...] = ()
    """The parts of a subject (``OU``, ``CN``) by which callers are known; none: by their certificates. See ``Caller.subject``."""
    health: tuple[str, ...] = ()
    """Paths that a caller may GET without a header and a role."""
    hello: tuple[Listener, str] | None = None
    """A listener without client certificates, and the one path that it answers."""
    internal: Internal | None = None
    """Where operators administer what is behind the hub."""


@dataclass(frozen=True)
class Destination:
    """One counterpart's listener, as approved: names are not resolved, ``addresses`` are what is connected to.

    ``sources``: this gateway's egress addresses, the first of each family is used; none of a family: not reached over it.
    ``further_hosts``: other names of the same server, called where a request's Host is one of them.
    """

    participant: str
    fspiop_id: str
    host: str
    port: int
    base_path: str
    addresses: tuple[Address, ...]
    trusted: bytes
    identity: Identity
    sources: tuple[Network, ...]
    further_hosts: tuple[str, ...] = ()

    @property
    def reachable(self) -> list[tuple[Address, str]]:
        """Its addresses with the egress address to use, IPv4 first; left out where the side has no egress of that family."""
        found = []
        for address in sorted(self.addresses, key=lambda address: address.version):
            networks = [network for network in self.sources if network.version == address.version]
            single = [network for network in networks if network.num_addresses == 1]
            if networks:
                found.append((address, str(single[0].network_address) if single else ""))
        return found


@dataclass(frozen=True)
class Outbound:
    """The way out. ``routed``: the header ``header`` chooses (hub); else the one destination is taken."""

    listener: Listener
    destinations: tuple[Destination, ...]
    routed: bool
    header: str = HeaderRule.DESTINATION.value


@dataclass(frozen=True)
class GatewayModel:
    """One gateway. ``inbound`` is None while the side has no server certificate: then nothing can be installed.

    ``fspiop_id`` is the side's own, ``gateway`` its description; ``findings`` tell who is left out and what is awaited.
    """

    side: str
    fspiop_id: str
    gateway: Gateway
    inbound: Inbound | None
    outbound: Outbound
    findings: tuple[Finding, ...] = ()
    kept: frozenset[str] = frozenset()
    """Participants about whom nothing could be concluded: what is installed of them stays as it is."""
    clients_left: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Of participants of whom no more is known than that: the OAuth clients that have not been revoked."""

    @property
    def host(self) -> str:
        """The gateway's name in the description and in the inventory."""
        return self.gateway.name

    @property
    def called_from(self) -> list[str]:
        """The addresses that calls are bound to: the gateway's host must have them."""
        return sorted({source for destination in self.outbound.destinations for _address, source in destination.reachable if source})
