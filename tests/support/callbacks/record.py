# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Writes the result of every task as a line of JSON: what the tests read instead of what people read."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: record
type: notification
short_description: Writes task results as JSON lines
description: For the tests of this project.
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """One line for each task and host: host, task, status, result."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "record"
    CALLBACK_NEEDS_ENABLED = True

    def _record(self, status: str, result: Any) -> None:  # noqa: ANN401 -- Ansible's own type
        entry = {
            "host": result.host.get_name(),
            "task": result.task.get_name(),
            "action": result.task.action,
            "status": status,
            "result": result.result,
        }
        with Path(os.environ["ONBOARDING_TEST_RECORD"]).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(entry, default=str) + "\n")

    def v2_runner_on_ok(self, result: Any) -> None:  # noqa: ANN401 -- Ansible's own type
        """A task that went well."""
        self._record("ok", result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:  # noqa: ANN401, ARG002, FBT001, FBT002
        """A task that failed."""
        self._record("failed", result)

    def v2_runner_on_unreachable(self, result: Any) -> None:  # noqa: ANN401 -- Ansible's own type
        """A host that was not reached."""
        self._record("unreachable", result)
