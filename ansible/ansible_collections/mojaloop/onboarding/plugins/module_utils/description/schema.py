# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The two files of a description as values: every key, its kind, default and meaning.

Validation, defaults and the JSON schemas for editors all come from here (``spec``, ``json_schema``); what depends on the
product in use is in ``systems``. Defaults that depend on other keys are in ``building``; rules that need more than one
key, or the environment, are in ``lint``.
"""

from __future__ import annotations

from .administration import ADMINISTRATION
from .authorization_servers import AUTHORIZATION_SERVER
from .back_end import ACCOUNT_LOOKUP, GATE, LEDGER, PARTY, REASON, SETTLEMENT, TESTING
from .gateways import gateway
from .model import Approval, EnvironmentKind, Participant, State
from .profiles import PROFILES
from .spec import Field, Flag, Many, Record, Table, Text, Variables, Whole
from .systems import (
    CONNECTOR,
    CONNECTOR_DEFAULT,
    FIREWALL,
    HUB_SERVICES,
    certificate_authority,
)
from .systems_exchange import CONNECTION_MANAGER, TRANSPORT, TRANSPORT_DEFAULT, VAULT_BUNDLES
from .texts import (
    ADDRESS,
    AMOUNT,
    CERTIFICATES,
    COUNTRY,
    CURRENCY,
    DIGEST,
    DNS_NAME,
    EMAIL,
    ENDPOINT_URL,
    FILE,
    FOLDER,
    HOST,
    ID,
    MOMENT,
    NAME,
    NETWORK,
    ORGANISATION,
    OWN_FILE,
    PROFILE,
    RESOURCE,
    SIDE,
    UUID,
    choice,
    key_kinds,
)

_ACCEPTED = choice("accepted")

_FORMAT = Field("format", Whole(1, 1), "Version of the file's format.", required=True)
_ROLES = Many(RESOURCE, most=50)

_ENDPOINT = Record(
    "Where the side's inbound listener is reached.",
    (
        Field("url", ENDPOINT_URL, "URL of the FSPIOP API; its host is the server certificate's name.", required=True),
        Field("addresses", Many(ADDRESS, least=1, most=50), "Approved addresses of the host; names are never resolved.", required=True),
    ),
)


_KEYS = Record(
    "Kinds of the side's keys.",
    (
        Field("tls", choice(*key_kinds("server", "client")), "Server and client certificates; the profile's choice where absent."),
        Field("jws", choice(*key_kinds("jws")), "Message signatures; the profile's choice where absent."),
        Field(
            "exchange", choice(*key_kinds("exchange")), "Manifests, and secrets addressed to the side; the profile's choice where absent."
        ),
    ),
)

_REGISTRATION = Record(
    "As what the side is registered in the scheme's directory.",
    (
        Field("organisation_id", UUID, "Id of its organisation: OU of its certificates.", required=True),
        Field("client_id", UUID, "Client id of its application: CN of the certificates that belong to it."),
    ),
)

_DIRECTORY = Record(
    "The scheme's directory, which signs, in a profile that has one.",
    (
        Field("environment", NAME, "Which of its environments: sandbox or production, unless the profile has others.", required=True),
        Field(
            "authorities",
            Many(DIGEST, most=10),
            "SHA-256 of its CA certificates (DER), compared by a person with what its operator says. Without them none is installed, "
            "but in environments with automatic approval.",
            default=[],
        ),
        Field("application_auth", choice("mtls", "jwt"), "What authenticates messages beside mutual TLS.", default="mtls"),
        Field(
            "hub_server_ca_file",
            FILE,
            "At a participant's site: CA (PEM) of the hub's server certificate where the directory did not sign it.",
        ),
        Field("keystore_ca_file", FILE, "CA (PEM) of the server of its key sets; with it a run reads key ids there by itself."),
    ),
)

_SIDE: tuple[Field, ...] = (
    Field("organisation", ORGANISATION, "Name of the organisation, as in certificates.", required=True),
    Field("country", COUNTRY, "Country of the organisation (ISO 3166-1, two letters), as in certificates; none where absent."),
    Field("egress_addresses", Many(NETWORK, most=200), "Where the side's calls come from. An empty list means no address.", default=[]),
    Field("keys", _KEYS, "Kinds of the side's keys.", default={}),
    Field("registration", _REGISTRATION, "As what it is registered in the scheme's directory, in a profile that has one."),
    Field(
        "further_hosts",
        Table(choice(*CERTIFICATES), Many(DNS_NAME, least=1, most=20)),
        "Further DNS names in certificates, by certificate.",
        default={},
    ),
    Field("firewall", FIREWALL, "The packet filter on the gateway hosts; nftables where there are gateways."),
    Field("wide_addresses", _ACCEPTED, "Accepts networks wider than /16 (IPv4) or /32 (IPv6)."),
    Field("private_addresses", _ACCEPTED, "Accepts private addresses outside labs (sides joined by a private network)."),
)


def _gateways(file: Text) -> Field:
    return Field("gateways", Many(gateway(file), most=50), "The side's gateways, all configured alike.", default=[])


_HUB = Record(
    "The hub's side.",
    (
        Field("id", ID, "The hub's FSPIOP-Source.", required=True),
        Field("endpoint", _ENDPOINT, "Where participants reach the hub.", required=True),
        *_SIDE,
        _gateways(FILE),
        Field("ca", certificate_authority(FILE), "The side's certificate authority."),
        Field("authorization_server", AUTHORIZATION_SERVER, "The OAuth authorization server."),
        Field(
            "first_publications",
            Table(ID, DIGEST),
            "At a participant's site: digest of the hub's first publication for each participant, confirmed by a person "
            "over another channel. A new one approves a CA or a JWS key that the hub has changed since.",
            default={},
        ),
        Field("ledger", LEDGER, "The hub's ledger."),
        Field("account_lookup", ACCOUNT_LOOKUP, "The hub's account lookup service."),
        Field("administration", ADMINISTRATION, "Who may administer ledger and account lookup."),
        Field("connection_manager", CONNECTION_MANAGER, "The Connection Manager through which participants may exchange."),
        Field("vault_bundles", VAULT_BUNDLES, "Where deployments read the hub's client certificates."),
        Field("services", HUB_SERVICES, "Where the hub's services read JWS keys."),
        Field("settlement", SETTLEMENT, "The hub's settlement service, for the suite of that name."),
        Field("testing", TESTING, "How participants are tested (verify.yml).", default={}),
    ),
)

HUB_FILE = Record(
    "hub.yml: one environment and its hub.",
    (
        _FORMAT,
        Field("environment", NAME, "Name of the environment; names its state folder.", required=True),
        Field("kind", choice(*(kind.value for kind in EnvironmentKind)), "What is at stake.", required=True),
        Field(
            "profile",
            PROFILE,
            f"The scheme's rules: {', '.join(PROFILES)}, or profiles/<name>.yml for a profile of one's own.",
            required=True,
        ),
        Field(
            "approval",
            choice(*(approval.value for approval in Approval)),
            "Who approves first contact and published facts; automatic in labs only.",
            default=Approval.MANUAL.value,
        ),
        Field("hub", _HUB, "The hub's side.", required=True),
        Field("directory", _DIRECTORY, "The scheme's directory, in a profile that has one."),
        Field(
            "defaults",
            Record("Defaults of all participants.", (Field("roles", _ROLES, "FSPIOP resources they may call.", default=[]),)),
            "Defaults of all participants.",
            default={},
        ),
        Field("gate", GATE, "Whom production lets in; required there."),
    ),
)
"""hub.yml."""

_CLIENT_ORDERS = Record(
    "Replacement of the participant's OAuth clients on demand.",
    (
        Field("renew_before", MOMENT, "Clients registered before this are replaced; the earlier one still works for client_overlap_days."),
        Field(
            "revoke_before",
            MOMENT,
            "Clients registered before this are replaced at once and end in the same run: their secret is known to others.",
        ),
    ),
)

PARTICIPANT_FILE = Record(
    "participants/<id>.yml: one DFSP or LFI, as approved by the hub operator.",
    (
        _FORMAT,
        Field("id", ID, "Its FSPIOP-Source; the file is named after it.", required=True),
        Field("endpoint", _ENDPOINT, "Where its callbacks go."),
        *_SIDE,
        _gateways(OWN_FILE),
        Field("ca", certificate_authority(OWN_FILE), "The side's certificate authority."),
        Field(
            "state", choice(*(state.value for state in State)), "Whether the inbound listeners accept it.", default=Participant.state.value
        ),
        Field(
            "currencies",
            Many(CURRENCY, most=50),
            "Currencies of its ledger accounts; bounds those of its net debit cap and opening funds.",
            default=[],
        ),
        Field("hosting", choice("managed", "self-hosted"), "Who carries out its half: this pack, or someone else (the default)."),
        Field("connector", CONNECTOR, "How its services connect.", default=CONNECTOR_DEFAULT),
        Field("transport", TRANSPORT, "How publications travel.", default=TRANSPORT_DEFAULT),
        Field("manifest", choice("signed", "none"), "Whether its publications carry a signed manifest.", default=Participant.manifest),
        Field(
            "first_publication",
            DIGEST,
            "Digest of its first publication, confirmed by a person over another channel. "
            "A new one approves a CA or a JWS key that it has changed since.",
        ),
        Field("roles", _ROLES, "FSPIOP resources it may call; the hub's defaults where absent."),
        Field("oauth", _CLIENT_ORDERS, "Replacement of its OAuth clients on demand.", default={}),
        Field("net_debit_cap", Table(CURRENCY, AMOUNT), "Net debit cap by currency.", default={}),
        Field("proxy", Flag(), "A proxy in the ledger: other schemes' participants are reached through it.", default=Participant.proxy),
        Field(
            "alarm_percentage", Whole(1, 100), "Per cent of a cap at which the hub raises the alarm; where absent, as the ledger has it."
        ),
        Field(
            "opening_funds",
            Table(CURRENCY, AMOUNT),
            "What is booked once on its settlement accounts, by currency. A change afterwards is an error: book it in the ledger.",
            default={},
        ),
        Field("notification_addresses", Many(EMAIL, most=5), "Whom the ledger's e-mails about it go to.", default=[]),
        Field("evidence", Many(OWN_FILE, most=10), "Signed evidence of pre-production, for production.", default=[]),
        Field("unproved", REASON, "Why it is active in production without evidence; it stands in the evidence."),
        Field(
            "parties",
            Many(PARTY, most=20),
            "Customers of it: registered at the oracle of their type (account_lookup), and who pays and is paid in tests.",
            default=[],
        ),
        Field(
            "probe",
            Flag(),
            "A probe participant: proves the hub's inbound listeners, has neither endpoint nor ledger position.",
            default=Participant.probe,
        ),
    ),
)
"""participants/<id>.yml."""

HOSTS_FILE = Record(
    "hosts.yml: how Ansible reaches the hosts, and whose installation this is.",
    (
        Field("plugin", choice("mojaloop.onboarding.hub"), "Marks the file as the inventory plugin's.", required=True),
        Field(
            "installation",
            Many(SIDE, least=1),
            "The sides that this installation acts for: hub, and ids of participants with hosting: managed. "
            "Nothing of another side is made, signed, published or removed. Required outside labs; in labs the default is all of them.",
        ),
        Field(
            "hosts",
            Table(HOST, Variables()),
            "Ansible variables by the gateway's host or name; also for all and for controller.",
            default={},
        ),
        Field(
            "probe_hosts",
            Table(HOST, Variables()),
            "Hosts with addresses of participants, from which verify.yml sends: Ansible variables by name. Python 3.8 is enough.",
            default={},
        ),
        Field("state", FOLDER, "State folder, relative to this file's folder; the default is .state/<environment> beside inventories."),
    ),
)
"""hosts.yml."""
