# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The transports, and the hub's Connection Manager, as the description's files name them: a kind is a row here."""

from __future__ import annotations

from .spec import Field, Record, Table, Text, Variant, Whole
from .texts import FILE, HOST, INTERNAL_URL, NAME, OWN_FILE, URL, choice
from .transports import ManagerHost, VaultBundles

KIND = "kind"
_CLIENT_ID = Text("a name of letters, digits and . _ @ -", r"[A-Za-z0-9][A-Za-z0-9._@-]*", longest=100)


def _authentication(file: Text) -> Variant:
    """How one side presents itself to Connection Manager; ``file``: what files it may name."""
    return Variant(
        "How this side presents itself to Connection Manager.",
        by=KIND,
        of={
            "none": Record("Not at all: the way there is enough.", ()),
            "client-credentials": Record(
                "As a client of an OpenID provider (releases from 2.0).",
                (
                    Field("token_url", URL, "The provider's token endpoint.", required=True),
                    Field("client_id", _CLIENT_ID, "Its client.", required=True),
                    Field("secret_file", file, "File with the client's secret.", required=True),
                ),
            ),
            "login": Record(
                "By a name and a password (releases to 1.7.8).",
                (
                    Field("username", _CLIENT_ID, "The account.", required=True),
                    Field("password_file", file, "File with its password.", required=True),
                ),
            ),
        },
        short=True,
    )


AUTHENTICATION_DEFAULT = "none"
_PATH = Text("an absolute path of letters, digits and . _ @ - /", r"(/[A-Za-z0-9_@-][A-Za-z0-9_@.-]*)+", longest=200)
_VARIABLE = Text("a variable", r"[A-Z][A-Z0-9_]+", longest=60)
_ACCOUNT = Text("an account of the host", r"[a-z_][a-z0-9_-]{0,31}", longest=32)
_SERVER = Record(
    "Connection Manager on a host of the hub, which this pack configures and starts. Its program is installed there already.",
    (
        Field("host", HOST, "Its host.", required=True),
        Field("version", Text("1.x.y or 3.x.y", r"[13]\.[0-9]{1,3}\.[0-9]{1,3}", longest=12), "Its version.", required=True),
        Field("program", _PATH, "Folder of the installed server (github.com/mojaloop/connection-manager-api).", required=True),
        Field("folder", _PATH, "Folder of its settings on the host.", default=ManagerHost.folder),
        Field("node", _PATH, "Node.js on the host.", default=ManagerHost.node),
        Field("port", Whole(1, 65535), "Where it listens.", default=ManagerHost.port),
        Field(
            "account", Text("an account of the host", r"[a-z_][a-z0-9_-]{0,31}", longest=32), "Who runs it.", default=ManagerHost.account
        ),
        Field("service", Text("a unit", r"[a-z0-9@_.-]+\.service", longest=100), "Its systemd unit.", default=ManagerHost.service),
        Field("settings", Table(_VARIABLE, Text("a value", r"[ -&(-~]*", longest=1000)), "Variables by name.", default={}),
        Field("secret_files", Table(_VARIABLE, FILE), "Files with the variables that are secrets, by name.", default={}),
    ),
)
CONNECTION_MANAGER = Record(
    "The hub's Connection Manager, for participants with transport: connection-manager. Which release it is, the run finds out.",
    (
        Field("url", INTERNAL_URL, "Base of its API, such as https://mcm.example/api, or /pm4mlapi behind a gateway.", required=True),
        Field("ca_file", FILE, "CA certificates that verify its TLS certificate (PEM); with an https URL."),
        Field("environment", NAME, "Its environment (releases to 1.7.8); by default, the description's."),
        Field("authentication", _authentication(FILE), "How the hub presents itself.", default=AUTHENTICATION_DEFAULT),
        Field("plain_http", choice("accepted"), "Accepts an http URL outside labs: the way to it is the hub's own network."),
        Field("server", _SERVER, "Where this pack also operates it; where absent, someone else does."),
    ),
)

TRANSPORT_DEFAULT = "local"
TRANSPORT = Variant(
    "How publications travel between the hub and a participant.",
    by=KIND,
    of={
        "local": Record("In the exchange folder, which both sides read and write.", ()),
        "bundle": Record("As files that a person carries, from outbox/ to inbox/ of the state folders.", ()),
        "connection-manager": Record(
            "Through the hub's Connection Manager.",
            (
                Field("authentication", _authentication(OWN_FILE), "How the participant presents itself.", default=AUTHENTICATION_DEFAULT),
                Field(
                    "oauth_token_url", URL, "The participant's OAuth client comes from there too (releases from 3.0): its token endpoint."
                ),
            ),
        ),
    },
    short=True,
)

_SECRET_PATH = Text("<mount>/<path> of letters, digits, _ and -", r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)+", longest=200)
VAULT_BUNDLES = Record(
    "Where deployments read the hub's client key and certificate for each participant: Vault or OpenBao, a KV v1 engine.",
    (
        Field("url", INTERNAL_URL, "The server.", required=True),
        Field("ca_file", FILE, "CA certificates that verify its TLS certificate (PEM); with an https URL."),
        Field("path", _SECRET_PATH, "Mount and folder of the bundles, one for each participant.", default=VaultBundles.path),
        Field("whitelist", _SECRET_PATH, "The secret with the addresses of all participants; where absent, none is written."),
        Field("token_file", FILE, "File with the token that is presented."),
        Field("role_id_file", FILE, "File with the role id of an AppRole, in the place of a token."),
        Field("secret_id_file", FILE, "File with its secret id."),
        Field("plain_http", choice("accepted"), "Accepts an http URL outside labs: the way to it is the hub's own network."),
    ),
)
