#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keeps one gateway of a side."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gateway
short_description: Keeps one gateway of a side
version_added: "0.1.0"
description:
  - Keeps the side's mTLS listener and its way out as the description and the store ask for it. Whose certificate, address, token,
    headers and roles do not all belong to the same active participant is refused, request by request.
  - A gateway of O(description) with C(kind=kubernetes) has no host. It is read and changed from the controller, by the API of its cluster;
    a change is judged by dry runs before it is written.
  - Compares with what the running process has in force. Entries of tables and the listener's certificate change without a reload, with
    Envoy everything does. What HAProxy can only take up by a reload is switched by one rename and reloaded once without a request
    lost. Each change is proved by a new TLS handshake at each listener and confirmed over a new connection.
  - A change that is refused leaves the old state serving. A change that no one confirms in time is undone by the host itself.
  - With O(participants), what is in force for the others stays.
  - Keys travel as one file into a folder that only its owner can read, never as parameters. The user of the connection must own the
    gateway's folder; privilege escalation would put keys where another user can read them and is refused.
options:
  description:
    description: Folder of the environment's description on the controller.
    type: path
  state:
    description: State folder of the environment on the controller.
    type: path
  participants:
    description: Ids of the participants this run is about; none means all of them.
    type: list
    elements: str
    default: []
  sides:
    description:
      - Whose half is carried out in this run; V(hub), V(managed), V(all), or ids of managed participants.
      - A host of another side is left alone, and reported as skipped.
    type: list
    elements: str
    default: [all]
  side:
    description: Side that this host serves, V(hub) or a participant's id.
    type: str
  host:
    description: Name of this host in the description; by default its inventory name.
    type: str
  service:
    description:
      - Systemd unit that runs HAProxy with C(-W -S <master socket> -f <folder>/current/haproxy.cfg), or Envoy with
        C(-c <folder>/live/bootstrap.json --disable-hot-restart --drain-time-s 60).
      - Without it a gateway that does not run is started as a process of its own.
    type: str
    default: ""
  addresses_only:
    description: Whether to change the address allowlists alone. Everything else stays as it is in force.
    type: bool
    default: false
  confirm_within:
    description:
      - Seconds, 1 to 3600, after which the host undoes a change that no one has confirmed.
      - A run that finds another one's change unconfirmed waits for as long before it looks.
    type: int
    default: 30
  order:
    description: What the action plugin, which runs on the controller, asks of the host. Not for playbooks.
    type: dict
    suboptions:
      do:
        description: What to do.
        type: str
        required: true
        choices: [observe, stage, apply, confirm]
      kind:
        description: Kind of gateway.
        type: str
        required: true
      place:
        description: Where it is on the host, as its kind has it; with its folder.
        type: dict
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
      listeners:
        description: Addresses and ports to prove the change at.
        type: list
        elements: list
        default: []
      sources:
        description: Addresses that calls are bound to; those that the host has not are reported.
        type: list
        elements: str
        default: []
      proxy_protocol:
        description: Whether the listeners expect the PROXY protocol.
        type: bool
        default: false
      seconds:
        description: Seconds until the roll-back.
        type: int
        default: 30
      ticket:
        description: Names the change to confirm.
        type: str
        default: ""
attributes:
  check_mode:
    description:
      - Runs the steps dry on the store, reads what is in force, transfers and writes nothing, and reports the findings of the real run.
    support: full
  diff_mode:
    description: Shows map entries, and names and digests of files, before and after; never their content.
    support: full
  idempotent:
    description: A second run finds nothing, reloads nothing, and leaves bytes, times and inodes as they were.
    support: full
author: [Mojaloop onboarding maintainers (@mojaloop)]
"""

EXAMPLES = r"""
- name: Configure the gateway
  mojaloop.onboarding.gateway:
    description: "{{ onboarding_description }}"
    state: "{{ onboarding_state }}"
    side: "{{ onboarding_side }}"
"""

RETURN = r"""
findings:
  description: The differences found, one for each participant, artefact and reason.
  returned: success
  type: list
  elements: dict
  sample:
    - participant: greenbank
      step: endpoints-1
      side: hub
      artefact: gateway/hub-gateway/allowed
      reason: map-entry-missing
      disposition: change
      pending_on: ""
      detail: greenbank|203.0.113.21/32
faults:
  description: How many findings need a person's decision.
  returned: success
  type: int
reloads:
  description: How often the gateway was reloaded, 0 or 1.
  returned: success
  type: int
"""

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.errors import HostError
from ..module_utils.host import releases
from ..module_utils.host.gateway_change import Change, await_confirmation, confirm
from ..module_utils.host.gateways import HOSTS

ORDER = {
    "do": {"type": "str", "required": True, "choices": ["observe", "stage", "apply", "confirm"]},
    "kind": {"type": "str", "required": True},
    "place": {"type": "dict", "required": True},
    "staging": {"type": "path"},
    "installed": {"type": "str"},
    "digest": {"type": "str", "default": ""},
    "files": {"type": "dict", "default": {}},
    "listeners": {"type": "list", "elements": "list", "default": []},
    "sources": {"type": "list", "elements": "str", "default": []},
    "proxy_protocol": {"type": "bool", "default": False},
    "seconds": {"type": "int", "default": 30},
    "ticket": {"type": "str", "default": ""},
}
ARGUMENTS = {
    "description": {"type": "path"},
    "state": {"type": "path"},
    "participants": {"type": "list", "elements": "str", "default": []},
    "sides": {"type": "list", "elements": "str", "default": ["all"]},
    "side": {"type": "str"},
    "host": {"type": "str"},
    "service": {"type": "str", "default": ""},
    "addresses_only": {"type": "bool", "default": False},
    "confirm_within": {"type": "int", "default": 30},
    "order": {"type": "dict", "options": ORDER},
}


def main() -> None:
    """Run the module on the managed host."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    order = module.params["order"]
    if order is None:
        module.fail_json(msg="This module is run by the action plugin of the same name; the host alone has no description to compare with.")
    if module.check_mode:
        order["do"] = "observe"
    os.umask(0o077)
    try:
        result = carry_out(order, check=module.check_mode)
    except (HostError, OSError, TimeoutError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


def carry_out(order: dict[str, Any], *, check: bool = False) -> dict[str, Any]:
    """Do one thing, and say what came of it; with ``check`` nothing is written."""
    host = HOSTS[order["kind"]]
    place = host.Place(**order["place"])
    if order["do"] == "stage":
        with releases.alone(place.folder):
            return {"changed": True, "staging": releases.stage(place.folder)}
    if order["do"] == "apply":
        listeners = tuple((str(address), int(port)) for address, port in order["listeners"])
        change = Change(order["digest"], order["files"], listeners, order["proxy_protocol"], order["seconds"])
        with releases.alone(place.folder):
            releases.expect(place.folder, order["installed"])
            return {"changed": True, **host.apply(place, order["staging"], change)}
    if order["do"] == "observe":
        await_confirmation(place.folder, order["seconds"])
        if not check:
            # What a killed run brought holds keys, and must not lie here because the next run has nothing to change.
            with releases.alone(place.folder):
                releases.sweep(place.folder)
    confirmed = order["do"] == "confirm" and confirm(place.folder, order["ticket"])
    return {"changed": confirmed, "confirmed": confirmed, "observation": host.observe(place, order["sources"])}


if __name__ == "__main__":
    main()
