# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Linux namespaces by system call: what ``unshare``, ``nsenter`` and ``mount`` do, without a process for each."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

NEW_MOUNTS = 0x00020000
NEW_USER = 0x10000000
NEW_PIDS = 0x20000000
NEW_NETWORK = 0x40000000

_NAMES = ((NEW_USER, "user"), (NEW_PIDS, "pid"), (NEW_NETWORK, "net"), (NEW_MOUNTS, "mnt"))
"""In the order of entering: the user namespace first, for it gives the right to enter the others."""

_READ_ONLY, _NO_SUID, _NO_DEVICES, _NO_EXEC = 1, 2, 4, 8
_REMOUNT, _BIND, _RECURSIVE, _PRIVATE = 32, 4096, 16384, 1 << 18
_DETACH = 2

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def unshare(kinds: int) -> None:
    """Leave the named namespaces for new ones (unshare(2)); a new PID namespace counts for children only. OSError when refused."""
    _checked(_libc.unshare(kinds), "unshare")


def become_root(user: int, group: int) -> None:
    """In a new user namespace: map root to the user and group (ids outside) who made it (user_namespaces(7))."""
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
        Path("/proc/self", name).write_text(text, encoding="ascii")


def enter(process: int, kinds: int) -> None:
    """Enter the named namespaces of a process (setns(2)), those already shared with it left out. OSError when refused or gone."""
    wanted = [(kind, name) for kind, name in _NAMES if kinds & kind and not _shared(process, name)]
    handles = [(kind, os.open(f"/proc/{process}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC)) for kind, name in wanted]
    try:
        for kind, handle in handles:
            _checked(_libc.setns(handle, kind), "setns")
    finally:
        for _, handle in handles:
            os.close(handle)


def enter_network(file: str) -> None:
    """Move the calling thread into the network namespace pinned at this path. OSError when there is none."""
    handle = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _checked(_libc.setns(handle, NEW_NETWORK), "setns")
    finally:
        os.close(handle)


def make_mounts_private() -> None:
    """Keep every later mount from reaching the namespace that this one was copied from."""
    _mount("none", "/", "", _RECURSIVE | _PRIVATE)


def mount_processes() -> None:
    """Show this PID namespace's processes in /proc."""
    _mount("proc", "/proc", "proc", _NO_SUID | _NO_DEVICES | _NO_EXEC)


def mount_memory(folder: str) -> None:
    """Cover a folder with an empty file system in memory, mode 0755."""
    _mount("tmpfs", folder, "tmpfs", _NO_SUID | _NO_DEVICES, "mode=755")


def bind(source: str, target: str) -> None:
    """Show a file or folder, with all that is mounted below it, in another place."""
    _mount(source, target, "", _BIND | _RECURSIVE)


def bind_read_only(source: str, target: str) -> None:
    """As ``bind``, and no one writes through it. Flags inherited from another user namespace must be named again."""
    bind(source, target)
    kept = os.statvfs(target).f_flag & (_NO_SUID | _NO_DEVICES | _NO_EXEC)
    _mount("none", target, "", _REMOUNT | _BIND | _READ_ONLY | kept)


def unmount(target: str) -> None:
    """Take away what is mounted here; OSError when nothing is."""
    _checked(_libc.umount2(os.fsencode(target), _DETACH), target)


def _shared(process: int, name: str) -> bool:
    return Path(f"/proc/self/ns/{name}").samefile(f"/proc/{process}/ns/{name}")


def _mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    arguments = [os.fsencode(source), os.fsencode(target), os.fsencode(kind), ctypes.c_ulong(flags), os.fsencode(data)]
    _checked(_libc.mount(*arguments), target)
