# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Steps on the state folder in the process of the playbook itself, where that is where the module would run anyway.

A module starts a Python of its own and imports everything again: most of what a step costs for a few participants. The
library's imports happen once in a run of the playbook, and its workers are forks of it.
"""

from __future__ import annotations

from typing import Any, ClassVar

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ..module_utils.adapter import MISSING, carry_out, reporting_to, step_arguments
from .asked import refuse_misspelt
from .playbook import Kept, PlaybookFolder, result_of

ON_THIS_MACHINE = frozenset({"local", "mojaloop.onboarding.lab"})
"""Connections whose far end sees the same files."""


class StepAction(ActionBase):  # type: ignore[misc]
    """Carries out the steps of one group here on a local connection; anywhere else, or as another account, its module does."""

    _supports_check_mode = True
    GROUP: ClassVar[str] = ""
    """The group of the step table, which is the name of the module too."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The result of the module of the same name, kept for the summary."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        refuse_misspelt(self._loader)
        self._folder = PlaybookFolder(str(self._task.args.get("description") or ""))
        if not self._task.check_mode:
            self._folder.forget_plan()
        host, action = str(variables.get("inventory_hostname", "")), self.GROUP
        try:
            result |= self._carried_out(variables)
        except AnsibleActionFail as error:
            self._folder.keep(Kept(host, action, failed=str(error)))
            raise
        self._folder.keep(result_of(host, action, result))
        return result

    def _carried_out(self, variables: dict[str, Any]) -> dict[str, Any]:
        planned = self._task.check_mode and self._connection.transport in ON_THIS_MACHINE
        plan = self._task.args.get("plan") or (str(self._folder.plan) if planned else "")
        arguments = {**self._task.args, "plan": plan}
        if not self._is_here():
            return dict(self._execute_module(module_args=arguments, task_vars=variables))
        _, validated = self.validate_argument_spec(step_arguments(self.GROUP))
        with reporting_to(self._fail):
            return carry_out(self.GROUP, {**validated, "plan": plan}, check=self._task.check_mode, diff=self._task.diff)

    def _is_here(self) -> bool:
        # What a task's environment says is for a process of its own.
        plain = not self._task.async_val and not any(self._task.environment or [])
        return plain and MISSING is None and self._connection.transport == "local" and not self._connection.become

    def _fail(self, message: str) -> None:
        raise AnsibleActionFail(message)
