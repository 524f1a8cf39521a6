# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The hub's operators in a description, and the internal listener where they are let in (see ``systems``)."""

from __future__ import annotations

from .hub_side import Administration, OperatorRole
from .spec import Field, Many, Record
from .texts import AUDIENCE, CLIENT, FILE, choice

_OPERATOR = Record(
    "An operator of the hub.",
    (
        Field("client", CLIENT, "Its OAuth client id at the hub's authorization server.", required=True),
        Field("role", choice(*(role.value for role in OperatorRole)), "What it may do.", required=True),
    ),
)
_OWN = Record(
    "The operator as which this pack asks the ledger and account lookup.",
    (
        Field("client", CLIENT, "Its OAuth client id, one of the operators.", required=True),
        Field("secret_file", FILE, "File with the client's secret; where absent, as this pack made it (Keycloak)."),
    ),
)
ADMINISTRATION = Record(
    "Who may administer ledger and account lookup through the internal listener of the hub's gateways.",
    (
        Field("audience", AUDIENCE, "Audience that their access tokens must name.", default=Administration.audience),
        Field("operators", Many(_OPERATOR, least=1, most=200), "Operators; no one else passes.", required=True),
        Field("own", _OWN, "The operator as which this pack comes; where absent, the systems' token_file counts."),
    ),
)
