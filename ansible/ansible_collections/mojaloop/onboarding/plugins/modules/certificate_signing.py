#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Signs the requests of counterparts as the profile permits."""

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate_signing
short_description: Signs the requests of counterparts as the profile permits
version_added: "0.1.0"
description:
  - From a request only the public key and checked names are taken; everything else comes from the profile and the description.
  - Every signature is journalled before it is made and recorded after.
  - >-
    Keeps the revocation list of each CA whose key is here - made again when a third of its 30 days is left, or when what is revoked
    changes. Only then, and to sign, is the passphrase of a CA key needed. An offline CA keeps its list itself.
extends_documentation_fragment: [mojaloop.onboarding.onboarding]
author: [Mojaloop onboarding maintainers (@mojaloop)]
"""

EXAMPLES = r"""
- name: Signs the requests of counterparts as the profile permits
  mojaloop.onboarding.certificate_signing:
    description: "{{ onboarding_description }}"
    state: "{{ onboarding_state }}"
    sides: [hub]
"""

RETURN = r"""
findings:
  description: The differences found, one for each participant, document step and artefact.
  returned: success
  type: list
  elements: dict
  sample:
    - {participant: greenbank, step: tls-5, side: hub, artefact: client, reason: not-signed,
       disposition: change, pending_on: "", detail: ""}
faults:
  description: How many findings need a person's decision.
  returned: success
  type: int
"""

from ..module_utils.adapter import step_module


def main() -> None:
    """Run the module."""
    step_module("certificate_signing")


if __name__ == "__main__":
    main()
