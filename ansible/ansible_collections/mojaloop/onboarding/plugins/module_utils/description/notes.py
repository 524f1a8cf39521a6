# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is right in a description and yet not to be overlooked: it may be meant so, and more often it is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path

from .loading import HUB_NAME, PARTICIPANTS_NAME
from .model import Description, EnvironmentKind, Participant, Side


def notes(description: Description) -> Iterator[str]:
    """One line for people each, about the sides that this installation acts for."""
    folder = Path(description.folder)
    for side in description.own_sides:
        own = isinstance(side, Participant)
        file = str(folder / PARTICIPANTS_NAME / f"{side.name}.yml" if own else folder / HUB_NAME)
        # A lab makes its files itself.
        files = () if description.kind is EnvironmentKind.LAB else _of_files(side)
        yield from (f"{file}: note: {text}" for text in (*_of_gateways(side), *files))


def _of_gateways(side: Side) -> Iterator[str]:
    if not isinstance(side, Participant):
        if not side.gateways:
            yield "the hub has no gateways: no run configures or guards its listener, and allowlists take effect nowhere"
        elif side.firewall.kind == "none":
            yield "the hub has no firewall: its gateways alone keep other addresses out"
    if not side.egress_addresses:
        yield "egress_addresses: there is none, so that nothing of this side is let in anywhere"
    ports = {listener.port for gateway in side.gateways for listener in gateway.inbound}
    if side.endpoint and ports and side.endpoint.port not in ports:
        listed = ", ".join(map(str, sorted(ports)))
        yield f"endpoint.url: no gateway listens on port {side.endpoint.port} ({listed}): something must translate it"


def _of_files(side: Side) -> Iterator[str]:
    """Files that a run will read and that are not there."""
    for name in ("authorization_server", "ledger", "account_lookup"):
        system = getattr(side, name, None)
        if is_dataclass(system):
            for field in fields(system):
                path = getattr(system, field.name)
                if field.name.endswith("_file") and path and not Path(path).is_file():
                    yield f"{name}.{field.name}: {path} is not there"
