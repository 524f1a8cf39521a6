# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The holder: the one process whose life is the lab's.

It is process 1 of a PID namespace and owns the lab's mount and network namespaces (and, made by an ordinary user, a user
namespace). When it ends, however that happens, the kernel ends every process in there and takes down every mount, machine
and cable with them: nothing of a lab can outlive it. It is a shell that waits for the end of its own record, so that a lab
whose folder someone removed ends as well; and as any shell it takes leave of the orphans that become its children.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import LabError, LeaseHeld
from . import namespaces
from .processes import alive, call_in_fork, spawn, started_at, wait_until

RUNTIME = Path("/run/lab")
"""What is true only while the lab runs; in memory, private to the lab, gone with it."""
NETWORKS = Path("/run/netns")
"""Where ``ip netns`` looks: inside the lab its commands know the machines by name."""

_ALL = namespaces.NEW_USER | namespaces.NEW_PIDS | namespaces.NEW_NETWORK | namespaces.NEW_MOUNTS
_COVERED = ("/run", "/etc", "/proc")
_WAIT = 'read -r own < "$0"; while read -r now < "$0" && [ "$now" = "$own" ]; do sleep 2; done 2> /dev/null'
_STOP_SECONDS = 20.0
_LOCK_SECONDS = 40.0


@dataclass(frozen=True)
class Holder:
    """The holder's process id outside, its start (clock ticks since boot) and the boot: together never reused."""

    pid: int
    started: int
    boot: str


def lab_folder(state: Path) -> Path:
    """Where the things of the lab are; LabError when the lab's own mounts would cover them."""
    state = state.resolve()
    if any(state.is_relative_to(covered) for covered in _COVERED):
        raise LabError("cannot hold a lab", where=str(state), remedy=f"Choose a state folder outside {', '.join(_COVERED)}.")
    return state / "lab"


def find_holder(state: Path) -> Holder | None:
    """The running holder of this state folder's lab, or None."""
    try:
        record = json.loads((state / "lab" / "holder.json").read_text(encoding="utf-8"))
        holder = Holder(record["pid"], record["started"], record["boot"])
    except (OSError, ValueError, KeyError):
        return None
    return holder if holder.boot == _boot() and alive(holder.pid, holder.started) else None


def start_holder(state: Path) -> Holder:
    """Start the holder of an empty lab; LabError when the kernel refuses namespaces."""
    lab = lab_folder(state)
    attempts = [False, True] if os.geteuid() == 0 else [True]
    for as_user in attempts:
        try:
            call_in_fork(lambda as_user=as_user: _leave(lab, as_user=as_user))  # type: ignore[misc]
        except LabError as error:
            refusal = error
        else:
            holder = find_holder(state)
            if holder is not None:
                return holder
            refusal = LabError("the lab's first process ended at once")
    remedy = "Raise the lab as root, or permit user namespaces (sysctl kernel.unprivileged_userns_clone, user.max_user_namespaces)."
    raise LabError(f"the kernel gives no namespaces to a lab: {refusal.what}", where=str(lab), remedy=remedy)


def stop_holder(holder: Holder) -> None:
    """End the lab, whatever runs in it; LabError when it does not end in time."""
    os.kill(holder.pid, signal.SIGKILL)
    if not wait_until(lambda: not alive(holder.pid, holder.started), _STOP_SECONDS):
        raise LabError(
            f"does not end within {_STOP_SECONDS:.0f} s", where=f"process {holder.pid}", remedy="See what it waits for, then repeat."
        )


def in_lab(holder: Holder, function: Callable[[], Any]) -> Any:  # noqa: ANN401 -- plain data, see call_in_fork
    """Run a function inside the lab, in the operator's network, and return its plain data."""

    def inside() -> Any:  # noqa: ANN401 -- as above
        namespaces.enter(holder.pid, _ALL)
        return call_in_fork(function)  # a PID namespace is entered by being born in it

    return call_in_fork(inside)


@contextmanager
def locked(state: Path) -> Iterator[None]:
    """Keep other runs from this state folder's lab (a lock on the folder itself: no file to leave behind); LeaseHeld when one is there."""
    handle = os.open(state, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # What a killed run began ends a little later than the run itself.
        if not wait_until(lambda: _taken(handle), _LOCK_SECONDS):
            raise LeaseHeld("another run raises or removes this lab", where=str(state), remedy="Wait for it, then repeat.")
        yield
    finally:
        os.close(handle)


def _taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _leave(lab: Path, *, as_user: bool) -> int:
    """In a fork: make the namespaces, then give birth to process 1 in them."""
    user, group = os.geteuid(), os.getegid()
    namespaces.unshare(_ALL if as_user else _ALL & ~namespaces.NEW_USER)
    if as_user:
        namespaces.become_root(user, group)
    command = ["/bin/sh", "-c", _WAIT, str(lab / "holder.json")]
    return spawn(command, prepare=lambda: _settle(lab), environment={"PATH": os.environ.get("PATH", os.defpath)})


def _settle(lab: Path) -> None:
    """In process 1: the record comes first, by the process itself, so that no lab is ever without one."""
    _record(lab / "holder.json")
    namespaces.make_mounts_private()
    namespaces.mount_processes()
    namespaces.mount_memory("/run")
    for folder in (RUNTIME, NETWORKS):
        folder.mkdir(mode=0o700)


def _record(file: Path) -> None:
    # /proc still shows the processes outside, so it tells this process its number there.
    pid = int(Path("/proc/self").readlink().name)
    staged = file.with_suffix(".new")
    holder = Holder(pid, started_at(pid) or 0, _boot())
    staged.write_text(json.dumps({"format": 1, **asdict(holder)}) + "\n", encoding="utf-8")
    staged.replace(file)


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
