#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documents the action of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: onboarding_status
short_description: Shows where the onboarding stands
version_added: "0.1.0"
description:
  - Gathers what the roles before it found in this play run, and the latest evidence, and shows participant by document step.
  - Fails when something failed, so that the exit status of the run says so; waiting for someone is a result, not a failure.
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
    description: Ids of the participants to show; none means all.
    type: list
    elements: str
    default: []
  planned:
    description: Whether the roles before it ran in check mode, so that the summary says what would be done.
    type: bool
    default: false
  report:
    description: File for the summary as JSON; empty writes none.
    type: path
    default: ""
attributes:
  check_mode:
    description: Shows what the run would do.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
author: [Mojaloop onboarding maintainers (@mojaloop)]
"""

EXAMPLES = r"""
- name: Show where the onboarding stands
  mojaloop.onboarding.onboarding_status:
    description: "{{ onboarding_description }}"
    state: "{{ onboarding_state }}"
    report: status.json
"""

RETURN = r"""
summary:
  description: C(outcome) (done, changed, pending or failed), the steps of each participant, what is pending on whom, what failed.
  returned: always
  type: dict
  sample:
    format: 1
    outcome: pending
    check: false
    participants: {greenbank: {state: active, steps: {tls-1: done, tls-2: done}}}
    pending: []
    failed: []
    unreached_hosts: []
    failed_hosts: []
    broken_files: []
"""
