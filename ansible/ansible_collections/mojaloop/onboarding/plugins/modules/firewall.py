#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keeps the packet filter of one side's gateway host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: firewall
short_description: Keeps the packet filter of one side's gateway host
version_added: "0.1.0"
description:
  - Keeps the table C(inet mojaloop_onboarding) of nftables as the description asks for it, and touches no other table.
  - Only the approved addresses of active counterparts speak with the side's listeners, and only their listeners are called from the
    side's egress addresses. Every packet is judged, so that taking an address away ends its live connections.
  - Compares with what the kernel holds. A change is checked, made in one transaction, read back, and confirmed over a new connection;
    a change that no one confirms in time is undone by the host itself.
  - With O(participants), the addresses of the others stay as the kernel has them.
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
        choices: [observe, apply, confirm, persist]
      persist_file:
        description: File that is loaded at boot.
        type: path
        required: true
      ports:
        description: Guarded ports of the side's inbound listeners.
        type: list
        elements: int
        default: []
      rules:
        description: Rule set for nft.
        type: str
        default: ""
      content:
        description: What the kernel shows when the rule set is in force.
        type: dict
        default: {}
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
    description: Reads and compares, writes nothing, and reports the findings of the real run.
    support: full
  diff_mode:
    description: Shows addresses, ports and rules before and after, a line for each.
    support: full
  idempotent:
    description: A second run finds nothing and makes no transaction.
    support: full
author: [Mojaloop onboarding maintainers (@mojaloop)]
"""

EXAMPLES = r"""
- name: Open the firewall to the approved addresses
  mojaloop.onboarding.firewall:
    description: "{{ onboarding_description }}"
    state: "{{ onboarding_state }}"
    side: "{{ onboarding_side }}"
"""

RETURN = r"""
findings:
  description: The differences found, one for each participant, direction and reason.
  returned: success
  type: list
  elements: dict
  sample:
    - participant: greenbank
      step: endpoints-1
      side: hub
      artefact: firewall/hub-gateway/inbound
      reason: address-missing
      disposition: change
      pending_on: ""
      detail: 203.0.113.21/32
faults:
  description: How many findings need a person's decision.
  returned: success
  type: int
transactions:
  description: How many transactions were made on the packet filter, 0 or 1.
  returned: success
  type: int
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.host import firewall_nftables

ORDER = {
    "do": {"type": "str", "required": True, "choices": ["observe", "apply", "confirm", "persist"]},
    "persist_file": {"type": "path", "required": True},
    "ports": {"type": "list", "elements": "int", "default": []},
    "rules": {"type": "str", "default": ""},
    "content": {"type": "dict", "default": {}},
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
    try:
        result = carry_out(order)
    except (firewall_nftables.FirewallRefused, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


def carry_out(order: dict[str, Any]) -> dict[str, Any]:
    """Do one thing; the answer always holds what is in force afterwards."""
    ticket = ""
    if order["do"] == "observe":
        firewall_nftables.await_confirmation(order["persist_file"], order["seconds"])
    elif order["do"] == "apply":
        ticket = firewall_nftables.apply(order["rules"], order["content"], order["persist_file"], order["seconds"])
    elif order["do"] == "confirm":
        firewall_nftables.confirm(order["ticket"], order["rules"], order["content"], order["persist_file"])
    elif order["do"] == "persist":
        firewall_nftables.persist(order["rules"], order["persist_file"])
    observation = firewall_nftables.observe(order["persist_file"], order["ports"])
    return {"changed": order["do"] != "observe", "ticket": ticket, "observation": observation}


if __name__ == "__main__":
    main()
