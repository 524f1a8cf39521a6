# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts and groups from a description; nothing else of the description becomes an Ansible variable."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from ansible import constants, context  # type: ignore[attr-defined]  # the folder ansible/ hides them from mypy
from ansible.errors import AnsibleError
from ansible.plugins.inventory import BaseInventoryPlugin

from ..module_utils.description.inventory import folder_given_as_source, gateway_hosts
from ..module_utils.description.loading import default_state, load_description
from ..module_utils.errors import OnboardingError

if TYPE_CHECKING:
    from ansible.inventory.data import InventoryData
    from ansible.parsing.dataloader import DataLoader

    from ..module_utils.description.model import Description

DOCUMENTATION = r"""
name: hub
short_description: Gateway hosts of a hub and its managed participants
version_added: 0.1.0
description:
  - Reads C(hub.yml) and C(participants/*.yml) in the folder of its own file, which must be named C(hosts.yml).
  - Yields the host C(controller), where the modules run, and one entry for each gateway of the hub and of the managed participants, with
    the gateway's name, in the groups C(gateways), C(gateways_<side>) and, where the side has a firewall, C(firewalls).
  - A gateway whose kind runs on no host has a local connection. Where a gateway's name differs from its host, C(ansible_host) is the host.
  - Participants are data and not hosts. Of the description only checked names of hosts, sides and the environment enter the inventory.
  - Every host has the variables C(onboarding_description), C(onboarding_state) and C(onboarding_environment); gateway hosts have
    C(onboarding_side) as well.
  - Always name the file (C(-i inventories/<environment>/hosts.yml)). Given a folder, Ansible reads every YAML file below it as trusted
    inventory and evaluates templates in it, so a run that is given the folder stops here.
author:
  - The mojaloop.onboarding authors
options:
  plugin:
    description: Marks the file as this plugin's.
    type: str
    required: true
    choices: [mojaloop.onboarding.hub]
  hosts:
    description:
      - Variables by the gateway's host or name (the name's win), to be written by the operator; templates work here.
      - C(all) is for every host that the description names; C(controller) is for the controller alone.
    type: dict
    default: {}
  probe_hosts:
    description:
      - Hosts from which C(playbooks/verify.yml) sends, by name, with their variables; they get the group C(probe_hosts).
      - Each owns an address of a participant or of the hub. Gateway hosts and the controller need not be named.
    type: dict
    default: {}
  installation:
    description:
      - The sides that this installation acts for, C(hub) and ids of participants with C(hosting=managed); required outside labs.
      - Only their gateways are in the inventory, and nothing of another side is made, signed, published or removed.
    type: list
    elements: str
  state:
    description:
      - State folder of the environment, relative to the folder of this file.
      - The default is C(.state/<environment>) beside the folder of inventories.
    type: str
"""

EXAMPLES = r"""
# inventories/production/hosts.yml
plugin: mojaloop.onboarding.hub
installation: [hub]
hosts:
  all:
    ansible_user: onboarding
  hub-gateway-1:
    ansible_host: 198.51.100.11
"""

FILE_NAME = "hosts.yml"
"""It sorts before hub.yml and participants/, so that a run that is given the folder stops before it reads those."""
CONTROLLER = "controller"
PROBE_HOSTS = "probe_hosts"
_STOPPED = 4
"""Exit status: as when Ansible itself cannot parse."""


class InventoryModule(BaseInventoryPlugin):  # type: ignore[misc]  # Ansible has no types
    """See DOCUMENTATION."""

    NAME = "mojaloop.onboarding.hub"

    def verify_file(self, path: str) -> bool:
        """Whether the file is this plugin's to read."""
        return super().verify_file(path) and Path(path).name == FILE_NAME

    def parse(self, inventory: InventoryData, loader: DataLoader, path: str, cache: bool = True) -> None:  # noqa: FBT001, FBT002
        """Fill the inventory; every refusal ends the whole process."""
        folder = Path(path).parent.absolute()
        self._stop_when_given_a_folder(folder)
        super().parse(inventory, loader, path, cache)
        try:
            self._read_config_data(path)
            named = self.get_option("state")
            state = os.path.normpath(folder / Path(named).expanduser()) if named else ""
            description = load_description(folder, state=state)
        except (AnsibleError, OnboardingError) as error:
            self._stop(str(error))
        for file, problems in description.broken:
            self.display.warning(f"{file} is skipped:\n" + "\n".join(f"  {problem}" for problem in problems))
        self._fill(description, state or default_state(folder, description.environment))

    def _stop_when_given_a_folder(self, folder: Path) -> None:
        """A parser error would be a mere warning, and Ansible would go on to read the description as trusted inventory."""
        given = context.CLIARGS.get("inventory") or constants.DEFAULT_HOST_LIST
        sources = [given] if isinstance(given, str) else given
        if source := folder_given_as_source(folder, [str(source) for source in sources]):
            self._stop(
                f"The folder {source} was given as inventory: Ansible would evaluate templates in it. Nothing was read. "
                f"Name the file: -i {folder / FILE_NAME}"
            )

    def _stop(self, message: str) -> NoReturn:
        self.display.error(message, wrap_text=False)
        raise SystemExit(_STOPPED)

    def _fill(self, description: Description, state: str) -> None:
        common = {
            "onboarding_description": description.folder,
            "onboarding_state": state,
            "onboarding_environment": description.environment,
        }
        hosts = gateway_hosts(description)
        local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        self._host(CONTROLLER, (), {**local, **self._given(CONTROLLER), **common})
        for group in ("gateways", "firewalls", "connectors"):
            self.inventory.add_group(group)
        for host in hosts:
            given = {**self._given("all"), **self._given(host.host), **self._given(host.name)}
            self._host(
                host.name, host.groups, {**(local if not host.host else host.place), **given, **common, "onboarding_side": host.side}
            )
        known = {"all", CONTROLLER, *(host.name for host in hosts), *(host.host for host in hosts)}
        self.inventory.add_group(PROBE_HOSTS)
        for name in sorted(self.get_option(PROBE_HOSTS)):
            given = {**self._given("all"), **self._given(name), **self._given(name, PROBE_HOSTS)}
            self._host(name, (PROBE_HOSTS,), {**given, **common})
        known |= set(self.get_option(PROBE_HOSTS))
        for name in sorted(set(self.get_option("hosts")) - known):
            self.display.warning(f"{FILE_NAME}: hosts.{name} is no host of the description")

    def _host(self, name: str, groups: tuple[str, ...], variables: Mapping[str, Any]) -> None:
        self.inventory.add_host(name)
        for group in groups:
            self.inventory.add_group(group)
            self.inventory.add_child(group, name)
        for variable, value in variables.items():
            self.inventory.set_variable(name, variable, value)

    def _given(self, name: str, key: str = "hosts") -> Mapping[str, Any]:
        """The operator's variables for a host: the only values here that may hold templates."""
        variables = self.get_option(key).get(name) or {}
        if not isinstance(variables, Mapping):
            self._stop(f"{FILE_NAME}: {key}.{name} must be a mapping of variables")
        return variables
