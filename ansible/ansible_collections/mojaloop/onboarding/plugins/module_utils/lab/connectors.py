# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The programs of a participant that connects through the Mojaloop SDK, and of a hub with such participants.

The SDK, Redis, HAProxy and the ledger are the real ones. The core connector and the switch are stand-ins: ``tests/lab/sdk/README.md``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..connector.model import ENVIRONMENT, LOOPBACK
from ..description.model import HUB, Description, Participant, SdkConnector
from ..description.transports import PaymentManagerConnector
from ..store import layout
from .programs import Service
from .topology import Machine

SWITCH, CORE, REDIS, CONNECTOR, LEDGER = "switch", "core-connector", "redis", "connector", "ledger"
LEDGER_SOCKET = "/run/ledger/socket"
"""Where the ledger's database answers, on the hub's first machine."""
DELAY_FILE = "delay"
"""In a participant's machine's folder: milliseconds for which its own systems wait before each answer."""
CONTROL_PORT = 3001
PARTY_TYPE = "MSISDN"
_FIRST_NUMBER = 27710000001
PROGRAM = "node_modules/@mojaloop/sdk-scheme-adapter"
_READY = "Serving outbound API on port"


def parties(description: Description) -> dict[str, str]:
    """Whose customer each telephone number of the lab is: FSPIOP id by number; one at least for each participant with an SDK."""
    kinds = (SdkConnector, PaymentManagerConnector)
    holders = [participant for participant in description.participants if isinstance(participant.connector, kinds)]
    return {
        number: holder.fspiop_id
        for index, holder in enumerate(holders)
        for number in [party.value for party in holder.parties if party.identifier == PARTY_TYPE] or [str(_FIRST_NUMBER + index)]
    }


def hub_services(description: Description, machine: Machine, folders: tuple[Path, Path, Path], node: str) -> list[Service]:
    """The switch of a hub with SDK participants, and its ledger where one is described; ``folders``: state, tools, the machine's own."""
    state, tools, own = folders
    ledger = description.hub.ledger
    if ledger is None:
        return [_switch(description, machine, folders, {}, node)]
    settings = {"url": ledger.url, "folder": str(own / LEDGER), "socket": LEDGER_SOCKET, "brokers_file": str(own / f"{LEDGER}.brokers")}
    script = tools / "ledger" / "run.py"
    command = (sys.executable, str(script), str(own / f"{LEDGER}.json"))
    text = json.dumps(settings, indent=2, sort_keys=True) + "\n"
    program = Service(LEDGER, machine.name, own, command, configuration=text, ready_text="ledger ready", follows=(script,))
    installed = (tools / "ledger" / ".installed").resolve()
    way = {
        "url": ledger.url,
        "hub_name": ledger.hub_name,
        "brokers_file": settings["brokers_file"],
        "kafka_client": str(installed / "node_modules" / "node-rdkafka"),
        "signing_key_file": str(state / layout.store_folder(HUB, "jws") / "key.pem"),
    }
    switch = _switch(description, machine, folders, {"ledger": way}, str(installed / "bin" / "node"))
    return [program, *_settlement(description, machine, (tools, own)), switch]


def _settlement(description: Description, machine: Machine, folders: tuple[Path, Path]) -> list[Service]:
    """The stand-in for the settlement service, where one is described; it works on the ledger's database."""
    service, (tools, own) = description.hub.settlement, folders
    if service is None:
        return []
    url = urlsplit(service.url)
    settings = {"listen": {"address": url.hostname, "port": url.port}, "socket": LEDGER_SOCKET}
    script = tools / "ledger" / "settlement.py"
    command = (sys.executable, str(script), str(own / "settlement.json"))
    text = json.dumps(settings, indent=2, sort_keys=True) + "\n"
    return [Service("settlement", machine.name, own, command, configuration=text, ready_text="settlement ready", follows=(script,))]


def _switch(description: Description, machine: Machine, folders: tuple[Path, Path, Path], more: dict[str, Any], node: str) -> Service:
    state, tools, own = folders
    hub = description.hub
    gateway = hub.gateways[0]
    configuration: dict[str, Any] = {
        "id": hub.fspiop_id,
        "listen": {"address": str(gateway.inbound_backend.address), "port": gateway.inbound_backend.port},
        "control": {"address": "127.0.0.1", "port": CONTROL_PORT},
        "outbound": {"host": str(gateway.outbound.address), "port": gateway.outbound.port},
        "keys_folder": str(state / layout.jws_keys_folder(hub.name)),
        "parties": {f"{PARTY_TYPE}/{number}": holder for number, holder in parties(description).items()},
        "gateway_program": "haproxy",
        **more,
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
        "delay_file": str(own / DELAY_FILE),
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
    folder = tools / "sdk"
    script = folder / f"{name.replace('-', '_')}.mjs"
    command = (node, str(script), str(own / f"{name}.json"))
    return Service(
        name, machine.name, own, command, configuration=text, ready_text=f"{name} ready", follows=tuple(sorted(folder.glob("*.mjs")))
    )
