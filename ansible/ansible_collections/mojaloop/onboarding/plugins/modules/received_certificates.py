#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Checks and installs what counterparts published."""

from __future__ import annotations

DOCUMENTATION = r"""
module: received_certificates
short_description: Checks and installs what counterparts published
version_added: "0.1.0"
description:
  - Reads each counterpart's publication, checks its manifest, first contact and every certificate in it, and keeps verified copies.
  - Installs the client certificates that counterparts signed, and the JWS keys of all other sides.
  - For a participant that is run without the hub, opens the OAuth credentials sealed for it and keeps them for its connector.
extends_documentation_fragment: [mojaloop.onboarding.onboarding]
options:
  turn:
    description: A run has two turns of the exchange; requests and public keys come first, what was signed comes second.
    type: int
    choices: [1, 2]
    default: 1
author: [Mojaloop onboarding maintainers (@mojaloop)]
"""

EXAMPLES = r"""
- name: Checks and installs what counterparts published
  mojaloop.onboarding.received_certificates:
    description: "{{ onboarding_description }}"
    state: "{{ onboarding_state }}"
    turn: 2
"""

RETURN = r"""
findings:
  description: The differences found, one for each participant, document step and artefact.
  returned: success
  type: list
  elements: dict
  sample:
    - {participant: greenbank, step: tls-7, side: greenbank, artefact: client/hub, reason: not-installed,
       disposition: change, pending_on: "", detail: ""}
faults:
  description: How many findings need a person's decision.
  returned: success
  type: int
"""

from ..module_utils.adapter import TURN, step_module


def main() -> None:
    """Run the module."""
    step_module("received_certificates", TURN)


if __name__ == "__main__":
    main()
