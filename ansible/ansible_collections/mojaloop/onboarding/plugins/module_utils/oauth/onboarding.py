# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The OAuth step: one client for each participant at the authorization server, its credentials where they belong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from typing import Protocol

from ..description.model import HUB, AuthorizationServer, Description, Participant
from ..errors import RemoteError
from ..exchange.sealing import seal
from ..findings import Disposition, Finding
from ..guarding import guarded
from ..remote.errors import Unknown, Unreachable
from ..remote.http import Http, HttpClient, Route
from ..store.tree import Tree
from .keycloak.registrar import keycloak_registrar
from .rfc7591.registrar import DynamicRegistrar
from .workplace import STEP, Connect, Seal, Workplace
from .wso2.registrar import wso2_registrar


class Registrar(Protocol):
    """Keeps clients at one kind of authorization server."""

    def prepare(self) -> Iterator[Finding]:
        """What all clients need, acted upon."""

    def onboard(self, participant: Participant) -> Iterator[Finding]:
        """One participant's client and credentials, acted upon."""


Drivers = Mapping[str, Callable[[Workplace], Registrar]]
DRIVERS: Drivers = {"rfc7591": DynamicRegistrar.of, "keycloak": keycloak_registrar, "wso2": wso2_registrar}
"""The driver of each ``authorization_server.kind``."""


def connect_https(server: AuthorizationServer) -> Http:
    """HTTPS to the server, verified against the CA file of the description."""
    return HttpClient(Route(server.ca_file))


def onboard_clients(  # noqa: PLR0913 -- by keyword only, and only tests give the last three
    *,
    description: Description,
    participants: Sequence[Participant],
    tree: Tree,
    now: datetime,
    check: bool,
    connect: Connect = connect_https,
    sealer: Seal = seal,
    drivers: Drivers = DRIVERS,
) -> list[Finding]:
    """Compare every participant's client with the description and make it so; errors become faults.

    With ``check`` nothing is asked of the server but reading; what would be registered is put into ``tree``, an overlay,
    with a placeholder. Without an authorization server in the description there is nothing to do.
    """
    server = description.hub.authorization_server
    if server is None:
        return []
    with ExitStack() as closing:
        work = Workplace(description, server, tree, now, connect, sealer, closing, check=check)
        return _onboard_all(drivers[server.kind](work), participants)


def _onboard_all(registrar: Registrar, participants: Sequence[Participant]) -> list[Finding]:
    findings: list[Finding] = []
    unreachable = _carried_out(HUB, registrar.prepare(), findings) if participants else None
    for participant in participants:
        # One time-out is enough to know: a thousand participants must not wait for it each.
        steps = _failing(unreachable) if unreachable else registrar.onboard(participant)
        unreachable = _carried_out(participant.name, steps, findings)
    return findings


def _carried_out(about: str, steps: Iterator[Finding], findings: list[Finding]) -> RemoteError | None:
    """Collect findings, of what was done before an error too; the error when the server gives no answer."""
    silent = None
    with guarded(partial(_report, findings, about)):
        try:
            for finding in steps:
                findings.append(finding)  # noqa: PERF402 -- see above
        except RemoteError as error:
            silent = error if isinstance(error, Unreachable) or (isinstance(error, Unknown) and not error.status) else None
            _report(findings, about, f"authorization-server-{'unreachable' if silent else 'refused'}", str(error))
    return silent


def _report(findings: list[Finding], about: str, reason: str, detail: str) -> None:
    findings.append(Finding(about, STEP, HUB, "client", reason, Disposition.FAULT, detail=detail))


def _failing(error: RemoteError) -> Iterator[Finding]:
    raise error
    yield
