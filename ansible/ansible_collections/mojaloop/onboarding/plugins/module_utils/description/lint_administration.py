# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Operators and the internal listener in hub.yml: who comes is named once, and only where someone can issue and judge the tokens."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import Problem
from .documents import shown
from .hub_side import OperatorRole
from .lint import Circumstances, SideText


def lint_administration(side: SideText, _around: Circumstances) -> Iterator[Problem]:
    """Operators and the internal listener in hub.yml."""
    roles: dict[object, object] = {}
    for key, operator in side.items("administration.operators"):
        if operator.get("client") in roles:
            yield side.problem(f"{key}.client", f"{shown(operator['client'])} a second time", "each client once")
        roles[operator.get("client")] = operator.get("role")
    own = side.get("administration.own.client")
    if own and roles.get(own) != OperatorRole.OPERATOR:
        yield side.problem("administration.own.client", shown(own), "a client that is listed with the role operator")
    if own and not side.get("administration.own.secret_file") and side.get("authorization_server.kind") != "keycloak":
        yield side.problem("administration.own", "no secret_file", "it is required unless authorization_server is keycloak")
    audience = side.get("administration.audience")
    if audience and audience == side.get("authorization_server.audience"):
        yield side.problem("administration.audience", "the audience of participants' tokens", "another one")
    for key, gateway in side.items("gateways"):
        if "internal" not in gateway:
            continue
        missing = [name for name in ("administration", "authorization_server") if not side.get(name)]
        if missing:
            yield side.problem(f"{key}.internal", f"no {' and no '.join(missing)} of the hub", "who may come, and who issues the tokens")


def lint_no_administration(side: SideText, _around: Circumstances) -> Iterator[Problem]:
    """A participant has no internal listener."""
    for key, gateway in side.items("gateways"):
        if "internal" in gateway:
            yield side.problem(f"{key}.internal", "a listener", "none at a participant: it leads to the hub's ledger")
