# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Processes of the lab: work done in a fork, and programs that outlive the run."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from ..errors import LabError, OnboardingError

_POLL = 0.005


def call_in_fork(function: Callable[[], Any]) -> Any:  # noqa: ANN401 -- plain data, whatever the function returns
    """Run a function in a forked process and return its plain data: namespaces it enters are left with it.

    OnboardingError of the function is raised here as LabError; so is any other failure, with its text.
    """
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        _answer(write, function)
    os.close(write)
    with os.fdopen(read, "rb") as stream:
        answer = json.loads(stream.read() or b'{"error": ["the process ended without an answer", "", ""]}')
    os.waitpid(child, 0)
    if "error" in answer:
        what, where, remedy = answer["error"]
        raise LabError(what, where=where, remedy=remedy)
    return answer["result"]


def _answer(write: int, function: Callable[[], Any]) -> NoReturn:
    try:
        answer: dict[str, Any] = {"result": function()}
    except OnboardingError as error:
        answer = {"error": [error.what, error.where, error.remedy]}
    except BaseException as error:  # noqa: BLE001 -- whatever it is, it must reach the parent and must not run the parent's code
        answer = {"error": [f"{type(error).__name__}: {error}", "", ""]}
    with os.fdopen(write, "wb") as stream:
        stream.write(json.dumps(answer).encode())
    os._exit(0)


def spawn(
    arguments: Sequence[str],
    *,
    prepare: Callable[[], None] = lambda: None,
    log: Path = Path(os.devnull),
    environment: Mapping[str, str] | None = None,
) -> int:
    """Start a program in a session of its own, output appended to ``log``; returns its process id.

    ``prepare`` runs in the new process first. LabError when it fails, or the program cannot be executed.
    """
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        _become(arguments, prepare, log, environment or {}, write)
    os.close(write)
    with os.fdopen(read, "rb") as stream:
        failure = stream.read().decode(errors="replace")
    if failure:
        os.waitpid(child, 0)
        raise LabError(f"{arguments[0]} cannot be started: {failure}")
    return child


def _become(arguments: Sequence[str], prepare: Callable[[], None], log: Path, environment: Mapping[str, str], write: int) -> NoReturn:
    """Turn this forked process into the program; the pipe closes when that worked, or carries why it did not."""
    try:
        os.setsid()
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        prepare()
        _redirect(log)
        os.chdir("/")
        os.execvpe(arguments[0], list(arguments), dict(environment))  # noqa: S606 -- argument lists, never a shell
    except BaseException as error:  # noqa: BLE001 -- as in _answer
        os.write(write, f"{type(error).__name__}: {error}".encode())
    os._exit(127)


def _redirect(log: Path) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)


def started_at(process: int) -> int | None:
    """When a process started, in clock ticks since boot; None when there is none (a zombie is none)."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in {"Z", "X"} else int(fields[19])


def alive(process: int, started: int) -> bool:
    """Whether this very process still runs, not a later one with the same number."""
    return started_at(process) == started


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether the condition came true within this time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= end:
            return False
        time.sleep(_POLL)
    return True


def end(process: int, started: int, *, patience: float = 3.0) -> None:
    """Ask a process to end, and make it end after ``patience`` seconds; nothing happens when it is gone."""
    for number, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, patience)):
        if not alive(process, started):
            return
        os.kill(process, number)
        if wait_until(lambda: not alive(process, started), seconds):
            return
