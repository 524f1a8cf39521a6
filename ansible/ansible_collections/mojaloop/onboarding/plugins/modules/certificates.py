#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Makes, publishes, receives and signs the certificates of all sides."""

from __future__ import annotations

DOCUMENTATION = r"""
module: certificates
short_description: Makes, publishes, receives and signs the certificates of all sides
version_added: "0.1.0"
description:
  - One process reads the description once, holds the lease of the state folder from the first step to the last, and works on all
    participants. A step runs again when another one has changed what it reads, until none has anything left to do.
  - V(generate) makes what a side makes by itself, as the profile asks for it. Whatever expires soon is renewed with a new key.
    A damaged or lost key is a fault that names the file.
  - V(directory) writes requests for a scheme's directory into C(directory/<side>/outbox) of the state folder, and installs the certificates
    that a person has put into C(directory/<side>/inbox), in profiles whose directory signs.
  - V(publish) writes what a side publishes to each counterpart, with a signed manifest. Private keys are never published.
  - V(receive) checks each counterpart's publication and keeps verified copies. What no person has approved is reported, not taken over.
  - V(bundles) writes the hub's client certificates into Vault, where C(vault_bundles) in hub.yml says so.
  - V(payment_managers) makes what Payment Managers hosted here need in Vault, and the files that they start with.
  - V(fetch) and V(deliver) bring publications from and to other installations, where they travel by another way than the exchange folder.
  - V(sign) signs the counterparts' requests with the side's CA. From a request, only the public key and checked names are taken.
extends_documentation_fragment: [mojaloop.onboarding.onboarding]
options:
  steps:
    description: The steps to carry out; none means all of them.
    type: list
    elements: str
    choices: [generate, directory, publish, fetch, receive, sign, deliver, bundles, payment_managers]
    default: []
  allow_rekey:
    description:
      - Artefacts (C(<side>/<artefact>)) whose damaged or lost key may be replaced by a new one.
      - A client certificate that is named here and was replaced is refused from then on, because others may have its key.
    type: list
    elements: str
    default: []
  renew:
    description:
      - Artefacts that are in order and get a new key and certificate now. Both are accepted until the new one is in use everywhere.
      - A name that is none, or an artefact that is lost, is refused before anything is made.
    type: list
    elements: str
    default: []
  disclosed:
    description: Artefacts among O(allow_rekey) whose key may be known to others, so that they get a new one although it is in order.
    type: list
    elements: str
    default: []
  plan:
    description:
      - Private folder in which check mode keeps what it would make, for the later tasks of the playbook.
      - When empty, the action chooses one in Ansible's folder for temporary files, which ends with the playbook.
    type: path
    default: ""
author: [Mojaloop onboarding maintainers (@mojaloop)]
"""

EXAMPLES = r"""
- name: Make, publish, receive and sign
  mojaloop.onboarding.certificates:
    description: "{{ onboarding_description }}"
    state: "{{ onboarding_state }}"

- name: Sign the requests of the participants, and nothing else
  mojaloop.onboarding.certificates:
    description: "{{ onboarding_description }}"
    state: "{{ onboarding_state }}"
    sides: [hub]
    steps: [sign]

- name: Replace a server key that was lost
  mojaloop.onboarding.certificates:
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

from ..module_utils.adapter import step_module


def main() -> None:
    """Run the module."""
    step_module("certificates")


if __name__ == "__main__":
    main()
