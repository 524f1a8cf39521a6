#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Makes, exchanges, signs and installs the artefacts of all sides."""

from __future__ import annotations

DOCUMENTATION = r"""
module: artefacts
short_description: Makes, exchanges, signs and installs the artefacts of all sides
version_added: "0.1.0"
description:
  - Carries out the steps of M(mojaloop.onboarding.own_certificates), M(mojaloop.onboarding.exchange),
    M(mojaloop.onboarding.received_certificates), M(mojaloop.onboarding.certificate_signing) and M(mojaloop.onboarding.oauth_clients)
    in the order in which they feed each other, both turns of the exchange included.
  - One process reads the description once and holds the lease of the state folder from the first step to the last, so no other run comes in
    between, and a rehearsal plays each step once. A second turn is left out when nothing has changed since the first.
extends_documentation_fragment: [mojaloop.onboarding.onboarding]
options:
  allow_rekey:
    description:
      - Artefacts (C(<side>/<artefact>)) whose damaged or lost key may be replaced by a new one.
      - A client certificate named here that was replaced is let in no longer, as others may have its key.
    type: list
    elements: str
    default: []
author: [Mojaloop onboarding maintainers (@mojaloop)]
"""

EXAMPLES = r"""
- name: Makes, exchanges, signs and installs the artefacts of all sides
  mojaloop.onboarding.artefacts:
    description: "{{ onboarding_description }}"
    state: "{{ onboarding_state }}"
    allow_rekey: [greenbank/server]
"""

RETURN = r"""
findings:
  description: The differences found, one for each participant, document step and artefact.
  returned: success
  type: list
  elements: dict
  sample:
    - {participant: greenbank, step: tls-1, side: greenbank, artefact: server, reason: missing,
       disposition: change, pending_on: "", detail: ""}
faults:
  description: How many findings need a person's decision.
  returned: success
  type: int
"""

from ..module_utils.adapter import ALL_STEPS, REKEY, step_module


def main() -> None:
    """Run the module."""
    step_module(ALL_STEPS, REKEY)


if __name__ == "__main__":
    main()
