# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Servers that a test starts: each has its log in the test's folder, and ends with this process, whatever becomes of it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

PATIENCE = 120.0


@dataclass(frozen=True)
class _Started:
    name: str
    process: subprocess.Popen[bytes]


class Programs:
    """The programs of one folder, ended by leaving the ``with`` block, the last first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._started: list[_Started] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for each in reversed(self._started):
            each.process.send_signal(signal.SIGKILL)
            each.process.wait()

    def run(self, program: Path | str, *arguments: str, environment: Mapping[str, str] | None = None, name: str = "") -> None:
        """Start a program; its log is ``NAME.log``, by default after the program."""
        name = name or Path(program).name
        # setpriv has the kernel end the program with this process: nothing is left behind by a killed test run.
        command = ["setpriv", "--pdeathsig", "KILL", str(program), *arguments]
        place = {**os.environ, **(environment or {})}
        with (self.folder / f"{name}.log").open("wb") as log:
            started = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.folder, env=place)
        self._started.append(_Started(name, started))

    def until(self, ready: Callable[[], bool], what: str) -> None:
        """Wait for a condition; AssertionError, with the log, when a program ended or patience does."""
        deadline = time.monotonic() + PATIENCE
        while not ready():
            for each in self._started:
                if each.process.poll() is not None:
                    raise AssertionError(f"{each.name} ended: {self.log(each.name)[-2000:]}")
            assert time.monotonic() < deadline, f"not within {PATIENCE} s: {what}"
            time.sleep(0.05)

    def log(self, name: str) -> str:
        """What a program has printed."""
        return (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")
