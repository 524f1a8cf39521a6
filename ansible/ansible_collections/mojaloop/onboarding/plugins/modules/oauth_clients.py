#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Registers each participant's OAuth client."""

from __future__ import annotations

DOCUMENTATION = r"""
module: oauth_clients
short_description: Registers each participant's OAuth client
version_added: "0.1.0"
description:
  - Keeps one client for each participant at the authorization server, with the roles of the description. The server is one with
    dynamic registration (RFC 7591 and RFC 7592), a realm of Keycloak, or WSO2 API Manager (C(authorization_server.kind)).
  - At Keycloak a client stays for good and its secret is replaced within it; the earlier secret works for C(client_overlap_days) where
    the server runs with its feature client-secret-rotation. Suspended participants lose their sessions and get no token.
  - At WSO2 each participant has an account, an application, subscriptions and keys; with C(authorization_server.publish) the APIs are
    published too. A suspended participant gets no token and is denied at WSO2's gateways. What a person has to do there is pending.
  - With RFC 7591 it replaces a client when it is C(client_days) old or a person ordered it (C(oauth) in the participant's file). The
    new credentials are handed over after every gateway of the hub was seen to accept the new client; the earlier one still works for
    C(client_overlap_days).
  - The secret goes to the managed participant's store at once; anybody else gets it encrypted to its exchange key only.
  - Follows the signing keys of the authorization server.
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
- name: Registers each participant's OAuth client
  mojaloop.onboarding.oauth_clients:
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
    - {participant: greenbank, step: oauth, side: hub, artefact: client, reason: oauth-client-missing,
       disposition: change, pending_on: "", detail: ""}
faults:
  description: How many findings need a person's decision.
  returned: success
  type: int
"""

from ..module_utils.adapter import step_module


def main() -> None:
    """Run the module."""
    step_module("oauth_clients")


if __name__ == "__main__":
    main()
