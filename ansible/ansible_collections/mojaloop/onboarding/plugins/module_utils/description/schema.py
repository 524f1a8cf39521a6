# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The two files of a description as values: every key, its kind, default and meaning.

Validation, defaults and the JSON schemas for editors all come from here (``spec``, ``json_schema``). Defaults that
depend on other keys are in ``building``; rules that need more than one key, or the environment, are in ``lint``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from .addresses import HIGHEST_PORT, parse_address, parse_endpoint_url, parse_network, parse_url
from .documents import shown
from .model import Approval, AuthorizationServer, EnvironmentKind, Firewall, Gateway, Participant, State
from .profiles import PROFILES
from .spec import Field, Flag, Many, Record, Refused, Table, Text, Whole


def _printable(text: str) -> str:
    """Names go into certificate subjects and reports: nothing that hides, reorders or templates text."""
    hidden = [character for character in text if not character.isprintable()]
    if hidden:
        raise Refused(f"{shown(text)} (with the invisible character U+{ord(hidden[0]):04X})", "printable characters and spaces")
    if text != text.strip() or not text:
        raise Refused(f"{shown(text)} (empty, or with spaces around it)", "text without spaces around it")
    return text


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        raise Refused(f"{shown(text)}, which no calendar has", "a day of the calendar, and a time of the day") from None


def _key_kinds(*rules: str) -> tuple[str, ...]:
    """Every key kind that some profile allows in one of these rules."""
    found = {kind: None for profile in PROFILES.values() for rule in rules for kind in profile.rule(rule).key_kinds}
    return tuple(found)


def _choice(*words: str) -> Text:
    return Text(choices=words)


def _only(word: str) -> Text:
    """A choice of one, for which others are thought of: accepted and ignored, they would be taken for carried out."""
    return Text(f"{word} (other ways are not carried out by this version)", choices=(word,))


_RESOURCES = tuple({resource: None for profile in PROFILES.values() for resource in profile.resources})
_CA_KEYS = tuple({kind: None for profile in PROFILES.values() for kind in profile.authority.key_kinds})

_ID = Text("a letter, then 1 to 29 letters, digits, _ or -", r"[A-Za-z][A-Za-z0-9_-]{1,29}", longest=30)
_NAME = Text("a lower-case letter, then letters, digits and - (at most 30)", r"[a-z][a-z0-9-]{0,28}[a-z0-9]", longest=30)
_ORGANISATION = Text(
    "a name of 1 to 64 printable characters, without {{ {% {#", r"((?!\{[{%#])[^\u0000-\u001f\u007f-\u009f])+", longest=64, parse=_printable
)
_COUNTRY = Text("two capital letters", r"[A-Z]{2}", longest=2)
_ADDRESS = Text("an IPv4 or IPv6 address", longest=64, parse=parse_address)
_NETWORK = Text("an IPv4 or IPv6 address or network", longest=64, parse=parse_network)
_URL = Text("https://<host>[:<port>][/<path>]", r"https://.+", longest=512, parse=parse_url)
_ENDPOINT_URL = Text("https://<host>[:<port>][/<path>]", r"https://.+", longest=512, parse=parse_endpoint_url)
_FILE = Text(
    "an absolute path, one relative to the description's folder, or one below {state}/; of letters, digits and . _ - /",
    r"(\{state\}/|/)?[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*",
    longest=1024,
)
_OWN_FILE = Text(
    "a path relative to participants-files/<id>/ beside participants/; of letters, digits and . _ - /, no name beginning with a dot",
    r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*",
    longest=255,
)
"""A participant's file may come from the participant: it names no other file of this machine."""
_REMOTE_PATH = Text("an absolute path of letters, digits and . _ - /", r"(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+", longest=100)
_LOG = Text(
    "stdout, stderr, a socket's path, or <address>:<port>", r"stdout|stderr|/[A-Za-z0-9._/-]+|[0-9A-Fa-f.:\[\]]+:[0-9]+", longest=100
)
_HOST = Text(
    "an inventory host name: lower-case letters, digits, - and .",
    r"[a-z]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*",
    longest=63,
)
_CURRENCY = Text("a currency code of ISO 4217, such as USD", r"[A-Z]{3}", longest=3)
_AMOUNT = Text("an amount in quotes, such as '10000' or '99.5'", r"(0|[1-9][0-9]{0,17})(\.[0-9]{0,3}[1-9])?", longest=23)
_EMAIL = Text("an e-mail address", r"[A-Za-z0-9._%+-]{1,64}@([A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,63}", longest=254)
_DIGEST = Text("sha256: and 64 hexadecimal digits in lower case", r"sha256:[0-9a-f]{64}", longest=71)
_AUDIENCE = Text("the audience of access tokens: a URI or a word", r"[A-Za-z0-9._~:/@+-]+", longest=255)
_MOMENT = Text(
    "a day (2026-11-24: its begin in UTC) or a moment in UTC (2026-11-24T10:30:00Z)",
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?",
    longest=64,
    parse=_moment,
)
_IDLE = "Kept for people: nothing in this version acts on it."
_ACCEPTED = _choice("accepted")

_FORMAT = Field("format", Whole(1, 1), "Version of the file's format.", required=True)
_PORT = Field("port", Whole(1, HIGHEST_PORT), "TCP port.", required=True)
_ROLES = Many(_choice(*_RESOURCES), most=50)

_LISTENER = Record("An address and a port.", (Field("address", _ADDRESS, "IP address.", required=True), _PORT))

_ENDPOINT = Record(
    "Where the side's door is.",
    (
        Field("url", _ENDPOINT_URL, "URL of the FSPIOP API; its host is the server certificate's name.", required=True),
        Field("addresses", Many(_ADDRESS, least=1, most=50), "Approved addresses of the host; names are never resolved.", required=True),
    ),
)


def _authority(file: Text) -> Field:
    fields = (
        Field(
            "kind",
            _choice("internal", "imported", "offline", "own", "none"),
            "internal: made here; imported: given as files; offline: signs requests by file; "
            "own: kept elsewhere by the participant, only its certificates are published; none: the scheme's CA signs.",
            required=True,
        ),
        Field("key", _choice(*_CA_KEYS), "Kind of the CA's key.", default="ec-p256"),
        Field("certificate_file", file, "Imported: the issuing CA's certificate (PEM)."),
        Field("chain_file", file, "Imported: the certificates from the issuing CA's issuer up to the root (PEM)."),
        Field("key_file", file, "Imported: the issuing CA's private key (PEM, encrypted)."),
        Field("offline_folder", file, "Offline: where request files go out and certificate files come back."),
    )
    return Field("ca", Record("The side's certificate authority.", fields), "The side's certificate authority.")


_KEYS = Record(
    "Kinds of the side's keys.",
    (
        Field("tls", _choice(*_key_kinds("server", "client")), "Server and client certificates.", default="ec-p256"),
        Field("jws", _choice(*_key_kinds("jws")), "Message signatures.", default="rsa-3072"),
        Field("exchange", _choice(*_key_kinds("exchange")), "Manifests, and secrets addressed to the side.", default="rsa-3072"),
    ),
)

_GATEWAY = Record(
    "One gateway of the side: terminates and originates mutual TLS.",
    (
        Field("host", _HOST, "Its inventory host.", required=True),
        Field("kind", _choice("haproxy"), "The system.", default="haproxy"),
        Field("inbound", Many(_LISTENER, least=1, most=50), "Mutual TLS doors.", required=True),
        Field("inbound_backend", _LISTENER, "The plain HTTP service behind the doors.", required=True),
        Field("outbound", _LISTENER, "Plain HTTP listener for the side's own services.", required=True),
        Field(
            "source_address",
            _choice("direct", "proxy-protocol"),
            "How the peer's address is known: from the connection, or from a load balancer's PROXY protocol.",
            default=Gateway.source_address,
        ),
        Field(
            "egress_addresses",
            Many(_NETWORK, most=50),
            "Where its calls come from, as its host has the addresses: where they are translated on the way (NAT), or each gateway has its "
            "own. An empty list: those of the side.",
            default=[],
        ),
        Field("folder", _REMOTE_PATH, "Folder of its files on the host.", default=Gateway.folder),
        Field("master_socket", _REMOTE_PATH, "Socket of its master process.", default=Gateway.master_socket),
        Field("stats_socket", _REMOTE_PATH, "Socket of its runtime commands.", default=Gateway.stats_socket),
        Field("log", _LOG, "Where its log goes.", default=Gateway.log),
    ),
)

_FIREWALL = Record(
    "The packet filter on the side's gateway hosts.",
    (
        Field("kind", _choice("nftables", "none"), "The system.", required=True),
        Field("persist_file", _REMOTE_PATH, "Where its rules are kept for the next boot.", default=Firewall.persist_file),
    ),
)

_AUTHORIZATION_SERVER = Record(
    "The OAuth authorization server (RFC 7591, 7592).",
    (
        Field("issuer", _URL, "Its issuer identifier, letter by letter.", required=True),
        Field("registration_url", _URL, "Client registration endpoint.", required=True),
        Field("token_endpoint", _URL, "Token endpoint, as the hub's gateway reaches it.", required=True),
        Field("jwks_url", _URL, "Its signing keys.", required=True),
        Field("audience", _AUDIENCE, "Audience that access tokens must name.", required=True),
        Field("ca_file", _FILE, "CA certificates that verify its TLS certificate (PEM).", required=True),
        Field("initial_access_token_file", _FILE, "File with the token that permits registration.", required=True),
        Field(
            "certificate_bound_tokens",
            Flag(),
            "Whether tokens are bound to the client certificate (RFC 8705).",
            default=AuthorizationServer.certificate_bound_tokens,
        ),
        Field("client_days", Whole(1, 3650), "Days after which a participant's client is replaced; never by age where absent."),
        Field(
            "client_overlap_days",
            Whole(0, 365),
            "Days for which the earlier client still works after the new credentials were handed over; 0 ends it in that run.",
            default=AuthorizationServer.client_overlap_days,
        ),
    ),
)

_SIDE: tuple[Field, ...] = (
    Field("organisation", _ORGANISATION, "Name of the organisation, as in certificates.", required=True),
    Field("country", _COUNTRY, "Country of the organisation (ISO 3166-1, two letters), as in certificates; none where absent."),
    Field("egress_addresses", Many(_NETWORK, most=200), "Where the side's calls come from. An empty list is nobody.", default=[]),
    Field("keys", _KEYS, "Kinds of the side's keys.", default={}),
    Field("gateways", Many(_GATEWAY, most=50), "The side's gateways, all configured alike.", default=[]),
    Field("firewall", _FIREWALL, "The packet filter on the gateway hosts; nftables where there are gateways."),
    Field("wide_addresses", _ACCEPTED, "Accepts networks wider than /16 (IPv4) or /32 (IPv6)."),
    Field("private_addresses", _ACCEPTED, "Accepts private addresses outside labs (sides joined by a private network)."),
)

_HUB = Record(
    "The hub's side.",
    (
        Field("id", _ID, "The hub's FSPIOP-Source.", required=True),
        Field("endpoint", _ENDPOINT, "Where participants reach the hub.", required=True),
        *_SIDE,
        _authority(_FILE),
        Field("authorization_server", _AUTHORIZATION_SERVER, "The OAuth authorization server."),
        Field(
            "first_publications",
            Table(_ID, _DIGEST),
            "At a participant's site: digest of the hub's first publication for each participant, confirmed by a person "
            "over another channel. A new one approves a CA or a JWS key that the hub has changed since.",
            default={},
        ),
        Field(
            "ledger",
            Record("The hub's ledger.", (Field("url", _URL, "Its administration API.", required=True),)),
            f"The hub's ledger. {_IDLE}",
        ),
    ),
)

HUB_FILE = Record(
    "hub.yml: one environment and its hub.",
    (
        _FORMAT,
        Field("environment", _NAME, "Name of the environment; names its state folder.", required=True),
        Field("kind", _choice(*(kind.value for kind in EnvironmentKind)), "What is at stake.", required=True),
        Field("profile", _choice(*PROFILES), "The scheme's rules.", required=True),
        Field(
            "approval",
            _choice(*(approval.value for approval in Approval)),
            "Who approves first contact and published facts; automatic in labs only.",
            default=Approval.MANUAL.value,
        ),
        Field("hub", _HUB, "The hub's side.", required=True),
        Field(
            "defaults",
            Record("Defaults of all participants.", (Field("roles", _ROLES, "FSPIOP resources they may call.", default=[]),)),
            "Defaults of all participants.",
            default={},
        ),
    ),
)
"""hub.yml."""

_CLIENT_ORDERS = Record(
    "Replacement of the participant's OAuth clients on demand.",
    (
        Field("renew_before", _MOMENT, "Clients registered before this are replaced; the earlier one still works for client_overlap_days."),
        Field(
            "revoke_before",
            _MOMENT,
            "Clients registered before this are replaced at once and end in the same run: their secret is known to others.",
        ),
    ),
)

PARTICIPANT_FILE = Record(
    "participants/<id>.yml: one DFSP or LFI, as approved by the hub operator.",
    (
        _FORMAT,
        Field("id", _ID, "Its FSPIOP-Source; the file is named after it.", required=True),
        Field("endpoint", _ENDPOINT, "Where its callbacks go."),
        *_SIDE,
        _authority(_OWN_FILE),
        Field("state", _choice(*(state.value for state in State)), "Whether the doors are open to it.", default=Participant.state.value),
        Field(
            "currencies",
            Many(_CURRENCY, most=50),
            f"Currencies of its ledger accounts; bounds those of its net debit cap. {_IDLE}",
            default=[],
        ),
        Field("hosting", _choice("managed", "self-hosted"), "Who carries out its half: this pack, or somebody else (the default)."),
        Field(
            "connector",
            _only(Participant.connector),
            "How it connects: its services behind its own gateway.",
            default=Participant.connector,
        ),
        Field("transport", _only(Participant.transport), "How publications travel: in the exchange folder.", default=Participant.transport),
        Field("manifest", _choice("signed", "none"), "Whether its publications carry a signed manifest.", default=Participant.manifest),
        Field(
            "first_publication",
            _DIGEST,
            "Digest of its first publication, confirmed by a person over another channel. "
            "A new one approves a CA or a JWS key that it has changed since.",
        ),
        Field("roles", _ROLES, "FSPIOP resources it may call; the hub's defaults where absent."),
        Field("oauth", _CLIENT_ORDERS, "Replacement of its OAuth clients on demand.", default={}),
        Field("net_debit_cap", Table(_CURRENCY, _AMOUNT), f"Net debit cap by currency. {_IDLE}", default={}),
        Field("notification_addresses", Many(_EMAIL, most=50), f"Whom the hub notifies. {_IDLE}", default=[]),
        Field(
            "probe",
            Flag(),
            "A probe participant: proves the hub's doors, has neither endpoint nor ledger position.",
            default=Participant.probe,
        ),
    ),
)
"""participants/<id>.yml."""

Values = dict[str, Any]
"""A file's values as ``spec.check`` returns them."""
