#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keeps the participants in the hub's ledger."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ledger_participants
short_description: Keeps the participants in the hub's ledger
version_added: "0.1.0"
description:
  - Keeps each participant's accounts, net debit caps, callback URLs, e-mail recipients and activation state.
  - Books described opening funds once, with a transfer id that is always the same. Another amount afterwards is an error.
  - Deactivates suspended and offboarded participants first. What an offboarded one still has in the ledger is reported as pending.
  - Reads, compares, sends one request for each difference, and reads again. A second run sends nothing but reads.
  - Does nothing where C(hub.ledger) is not described.
extends_documentation_fragment: [mojaloop.onboarding.onboarding]
options:
  plan:
    description:
      - Private folder in which check mode keeps what it would make, for the later tasks of the playbook.
      - When empty, the action chooses one in Ansible's folder for temporary files, which ends with the playbook.
    type: path
    default: ""
author: [Mojaloop onboarding maintainers (@mojaloop)]
"""

EXAMPLES = r"""
- name: Keeps the participants in the hub's ledger
  mojaloop.onboarding.ledger_participants:
    description: "{{ onboarding_description }}"
    state: "{{ onboarding_state }}"
    sides: [hub]
"""

RETURN = r"""
findings:
  description: The differences found, one for each participant and artefact.
  returned: success
  type: list
  elements: dict
  sample:
    - {participant: greenbank, step: backend-5, side: hub, artefact: net-debit-cap/USD, reason: net-debit-cap-missing,
       disposition: change, pending_on: "", detail: ""}
faults:
  description: How many findings need a person's decision.
  returned: success
  type: int
"""

from ..module_utils.adapter import step_module


def main() -> None:
    """Run the module."""
    step_module("ledger_participants")


if __name__ == "__main__":
    main()
