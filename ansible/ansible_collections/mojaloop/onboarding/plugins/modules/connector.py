#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Configures a participant's connector: the Mojaloop SDK on a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: connector
short_description: Configures a participant's Mojaloop SDK from description and store, and checks it before the first payment
version_added: "0.1.0"
description:
  - Makes the complete settings of the SDK scheme adapter, brings them and the keys to its host as private files, and restarts exactly this
    connector when something changed that it reads at its start. The keys of the other sides are put in place without a restart.
  - Checks what the SDK itself does not check before it starts. Every fault is a finding with a reason code.
  - For the hub, brings its signing key and the participants' keys to its own services, with their configuration that names them.
  - Runs on the controller, where description and store are, and on the host of the connector.
  - A connector that does not come up with new settings is put back to the ones before by the host itself.
options:
  description:
    description: Folder of the environment's description.
    type: path
    required: true
  state:
    description: State folder of the environment.
    type: path
    required: true
  participants:
    description: The participants to work on; an empty list is all of them.
    type: list
    elements: str
    default: []
  sides:
    description: The sides that are carried out here.
    type: list
    elements: str
    default: [all]
  side:
    description: The participant whose connector this is, or V(hub).
    type: str
  host:
    description: Inventory host of the connector; the one that the task runs for unless given.
    type: str
  order:
    description: What the action plugin, which runs on the controller, asks of the host. Not for playbooks.
    type: dict
    suboptions:
      do:
        description: What to do.
        type: str
        required: true
        choices: [observe, stage, apply, keys, start, check]
      folder:
        description: The connector's folder.
        type: path
        required: true
      service:
        description: Systemd unit, or empty.
        type: str
        default: ""
      account:
        description: Account that the files belong to, or empty.
        type: str
        default: ""
      port:
        description: Port at which the running connector answers.
        type: int
        required: true
      staging:
        description: Folder that holds the release to install.
        type: path
      installed:
        description: The release that was in force when the change was made up; the host refuses when another one is.
        type: str
      digest:
        description: Name of the release.
        type: str
        default: ""
      files:
        description: Digest of each of the release's files.
        type: dict
        default: {}
      keys:
        description: Public keys of the other sides, by FSPIOP id.
        type: dict
        default: {}
      seconds:
        description: Not used by connectors.
        type: int
        default: 30
attributes:
  check_mode:
    description: Compares and checks; transfers and writes nothing, and reports the findings of the real run.
    support: full
  diff_mode:
    description: Shows names and digests of files, never their content.
    support: full
  idempotent:
    description: A second run finds nothing and restarts nothing.
    support: full
author: [Mojaloop onboarding maintainers (@mojaloop)]
"""

EXAMPLES = r"""
- name: Configure the connector
  mojaloop.onboarding.connector:
    description: "{{ onboarding_description }}"
    state: "{{ onboarding_state }}"
    side: "{{ onboarding_side }}"
"""

RETURN = r"""
findings:
  description: The differences and faults found, each with a reason code.
  returned: success
  type: list
  elements: dict
  sample:
    - participant: greenbank
      step: jws-4
      side: greenbank
      artefact: connector/greenbank-gateway/jws.pem
      reason: differs
      disposition: change
      pending_on: ""
      detail: ""
faults:
  description: How many findings need a person's decision.
  returned: success
  type: int
restarts:
  description: How often the connector was restarted, 0 or 1.
  returned: success
  type: int
"""

import os
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.errors import HostError
from ..module_utils.host import connector_live, connector_sdk, releases

ORDER = {
    "do": {"type": "str", "required": True, "choices": ["observe", "stage", "apply", "keys", "start", "check"]},
    "folder": {"type": "path", "required": True},
    "service": {"type": "str", "default": ""},
    "account": {"type": "str", "default": ""},
    "port": {"type": "int", "required": True},
    "staging": {"type": "path"},
    "installed": {"type": "str"},
    "digest": {"type": "str", "default": ""},
    "files": {"type": "dict", "default": {}},
    "keys": {"type": "dict", "default": {}},
    "seconds": {"type": "int", "default": 30},
}
ARGUMENTS = {
    "description": {"type": "path"},
    "state": {"type": "path"},
    "participants": {"type": "list", "elements": "str", "default": []},
    "sides": {"type": "list", "elements": "str", "default": ["all"]},
    "side": {"type": "str"},
    "host": {"type": "str"},
    "order": {"type": "dict", "options": ORDER},
}


def main() -> None:
    """Run the module on the managed host."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    order = module.params["order"]
    if order is None:
        module.fail_json(msg="This module is run by the action plugin of the same name; the host alone has no description to compare with.")
    if module.check_mode and order["do"] != "check":
        order["do"] = "observe"
    os.umask(0o077)
    try:
        result = carry_out(order)
    except (HostError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


def carry_out(order: dict[str, Any]) -> dict[str, Any]:
    """Do one thing, and say what came of it."""
    place = connector_sdk.Place(order["folder"], order["service"], order["account"], order["port"])
    if order["do"] == "check":
        return {"changed": False, "faults": [list(fault) for fault in connector_live.live_faults(_variables(place))]}
    if order["do"] == "observe":
        return {"changed": False, "observation": connector_sdk.observe(place)}
    with releases.alone(place.folder):
        if order["do"] == "stage":
            return {"changed": True, "staging": releases.stage(place.folder)}
        if order["do"] == "keys":
            connector_sdk.install_keys(place, order["keys"])
            return {"changed": True}
        if order["do"] == "start":
            return {"changed": True, "restarts": connector_sdk.restart(place)}
        releases.expect(place.folder, order["installed"])
        return {"changed": True, "restarts": connector_sdk.apply(place, order["staging"], order["digest"], order["files"])}


def _variables(place: connector_sdk.Place) -> dict[str, str]:
    return connector_sdk.read_environment(Path(place.folder) / "current" / connector_sdk.ENVIRONMENT)


if __name__ == "__main__":
    main()
