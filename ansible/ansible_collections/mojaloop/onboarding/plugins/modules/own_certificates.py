#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Makes the keys, requests and own certificates of each side."""

from __future__ import annotations

DOCUMENTATION = r"""
module: own_certificates
short_description: Makes the keys, requests and own certificates of each side
version_added: "0.1.0"
description:
  - Makes what a side makes by itself, as the profile of the description asks for it; its CA, its server certificate,
    its JWS key with keystore, its exchange key, and the requests for its client certificates.
  - Checks every artefact again on every run. What is about to expire is renewed with a new key;
    a damaged or lost key is a fault that names the file.
extends_documentation_fragment: [mojaloop.onboarding.onboarding]
options:
  allow_rekey:
    description: Artefacts (C(<side>/<artefact>)) whose damaged or lost key may be replaced by a new one.
    type: list
    elements: str
    default: []
author: [Mojaloop onboarding maintainers (@mojaloop)]
"""

EXAMPLES = r"""
- name: Makes the keys, requests and own certificates of each side
  mojaloop.onboarding.own_certificates:
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

from ..module_utils.adapter import REKEY, step_module


def main() -> None:
    """Run the module."""
    step_module("own_certificates", REKEY)


if __name__ == "__main__":
    main()
