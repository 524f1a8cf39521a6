# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How much memory a piece of work takes: C libraries included, beyond what the process had before.

The work is done in a forked process, which has everything that this one has. Its highest resident size is set back
(proc_pid_clear_refs(5)) when the work begins, and its address space is limited, so that a bomb ends in an error, not in
a machine without memory.
"""

from __future__ import annotations

import ctypes
import gc
import os
import pickle
import re
import resource
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MIB = 1024 * 1024
AT_MOST = 1024 * MIB
"""Bytes of address space beyond the beginning: whatever needs more fails."""


@dataclass(frozen=True)
class Reported:
    """An error: its kind and those that it is derived from, its text, and where it has one the reason code."""

    kinds: tuple[str, ...]
    text: str
    reason: str


@dataclass(frozen=True)
class Spent:
    """``peak``: bytes of resident memory above the beginning; how the work ended: its value, or the error that it raised."""

    peak: int
    value: Any = None
    error: Reported | None = None


def spent(work: Callable[[], Any], *, warm: Callable[[], Any] = lambda: None) -> Spent:
    """Do the work in a process of its own, after ``warm``: what that loads and keeps is not counted."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _tell(work, warm, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        content = stream.read()
    _, status = os.waitpid(child, 0)
    assert content, f"the process ended with {os.waitstatus_to_exitcode(status)}"
    return Spent(*pickle.loads(content))  # noqa: S301 -- from our own child


def _begin() -> int:
    """Bytes of resident memory now; the highest is counted from now on."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _kilobytes("VmRSS")


def _tell(work: Callable[[], Any], warm: Callable[[], Any], writer: int) -> None:
    try:
        gc.freeze()  # or the collection below would look at, and so copy, all that the parent has
        warm()
        gc.collect()
        # What is free already would not count when it is used again.
        ctypes.CDLL(None).malloc_trim(0)
        limit = _kilobytes("VmSize") + AT_MOST
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        before = _begin()
        value, error = _ended(work)
        peak = _kilobytes("VmHWM") - before
        plain = value if isinstance(value, (str, bytes, int, type(None))) else type(value).__name__
        content = pickle.dumps((peak, plain, error))
        with os.fdopen(writer, "wb") as stream:
            stream.write(content)
    finally:
        os._exit(0)


def _ended(work: Callable[[], Any]) -> tuple[Any, Reported | None]:
    try:
        return work(), None
    except Exception as error:  # noqa: BLE001 -- passed to the test, which judges it
        kinds = tuple(kind.__name__ for kind in type(error).__mro__)
        return None, Reported(kinds, str(error), str(getattr(error, "reason", "")))


def _kilobytes(name: str) -> int:
    """A size of this process as the kernel has it, in bytes."""
    found = re.search(rf"^{name}:\s+(\d+) kB$", Path("/proc/self/status").read_text(encoding="ascii"), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024
