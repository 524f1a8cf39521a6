# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sets up the hub in its ledger: see ``plugin_utils.steps``."""

from __future__ import annotations

from ..module_utils.adapter import step_arguments
from ..plugin_utils.steps import StepAction


class ActionModule(StepAction):
    """The module of the same name, without a process of its own."""

    GROUP = "ledger_hub"
    _VALID_ARGS = frozenset(step_arguments(GROUP))
