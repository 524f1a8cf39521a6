#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Raises and removes the lab: the machines of a description as namespaces on this computer."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lab
short_description: Raises and removes the lab, the machines of a description as namespaces on this computer
version_added: "0.1.0"
description:
  - Every gateway, every self-hosted participant, the probes, a stranger and the authorization server become a machine with its own network,
    its own C(/etc) and C(/run), and its programs. Nothing of it touches this computer's network or files.
  - One process holds it all; when that ends, all of it is gone.
  - Works for root, and for ordinary users where the kernel permits user namespaces.
options:
  state:
    description:
      - V(present) makes what is missing of the described lab and leaves the rest untouched.
      - V(advance) also lets the self-hosted participants do what they can of their half of the onboarding, with their own tools.
      - V(absent) ends the lab and removes its folder.
    type: str
    choices: [present, advance, absent]
    default: present
  description:
    description: Folder of the environment's description.
    type: path
    required: true
  state_folder:
    description: State folder of the environment; the lab keeps its things in C(lab/) below it.
    type: path
    required: true
  tools:
    description: Folder of the lab's tools, with the Node.js programs in C(node/) and C(openssl_participant.sh).
    type: path
    required: true
  purge:
    description: With O(state=absent), remove what else is in the state folder, keys and records included; only in environments of kind lab.
    type: bool
    default: false
attributes:
  check_mode:
    description: Compares what runs with what is described and changes nothing.
    support: full
  diff_mode:
    description: Prints one line for each difference.
    support: full
  idempotent:
    description: A lab that is as described is left untouched.
    support: full
author: [Mojaloop onboarding maintainers (@mojaloop)]
"""

EXAMPLES = r"""
- name: Raise the lab
  mojaloop.onboarding.lab:
    description: "{{ onboarding_description }}"
    state_folder: "{{ onboarding_state }}"
    tools: "{{ playbook_dir }}/../tests/lab"
"""

RETURN = r"""
differences:
  description: What was not as described, one line for each machine and program.
  returned: success
  type: list
  elements: str
  sample: ["redbank: machine-missing", "hub-gateway haproxy: service-down"]
machines:
  description: The machines with their addresses, whether they run, and the process ids (inside the lab) of their programs.
  returned: success
  type: list
  elements: dict
advanced:
  description: What self-hosted participants did of their half.
  returned: success
  type: list
  elements: str
awaiting:
  description: Programs that cannot start yet, and the file each of them awaits.
  returned: success
  type: list
  elements: str
summary:
  description: A line for each machine, for people.
  returned: success
  type: list
  elements: str
holder:
  description: Process id of the process that holds the lab; 0 when it is down.
  returned: success
  type: int
seconds:
  description: How long it took.
  returned: success
  type: float
"""

import traceback

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

try:
    from ..module_utils.errors import OnboardingError
    from ..module_utils.lab.raising import Request, run

    MISSING: tuple[str, str] | None = None
except ImportError as error:  # pragma: no cover - only on a controller without the libraries
    MISSING = (error.name or "a Python library", traceback.format_exc())

ARGUMENTS = {
    "state": {"type": "str", "choices": ["present", "advance", "absent"], "default": "present"},
    "description": {"type": "path", "required": True},
    "state_folder": {"type": "path", "required": True},
    "tools": {"type": "path", "required": True},
    "purge": {"type": "bool", "default": False},
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    if MISSING:
        module.fail_json(msg=missing_required_lib(MISSING[0]), exception=MISSING[1])
    try:
        outcome = run(Request(**module.params, check=module.check_mode))
    except OnboardingError as error:
        module.fail_json(msg=str(error))
    result = outcome.as_result()
    if module._diff:  # noqa: SLF001 -- the documented way to learn of --diff
        result["diff"] = {"prepared": "".join(f"{line}\n" for line in outcome.lines())}
    module.exit_json(**result)


if __name__ == "__main__":
    main()
