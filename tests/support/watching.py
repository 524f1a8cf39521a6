# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Watchers that run beside what is tested: commands of all processes, and modes of files at the instant they appear."""

from __future__ import annotations

import ctypes
import os
import select
import stat
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

PAUSE = 0.04
"""Seconds between two looks at the processes."""


@dataclass
class Processes:
    """What every account can read of processes (arguments), and what the owner can (environment), of those with a mark in it.

    ``passing``: a folder whose files are kept as well, because nothing of it is left at the end.
    """

    mark: str
    passing: Path
    arguments: set[bytes] = field(default_factory=set)
    environments: dict[bytes, bytes] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    looks: int = 0

    @contextmanager
    def watched(self) -> Iterator[Self]:
        """Look until the end."""
        ended = threading.Event()
        thread = threading.Thread(target=self._look_on, args=(ended,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            ended.set()
            thread.join()

    def _look_on(self, ended: threading.Event) -> None:
        while not ended.wait(PAUSE):
            self.looks += 1
            for process in Path("/proc").iterdir():
                if process.name.isdigit():
                    with suppress(OSError):
                        self._look(process)
            self._keep()

    def _look(self, process: Path) -> None:
        arguments = (process / "cmdline").read_bytes()
        self.arguments.add(arguments)
        if arguments not in self.environments:
            environment = (process / "environ").read_bytes()
            if self.mark.encode() in environment:
                self.environments[arguments] = environment

    def _keep(self) -> None:
        with suppress(OSError):
            for path in self.passing.rglob("*"):
                with suppress(OSError):
                    if path.is_file():
                        content, mode = path.read_bytes(), path.stat().st_mode & 0o777
                        self.files[f"{path} (mode {mode:04o}, {len(content)} bytes)"] = content


_LIBC = ctypes.CDLL(None, use_errno=True)
_ATTRIB, _CLOSE_WRITE, _MOVED_TO, _CREATE, _OVERFLOW, _ISDIR = 0x4, 0x8, 0x80, 0x100, 0x4000, 0x40000000
_MODIFY = 0x2
_HEADER = struct.Struct("iIII")


class Modes:
    """Everything that appears below a folder, reported by the kernel (inotify(7)): whatever is open to others is kept with its mode."""

    def __init__(self, root: Path) -> None:
        self.open: set[str] = set()
        self.seen = 0
        self._root = root
        self._folders: dict[int, Path] = {}
        self._handle = _LIBC.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        assert self._handle >= 0, os.strerror(ctypes.get_errno())

    @contextmanager
    def watched(self) -> Iterator[Self]:
        """Watch until the end."""
        self._watch(self._root)
        ended = threading.Event()
        thread = threading.Thread(target=self._read_on, args=(ended,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            ended.set()
            thread.join()
            os.close(self._handle)

    def _watch(self, folder: Path) -> None:
        mask = _ATTRIB | _MODIFY | _CLOSE_WRITE | _MOVED_TO | _CREATE
        number = _LIBC.inotify_add_watch(self._handle, os.fsencode(folder), ctypes.c_uint32(mask))
        if number < 0 or self._folders.get(number) == folder:
            return  # It is gone already; or it is known, by its inode.
        self._folders[number] = folder
        with suppress(OSError):
            # What was made before the watch stood.
            for path in list(folder.iterdir()):
                self._judge(path)

    def _judge(self, path: Path) -> None:
        try:
            found = path.lstat()
        except OSError:
            return
        self.seen += 1
        if not stat.S_ISLNK(found.st_mode) and stat.S_IMODE(found.st_mode) & 0o077:
            self.open.add(f"{path.relative_to(self._root)} {stat.S_IMODE(found.st_mode):04o}")
        if stat.S_ISDIR(found.st_mode):
            self._watch(path)

    def _read_on(self, ended: threading.Event) -> None:
        while True:
            ready, _, _ = select.select([self._handle], [], [], 0.05)
            if ready:
                self._take(os.read(self._handle, 1 << 20))
            elif ended.is_set():
                return

    def _take(self, events: bytes) -> None:
        place = 0
        while place < len(events):
            number, mask, _cookie, length = _HEADER.unpack_from(events, place)
            name = os.fsdecode(events[place + _HEADER.size : place + _HEADER.size + length].rstrip(b"\0"))
            place += _HEADER.size + length
            if mask & _OVERFLOW:
                self.open.add("events were lost")
            elif name and number in self._folders:
                self._judge(self._folders[number] / name)
