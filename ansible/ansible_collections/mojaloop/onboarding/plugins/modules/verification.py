#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Proves the inbound listeners with real traffic."""

from __future__ import annotations

DOCUMENTATION = r"""
module: verification
short_description: Proves the inbound listeners with real traffic
version_added: "0.1.0"
description:
  - Carries out what must pass and what must be refused, from the places that this run can act from.
  - A refusal counts only beside its control, the same attempt with the one wrong fact made right, and only when the refuser names itself.
  - What cannot be proved from where the run stands is reported as such. An attempt that cannot reach its target is an error, not a pass.
  - Fails when a case fails. Where no case at all could be tried, its action ends as unreachable, so that C(ansible-playbook) exits with 4.
  - Outside labs traffic starts from the hosts of the groups C(probe_hosts) and C(gateways), and from the controller, as far as they own
    addresses of the sides. TLS is spoken on the controller; the hosts relay bytes.
  - Keeps the evidence in C(evidence/) of the state folder, as JSON and as one HTML page that loads and runs nothing; and signed with the
    exchange key, one file for each participant and run, in C(evidence/<participant>/).
extends_documentation_fragment: [mojaloop.onboarding.onboarding]
options:
  suites:
    description:
      - What is verified. V(security) is the security set-up, each refusal beside its control. V(end-to-end) are payments with a counterpart
        in both roles, and the negative business cases. V(sla) are percentiles and errors of a bounded run of payments;
        V(performance) a bounded load in both directions, with a plot; V(settlement) a window that is closed and settled.
      - The suites beside V(security) need participants with the Mojaloop SDK, C(parties) in their files, and the hub's ledger.
    type: list
    elements: str
    default: [security]
  junit:
    description: File for the results as JUnit XML; empty writes none.
    type: path
    default: ""
  page:
    description: File for a copy of the evidence page (HTML); empty writes none. The evidence folder has it in any case.
    type: path
    default: ""
  once:
    description:
      - Sends one right call by each way instead, for those whose keys, roles and addresses were not tried since they changed.
      - The token is asked for through the hub's gateway. A call that does not pass is a fault in C(findings); no evidence is kept.
    type: bool
    default: false
author: [Mojaloop onboarding maintainers (@mojaloop)]
"""

EXAMPLES = r"""
- name: Prove the inbound listeners of one participant
  mojaloop.onboarding.verification:
    description: "{{ onboarding_description }}"
    state: "{{ onboarding_state }}"
    participants: [greenbank]
    junit: verification.xml
    page: verification.html
"""

RETURN = r"""
findings:
  description: With O(once), the calls that did not pass.
  returned: with O(once)
  type: list
  elements: dict
cases:
  description: Every case with what was expected, what was seen, its control and who refused.
  returned: success
  type: list
  elements: dict
counts:
  description: How many cases passed, failed, ended in an error, or are not provable from here.
  returned: success
  type: dict
  sample: {passed: 84, not-provable-from-here: 1}
proved:
  description: Whether any case was proved.
  returned: success
  type: bool
text:
  description: The cases as a table.
  returned: success
  type: list
  elements: str
summary:
  description: The same, with what passed only counted.
  returned: success
  type: list
  elements: str
"""

from ..module_utils.adapter import verification_module


def main() -> None:
    """Run the module."""
    verification_module()


if __name__ == "__main__":
    main()
