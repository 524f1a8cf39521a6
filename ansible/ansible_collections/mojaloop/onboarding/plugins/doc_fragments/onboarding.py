# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation shared by the modules that work on the state folder."""

from __future__ import annotations


class ModuleDocFragment:
    """Options and attributes of every step."""

    DOCUMENTATION = r"""
options:
  description:
    description: Folder of the environment's description, with C(hub.yml) and C(participants/).
    type: path
    required: true
  state:
    description: State folder of the environment, with the store, the exchange and the journal. Made with mode 0700 when missing.
    type: path
    required: true
  sides:
    description:
      - Whose half is carried out here.
      - V(all) is the hub and the managed participants, V(managed) the latter only; or V(hub), or ids of managed participants.
    type: list
    elements: str
    default: [all]
  participants:
    description: Ids of the participants this run is about; none means all of them.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    description: A dry run on what earlier tasks of the playbook have planned. It writes nothing and reports the findings of the real run.
    support: full
  diff_mode:
    description: Prints one line for each finding; never key material.
    support: full
  idempotent:
    description: A second run finds nothing and leaves bytes, times and inodes as they were.
    support: full
"""

    RETURN = r"""
findings:
  description: The differences found, each with participant, document step, side, artefact, reason, disposition and on whom it is pending.
  returned: success
  type: list
  elements: dict
faults:
  description: How many findings need a person's decision.
  returned: success
  type: int
"""
