# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The state folder as a tree of small files: on disk for a real run, overlaid in memory for a rehearsal.

Check mode runs the same steps as a real run, on an ``Overlay``: what an earlier step would make is there for the later
ones, nothing reaches the disk, and the findings of both are equal by construction.

Paths are relative, ``/``-separated, of plain names; directories are made as needed with mode 0700. No path leads
through a symbolic link: the exchange may come from a counterpart by git, and a link in it could point into the store.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Protocol

from ..errors import StoreError

STAGE = ".stage-"
"""Infix of files being written; what a killed run leaves behind carries it and is swept by the next run."""
NEXT = ".next-"
"""Prefix of a complete directory that is about to take its place: a commit that must be finished."""


@dataclass(frozen=True)
class Status:
    """What the file system says of a file: permission bits, whether it is a regular file, a symbolic link; bytes."""

    mode: int
    regular: bool
    symlink: bool
    size: int = 0

    @property
    def folder(self) -> bool:
        """Whether it is neither a file nor a link."""
        return not self.regular and not self.symlink


class Tree(Protocol):
    """What steps may do with the state folder."""

    def read(self, path: str) -> bytes | None:
        """The content, or None when there is no such file. Symbolic links are not followed."""

    def status(self, path: str) -> Status | None:
        """Mode and type, or None."""

    def write(self, path: str, content: bytes) -> None:
        """Replace one file atomically (staged beside it, synced, renamed; mode 0600)."""

    def write_folder(self, path: str, files: Mapping[str, bytes]) -> None:
        """Replace a whole folder of plain files: all of the new content or all of the old, however the run ends."""

    def remove(self, path: str) -> None:
        """Remove a file or folder; nothing happens when there is none."""

    def names(self, path: str) -> list[str]:
        """Sorted names in a folder (temporary names left out); empty when there is none."""

    def create(self, path: str, content: bytes) -> bool:
        """Make a file only when it does not exist; whether it was made."""


class DiskTree:
    """The tree on disk. ``guard`` is called before anything changes and again before it takes effect (see ``Lease.check``)."""

    def __init__(self, root: Path, guard: Callable[[], None] = lambda: None) -> None:
        self.root = root
        self._guard = guard

    def read(self, path: str) -> bytes | None:
        """See ``Tree``."""
        try:
            # Not to block on a named pipe that somebody put there.
            handle = os.open(self._path(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _unreadable(path, error.strerror or "unknown error") from error
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise _unreadable(path, "not a regular file")
            with os.fdopen(handle, "rb", closefd=False) as stream:
                return stream.read()
        finally:
            os.close(handle)

    def status(self, path: str) -> Status | None:
        """See ``Tree``."""
        try:
            found = os.lstat(self._path(path))
        except (FileNotFoundError, NotADirectoryError):
            return None
        return Status(stat.S_IMODE(found.st_mode), stat.S_ISREG(found.st_mode), stat.S_ISLNK(found.st_mode), found.st_size)

    def write(self, path: str, content: bytes) -> None:
        """See ``Tree``."""
        with self._changing(path) as target, _staging(target) as staged:
            _refuse_folder(path, self.status(path))
            _make_folder(target.parent)
            _write_new(staged, content)
            self._guard()
            staged.replace(target)
            _sync(target.parent)

    def write_folder(self, path: str, files: Mapping[str, bytes]) -> None:
        """See ``Tree``. The rename to ``.next-<name>`` is the commit; a killed run is finished by ``recover``."""
        with self._changing(path) as target, _staging(target) as staged:
            _refuse_file(path, self.status(path))
            _make_folder(target.parent)
            committed = target.with_name(f"{NEXT}{target.name}")
            if os.path.lexists(committed):
                _finish(committed)
            staged.mkdir(mode=0o700)
            for name, content in files.items():
                _write_new(staged / "".join(split_path(name, levels=1)), content)
            _sync(staged)
            self._guard()
            staged.rename(committed)
            _sync(target.parent)
            _finish(committed)

    def remove(self, path: str) -> None:
        """See ``Tree``."""
        with self._changing(path) as target, _staging(target) as doomed:
            # A commit of this folder that was never finished would bring it back.
            _discard(target.with_name(f"{NEXT}{target.name}"))
            try:
                target.rename(doomed)
            except (FileNotFoundError, NotADirectoryError):
                return
            _sync(target.parent)

    def names(self, path: str) -> list[str]:
        """See ``Tree``."""
        target = self._path(path)
        if target.is_symlink():
            raise _unreadable(path, "a symbolic link")
        try:
            return sorted(entry.name for entry in os.scandir(target) if not _temporary(entry.name))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def create(self, path: str, content: bytes) -> bool:
        """See ``Tree``. Linked into place complete, so a reader never sees half of it."""
        with self._changing(path) as target, _staging(target) as staged:
            if os.path.lexists(target):
                return False
            _make_folder(target.parent)
            _write_new(staged, content)
            self._guard()
            try:
                os.link(staged, target)
            except FileExistsError:
                return False
            _sync(target.parent)
            return True

    def unfinished(self) -> list[str]:
        """Relative paths of what a killed run left: staged files and folders, and commits to finish."""
        return sorted(str(path.relative_to(self.root)) for path in _walk_temporary(self.root))

    def recover(self) -> list[str]:
        """Finish committed folders and sweep staged files (call under the lease); returns what was found."""
        found = self.unfinished()
        for relative in found:
            self._guard()
            path = self.root / relative
            if _committed(path):
                _finish(path)
            else:
                _discard(path)
        return found

    def commits(self) -> Iterator[tuple[str, dict[str, bytes]]]:
        """Folders that ``recover`` would put in their place, with their new content."""
        for relative in self.unfinished():
            path = self.root / relative
            # Another run may be finishing it at this moment.
            with suppress(FileNotFoundError):
                if _committed(path):
                    files = [file for file in path.iterdir() if file.is_file() and not file.is_symlink()]
                    target = path.with_name(path.name.removeprefix(NEXT))
                    yield str(target.relative_to(self.root)), {file.name: file.read_bytes() for file in files}

    def _path(self, path: str) -> Path:
        parts = split_path(path)
        place = str(self.root)
        for part in parts[:-1]:
            place = f"{place}/{part}"
            try:
                found = os.lstat(place)
            except (FileNotFoundError, NotADirectoryError):
                break
            if stat.S_ISLNK(found.st_mode):
                raise _unreadable(path, f"{part} is a symbolic link")
        return self.root.joinpath(*parts)

    @contextmanager
    def _changing(self, path: str) -> Iterator[Path]:
        target = self._path(path)
        self._guard()
        try:
            yield target
        except OSError as error:
            remedy = "Nothing is half-written: remove the cause and run again."
            raise StoreError(f"cannot be changed ({error.strerror})", where=path, remedy=remedy) from error


class _Below(Enum):
    """Stands for what only the tree below an overlay knows."""

    BELOW = 0


@dataclass
class _Layer:
    """A folder of an overlay: contents, folders, None for what was removed. ``opaque`` hides the same folder below."""

    opaque: bool
    children: dict[str, bytes | _Layer | None] = field(default_factory=dict)

    def child(self, name: str) -> bytes | _Layer | _Below | None:
        """What stands under this name, as far as this layer knows."""
        return self.children.get(name, None if self.opaque else _Below.BELOW)


class Overlay:
    """A tree whose writes stay in memory, over another tree that is only read.

    Over a ``DiskTree``, what a killed run has committed is shown as the next real run will find it.
    """

    def __init__(self, below: Tree) -> None:
        self.below = below
        self._top = _Layer(opaque=False)
        for path, files in below.commits() if isinstance(below, DiskTree) else ():
            self.write_folder(path, files)

    def read(self, path: str) -> bytes | None:
        """See ``Tree``."""
        found = self._find(path)
        if isinstance(found, _Layer):
            raise _unreadable(path, "not a regular file")
        return self.below.read(path) if found is _Below.BELOW else found

    def status(self, path: str) -> Status | None:
        """See ``Tree``."""
        found = self._find(path)
        if isinstance(found, bytes):
            return Status(0o600, regular=True, symlink=False, size=len(found))
        if isinstance(found, _Layer):
            return Status(0o700, regular=False, symlink=False)
        return None if found is None else self.below.status(path)

    def write(self, path: str, content: bytes) -> None:
        """See ``Tree``."""
        _refuse_folder(path, self.status(path))
        folder, name = self._make_folder(path)
        folder.children[name] = content

    def write_folder(self, path: str, files: Mapping[str, bytes]) -> None:
        """See ``Tree``."""
        _refuse_file(path, self.status(path))
        folder, name = self._make_folder(path)
        folder.children[name] = _Layer(opaque=True, children={"".join(split_path(file, levels=1)): data for file, data in files.items()})

    def remove(self, path: str) -> None:
        """See ``Tree``."""
        if self.status(path) is not None:
            folder, name = self._make_folder(path)
            folder.children[name] = None

    def names(self, path: str) -> list[str]:
        """See ``Tree``."""
        found = self._find(path)
        if found is _Below.BELOW:
            return self.below.names(path)
        if not isinstance(found, _Layer):
            return []
        below = set() if found.opaque else set(self.below.names(path))
        return sorted((below - set(found.children)) | {name for name, child in found.children.items() if child is not None})

    def create(self, path: str, content: bytes) -> bool:
        """See ``Tree``."""
        if self.status(path) is not None:
            return False
        self.write(path, content)
        return True

    def _find(self, path: str) -> bytes | _Layer | _Below | None:
        node: bytes | _Layer | _Below | None = self._top
        for name in split_path(path):
            if not isinstance(node, _Layer):
                return node if node is _Below.BELOW else None
            node = node.child(name)
        return node

    def _make_folder(self, path: str) -> tuple[_Layer, str]:
        """The folder of this path, made as needed, and the last name."""
        parts = split_path(path)
        folder = self._top
        for depth, name in enumerate(parts[:-1], start=1):
            child = folder.child(name)
            if not isinstance(child, _Layer):
                found = self.status("/".join(parts[:depth]))
                if found is not None and not found.folder:
                    raise StoreError("cannot be changed (Not a directory)", where=path)
                child = folder.children[name] = _Layer(opaque=found is None)
            folder = child
        return folder, parts[-1]


def split_path(path: str, levels: int = 0) -> list[str]:
    """The names of a relative path (exactly ``levels`` of them unless 0); StoreError when it is not plain."""
    parts = path.split("/")
    if any(part in {"", ".", ".."} or "\0" in part or _temporary(part) for part in parts) or len(parts) != (levels or len(parts)):
        raise StoreError("is not a plain relative path", where=repr(path), remedy="Use names without '/', '.' and '..'.")
    return parts


def _unreadable(path: str, what: str) -> StoreError:
    return StoreError(f"cannot be used ({what})", where=path, remedy="Restore the file, or remove it to have it reported as missing.")


def _refuse_folder(path: str, status: Status | None) -> None:
    if status is not None and status.folder:
        raise StoreError("is a folder, where a file is expected", where=path, remedy="Move it away.")


def _refuse_file(path: str, status: Status | None) -> None:
    if status is not None and status.regular:
        raise StoreError("is a file, where a folder is expected", where=path, remedy="Move it away.")


@contextmanager
def _staging(target: Path) -> Iterator[Path]:
    """A temporary name beside the target; whatever stands there at the end is removed, at the latest by the next run."""
    staged = target.with_name(f".{target.name}{STAGE}{secrets.token_hex(4)}")
    try:
        yield staged
    finally:
        with suppress(OSError):
            _discard(staged)


def _write_new(path: Path, content: bytes) -> None:
    """Write a new file with mode 0600 whatever the umask, and sync it."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as stream:
        os.fchmod(stream.fileno(), 0o600)
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _make_folder(folder: Path) -> None:
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for path in reversed(missing):
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)
        _sync(path.parent)


def _finish(committed: Path) -> None:
    """Let a committed folder take its place; safe to repeat at any point. The place is empty for an instant."""
    target = committed.with_name(committed.name.removeprefix(NEXT))
    with _staging(target) as doomed:
        if os.path.lexists(target):
            target.rename(doomed)
        committed.rename(target)
        # The old content goes only when the new one is certain to stay.
        _sync(target.parent)


def _committed(path: Path) -> bool:
    return path.name.startswith(NEXT) and path.is_dir() and not path.is_symlink()


def _discard(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        with suppress(FileNotFoundError, NotADirectoryError):
            path.unlink()


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
