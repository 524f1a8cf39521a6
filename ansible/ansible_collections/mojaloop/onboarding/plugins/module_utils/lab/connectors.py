# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The programs of a participant that connects through the Mojaloop SDK, and of a hub with such participants.

The SDK, Redis and HAProxy are the real ones. The core connector and the switch are stand-ins: ``tests/lab/sdk/README.md``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..connector.model import ENVIRONMENT, LOOPBACK
from ..description.model import Description, Participant, SdkConnector, Side
from ..store import layout
from .programs import Service
from .topology import Machine

SWITCH, CORE, REDIS, CONNECTOR = "switch", "core-connector", "redis", "connector"
CONTROL_PORT = 3001
PARTY_TYPE = "MSISDN"
_FIRST_NUMBER = 27710000001
PROGRAM = "node_modules/@mojaloop/sdk-scheme-adapter"
_READY = "Serving outbound API on port"


def parties(description: Description) -> dict[str, str]:
    """Whose customer each telephone number of the lab is: FSPIOP id by number, one for each participant with an SDK."""
    holders = [participant for participant in description.participants if participant.sdk]
    return {str(_FIRST_NUMBER + index): participant.fspiop_id for index, participant in enumerate(holders)}


def switch(description: Description, hub: Side, machine: Machine, folders: tuple[Path, Path, Path], node: str) -> Service:
    """The switch of a hub with SDK participants; ``folders``: state, tools, and the machine's own."""
    state, tools, own = folders
    gateway = hub.gateways[0]
    configuration: dict[str, Any] = {
        "id": hub.fspiop_id,
        "listen": {"address": str(gateway.inbound_backend.address), "port": gateway.inbound_backend.port},
        "control": {"address": "127.0.0.1", "port": CONTROL_PORT},
        "outbound": {"host": str(gateway.outbound.address), "port": gateway.outbound.port},
        "keys_folder": str(state / layout.jws_keys_folder(hub.name)),
        "parties": {f"{PARTY_TYPE}/{number}": holder for number, holder in parties(description).items()},
        "gateway_program": "haproxy",
    }
    return _node(SWITCH, machine, (tools, own), configuration, node)


def connector_services(
    description: Description,
    participant: Participant,
    machine: Machine,
    folders: tuple[Path, Path],
    programs: tuple[str, str],
) -> list[Service]:
    """Redis, the core connector and the SDK; ``folders``: tools, the machine's own; ``programs``: node, redis-server."""
    sdk, (tools, own), (node, redis) = participant.sdk, folders, programs
    if sdk is None:
        return []
    host, _colon, port = sdk.backend.partition(":")
    cache = sdk.cache.rpartition(":")[2]
    numbers = {number: holder for number, holder in parties(description).items() if holder == participant.fspiop_id}
    backend: dict[str, Any] = {
        "id": participant.fspiop_id,
        "listen": {"address": host, "port": int(port)},
        "numbers": sorted(numbers),
        "organisation": participant.organisation,
    }
    redis_command = (redis, "--port", cache, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(own))
    return [
        Service(REDIS, machine.name, own, redis_command, ready_text="Ready to accept connections"),
        _node(CORE, machine, (tools, own), backend, node),
        _sdk(sdk, machine, folders, node),
    ]


def _sdk(sdk: SdkConnector, machine: Machine, folders: tuple[Path, Path], node: str) -> Service:
    """The real SDK with what ``connector`` has delivered to the machine: it starts anew when that changes, and with nothing else."""
    tools, own = folders
    here = own / sdk.folder.lstrip("/") / "current"
    there = f"{sdk.folder}/current"
    command = (node, f"--env-file={there}/{ENVIRONMENT}", "--require", f"{there}/{LOOPBACK}", str(tools / "sdk" / PROGRAM / "src/index.js"))
    return Service(CONNECTOR, machine.name, own, command, ready_text=_READY, needs=(here / ENVIRONMENT, here / LOOPBACK, here / "jws.pem"))


def _node(name: str, machine: Machine, folders: tuple[Path, Path], configuration: dict[str, Any], node: str) -> Service:
    tools, own = folders
    text = json.dumps(configuration, indent=2, sort_keys=True) + "\n"
    script = tools / "sdk" / f"{name.replace('-', '_')}.mjs"
    command = (node, str(script), str(own / f"{name}.json"))
    return Service(name, machine.name, own, command, configuration=text, ready_text=f"{name} ready", follows=(script,))
