#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sets up the hub in its ledger."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ledger_hub
short_description: Sets up the hub in its ledger
version_added: "0.1.0"
description:
  - Keeps the hub's accounts for each currency, the recipients of its e-mails, and the settlement models.
  - Keeps the oracles of the account lookup service, where C(hub.account_lookup) is described. Other oracles are left alone.
  - Reads, compares, sends one request for each difference, and reads again. A second run sends nothing but reads.
  - Does nothing where neither is described.
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
- name: Sets up the hub in its ledger
  mojaloop.onboarding.ledger_hub:
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
    - {participant: hub, step: backend-3, side: hub, artefact: settlement-model/DEFERREDNET, reason: settlement-model-missing,
       disposition: change, pending_on: "", detail: ""}
faults:
  description: How many findings need a person's decision.
  returned: success
  type: int
"""

from ..module_utils.adapter import step_module


def main() -> None:
    """Run the module."""
    step_module("ledger_hub")


if __name__ == "__main__":
    main()
