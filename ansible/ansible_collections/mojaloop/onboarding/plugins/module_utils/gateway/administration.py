# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an operator of the hub may do through the internal listener: the one table of roles, verbs and paths.

The systems behind it have no access control of their own. Whatever no row permits is refused: metrics, documentation, what a later
version adds. Source: the API files of central-ledger 19.5 and of account-lookup-service's administration API.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..description.hub_side import OperatorRole

LEDGER, ACCOUNT_LOOKUP = "ledger", "account-lookup"
"""The systems, by the first part of the path: ``/ledger/participants`` is the ledger's ``/participants``."""
ALL = tuple(OperatorRole)
MONEY = (OperatorRole.AUDITOR, OperatorRole.OPERATOR)
WRITERS = (OperatorRole.OPERATOR,)
_NAME = "[A-Za-z0-9_.-]+"
_PARTICIPANT = f"participants/{_NAME}"
_LIMITS = "participants/limits"
"""The caps of all, at a path like a participant's own."""


@dataclass(frozen=True)
class Permission:
    """These roles may do that. ``path``: a regular expression for the whole path within ``system``."""

    roles: tuple[OperatorRole, ...]
    methods: tuple[str, ...]
    system: str
    path: str
    but: str = "-"
    """A path that is like it and is not meant."""


PERMISSIONS = (
    Permission(ALL, ("GET",), LEDGER, f"health|participants|{_PARTICIPANT}(/endpoints)?|settlementModels(/{_NAME})?", _LIMITS),
    Permission(ALL, ("GET",), ACCOUNT_LOOKUP, "health|oracles"),
    Permission(MONEY, ("GET",), LEDGER, f"{_LIMITS}|{_PARTICIPANT}/(limits|positions|accounts)|transactions/{_NAME}"),
    Permission(WRITERS, ("POST",), LEDGER, f"participants|{_PARTICIPANT}/(accounts|endpoints|initialPositionAndLimits)|settlementModels"),
    Permission(WRITERS, ("PUT",), LEDGER, f"{_PARTICIPANT}(/limits)?|settlementModels/{_NAME}", _LIMITS),
    Permission(WRITERS, ("POST", "PUT"), LEDGER, f"{_PARTICIPANT}/accounts/[0-9]+"),
    Permission(WRITERS, ("PUT",), LEDGER, f"{_PARTICIPANT}/accounts/[0-9]+/transfers/{_NAME}"),
    Permission(WRITERS, ("POST",), ACCOUNT_LOOKUP, "oracles"),
    Permission(WRITERS, ("PUT", "DELETE"), ACCOUNT_LOOKUP, f"oracles/{_NAME}"),
)
