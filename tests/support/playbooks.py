# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run the project's playbooks as an operator does, and read every task's result."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Played:
    """What a run of a playbook came to; ``results`` in the order of the tasks."""

    status: int
    output: str
    results: tuple[dict[str, Any], ...]

    def of(self, action: str) -> list[dict[str, Any]]:
        """The results of one module of the collection, whatever the host."""
        return [entry["result"] for entry in self.results if entry["action"] == f"mojaloop.onboarding.{action}"]

    @property
    def findings(self) -> list[tuple[str, ...]]:
        """All findings of the run but their details, in order."""
        found = [finding for entry in self.results for finding in entry["result"].get("findings", [])]
        keys = ("participant", "step", "side", "artefact", "reason", "disposition", "pending_on")
        return [tuple(str(finding[key]) for key in keys) for finding in found]

    @property
    def changed(self) -> list[str]:
        """The tasks that changed something."""
        return [f"{entry['host']}: {entry['task']}" for entry in self.results if entry["result"].get("changed")]


def play(
    playbook: str, inventory: Path, *arguments: str, record: Path, timeout: float = 280, environment: dict[str, str] | None = None
) -> Played:
    """Run a playbook of the project; ``record`` is a file of the test's own. It is bounded in time."""
    record.unlink(missing_ok=True)
    command = [str(Path(sys.executable).parent / "ansible-playbook"), str(ROOT / "playbooks" / playbook), "-i", str(inventory), *arguments]
    variables = {
        **os.environ,
        **(environment or {}),
        "ANSIBLE_CALLBACK_PLUGINS": str(ROOT / "tests" / "support" / "callbacks"),
        "ANSIBLE_CALLBACKS_ENABLED": "record",
        "ANSIBLE_NOCOLOR": "1",
        "ONBOARDING_TEST_RECORD": str(record),
    }
    done = subprocess.run(
        command, cwd=record.parent, env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False
    )
    lines = record.read_text(encoding="utf-8").splitlines() if record.exists() else []
    return Played(done.returncode, done.stdout + done.stderr, tuple(json.loads(line) for line in lines))
