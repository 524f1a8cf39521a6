# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Connection Manager on a host: its environment, held against every variable that the release reads, and its systemd unit.

The server is in no package registry: the description names its folder on the host (https://github.com/mojaloop/connection-manager-api).
"""

from __future__ import annotations

from collections.abc import Callable

from ..connector.model import ENVIRONMENT, UNIT, Settings
from ..connector.settings import environment_file
from ..description.model import Description
from ..description.transports import ManagerHost
from ..errors import ConnectorError
from .schema import check

_START = {"1": "src/index.js", "3": "src/index.js"}


def manager_settings(description: Description, place: ManagerHost, read: Callable[[str], str]) -> Settings:
    """What its host is to have; ConnectorError ``settings-wrong`` with everything that the release would ignore or die of.

    ``read`` gives the secret in a file of the description.
    """
    variables = {**_described(description, place), **dict(place.settings)}
    named = dict(place.secret_files)
    both = sorted(variables.keys() & named.keys())
    wrong = [f"{each.name} {each.what}" for each in check(place.era, variables, frozenset(named))]
    wrong += [f"{name} stands in settings and in secret_files" for name in both]
    if wrong:
        raise ConnectorError("; ".join(wrong), where="hub.yml: connection_manager.server", reason="settings-wrong")
    secrets = {name: read(file) for name, file in named.items()}
    made = Settings(place.era, {**variables, **secrets}, {}, {})
    # Without variables of its own: what is tried at an SDK's host is of no use here.
    return Settings(place.era, {}, {ENVIRONMENT: environment_file(made), UNIT: _unit(place)}, {})


def _described(description: Description, place: ManagerHost) -> dict[str, str]:
    """What the description says already."""
    hub = description.hub
    facts = {"PORT": str(place.port)}
    if place.era == "3":
        facts |= {"SWITCH_ID": hub.fspiop_id} | ({"SWITCH_FQDN": hub.endpoint.host} if hub.endpoint else {})
    return facts


def _unit(place: ManagerHost) -> bytes:
    lines = [
        "# Written by mojaloop.onboarding.",
        "[Unit]",
        "Description=Mojaloop Connection Manager",
        "Wants=network-online.target",
        "After=network-online.target mariadb.service",
        "",
        "[Service]",
        f"User={place.account}",
        f"EnvironmentFile={place.folder}/current/{ENVIRONMENT}",
        f"WorkingDirectory={place.program}",
        f"ExecStart={place.node} {place.program}/{_START[place.era]}",
        "Restart=always",
        "RestartSec=5",
        "UMask=0077",
        "NoNewPrivileges=true",
        "CapabilityBoundingSet=",
        "ProtectSystem=strict",
        f"ReadWritePaths={place.program}",
        "ProtectHome=true",
        "PrivateTmp=true",
        "PrivateDevices=true",
        # The first era prints its whole environment, secrets included, when it starts.
        *(["StandardOutput=null"] if place.era == "1" else []),
        "",
        "[Install]",
        "WantedBy=multi-user.target",
        "",
    ]
    return "\n".join(lines).encode()
