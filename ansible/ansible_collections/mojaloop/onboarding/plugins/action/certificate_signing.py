# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Signs the requests of counterparts: see ``plugin_utils.steps``."""

from __future__ import annotations

from ..module_utils.adapter import COMMON_ARGUMENTS
from ..plugin_utils.steps import StepAction


class ActionModule(StepAction):
    """The module of the same name, without a process of its own."""

    _VALID_ARGS = frozenset(COMMON_ARGUMENTS)
