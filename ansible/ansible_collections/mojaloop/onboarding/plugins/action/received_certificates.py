# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Checks and keeps what counterparts published, and installs what they signed: see ``plugin_utils.steps``."""

from __future__ import annotations

from ..module_utils.adapter import COMMON_ARGUMENTS, TURN
from ..plugin_utils.steps import StepAction


class ActionModule(StepAction):
    """The module of the same name, without a process of its own."""

    ARGUMENTS = TURN
    _VALID_ARGS = frozenset(COMMON_ARGUMENTS | TURN)
