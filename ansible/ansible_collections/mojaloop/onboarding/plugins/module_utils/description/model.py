# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The description as frozen values: one environment, its hub, its participants.

Text becomes these values in ``loading`` and nowhere else; every other part of the pack takes them as given and valid.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from pathlib import PurePath

from .claims import Claims
from .hub_side import Administration, HubServices, InternalListener
from .profiles import Profile
from .testing import Gate, Party, SettlementService, Testing
from .transports import ConnectionManagerServer, Connector, Transport, VaultBundles
from .trust_framework import Registration, TrustFramework

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

HUB = "hub"
"""The hub's side name: reserved, so no participant can carry it. Its FSPIOP-Source is ``Hub.fspiop_id``."""


class EnvironmentKind(StrEnum):
    """What is at stake: labs may approve automatically, production needs its proofs."""

    LAB = "lab"
    PRE_PRODUCTION = "pre-production"
    PRODUCTION = "production"


class State(StrEnum):
    """Whether the inbound listeners accept a participant."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    OFFBOARDED = "offboarded"


class Approval(StrEnum):
    """Who approves first contact and published facts: a person, or (labs only) the run itself."""

    MANUAL = "manual"
    AUTOMATIC = "automatic"


@dataclass(frozen=True)
class Endpoint:
    """Where a side's listener is reached: an https URL and the addresses approved for its host name (names are never resolved)."""

    host: str
    port: int
    base_path: str
    """Path prefix in front of the FSPIOP resources: empty, or ``/…`` without a trailing slash."""
    addresses: tuple[Address, ...]

    @property
    def url(self) -> str:
        """The URL as described, port always explicit."""
        return f"https://{self.host}:{self.port}{self.base_path}"


@dataclass(frozen=True)
class CertificateAuthority:
    """A side's own CA: its kind, and what that kind needs.

    ``internal``: made here. ``imported``: root, intermediate and key given as files. ``offline``: a request file goes
    out, a certificate file comes back. ``own``: kept elsewhere by a self-hosted participant, which publishes its
    certificates. ``none``: the hub's CA signs (probe participants, scheme CA profiles).
    """

    kind: str
    key: str
    certificate_file: str = ""
    chain_file: str = ""
    key_file: str = ""
    offline_folder: str = ""


@dataclass(frozen=True)
class KeyChoices:
    """Key kinds of a side's artefacts: ``ec-p256``, ``ec-p384``, ``rsa-2048``, ``rsa-3072`` or ``rsa-4096``."""

    tls: str
    jws: str
    exchange: str


@dataclass(frozen=True)
class Listener:
    """Where a gateway accepts connections."""

    address: Address
    port: int


NOWHERE = Listener(ip_address("0.0.0.0"), 0)  # noqa: S104 -- nothing listens there
"""In place of a listener that a kind of gateway has not."""


@dataclass(frozen=True)
class Gateway:
    """What the gateways of every kind have. Several gateways of a side are configured alike.

    ``name`` is its entry in the inventory, ``host`` the inventory host that it runs on; empty for kinds that run on none.
    ``inbound`` are its mTLS listeners, ``inbound_backend`` the plain-HTTP service behind them (``address:port``),
    ``outbound`` the plain-HTTP listener that the side's own services call to reach counterparts.
    ``source_address``: ``direct`` or ``proxy-protocol`` (a load balancer in front speaks PROXY protocol).
    ``egress_addresses``: where its calls come from, as its host has the addresses; none: those of the side.
    """

    kind: str
    name: str
    host: str
    inbound: tuple[Listener, ...]
    inbound_backend: Listener = NOWHERE
    outbound: Listener = NOWHERE
    source_address: str = "direct"
    egress_addresses: tuple[Network, ...] = ()

    @property
    def listeners(self) -> tuple[Listener, ...]:
        """Wherever counterparts may connect."""
        return self.inbound


@dataclass(frozen=True)
class HaproxyGateway(Gateway):
    """HAProxy on a host: its folder and sockets there, and where its log goes.

    ``hello``: where a health check without a client certificate is answered, by a profile that has one.
    """

    folder: str = "/etc/haproxy/mojaloop"
    master_socket: str = "/run/haproxy/master.sock"
    stats_socket: str = "/run/haproxy/onboarding.sock"
    log: str = "/dev/log"
    hello: Listener | None = None
    internal: InternalListener | None = None

    @property
    def listeners(self) -> tuple[Listener, ...]:
        """See the base."""
        return (*self.inbound, *((self.hello,) if self.hello else ()))


@dataclass(frozen=True)
class EnvoyGateway(Gateway):
    """Envoy on a host: its folder and the socket of its administration there, and where its log goes."""

    folder: str = "/etc/envoy/mojaloop"
    admin_socket: str = "/run/envoy/onboarding.sock"
    log: str = "stdout"


@dataclass(frozen=True)
class Firewall:
    """What the packet filters of every kind have; ``none`` filters nothing. ``hosts`` are the names of the side's gateways on hosts."""

    kind: str
    hosts: tuple[str, ...]


@dataclass(frozen=True)
class NftablesFirewall(Firewall):
    """nftables on the gateways' hosts.

    ``host_policy``: ``listeners`` guards the listeners' ports alone; ``strict`` also closes every other port of the host, except to
    the ``own_networks`` (the side's operators, monitoring and services).
    """

    persist_file: str = "/etc/nftables.d/mojaloop-onboarding.nft"
    host_policy: str = "listeners"
    own_networks: tuple[Network, ...] = ()


@dataclass(frozen=True)
class Side:
    """What the hub and every participant have in common; the documents' TLS and JWS steps need no more."""

    name: str
    """``hub``, or the participant's id: names folders of the store and the exchange."""
    fspiop_id: str
    """The value of ``FSPIOP-Source``."""
    organisation: str
    endpoint: Endpoint | None
    egress_addresses: tuple[Network, ...]
    ca: CertificateAuthority
    keys: KeyChoices
    gateways: tuple[Gateway, ...]
    firewall: Firewall
    country: str = ""
    """ISO 3166-1 code for the subject of certificates; empty: the subject has no C."""
    registration: Registration | None = None
    further_hosts: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Further DNS names, by the certificate that names them."""

    def hosts_of(self, certificate: str) -> tuple[str, ...]:
        """The further DNS names of one of its certificates."""
        return dict(self.further_hosts).get(certificate, ())

    def egress_at(self, gateway: str) -> tuple[Network, ...]:
        """Where calls from the gateway of this name come from, as its host has the addresses: on the way they may be translated."""
        own = [network for each in self.gateways if each.name == gateway for network in each.egress_addresses]
        return tuple(own) or self.egress_addresses


@dataclass(frozen=True)
class AuthorizationServer:
    """What the authorization servers of every kind have."""

    kind: str
    issuer: str
    token_endpoint: str
    """As reached by the hub's gateway (participants reach it at ``<hub url>/oauth2/token``)."""
    jwks_url: str
    audience: str
    ca_file: str
    certificate_bound_tokens: bool = True
    client_certificate: str = "header"
    """How the server gets a caller's certificate. ``header``: participants ask at the hub's gateway, which passes it on in the header
    ``x-client-certificate``. ``tls``: they ask at ``token_endpoint`` themselves, and TLS ends in the server."""
    client_days: int = 0
    """Days after which a participant's client is replaced; 0: never by age."""
    client_overlap_days: int = 7
    """Days for which the earlier client still works after the new credentials were handed over."""

    @property
    def urls(self) -> tuple[str, ...]:
        """Every URL of the server that the hub's side calls."""
        return (self.issuer, self.token_endpoint, self.jwks_url)

    @property
    def registry_url(self) -> str:
        """Where its clients are kept: with the issuer it says which server one is registered at."""
        return self.issuer


@dataclass(frozen=True, kw_only=True)
class Rfc7591Server(AuthorizationServer):
    """A server with dynamic client registration. ``initial_access_token_file`` holds the token that permits it."""

    registration_url: str
    initial_access_token_file: str

    @property
    def urls(self) -> tuple[str, ...]:
        """See the base."""
        return (*super().urls, self.registration_url)

    @property
    def registry_url(self) -> str:
        """See the base."""
        return self.registration_url


@dataclass(frozen=True, kw_only=True)
class KeycloakServer(AuthorizationServer):
    """A realm of Keycloak. ``admin_client_id`` of ``admin_realm`` administers it, with the secret in ``admin_secret_file``."""

    admin_url: str
    admin_client_id: str
    admin_secret_file: str
    realm: str = "dfsps"
    admin_realm: str = ""
    """Empty: ``realm`` itself."""
    resource_client: str = "fspiop"
    """The client whose roles are the API's resources."""

    @property
    def urls(self) -> tuple[str, ...]:
        """See the base."""
        return (*super().urls, self.admin_url)

    @property
    def registry_url(self) -> str:
        """See the base."""
        return f"{self.base_url}/admin/realms/{self.realm}"

    @property
    def base_url(self) -> str:
        """What the paths of its APIs are appended to."""
        return self.admin_url.rstrip("/")


@dataclass(frozen=True, kw_only=True)
class SdkConnector(Connector):
    """The Mojaloop SDK scheme adapter between a participant's own systems and FSPIOP.

    ``host`` is its entry in the inventory (empty: the first gateway's). ``backend`` and ``cache`` are ``host:port`` of the
    core connector and of Redis as that host reaches them.
    """

    version: str
    backend: str
    host: str = ""
    cache: str = "127.0.0.1:6379"
    ilp_version: str = "1"
    inbound_port: int = 4000
    """Where it takes calls of a participant without gateways; behind a gateway it is the gateway's ``inbound_backend``."""
    outbound_port: int = 4001
    metrics_port: int = 4004
    folder: str = "/etc/mojaloop/connector"
    program: str = "/opt/mojaloop/connector/node_modules/@mojaloop/sdk-scheme-adapter"
    node: str = "/usr/bin/node"
    account: str = "mojaloop-connector"
    service: str = "mojaloop-connector.service"
    settings: tuple[tuple[str, str], ...] = ()
    """Further variables of the connector, by name."""

    @property
    def era(self) -> str:
        """The major version: names of variables change with it."""
        return self.version.partition(".")[0]


@dataclass(frozen=True)
class SettlementModel:
    """A settlement model of the ledger. ``kind``: ``deferred-net``, ``gross`` or ``interchange-fee``; without a currency, for all."""

    name: str
    kind: str = "deferred-net"
    currency: str = ""
    liquidity_check: bool = True


@dataclass(frozen=True)
class Ledger:
    """The hub's ledger. ``url`` is its administration API, which knows no callers: only the hub's own network may reach it.

    ``callback_url``: where the hub's services reach its own outbound gateway; empty: they call the participants' endpoints,
    without TLS where the hub's gateway is on a cluster: there it begins in the egress gateway.
    """

    kind: str
    url: str
    currencies: tuple[str, ...]
    ca_file: str = ""
    token_file: str = ""
    """The bearer token that the listener in front of it demands; empty: none."""
    hub_name: str = "Hub"
    callback_url: str = ""
    notification_addresses: tuple[str, ...] = ()
    settlement_models: tuple[SettlementModel, ...] = (SettlementModel("DEFERREDNET"),)


@dataclass(frozen=True)
class Oracle:
    """The service that knows whose an identifier of this type is (``MSISDN`` …); without a currency, for any."""

    identifier: str
    url: str
    currency: str = ""
    default: bool = True


@dataclass(frozen=True)
class AccountLookup:
    """The hub's account lookup service. ``url`` is its administration API, which knows no callers either."""

    kind: str
    url: str
    oracles: tuple[Oracle, ...]
    ca_file: str = ""
    token_file: str = ""


@dataclass(frozen=True)
class Hub(Side):
    """The hub's side."""

    authorization_server: AuthorizationServer | None = None
    ledger: Ledger | None = None
    account_lookup: AccountLookup | None = None
    settlement: SettlementService | None = None
    services: HubServices | None = None
    administration: Administration = field(default_factory=Administration)
    connection_manager: ConnectionManagerServer | None = None
    vault_bundles: VaultBundles | None = None
    testing: Testing = field(default_factory=Testing)
    gate: Gate = field(default_factory=Gate)
    first_publications: tuple[tuple[str, str], ...] = ()
    """Digests of the hub's first publication for each participant, as confirmed at the participant's site."""

    def first_publication(self, participant: str) -> str:
        """``sha256:<hex>`` of the hub's first publication for this participant; empty: not confirmed yet."""
        return dict(self.first_publications).get(participant, "")


@dataclass(frozen=True)
class ClientOrders:
    """What a person ordered about a participant's OAuth clients. A moment that has not come yet orders nothing yet."""

    renew_before: datetime | None = None
    """Clients registered before it are replaced, with an overlap."""
    revoke_before: datetime | None = None
    """Clients registered before it are replaced at once, and end in the same run: a secret is known to someone else."""


@dataclass(frozen=True)
class Participant(Side):
    """One DFSP or LFI, as approved by the hub operator."""

    state: State = State.ACTIVE
    currencies: tuple[str, ...] = ()
    hosting: str = "self-hosted"
    """``managed``: this pack also carries out the participant's half; ``self-hosted``: someone else does."""
    connector: Connector = field(default_factory=Connector)
    transport: Transport = field(default_factory=Transport)
    manifest: str = "signed"
    """``signed``: publications carry a manifest of the pack; ``none``: plain files made with any tool."""
    first_publication: str = ""
    """``sha256:<hex>`` of the first publication, confirmed by a person over another channel; empty: not yet."""
    roles: tuple[str, ...] = ()
    """FSPIOP resources the participant may call: ``parties``, ``quotes``, ``transfers`` …"""
    net_debit_cap: tuple[tuple[str, str], ...] = ()
    proxy: bool = False
    """Stands in the ledger for the participants of another scheme, which reach this one through it."""
    alarm_percentage: int | None = None
    """Per cent of a net debit cap at which the hub raises the alarm; None: as the ledger has it."""
    opening_funds: tuple[tuple[str, str], ...] = ()
    """What is booked once on its settlement accounts, by currency."""
    notification_addresses: tuple[str, ...] = ()
    parties: tuple[Party, ...] = ()
    """Customers: registered at the oracle of their type, and who pays and is paid in tests."""
    unproved: str = ""
    """Why it is active in production without evidence; empty: it has evidence."""
    oauth: ClientOrders = ClientOrders()
    probe: bool = False
    """A probe participant: proves the hub's inbound listeners, holds no ledger position, has no endpoint of its own."""
    here: bool = True
    """Whether this installation acts for it, if it is managed; for probe participants: for the hub."""

    @property
    def active(self) -> bool:
        """Whether the inbound listeners accept it."""
        return self.state is State.ACTIVE

    @property
    def sdk(self) -> SdkConnector | None:
        """Its connector where that is the Mojaloop SDK."""
        return self.connector if isinstance(self.connector, SdkConnector) else None

    @property
    def connector_host(self) -> str:
        """The inventory entry of its connector's host; empty when this pack configures none."""
        if self.sdk is None:
            return ""
        return self.sdk.host or (self.gateways[0].name if self.gateways else "")

    @property
    def managed(self) -> bool:
        """Whether this installation holds the participant's store and configures its hosts."""
        return self.hosting == "managed" and self.here


@dataclass(frozen=True)
class Description:
    """One environment. ``participants`` are sorted by id and include the probe participants.

    ``broken`` maps the file of each participant that could not be read to its problems: they are skipped and reported.
    """

    folder: str
    environment: str
    kind: EnvironmentKind
    approval: Approval
    profile: Profile
    hub: Hub
    participants: tuple[Participant, ...]
    installation: frozenset[str] = frozenset()
    """The sides that this installation acts for; empty: the hub and all managed participants."""
    broken: tuple[tuple[str, tuple[str, ...]], ...] = ()
    closed_names: frozenset[str] = frozenset()
    """The ids of those whose file is broken, but says that they are suspended or offboarded: that much is carried out."""
    revoking: tuple[Participant, ...] = ()
    """Those whose file is broken, but orders the end of their OAuth clients: that much is carried out; no more of them is known."""
    directory: TrustFramework = field(default_factory=TrustFramework)
    claims: Claims = field(default_factory=dict, compare=False)
    """What each of ``participants`` says is its alone (see ``claims``)."""

    @property
    def for_the_hub(self) -> bool:
        """Whether this installation acts for the hub."""
        return not self.installation or HUB in self.installation

    @property
    def own_sides(self) -> tuple[Side, ...]:
        """The sides that this installation acts for: the hub first, then its participants."""
        managed = (participant for participant in self.participants if participant.managed)
        return (*((self.hub,) if self.for_the_hub else ()), *managed)

    @property
    def tenant(self) -> Participant | None:
        """The one participant whose tenant of the hub this environment is; None where the profile has none, or it has left."""
        here = (each for each in self.participants if each.state is not State.OFFBOARDED) if self.profile.tenant else ()
        return next(iter(here), None)

    def participant(self, name: str) -> Participant:
        """The participant with this id; KeyError when there is none."""
        return self._by_name[name]

    @cached_property
    def broken_names(self) -> frozenset[str]:
        """The ids of participants whose file could not be read: they are described, no one knows how."""
        return frozenset(PurePath(file).stem for file, _problems in self.broken)

    @cached_property
    def known_names(self) -> frozenset[str]:
        """The ids of all who are described, be it in a file that is broken: nothing of theirs is taken for left behind."""
        return self.broken_names | self._by_name.keys()

    @cached_property
    def _by_name(self) -> dict[str, Participant]:
        return {participant.name: participant for participant in self.participants}

    def side(self, name: str) -> Side:
        """The hub for ``hub``, else the participant."""
        return self.hub if name == HUB else self.participant(name)
