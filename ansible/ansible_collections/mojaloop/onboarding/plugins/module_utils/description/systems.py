# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The systems that a description can name, each a tagged union by ``kind``: the keys that all kinds have, and those of each.

A kind is added with one row here, one class in ``model`` and one row in ``building``.
"""

from __future__ import annotations

from .addresses import HIGHEST_PORT
from .hub_side import HubServices
from .model import (
    NftablesFirewall,
    SdkConnector,
)
from .spec import Field, Many, Record, Table, Text, Variant, Whole
from .texts import (
    CA_KEYS,
    HOST,
    INTERNAL_URL,
    NETWORK,
    OWN_FILE,
    REMOTE_PATH,
    choice,
)
from .transports import PaymentManagerConnector

KIND = "kind"

FIREWALL = Variant(
    "The packet filter on the side's gateway hosts.",
    by=KIND,
    of={
        "nftables": Record(
            "nftables in the hosts' kernels.",
            (
                Field("persist_file", REMOTE_PATH, "Where its rules are kept for the next boot.", default=NftablesFirewall.persist_file),
                Field(
                    "host_policy",
                    choice("listeners", "strict"),
                    "listeners: guards the listeners. strict: closes the hosts' other ports too, except to own_networks.",
                    default=NftablesFirewall.host_policy,
                ),
                Field("own_networks", Many(NETWORK, most=200), "Who reaches the hosts' other ports under strict.", default=[]),
            ),
        ),
        "none": Record("No packet filter of this pack.", ()),
    },
    short=True,
)


def certificate_authority(file: Text) -> Variant:
    """A side's certificate authority, whose files may be named as ``file`` allows."""
    return Variant(
        "The side's certificate authority.",
        by=KIND,
        of={
            "internal": Record("Made here.", (Field("key", choice(*CA_KEYS), "Kind of its key.", default="ec-p256"),)),
            "imported": Record(
                "Given as files.",
                (
                    Field("certificate_file", file, "The issuing CA's certificate (PEM).", required=True),
                    Field("chain_file", file, "The certificates from the issuing CA's issuer up to the root (PEM).", required=True),
                    Field("key_file", file, "The issuing CA's private key (PEM, encrypted).", required=True),
                ),
            ),
            "offline": Record(
                "Signs requests by file.",
                (Field("offline_folder", file, "Where request files go out and certificate files come back.", required=True),),
            ),
            "own": Record("Kept elsewhere by the participant: only its certificates are published.", ()),
            "none": Record("The scheme's CA signs.", ()),
        },
        short=True,
    )


_PLACE = Text("<host>:<port>", r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?:[0-9]{1,5}", longest=260)
_CONNECTOR_PATH = Text("an absolute path of letters, digits and . _ @ - /", r"(/[A-Za-z0-9_@-][A-Za-z0-9_@.-]*)+", longest=200)
_VERSION = Text("18.0.2, or 24.x.y", r"18\.0\.2|24\.[0-9]{1,3}\.[0-9]{1,3}", longest=12)
_ACCOUNT = Text("an account of the host", r"[a-z_][a-z0-9_-]{0,31}", longest=32)

HUB_SERVICES = Record(
    "The hub's own services (account lookup, quoting, transfers), which sign errors as the hub and validate signatures.",
    (
        Field("host", HOST, "Their host.", required=True),
        Field("folder", _CONNECTOR_PATH, "Folder of their keys on the host.", default=HubServices.folder),
        Field("service", Text("a unit", r"[a-z0-9@_.-]+\.(service|target)", longest=100), "Systemd unit to restart for a new signing key."),
        Field("account", _ACCOUNT, "Account that they run as; it alone reads the keys.", default=HubServices.account),
    ),
)

CONNECTOR_DEFAULT = "direct"
CONNECTOR = Variant(
    "How a participant's services connect.",
    by=KIND,
    of={
        "direct": Record("Its services stand behind its own gateway; nothing is configured in them.", ()),
        "sdk": Record(
            "The Mojaloop SDK scheme adapter, between its own systems and its gateway (or the hub, where it has none).",
            (
                Field("version", _VERSION, "Its version.", required=True),
                Field("backend", _PLACE, "The core connector: the participant's own systems, as the SDK calls them.", required=True),
                Field("host", HOST, "Its host, else the first gateway's."),
                Field("cache", _PLACE, "Its Redis.", default=SdkConnector.cache),
                Field("ilp_version", choice("1", "4"), "ILP packets; payer and payee need the same.", default=SdkConnector.ilp_version),
                Field(
                    "inbound_port",
                    Whole(1, HIGHEST_PORT),
                    "Where it listens for the hub, without a gateway.",
                    default=SdkConnector.inbound_port,
                ),
                Field("outbound_port", Whole(1, HIGHEST_PORT), "Where its own systems call it.", default=SdkConnector.outbound_port),
                Field("metrics_port", Whole(1, HIGHEST_PORT), "Where its metrics are.", default=SdkConnector.metrics_port),
                Field("folder", _CONNECTOR_PATH, "Folder of its files on the host.", default=SdkConnector.folder),
                Field("program", _CONNECTOR_PATH, "Folder of the installed SDK on the host.", default=SdkConnector.program),
                Field("node", _CONNECTOR_PATH, "Node.js on the host.", default=SdkConnector.node),
                Field("account", _ACCOUNT, "Account that runs it.", default=SdkConnector.account),
                Field("service", Text("a unit", r"[a-z0-9@_.-]+\.service", longest=100), "Its systemd unit.", default=SdkConnector.service),
                Field(
                    "settings",
                    Table(Text("a variable", r"[A-Z][A-Z0-9_]+", longest=60), Text("a value", r"[ -&(-~]*", longest=1000)),
                    "Further variables of the SDK by name, such as EXPIRY_SECONDS.",
                    default={},
                ),
            ),
        ),
        "ozone-connect": Record("An Ozone Connect server, which the API Hub of profile uae-api-hub calls at its endpoint.", ()),
        "payment-manager": Record(
            "A Payment Manager that this installation hosts: its part of a Vault, its credentials and settings are made.",
            (
                Field("vault_url", INTERNAL_URL, "Vault or OpenBao: https, or http on this machine.", required=True),
                Field("vault_token_file", OWN_FILE, "File with a token that may mount engines and write policies there.", required=True),
                Field("vault_ca_file", OWN_FILE, "CA certificates that verify its TLS certificate (PEM); with an https URL."),
                Field("credentials_file", OWN_FILE, "JSON with client_id and client_secret, where the hub registers no client from here."),
                Field("folder", _CONNECTOR_PATH, "Where its files are mounted for it.", default=PaymentManagerConnector.folder),
                Field("key_bits", Whole(2048, 4096), "Bits of its RSA keys.", default=PaymentManagerConnector.key_bits),
                Field("version", _VERSION, "Version of the Mojaloop SDK beside it; where absent, its settings are not made here."),
                Field("backend", _PLACE, "The core connector, as the SDK calls it.", default=PaymentManagerConnector.backend),
                Field("cache", _PLACE, "The SDK's Redis.", default=PaymentManagerConnector.cache),
                Field("control", _PLACE, "Where management-api pushes keys to the SDK.", default=PaymentManagerConnector.control),
                Field(
                    "inbound_port",
                    Whole(1, HIGHEST_PORT),
                    "Where the SDK listens for the hub.",
                    default=PaymentManagerConnector.inbound_port,
                ),
                Field(
                    "outbound_port",
                    Whole(1, HIGHEST_PORT),
                    "Where the participant's own systems call it.",
                    default=PaymentManagerConnector.outbound_port,
                ),
            ),
        ),
    },
    short=True,
)
