# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which programs run on which machine, and how they are configured: pure, from the description.

The gateways run HAProxy or Envoy as a distribution starts them; the rest are the lab's own Node.js programs in the tools folder.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..description.model import HUB, Description, EnvoyGateway, Participant, Side
from ..host.gateway_envoy import OPTIONS
from ..store import layout
from . import connectors
from .programs import Service
from .self_hosted import SelfHosted, uses_own_tools
from .topology import AUTHORIZATION_SERVER, INTERNAL, Machine, Topology

BACKEND = "backend"
CONTROL_PORT = 3001
"""Where a backend's control service listens on its machine's loopback: health, messages seen, messages to send."""

_TOKEN_SECONDS = 300


@dataclass(frozen=True)
class Places:
    """Where the state folder, the lab's tools and the programs are: absolute paths."""

    state: Path
    tools: Path
    haproxy: str
    node: str
    redis: str = "redis-server"
    envoy: str = "envoy"

    def machine(self, name: str) -> Path:
        """The folder of one machine."""
        return self.state / "lab" / "machines" / name

    @property
    def authorization_server(self) -> Path:
        """The folder of the authorization server's material."""
        return self.state / "lab" / AUTHORIZATION_SERVER


def services(description: Description, topology: Topology, places: Places) -> tuple[Service, ...]:
    """The programs of every machine, in the order of starting."""
    found = []
    for machine in topology.machines:
        if machine.gateway is not None:
            found.append(_gateway(machine, places))
        if machine.side and _has_backend(description, machine, topology):
            found += _backends(description, machine, places)
        if machine.name == AUTHORIZATION_SERVER:
            found.append(_authorization_server(description, topology, machine, places))
    return tuple(found)


def _backends(description: Description, machine: Machine, places: Places) -> list[Service]:
    """What stands behind a side's gateway: the SDK where the description says so, else the lab's own FSPIOP service."""
    side, own = description.side(machine.side), places.machine(machine.name)
    if isinstance(side, Participant) and side.sdk:
        folders, programs = (places.tools, own), (places.node, places.redis)
        return connectors.connector_services(description, side, machine, folders, programs)
    if description.profile.suite == "handshakes":
        return [_health_backend(side, machine, places)]
    if side.name == HUB and connectors.parties(description):
        return connectors.hub_services(description, machine, (places.state, places.tools, own), places.node)
    return [_backend(description, machine, places)]


def _health_backend(side: Side, machine: Machine, places: Places) -> Service:
    """What answers the health checks of the UAE's APIs, and little else."""
    listener = side.gateways[0].inbound_backend
    configuration = {
        "id": side.fspiop_id,
        "role": "hub" if side.name == HUB else "participant",
        "host": side.endpoint.host if side.endpoint else "",
        "listen": {"address": str(listener.address), "port": listener.port},
    }
    return _node("uae_backend", machine, places, configuration, ready=f"backend of {side.fspiop_id} ready")


def _has_backend(description: Description, machine: Machine, topology: Topology) -> bool:
    """One for each side: on its first gateway, or where it lives."""
    side = description.side(machine.side)
    if machine.gateway is None and isinstance(side, Participant):
        return uses_own_tools(side)
    return machine == next(other for other in topology.machines if other.side == machine.side)


def _gateway(machine: Machine, places: Places) -> Service:
    gateway = machine.gateway
    if gateway is None:
        raise TypeError(machine.name)
    if isinstance(gateway, EnvoyGateway):
        started = (places.envoy, "-c", f"{gateway.folder}/live/bootstrap.json", *OPTIONS)
        return Service(gateway.kind, machine.name, places.machine(machine.name), started, ready_file=gateway.admin_socket)
    command = (places.haproxy, "-W", "-S", gateway.master_socket, "-f", f"{gateway.folder}/current/haproxy.cfg")
    return Service(gateway.kind, machine.name, places.machine(machine.name), command, ready_file=gateway.master_socket)


def _backend(description: Description, machine: Machine, places: Places) -> Service:
    side = description.side(machine.side)
    if machine.gateway is None and isinstance(side, Participant):
        return _self_hosted_backend(description, side, machine, places)
    configuration = _configuration(side, places.state / layout.jws_keys_folder(side.name))
    gateway = side.gateways[0]
    configuration["listen"] = {"address": str(gateway.inbound_backend.address), "port": gateway.inbound_backend.port}
    configuration["outbound"] = {"url": f"http://{gateway.outbound.address}:{gateway.outbound.port}"}
    if side.name != HUB:
        configuration["signing_key_file"] = str(places.state / layout.store_folder(side.name, "jws") / "key.pem")
        configuration["credentials_file"] = str(places.state / layout.credentials_path(side.name))
    return _node(BACKEND, machine, places, configuration, ready=f"backend of {side.fspiop_id} ready")


def _self_hosted_backend(description: Description, side: Participant, machine: Machine, places: Places) -> Service:
    """The backend of a participant without a gateway: it ends and starts mutual TLS itself, with what its own half made."""
    own = SelfHosted(places.state, side)
    hub = description.hub.endpoint
    configuration = _configuration(side, own.folder / "jws-keys")
    configuration["signing_key_file"] = own.file("jws.key")
    configuration["credentials_file"] = own.file("credentials.json")
    if side.endpoint is not None:
        configuration["listen"] = {"address": str(side.endpoint.addresses[0]), "port": side.endpoint.port}
    configuration["inbound_tls"] = own.inbound_tls()
    egress = [str(network.network_address) for network in side.egress_addresses if network.version == 4]  # noqa: PLR2004 -- IPv4
    reach = {"connect_address": str(hub.addresses[0])} | ({"local_address": egress[0]} if egress else {}) if hub else {}
    configuration["outbound"] = {"url": hub.url if hub else "", **own.outbound_tls(), **reach}
    return _node(BACKEND, machine, places, configuration, ready=f"backend of {side.fspiop_id} ready", needs=own.needed)


def _configuration(side: Side, keys: Path) -> dict[str, Any]:
    return {
        "id": side.fspiop_id,
        "mode": "hub" if side.name == HUB else "participant",
        "base_path": side.endpoint.base_path if side.endpoint else "",
        "keys_folder": str(keys),
        "control": {"address": "127.0.0.1", "port": CONTROL_PORT},
    }


def _authorization_server(description: Description, topology: Topology, machine: Machine, places: Places) -> Service:
    server = description.hub.authorization_server
    if server is None:
        raise TypeError(machine.name)
    folder = places.authorization_server
    gateways = [other.name for other in topology.machines if other.side == HUB]
    configuration = {
        "issuer": server.issuer,
        "audience": server.audience,
        "address": machine.addresses[0],
        "port": urlsplit(server.token_endpoint).port or 443,
        "scopes": list(description.profile.resources),
        "token_lifetime": _TOKEN_SECONDS,
        "gateway_addresses": [address for name in gateways for address in _internal_addresses(topology.machine(name))],
        "certificate_file": str(folder / "certificate.pem"),
        "key_file": str(folder / "key.pem"),
        "jwks_file": str(folder / "jwks.json"),
        "initial_access_token_file": str(folder / "initial-access-token"),
        "clients_file": str(folder / "clients.json"),
    }
    return _node("authorization_server", machine, places, configuration, ready="authorization server ready")


def _internal_addresses(machine: Machine) -> list[str]:
    cards = [interface for interface in machine.interfaces if interface.bridge == INTERNAL]
    return [address.partition("/")[0] for card in cards for address in card.addresses]


def _node(
    name: str, machine: Machine, places: Places, configuration: dict[str, Any], *, ready: str, needs: tuple[Path, ...] = ()
) -> Service:
    folder = places.tools / "node"
    script = folder / ("fspiop_backend.mjs" if name == BACKEND else f"{name}.mjs")
    at = places.machine(machine.name)
    text = json.dumps(configuration, indent=2, sort_keys=True) + "\n"
    command = (places.node, str(script), str(at / f"{name}.json"))
    programs = tuple(sorted(folder.glob("*.mjs")))
    return Service(name, machine.name, at, command, configuration=text, ready_text=ready, needs=needs, follows=programs)
