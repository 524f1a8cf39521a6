# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs the verification where its traffic starts, and shows its table: an action, because a table is for people."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..plugin_utils.asked import refuse_misspelt


class ActionModule(ActionBase):  # type: ignore[misc]
    """Shows the cases of the module of the same name; the evidence holds them with their transcripts."""

    _supports_check_mode = True
    _VALID_ARGS = frozenset({"description", "state", "sides", "participants", "suites", "junit", "page"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module, show the table, keep the result small."""
        super().run(tmp, task_vars)
        refuse_misspelt(self._loader)
        result: dict[str, Any] = self._execute_module(task_vars=task_vars)
        if result.get("text"):
            Display().display("\n".join(str(line) for line in result.pop("text")))
        if Display().verbosity == 0:
            result.pop("cases", None)
        return result
