# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What one run of a playbook keeps between its tasks: their results for the summary, and what check mode has planned.

It lies in Ansible's private folder for temporary files (mode 0700), which Ansible removes at the end of the playbook. So no
task depends on the name under which another's result was registered, and nothing goes through facts, which may be cached.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ansible import constants  # type: ignore[attr-defined]

_LOCAL = "ansible-local-"
"""How Ansible calls its private folders: this, the process id, and eight characters (``tempfile.mkdtemp``)."""
_OWN = f"onboarding-{hashlib.sha256(platform.node().encode()).hexdigest()[:8]}-"
"""With the machine, for several may share a home folder: process ids mean something on one of them only."""


@dataclass(frozen=True)
class Kept:
    """The end of one task on one host: findings as plain data, or with ``failed`` what the task said when it failed."""

    host: str
    action: str
    findings: list[dict[str, str]] = field(default_factory=list)
    failed: str = ""


class PlaybookFolder:
    """The folder of this run of a playbook for one environment; ``description`` is the environment's folder."""

    def __init__(self, description: str) -> None:
        name = hashlib.sha256(os.path.realpath(description).encode()).hexdigest()[:16]
        self._root = Path(constants.DEFAULT_LOCAL_TMP) / f"{_OWN}{name}"
        if not self._root.exists():
            _remove_left_behind()
        self._current = self._root / "current"
        self.plan = self._current / "plan"
        """Where check mode keeps its plan (see ``store.planned``)."""

    def keep(self, kept: Kept) -> None:
        """Keep the end of one task; tasks of many hosts end at the same time."""
        folder = self._current / "results"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{time.time_ns():020}-{os.getpid()}.json"
        handle = os.open(folder / f".{name}", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(asdict(kept), stream)
        (folder / f".{name}").rename(folder / name)

    def kept(self) -> list[Kept]:
        """What was kept since the last summary, in order; when nothing was, what that summary was about."""
        folders = [folder for folder in (self._current, self._summarised) if (folder / "results").is_dir()]
        files = sorted((folders[0] / "results").glob("[!.]*.json")) if folders else []
        return [Kept(**json.loads(file.read_text(encoding="utf-8"))) for file in files]

    def forget_plan(self) -> None:
        """Once something has really changed, what was planned before is void."""
        shutil.rmtree(self.plan, ignore_errors=True)

    def close(self) -> None:
        """End what one summary is about: whatever follows in this playbook is another's."""
        if self._current.is_dir():
            shutil.rmtree(self._summarised, ignore_errors=True)
            with suppress(FileNotFoundError):
                self._current.rename(self._summarised)

    @property
    def _summarised(self) -> Path:
        return self._root / "summarised"


def _remove_left_behind() -> None:
    """Remove what runs that were killed on this machine have left: a plan may hold secrets."""
    for folder in Path(constants.DEFAULT_LOCAL_TMP).parent.glob(f"{_LOCAL}*/{_OWN}*"):
        process = folder.parent.name.removeprefix(_LOCAL)[:-8]
        if process.isdecimal() and not _lives(int(process)):
            shutil.rmtree(folder, ignore_errors=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def result_of(host: str, action: str, result: Mapping[str, Any]) -> Kept:
    """What is kept of a task's result."""
    failed = str(result.get("msg") or "failed without a word") if result.get("failed") else ""
    return Kept(host, action, [dict(finding) for finding in result.get("findings", ())], failed)
