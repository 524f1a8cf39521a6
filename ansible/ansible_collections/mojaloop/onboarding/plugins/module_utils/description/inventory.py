# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The hosts a description names: the gateways of the hub and of the managed participants, connectors, and their groups.

Only names that the schema has matched leave here. Nothing else of a description may become an Ansible variable:
ansible-core 2.19 evaluates templates in the values of an inventory.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .model import Description, Gateway, Hub, Participant, Side

CONNECTORS = "connectors"


@dataclass(frozen=True)
class GatewayHost:
    """A gateway's entry in the inventory, the side it belongs to, its groups, and the host that it runs on (empty: none)."""

    name: str
    side: str
    groups: tuple[str, ...]
    host: str

    @property
    def place(self) -> dict[str, str]:
        """Where Ansible finds the host, unless the operator says otherwise: by its own name where the entry has another."""
        return {"ansible_host": self.host} if self.host != self.name else {}


def gateway_hosts(description: Description) -> tuple[GatewayHost, ...]:
    """Every gateway and connector that this pack configures, the hub's first."""
    return tuple(host for side in description.own_sides for host in _hosts(side))


def group_name(side: str) -> str:
    """The group of a side's gateways; Ansible allows letters, digits and underscores."""
    return f"gateways_{side.lower().replace('-', '_')}"


def folder_given_as_source(folder: Path, sources: Iterable[str]) -> str:
    """The inventory source that is this folder or one above it; empty when the description's file was named itself.

    Ansible reads every YAML file below such a source as trusted inventory, templates included.
    """
    places = {folder.absolute(), folder.resolve()}
    for source in sources:
        for text in (source, *source.split(",")):
            path = Path(text.strip()).expanduser()
            if text.strip() and path.is_dir() and any(place.is_relative_to(each) for place in places for each in _both(path)):
                return text
    return ""


def _both(path: Path) -> tuple[Path, Path]:
    return path.absolute(), path.resolve()


def _hosts(side: Side) -> Iterable[GatewayHost]:
    connector = _connector_host(side)
    for gateway in side.gateways:
        groups = (*_groups(side, gateway), *((CONNECTORS,) if gateway.name in {connector, _manager_host(side)} else ()))
        yield GatewayHost(gateway.name, side.name, groups, gateway.host)
    further = {connector, _manager_host(side)} - {"", *(gateway.name for gateway in side.gateways)}
    yield from (GatewayHost(name, side.name, (CONNECTORS,), name) for name in sorted(further))


def _connector_host(side: Side) -> str:
    """The entry of the host of a participant's connector, or of the hub's services; empty when there is none."""
    if isinstance(side, Participant):
        return side.connector_host
    return side.services.host if isinstance(side, Hub) and side.services else ""


def _manager_host(side: Side) -> str:
    """The entry of the host of the hub's Connection Manager, where this pack operates it."""
    manager = side.connection_manager if isinstance(side, Hub) else None
    return manager.server.host if manager and manager.server else ""


def _groups(side: Side, gateway: Gateway) -> tuple[str, ...]:
    filtered = gateway.name in side.firewall.hosts and side.firewall.kind != "none"
    return ("gateways", group_name(side.name), *(("firewalls",) if filtered else ()))
