# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The outputs of Pulumi stacks as a variable of the controller: names and addresses, and nothing that is a secret."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin

from ..module_utils.environments.stack_outputs import StackOutputs, exported_outputs, outputs_of_stack
from ..module_utils.errors import OnboardingError

if TYPE_CHECKING:
    from ansible.inventory.data import InventoryData
    from ansible.parsing.dataloader import DataLoader

DOCUMENTATION = r"""
name: pulumi_stack
short_description: Outputs of the stacks of a hub and its managed participants
version_added: 0.2.0
description:
  - Reads what the Pulumi programs of this pack hand on, so that playbooks go on where C(pulumi up) ended.
  - Its file is named C(stacks.yml) and is given beside that of the plugin C(mojaloop.onboarding.hub).
  - The host C(controller) gets the variable C(onboarding_kubernetes), a mapping from side (C(hub), a participant's id) to that
    stack's outputs. Every value is judged first, and Ansible evaluates no template in it.
  - Exported files need no access to the state. Pulumi is asked where a stack is named.
author:
  - The mojaloop.onboarding authors
options:
  plugin:
    description: Marks the file as this plugin's.
    type: str
    required: true
    choices: [mojaloop.onboarding.pulumi_stack]
  files:
    description: Files that C(pulumi stack output --json) wrote, relative to the folder of this file.
    type: list
    elements: str
    default: []
  stacks:
    description: Stacks to ask Pulumi for, each with C(stack) and C(project), the program's folder relative to the folder of this file.
    type: list
    elements: dict
    default: []
  backend:
    description: URL of Pulumi's state, where it is not the one that Pulumi is logged in to, for example C(file:///srv/pulumi).
    type: str
"""

EXAMPLES = r"""
# inventories/production/stacks.yml
plugin: mojaloop.onboarding.pulumi_stack
files: [outputs/hub.json]
stacks:
  - project: ../../pulumi/dfsp
    stack: production.greenbank
backend: s3://hub-pulumi-state
"""

FILE_NAME = "stacks.yml"
CONTROLLER = "controller"
VARIABLE = "onboarding_kubernetes"


class InventoryModule(BaseInventoryPlugin):  # type: ignore[misc]  # Ansible has no types
    """See DOCUMENTATION."""

    NAME = "mojaloop.onboarding.pulumi_stack"

    def verify_file(self, path: str) -> bool:
        """Whether the file is this plugin's to read."""
        return super().verify_file(path) and Path(path).name == FILE_NAME

    def parse(self, inventory: InventoryData, loader: DataLoader, path: str, cache: bool = True) -> None:  # noqa: FBT001, FBT002
        """Set the variable; AnsibleParserError where a stack's outputs are wrong or two are of the same side."""
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        try:
            outputs = self._outputs(Path(path).parent.absolute())
        except OnboardingError as error:
            raise AnsibleParserError(str(error)) from error
        found: dict[str, Any] = {}
        for each in outputs:
            if each.side in found:
                raise AnsibleParserError(f"{path}: two stacks are of the side {each.side}: name one of them.")
            found[each.side] = dict(each.values)
        if len({each.environment for each in outputs}) > 1:
            raise AnsibleParserError(f"{path}: the stacks are of several environments: name those of one.")
        inventory.add_host(CONTROLLER)
        inventory.set_variable(CONTROLLER, VARIABLE, found)

    def _outputs(self, folder: Path) -> list[StackOutputs]:
        exported = [exported_outputs(str(folder / file)) for file in self.get_option("files")]
        asked = []
        for each in self.get_option("stacks"):
            if set(each) != {"project", "stack"}:
                raise OnboardingError(f"{each} names no stack", where=FILE_NAME, remedy="Give each entry of stacks: project and stack.")
            asked.append(outputs_of_stack(str(folder / each["project"]), str(each["stack"]), self.get_option("backend") or ""))
        return exported + asked
