# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The transports, and the hub's Connection Manager, as the description's files name them: a kind is a row here."""

from __future__ import annotations

from .spec import Field, Record, Text, Variant
from .texts import FILE, INTERNAL_URL, NAME, OWN_FILE, URL, choice

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
CONNECTION_MANAGER = Record(
    "The hub's Connection Manager, for participants with transport: connection-manager. Which release it is, the run finds out.",
    (
        Field("url", INTERNAL_URL, "Base of its API, such as https://mcm.example/api, or /pm4mlapi behind a gateway.", required=True),
        Field("ca_file", FILE, "CA certificates that verify its TLS certificate (PEM); with an https URL."),
        Field("environment", NAME, "Its environment (releases to 1.7.8); by default, the description's."),
        Field("authentication", _authentication(FILE), "How the hub presents itself.", default=AUTHENTICATION_DEFAULT),
        Field("plain_http", choice("accepted"), "Accepts an http URL outside labs: the way to it is the hub's own network."),
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
            (Field("authentication", _authentication(OWN_FILE), "How the participant presents itself.", default=AUTHENTICATION_DEFAULT),),
        ),
    },
    short=True,
)
