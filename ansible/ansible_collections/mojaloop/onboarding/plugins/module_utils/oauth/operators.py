# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The clients of the hub's operators at a server that this pack administers: made, corrected, their secrets kept in the hub's store.

They get an audience and nothing else: no resource of the API, no participant. What an operator may do follows from its role in the
description, at the gateway; so a client whose operator is no longer described is let in nowhere, and is left to the server's own people.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..description.hub_side import Operator
from ..description.model import HUB
from ..findings import Disposition, Finding
from ..store.layout import operator_path
from .records import canonical, read_object
from .registry import Client, ClientRegistry, ClientSpec, ForeignClient
from .workplace import STEP, Workplace


def keep_operators(work: Workplace, registry: ClientRegistry) -> Iterator[Finding]:
    """Each operator's client, acted upon; one that is another's is a fault of its own."""
    taken = {participant.fspiop_id for participant in work.description.participants}
    for operator in work.description.hub.administration.operators:
        if operator.client in taken:
            yield _finding(operator, "oauth-operator-is-participant", "name another client: this one is a participant's", fault=True)
            continue
        try:
            yield from _kept(work, registry, operator)
        except ForeignClient as error:
            yield _finding(operator, "oauth-operator-foreign", str(error), fault=True)


def _kept(work: Workplace, registry: ClientRegistry, operator: Operator) -> Iterator[Finding]:
    spec = _spec(work, operator)
    client = registry.find(spec)
    if client is None:
        yield _finding(operator, "oauth-operator-missing")
        registry.create(spec)
    elif client.differs:
        yield _finding(operator, "oauth-operator-differs", ", ".join(client.differs))
        registry.update(spec)
    elif _secret(client) != read_object(work.tree, operator_path(operator.client)):
        yield _finding(operator, "oauth-operator-secret-differs")
    if not work.check and (client := registry.find(spec)):
        content = canonical(_secret(client))
        if work.tree.read(operator_path(operator.client)) != content:
            work.tree.write(operator_path(operator.client), content)


def _secret(client: Client) -> dict[str, object]:
    return {"client_id": client.client_id, "client_secret": client.secret}


def _spec(work: Workplace, operator: Operator) -> ClientSpec:
    environment, audience = work.description.environment, work.description.hub.administration.audience
    name = f"{environment}/operator/{operator.client}"
    return ClientSpec("", operator.client, name, environment, (), audience, bound=False, enabled=True)


def _finding(operator: Operator, reason: str, detail: str = "", *, fault: bool = False) -> Finding:
    disposition = Disposition.FAULT if fault else Disposition.CHANGE
    return Finding(HUB, STEP, HUB, f"operator/{operator.client}", reason, disposition, detail=detail)
