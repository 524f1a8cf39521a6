# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lease of a state folder: one run at a time, on a shared folder as well as on one machine.

A lease is a file ``journal/lease/<generation>.json``, linked into place complete. Its modification time is its last
heartbeat. Whoever takes over a stale lease makes the *next* generation, which only one can, and removes the stale file:
a holder that slept through this finds its file gone, and cannot touch its successor's, which has another name.
"""

from __future__ import annotations

import json
import os
import random
import re
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from ..errors import LeaseHeld, StoreError
from .files import STAGE, sync
from .layout import LEASE_FOLDER

TTL = 300.0
"""Seconds after its last heartbeat at which a lease may be taken over."""
_HOLDS_FOR = 0.8
"""Share of it after which the holder itself gives up: the rest is room for clocks that differ."""
_FILE = re.compile(r"[1-9][0-9]{0,17}\.json")


class LeaseLost(LeaseHeld):
    """This run's lease has expired or was taken over: nothing more may be written."""


@dataclass(frozen=True)
class Record:
    """Who holds a lease. ``boot`` and ``started`` tell a process number from the same number of another time."""

    holder: str
    host: str
    pid: int
    boot: str
    process_started: str
    since: float
    ttl: float
    token: str
    heartbeat: float = 0.0

    def stale(self, now: float) -> bool:
        """Whether no one can be holding it any more."""
        return now >= self.heartbeat + self.ttl or (self.boot == _boot() != "" and self.host == socket.gethostname() and _dead(self))


class Lease:
    """A lease that is held: ``check`` is the guard of every write (see ``DiskTree``)."""

    def __init__(self, path: Path, record: Record, now: Callable[[], float], *, after_another: bool = False) -> None:
        self.after_another = after_another
        """Whether the holder before ended without releasing it: what it was writing may be left half-way."""
        self._path = path
        self._record = record
        self._now = now
        self._ended = threading.Event()

    def check(self) -> None:
        """LeaseLost unless the lease is still held."""
        try:
            found = _read(self._path)
        except OSError as error:
            what = f"the lease of this state folder cannot be read ({error.strerror})"
            raise LeaseLost(what, where=str(self._path), remedy="Nothing is half-written: remove the cause and run again.") from error
        if found is None or found.token != self._record.token or self._now() >= found.heartbeat + _HOLDS_FOR * found.ttl:
            remedy = "This run was held up for too long; nothing was half-written. Run it again."
            raise LeaseLost("the lease of this state folder was lost", where=str(self._path), remedy=remedy)

    def beat(self) -> None:
        """Renew the lease while it is held, until it is released or lost."""
        while not self._ended.wait(self._record.ttl / 5):
            try:
                self.check()
                # Never makes the file anew, as a write would.
                _touch(self._path, self._now())
            except LeaseLost:
                return
            except OSError:
                # A file server that is away for a moment: the lease lasts for several beats.
                continue

    def release(self) -> None:
        """End it; a lease that was lost is left alone."""
        self._ended.set()
        # Where it cannot be removed now, it expires.
        with suppress(OSError):
            found = _read(self._path)
            if found is not None and found.token == self._record.token:
                self._path.unlink(missing_ok=True)


@contextmanager
def lease(root: Path, *, holder: str, now: Callable[[], float] = time.time, ttl: float = TTL, wait: float = 60.0) -> Iterator[Lease]:
    """Hold the lease of the state folder ``root``; waits up to ``wait`` seconds, then raises LeaseHeld naming the holder."""
    try:
        held = _acquire(root, own_record(holder, ttl), now, wait)
    except OSError as error:
        raise StoreError(
            f"cannot be leased ({error.strerror})", where=str(root), remedy="Check who owns the folder and its disk."
        ) from error
    heart = threading.Thread(target=held.beat, name="lease", daemon=True)
    heart.start()
    try:
        yield held
    finally:
        held.release()
        heart.join(timeout=5)


def _acquire(root: Path, record: Record, now: Callable[[], float], wait: float) -> Lease:
    folder = root / LEASE_FOLDER
    for path in (root, folder.parent, folder):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    deadline = time.monotonic() + wait
    while True:
        others = _leases(folder)
        live = {path: other for path, other in others.items() if not other.stale(now())}
        held = None if live else _take(folder, others, replace(record, since=now()), now)
        if held is not None:
            return held
        if time.monotonic() >= deadline:
            raise _held(root, live)
        # Not in step with others who wait for the same.
        time.sleep(random.uniform(0.05, 0.2))  # noqa: S311 -- not a secret


def _take(folder: Path, stale: dict[Path, Record], record: Record, now: Callable[[], float]) -> Lease | None:
    """Make the next generation; None when someone else was faster."""
    path = folder / f"{max((int(file.stem) for file in stale), default=0) + 1}.json"
    if not _link(path, record, now()):
        return None
    others = {file: other for file, other in _leases(folder).items() if file != path}
    if any(not other.stale(now()) for other in others.values()):
        path.unlink(missing_ok=True)
        return None
    for file in others:
        file.unlink(missing_ok=True)
    return Lease(path, record, now, after_another=bool(stale))


def _link(path: Path, record: Record, now: float) -> bool:
    staged = path.with_name(f".{path.name}{STAGE}{record.token}")
    content = {"format": 1} | {name: value for name, value in asdict(record).items() if name != "heartbeat"}
    try:
        handle = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as stream:
            json.dump(content, stream, indent=1)
            stream.flush()
            os.fsync(stream.fileno())
        _touch(staged, now)
        os.link(staged, path)
        # After a power failure this file is what tells that a run was under way.
        sync(str(path.parent))
    except (FileExistsError, FileNotFoundError):
        # Taken by another; or swept as a leftover by the run of another.
        return False
    else:
        return True
    finally:
        staged.unlink(missing_ok=True)


def _leases(folder: Path) -> dict[Path, Record]:
    found = {path: _read(path) for path in folder.iterdir() if _FILE.fullmatch(path.name)}
    return {path: record for path, record in found.items() if record is not None}


def _read(path: Path) -> Record | None:
    """The lease in this file; one of no one in particular when it is damaged or of another format; None when it is gone."""
    try:
        heartbeat = path.stat().st_mtime
        content = path.read_text("utf-8", "replace")
    except FileNotFoundError:
        return None
    unknown = Record("an unknown run", "an unknown host", 0, "", "", heartbeat, TTL, "", heartbeat)
    with suppress(ValueError, TypeError):
        fields = json.loads(content)
        if fields.pop("format") == 1 and fields["ttl"] > 0:
            return replace(Record(**fields), heartbeat=heartbeat)
    return unknown


def _touch(path: Path, when: float) -> None:
    # Explicit times: those of the clock that all runs are judged by, not the file server's.
    os.utime(path, (when, when))


def own_record(holder: str, ttl: float) -> Record:
    """The record of this process; its times are still to be set."""
    return Record(holder, socket.gethostname(), os.getpid(), _boot(), _process_started(os.getpid()), 0.0, ttl, secrets.token_hex(16))


def _boot() -> str:
    """This boot and this namespace of process numbers: containers share the first and not the second. Empty when unknown."""
    try:
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text('ascii').strip()} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _dead(record: Record) -> bool:
    try:
        os.kill(record.pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    started = _process_started(record.pid)
    return bool(started) and started != record.process_started


def _process_started(pid: int) -> str:
    """When a process started, in clock ticks since boot; ``dead`` for one that only waits to be collected; empty when unknown."""
    try:
        # proc(5): the second field is the name in parentheses; state is the third, starttime the twenty-second.
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "dead" if fields[0] in {"Z", "X"} else fields[19]


def _held(root: Path, live: dict[Path, Record]) -> LeaseHeld:
    if not live:
        return LeaseHeld("other runs keep taking the lease of this state folder", where=str(root), remedy="Run it again.")
    path, other = next(iter(live.items()))
    free = _utc(other.heartbeat + other.ttl)
    return LeaseHeld(
        f"is in use by {other.holder} (host {other.host}, process {other.pid}, since {_utc(other.since)})",
        where=str(root),
        remedy=f"Wait for that run to end. If it is gone, the lease is free at {free}; to free it sooner, remove {path}.",
    )


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
