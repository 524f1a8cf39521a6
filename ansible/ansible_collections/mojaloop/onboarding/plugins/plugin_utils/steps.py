# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Steps on the state folder in the process of the playbook itself, where that is where the module would run anyway.

A module starts a Python of its own and imports everything again: most of what a step costs for a few participants. The
library's imports happen once in a run of the playbook, and its workers are forks of it.
"""

from __future__ import annotations

from typing import Any, ClassVar

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ..module_utils.adapter import COMMON_ARGUMENTS, MISSING, carry_out, telling
from .asked import refuse_misspelt


class StepAction(ActionBase):  # type: ignore[misc]
    """Carries out one step here on a local connection; anywhere else, or as somebody else, its module does."""

    _supports_check_mode = True
    ARGUMENTS: ClassVar[dict[str, dict[str, Any]]] = {}
    """What the step takes besides the arguments of all."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The result of the module of the same name."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        refuse_misspelt(self._loader)
        if not self._is_here():
            return dict(self._execute_module(task_vars=task_vars))
        _, arguments = self.validate_argument_spec(COMMON_ARGUMENTS | self.ARGUMENTS)
        with telling(self._fail):
            done = carry_out(self._task.action.rpartition(".")[2], arguments, check=self._task.check_mode, diff=self._task.diff)
        return result | done

    def _is_here(self) -> bool:
        # What a task's environment says is for a process of its own.
        plain = not self._task.async_val and not any(self._task.environment or [])
        return plain and MISSING is None and self._connection.transport == "local" and not self._connection.become

    def _fail(self, message: str) -> None:
        raise AnsibleActionFail(message)
