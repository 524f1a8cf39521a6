#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads a description and reports every problem with its file and line."""

from __future__ import annotations

DOCUMENTATION = r"""
module: description_check
short_description: Check the description of an environment
version_added: 0.1.0
description:
  - Reads C(hub.yml) and C(participants/*.yml), holds them against their schema and the scheme's rules, and reports every problem at
    once, each with file, line, what was found and what is allowed.
  - Nothing is executed, resolved or contacted. Text of the description is never a template.
author:
  - The mojaloop.onboarding authors
options:
  description:
    description: Folder of the environment's description, with C(hub.yml) and C(participants/).
    type: path
    required: true
  state:
    description:
      - State folder of the environment, for paths that begin with C({state}/).
      - The default is C(.state/<environment>) beside the folder of inventories.
    type: path
    default: ""
  participants:
    description: Ids of the participants whose problems count; none means all of them.
    type: list
    elements: str
    default: []
  strict:
    description:
      - Whether a problem in the file of a selected participant is a failure.
      - With V(false) such problems are only reported. A wrong C(hub.yml) is a failure always.
    type: bool
    default: true
attributes:
  check_mode:
    description: Changes nothing with or without check mode.
    support: full
  diff_mode:
    description: There is never a difference to show.
    support: none
  idempotent:
    description: Reads only.
    support: full
"""

EXAMPLES = r"""
- name: Stop when any file is wrong
  mojaloop.onboarding.description_check:
    description: "{{ onboarding_description }}"

- name: Report all problems, go on with the right files
  mojaloop.onboarding.description_check:
    description: "{{ onboarding_description }}"
    strict: false
  register: description

- name: Require one participant's file to be right
  mojaloop.onboarding.description_check:
    description: "{{ onboarding_description }}"
    participants: [greenbank]
"""

RETURN = r"""
environment:
  description: Name of the environment.
  returned: success
  type: str
  sample: lab
problems:
  description: Every problem of every file, one line each, with file, line, key, what was found and what is allowed.
  returned: always
  type: list
  elements: str
  sample: ["inventories/lab/participants/greenbank.yml:4: currencies[0]: found 'usd'; allowed: a currency code of ISO 4217, such as USD"]
notes:
  description: What is right and yet not to be overlooked, such as a hub without gateways.
  returned: success
  type: list
  elements: str
participants:
  description: The selected participants whose files are right, sorted by id.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Its FSPIOP-Source.
      type: str
    state:
      description: V(active), V(suspended) or V(offboarded).
      type: str
    hosting:
      description: V(managed) or V(self-hosted).
      type: str
    transport:
      description: V(local).
      type: str
    connector:
      description: V(direct).
      type: str
    kind:
      description: V(participant) or V(probe).
      type: str
"""

import traceback
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

try:
    from ..module_utils.description.checking import check_description
    from ..module_utils.errors import DescriptionError

    LIBRARY_ERROR = ""
except ImportError:
    LIBRARY_ERROR = traceback.format_exc()


def main() -> None:
    """Check the description and report."""
    spec = {
        "description": {"type": "path", "required": True},
        "state": {"type": "path", "default": ""},
        "participants": {"type": "list", "elements": "str", "default": []},
        "strict": {"type": "bool", "default": True},
    }
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    if LIBRARY_ERROR:
        module.fail_json(msg=missing_required_lib("PyYAML"), exception=LIBRARY_ERROR)
    try:
        verdict = check_description(
            Path(module.params["description"]), state=module.params["state"], participants=module.params["participants"]
        )
    except DescriptionError as error:
        module.fail_json(msg=str(error), problems=[str(problem) for problem in error.problems])
    result = {
        "environment": verdict.environment,
        "problems": list(verdict.problems),
        "notes": list(verdict.notes),
        "participants": list(verdict.participants),
    }
    if module.params["strict"] and not verdict.right:
        listed = "\n".join(f"  {problem}" for problem in verdict.problems)
        module.fail_json(msg=f"The description has problems:\n{listed}", **result)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
