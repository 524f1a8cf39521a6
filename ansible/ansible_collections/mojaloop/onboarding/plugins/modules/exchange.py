#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Publishes what each side shares with its counterpart."""

from __future__ import annotations

DOCUMENTATION = r"""
module: exchange
short_description: Publishes what each side shares with its counterpart
version_added: "0.1.0"
description:
  - Writes the public artefacts of each side, and secrets encrypted to their reader, to the exchange with a signed manifest.
  - The hub also publishes the signed list of every side's JWS key.
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
- name: Publishes what each side shares with its counterpart
  mojaloop.onboarding.exchange:
    description: "{{ onboarding_description }}"
    state: "{{ onboarding_state }}"
    turn: 1
"""

RETURN = r"""
findings:
  description: The differences found, one for each participant, document step and artefact.
  returned: success
  type: list
  elements: dict
  sample:
    - {participant: greenbank, step: tls-2, side: greenbank, artefact: server.pem, reason: not-published,
       disposition: change, pending_on: "", detail: ""}
faults:
  description: How many findings need a person's decision.
  returned: success
  type: int
"""

from ..module_utils.adapter import TURN, step_module


def main() -> None:
    """Run the module."""
    step_module("exchange", TURN)


if __name__ == "__main__":
    main()
