# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The state folder as a tree of small files: on disk for a real run, overlaid in memory for a rehearsal.

Check mode runs the same steps as a real run, on an ``Overlay``: what an earlier step would make is there for the later
ones, nothing reaches the disk, and the findings of both are equal by construction.

Paths are relative, ``/``-separated, of plain names; directories are made as needed with mode 0700.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..errors import StoreError

STAGE = ".stage-"
"""Infix of files being written; what a killed run leaves behind carries it and is swept by the next run."""
NEXT = ".next-"
"""Prefix of a complete directory that is about to take its place: a commit that must be finished."""


@dataclass(frozen=True)
class Status:
    """What the file system says of a file: permission bits, whether it is a regular file, a symbolic link."""

    mode: int
    regular: bool
    symlink: bool


class Tree(Protocol):
    """What steps may do with the state folder."""

    def read(self, path: str) -> bytes | None:
        """The content, or None when there is no such file. Symbolic links are not followed."""

    def status(self, path: str) -> Status | None:
        """Mode and type, or None."""

    def write(self, path: str, content: bytes) -> None:
        """Replace one file atomically (staged beside it, synced, renamed; mode 0600)."""

    def write_folder(self, path: str, files: Mapping[str, bytes]) -> None:
        """Replace a whole folder of plain files atomically: all of the new content, or all of the old."""

    def remove(self, path: str) -> None:
        """Remove a file or folder; nothing happens when there is none."""

    def names(self, path: str) -> list[str]:
        """Sorted names in a folder (temporary names left out); empty when there is none."""

    def create(self, path: str, content: bytes) -> bool:
        """Make a file only when it does not exist; whether it was made."""


class DiskTree:
    """The tree on disk."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def read(self, path: str) -> bytes | None:
        """See ``Tree``."""
        try:
            handle = os.open(self._path(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as error:
            msg = f"cannot be read ({error.strerror})"
            raise StoreError(msg, where=path, remedy="Restore the file, or remove it to have it reported as missing.") from error
        with os.fdopen(handle, "rb") as stream:
            return stream.read()

    def status(self, path: str) -> Status | None:
        """See ``Tree``."""
        try:
            found = os.lstat(self._path(path))
        except FileNotFoundError:
            return None
        return Status(stat.S_IMODE(found.st_mode), stat.S_ISREG(found.st_mode), stat.S_ISLNK(found.st_mode))

    def write(self, path: str, content: bytes) -> None:
        """See ``Tree``."""
        target = self._path(path)
        self._make_folder(target.parent)
        staged = target.with_name(f".{target.name}{STAGE}{secrets.token_hex(4)}")
        _write_new(staged, content)
        staged.replace(target)
        _sync(target.parent)

    def write_folder(self, path: str, files: Mapping[str, bytes]) -> None:
        """See ``Tree``. The rename to ``.next-<name>`` is the commit; a killed run is finished by ``recover``."""
        target = self._path(path)
        self._make_folder(target.parent)
        staged = target.with_name(f".{target.name}{STAGE}{secrets.token_hex(4)}")
        staged.mkdir(mode=0o700)
        for name, content in files.items():
            _write_new(staged / name, content)
        _sync(staged)
        committed = target.with_name(f"{NEXT}{target.name}")
        staged.rename(committed)
        _sync(target.parent)
        _finish(committed)

    def remove(self, path: str) -> None:
        """See ``Tree``."""
        target = self._path(path)
        if target.is_dir() and not target.is_symlink():
            doomed = target.with_name(f".{target.name}{STAGE}{secrets.token_hex(4)}")
            target.rename(doomed)
            shutil.rmtree(doomed)
        else:
            with suppress(FileNotFoundError):
                target.unlink()

    def names(self, path: str) -> list[str]:
        """See ``Tree``."""
        try:
            return sorted(name for name in os.listdir(self._path(path)) if not _temporary(name))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def create(self, path: str, content: bytes) -> bool:
        """See ``Tree``. Linked into place complete, so a reader never sees half of it."""
        target = self._path(path)
        self._make_folder(target.parent)
        staged = target.with_name(f".{target.name}{STAGE}{secrets.token_hex(4)}")
        _write_new(staged, content)
        try:
            os.link(staged, target)
        except FileExistsError:
            return False
        else:
            _sync(target.parent)
            return True
        finally:
            staged.unlink()

    def unfinished(self) -> list[str]:
        """Relative paths of what a killed run left: staged files and folders, and commits to finish."""
        return sorted(str(path.relative_to(self.root)) for path in _walk_temporary(self.root))

    def recover(self) -> list[str]:
        """Finish committed folders and sweep staged files (call under the lease); returns what was found."""
        found = self.unfinished()
        for relative in found:
            path = self.root / relative
            if path.name.startswith(NEXT):
                _finish(path)
            elif path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        return found

    def _path(self, path: str) -> Path:
        parts = path.split("/")
        if path.startswith("/") or any(part in {"", ".", ".."} or "\0" in part for part in parts):
            msg = "is not a plain relative path"
            raise StoreError(msg, where=repr(path), remedy="Use names without '/', '.' and '..'.")
        return self.root.joinpath(*parts)

    def _make_folder(self, folder: Path) -> None:
        missing = []
        while not folder.exists():
            missing.append(folder)
            folder = folder.parent
        for path in reversed(missing):
            with suppress(FileExistsError):
                path.mkdir(mode=0o700)
            _sync(path.parent)


class Overlay:
    """A tree whose writes stay in memory, over another tree that is only read."""

    def __init__(self, below: Tree) -> None:
        self.below = below
        self._files: dict[str, bytes] = {}
        self._removed: set[str] = set()

    def read(self, path: str) -> bytes | None:
        """See ``Tree``."""
        if path in self._files:
            return self._files[path]
        return None if self._hidden(path) else self.below.read(path)

    def status(self, path: str) -> Status | None:
        """See ``Tree``."""
        if path in self._files:
            return Status(0o600, regular=True, symlink=False)
        return None if self._hidden(path) else self.below.status(path)

    def write(self, path: str, content: bytes) -> None:
        """See ``Tree``."""
        self._files[path] = content

    def write_folder(self, path: str, files: Mapping[str, bytes]) -> None:
        """See ``Tree``."""
        self.remove(path)
        for name, content in files.items():
            self._files[f"{path}/{name}"] = content

    def remove(self, path: str) -> None:
        """See ``Tree``."""
        self._removed.add(path)
        for name in [name for name in self._files if name == path or name.startswith(path + "/")]:
            del self._files[name]

    def names(self, path: str) -> list[str]:
        """See ``Tree``."""
        prefix = path + "/"
        above = {name[len(prefix) :].split("/")[0] for name in self._files if name.startswith(prefix)}
        below = set() if self._hidden(path) else {name for name in self.below.names(path) if not self._hidden(prefix + name)}
        return sorted(above | below)

    def create(self, path: str, content: bytes) -> bool:
        """See ``Tree``."""
        if self.status(path) is not None:
            return False
        self.write(path, content)
        return True

    def _hidden(self, path: str) -> bool:
        return any(path == gone or path.startswith(gone + "/") for gone in self._removed)


def _write_new(path: Path, content: bytes) -> None:
    """Write a new file with mode 0600 whatever the umask, and sync it."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as stream:
        os.fchmod(stream.fileno(), 0o600)
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _finish(committed: Path) -> None:
    """Let a committed folder take its place; safe to repeat at any point."""
    target = committed.with_name(committed.name[len(NEXT) :])
    if target.exists():
        doomed = target.with_name(f".{target.name}{STAGE}{secrets.token_hex(4)}")
        target.rename(doomed)
        committed.rename(target)
        shutil.rmtree(doomed)
    else:
        committed.rename(target)
    _sync(target.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _temporary(name: str) -> bool:
    return name.startswith(NEXT) or (name.startswith(".") and STAGE in name)


def _walk_temporary(folder: Path) -> Iterator[Path]:
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return
    for entry in entries:
        if _temporary(entry.name):
            yield Path(entry.path)
        elif entry.is_dir(follow_symlinks=False):
            yield from _walk_temporary(Path(entry.path))
