# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files that are never half there: plain names, staged writes, commits that a later run can finish."""

from __future__ import annotations

import ctypes
import errno
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from itertools import islice

from ..errors import StoreError

STAGE = ".stage-"
"""Infix of files being written; what a killed run leaves behind carries it and is swept by the next run."""
DEEPEST = 12
"""Levels of folders below a state folder in which something unfinished may be: the exchange may hold more, of others' making."""
_AT_ONCE = 10_000
"""Names of a folder that are looked at together when it is emptied."""
NEXT = ".next-"
"""Prefix of a complete directory that is about to take its place: a commit that must be finished."""


_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def check_path(path: str) -> str:
    """The path, when it is relative and of plain names; StoreError otherwise."""
    framed = f"/{path}/"
    if "//" in framed or "/./" in framed or "/../" in framed or "\0" in path or f"/{NEXT}" in framed or STAGE in path:
        split_path(path)
    return path


def split_path(path: str, levels: int = 0) -> list[str]:
    """The names of a relative path (exactly ``levels`` of them unless 0); StoreError when it is not plain."""
    parts = path.split("/")
    if any(part in {"", ".", ".."} or "\0" in part or temporary(part) for part in parts) or len(parts) != (levels or len(parts)):
        raise StoreError("is not a plain relative path", where=repr(path), remedy="Use names without '/', '.' and '..'.")
    return parts


def temporary(name: str) -> bool:
    """Whether this is the name of something unfinished."""
    return name.startswith(NEXT) or (name.startswith(".") and STAGE in name)


def walk_temporary(folder: str, levels: int = DEEPEST, without: Callable[[str], bool] = lambda _: False) -> Iterator[str]:
    """Paths of what a killed run left below a folder, as far down as the pack itself writes; ``without``: folders left out."""
    if not levels or without(folder):
        return
    try:
        with os.scandir(folder) as found:
            entries = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in found]
    except FileNotFoundError:
        return
    for name, is_folder in entries:
        if name[0] == "." and temporary(name):
            yield f"{folder}/{name}"
        elif is_folder:
            yield from walk_temporary(f"{folder}/{name}", levels - 1, without)


@contextmanager
def staging(target: str) -> Iterator[str]:
    """A temporary name beside the target; whatever stands there at the end is removed, at the latest by the next run."""
    folder, name = os.path.split(target)
    staged = f"{folder}/.{name}{STAGE}{secrets.token_hex(4)}"
    try:
        yield staged
    finally:
        with suppress(OSError):
            discard(staged)


def write_new(path: str, content: bytes) -> None:
    """Write a new file with mode 0600 whatever the umask, and sync it."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(handle, 0o600)
        left = memoryview(content)
        while left:
            left = left[os.write(handle, left) :]
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: str) -> None:
    """Make a folder (mode 0700) and those above it, as far as they are missing."""
    missing = []
    while not os.path.exists(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    for path in reversed(missing):
        with suppress(FileExistsError):
            os.mkdir(path, 0o700)
        sync(os.path.dirname(path))


def settle(folder: str, guard: Callable[[], None]) -> None:
    """Let a complete staged folder, ``.<name>.stage-…``, take the place of ``<name>`` beside it.

    In one step, where the file system can: what stood there then has the staged name. A run that was stopped and
    succeeded meanwhile does no harm at this point: its staged folder has been swept.
    """
    place, name = os.path.split(folder)
    target = f"{place}/{name[1:].partition(STAGE)[0]}"
    committed = next_to(target)
    if os.path.lexists(committed):
        finish(committed)
    sync(folder)
    guard()
    if not os.path.lexists(target):
        os.rename(folder, target)
        sync(place)
    elif exchange(folder, target):
        # The old content goes, under the staged name, only when the new one is certain to stay.
        sync(place)
    else:
        os.rename(folder, committed)
        sync(place)
        finish(committed)


def exchange(one: str, other: str) -> bool:
    """Let two names change places in one step (renameat2(2), RENAME_EXCHANGE); False where the file system cannot."""
    call = _renameat2()
    if call is None:
        return False
    current_folder, swap = -100, 2
    if call(current_folder, os.fsencode(one), current_folder, os.fsencode(other), swap) == 0:
        return True
    number = ctypes.get_errno()
    if number in {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}:
        return False
    raise OSError(number, os.strerror(number), one)


@cache
def _renameat2() -> Callable[..., int] | None:
    try:
        call: Callable[..., int] = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return None
    return call


def finish(committed: str) -> None:
    """Let a committed folder take its place; safe to repeat at any point. The place is empty for an instant."""
    folder, name = os.path.split(committed)
    target = f"{folder}/{name.removeprefix(NEXT)}"
    with staging(target) as doomed:
        if os.path.lexists(target):
            os.rename(target, doomed)
        try:
            os.rename(committed, target)
        except FileNotFoundError:
            # Another run has finished it, and what was moved away is its work.
            with suppress(OSError):
                os.rename(doomed, target)
            raise
        # The old content goes only when the new one is certain to stay.
        sync(folder)


def next_to(target: str) -> str:
    """Where a folder stands that is committed to take the place of ``target``."""
    folder, name = os.path.split(target)
    return f"{folder}/{NEXT}{name}"


def is_committed(path: str) -> bool:
    """Whether this is a folder that waits to take its place. One that could have none (``.next-..``) is a leftover like any other."""
    name = os.path.basename(path)
    place = name.removeprefix(NEXT)
    return place not in {name, "", ".", ".."} and not temporary(place) and os.path.isdir(path) and not os.path.islink(path)


def discard(path: str) -> None:
    """Remove a file, a link, or a folder with all that is in it; nothing happens when there is none."""
    if not os.path.isdir(path) or os.path.islink(path):
        with suppress(FileNotFoundError, NotADirectoryError):
            os.unlink(path)
        return
    handle = os.open(path, _FOLDER)
    try:
        _empty(handle)
    finally:
        os.close(handle)
    os.rmdir(path)


def _empty(folder: int) -> None:
    """Remove what is in a folder, following no link. Inner folders come up to it: others may have made them deeper than any path."""
    while names := _without_files(folder):
        for name in names:
            inner = os.open(name, _FOLDER, dir_fd=folder)
            try:
                for below in _without_files(inner):
                    os.rename(below, f".{secrets.token_hex(8)}", src_dir_fd=inner, dst_dir_fd=folder)
            finally:
                os.close(inner)
            os.rmdir(name, dir_fd=folder)


def _without_files(folder: int) -> list[str]:
    """Remove the files in a folder, of which others may have put any number there; the names of the folders in it."""
    while True:
        with os.scandir(folder) as entries:
            found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in islice(entries, _AT_ONCE)]
        files = [name for name, is_folder in found if not is_folder]
        for name in files:
            os.unlink(name, dir_fd=folder)
        if not files or len(found) < _AT_ONCE:
            return [name for name, is_folder in found if is_folder]


def sync(folder: str) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
