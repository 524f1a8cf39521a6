# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The state folder as a tree of small files: on disk for a real run, overlaid in memory for a dry run.

Check mode runs the same steps as a real run, on an ``Overlay``: what an earlier step would make is there for the later
ones, nothing reaches the disk, and the findings of both are equal by construction.

Paths are relative, ``/``-separated, of plain names; directories are made as needed with mode 0700. No path leads
through a symbolic link: the exchange may come from a counterpart by git, and a link in it could point into the store.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from itertools import islice
from pathlib import Path

from ..errors import StoreError
from .files import (
    NEXT,
    check_path,
    discard,
    finish,
    is_committed,
    make_folder,
    next_to,
    settle,
    split_path,
    staging,
    sync,
    temporary,
    walk_temporary,
    write_new,
)
from .interface import LARGEST, MOST, Entry, Status, Tree, Unavailable, refuse_file, refuse_folder, unreadable
from .layout import is_input
from .overlay import Overlay

__all__ = ["LARGEST", "DiskTree", "Entry", "Overlay", "Status", "Tree"]

SHARED = "exchange/"
"""What counterparts write, or git does for them."""
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_OF_THE_FILE = {errno.ELOOP, errno.ENXIO, errno.ENODEV, errno.EISDIR, errno.ENAMETOOLONG}
"""Why a file cannot be opened, by its own nature; all else, who runs this too, says nothing about what is stored."""


class DiskTree:
    """The tree on disk. ``guard`` is called before anything changes and again before it takes effect (see ``Lease.check``)."""

    def __init__(self, root: Path, guard: Callable[[], None] = lambda: None) -> None:
        self.root = root
        self.changes = 0
        self._root = str(root)
        self._guard = guard
        self._plain: set[str] = set()
        """Folders that no symbolic link leads to."""

    def read(self, path: str) -> bytes | None:
        """See ``Tree``."""
        try:
            # Not to block on a named pipe that someone put there.
            handle = os.open(self._path(path), _READ)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise unreadable(path, str(error.strerror)) if error.errno in _OF_THE_FILE else _unavailable(path, error) from error
        try:
            with _reading(path):
                found = os.fstat(handle)
                if not stat.S_ISREG(found.st_mode):
                    raise unreadable(path, "not a regular file")
                content = _read_all(handle, found.st_size, LARGEST)
        finally:
            os.close(handle)
        if len(content) > LARGEST:
            raise unreadable(path, f"more than {LARGEST:,} bytes")
        return content

    def status(self, path: str) -> Status | None:
        """See ``Tree``."""
        place = self._path(path)
        with _reading(path), suppress(FileNotFoundError, NotADirectoryError):
            return _status(os.lstat(place))
        return None

    def folder(self, path: str, *, largest: int = LARGEST, most: int = MOST) -> dict[str, Entry]:
        """See ``Tree``."""
        handle = self._open_folder(path)
        if handle is None:
            return {}
        try:
            with _reading(path):
                with os.scandir(handle) as entries:
                    names = sorted(islice((entry.name for entry in entries if not temporary(entry.name)), most + 1))
                return {name: _entry(handle, name, largest if len(names) <= most else -1) for name in names}
        finally:
            os.close(handle)

    def write(self, path: str, content: bytes) -> None:
        """See ``Tree``."""
        with self._changing(path) as target, staging(target) as staged:
            refuse_folder(path, self.status(path))
            make_folder(os.path.dirname(target))
            write_new(staged, content)
            self._guard()
            os.replace(staged, target)
            sync(os.path.dirname(target))

    def write_folder(self, path: str, files: Mapping[str, bytes]) -> None:
        """See ``Tree``. Where two folders cannot change places, the rename to ``.next-<name>`` is the commit: ``recover`` finishes it."""
        with self._changing(path) as target, staging(target) as staged:
            refuse_file(path, self.status(path))
            make_folder(os.path.dirname(target))
            os.mkdir(staged, 0o700)
            for name, content in files.items():
                write_new(f"{staged}/{''.join(split_path(name, levels=1))}", content)
            settle(staged, self._guard)

    def update_folder(self, path: str, files: Mapping[str, bytes | None]) -> None:
        """See ``Tree``."""
        with self._changing(f"{path}/x") as place, ExitStack() as stages:
            folder = os.path.dirname(place)
            targets = {f"{folder}/{''.join(split_path(name, levels=1))}": name for name in files}
            for name in files:
                refuse_folder(f"{path}/{name}", self.status(f"{path}/{name}"))
            if any(content is not None for content in files.values()):
                make_folder(folder)
            staged = {target: stages.enter_context(staging(target)) for target in targets}
            for target, name in targets.items():
                content = files[name]
                if content is not None:
                    write_new(staged[target], content)
            self._guard()
            for target, name in targets.items():
                _replace(target, None if files[name] is None else staged[target])
            if os.path.isdir(folder):
                sync(folder)

    def remove(self, path: str) -> None:
        """See ``Tree``."""
        with self._changing(path) as target, staging(target) as doomed:
            # A commit of this folder that was never finished would bring it back.
            discard(next_to(target))
            try:
                os.rename(target, doomed)
            except (FileNotFoundError, NotADirectoryError):
                return
            sync(os.path.dirname(target))

    def names(self, path: str) -> list[str]:
        """See ``Tree``."""
        target = self._path(path)
        if os.path.islink(target):
            raise unreadable(path, "a symbolic link")
        with _reading(path), suppress(FileNotFoundError, NotADirectoryError), os.scandir(target) as entries:
            return sorted(entry.name for entry in entries if not temporary(entry.name))
        return []

    def create(self, path: str, content: bytes) -> bool:
        """See ``Tree``. Linked into place complete, so a reader never sees half of it."""
        with self._changing(path) as target, staging(target) as staged:
            if os.path.lexists(target):
                return False
            make_folder(os.path.dirname(target))
            write_new(staged, content)
            self._guard()
            try:
                os.link(staged, target)
            except FileExistsError:
                return False
            sync(os.path.dirname(target))
            return True

    def unfinished(self) -> list[str]:
        """Relative paths of what a killed run left: staged files and folders, and commits to finish."""
        with _reading(self._root):
            return sorted(path[len(self._root) + 1 :] for path in walk_temporary(self._root, without=self._of_others))

    def recover(self, failed: Callable[[StoreError], None] | None = None) -> list[str]:
        """Finish committed folders and sweep staged files (call under the lease); returns what was found and is no more.

        What goes wrong in the exchange is passed to ``failed``, where one is given: nothing there is worth stopping everybody.
        """
        return [relative for relative in self.unfinished() if self._recovered(relative, failed)]

    def commits(self) -> Iterator[tuple[str, dict[str, bytes]]]:
        """Folders that ``recover`` would put in their place, with their new content."""
        for relative in self.unfinished():
            path = self.root / relative
            # Another run may be finishing it at this moment.
            with suppress(FileNotFoundError):
                if is_committed(str(path)):
                    target = path.with_name(path.name.removeprefix(NEXT))
                    yield str(target.relative_to(self.root)), self._contents(relative)

    def _recovered(self, relative: str, failed: Callable[[StoreError], None] | None) -> bool:
        path = f"{self._root}/{relative}"
        self._guard()
        try:
            with self._telling(relative):
                (finish if is_committed(path) else discard)(path)
        except StoreError as error:
            if failed is None or not relative.startswith(SHARED):
                raise
            failed(error)
            return False
        return True

    def _contents(self, committed: str) -> dict[str, bytes]:
        """The plain files of a committed folder, as far as a file of the pack is large."""
        handle = os.open(f"{self._root}/{committed}", _READ | os.O_DIRECTORY)
        try:
            with _reading(committed):
                names = [name for name in os.listdir(handle) if not temporary(name)]
                entries = {name: _entry(handle, name, LARGEST if len(names) <= MOST else -1) for name in names}
        finally:
            os.close(handle)
        return {name: entry.content for name, entry in entries.items() if entry.content is not None}

    def _of_others(self, folder: str) -> bool:
        return is_input(folder[len(self._root) + 1 :])

    def _path(self, path: str) -> str:
        """Where this is on the disk; StoreError when a symbolic link is on the way."""
        check_path(path)
        folder = path.rpartition("/")[0]
        if folder and folder not in self._plain:
            self._check_folder(folder, path)
        return f"{self._root}/{path}"

    def _check_folder(self, folder: str, path: str) -> None:
        place = self._root
        for name in folder.split("/"):
            place = f"{place}/{name}"
            try:
                found = os.lstat(place)
            except (FileNotFoundError, NotADirectoryError):
                return
            except OSError as error:
                raise _unavailable(path, error) from error
            if stat.S_ISLNK(found.st_mode):
                raise unreadable(path, f"{name} is a symbolic link")
        # The exchange may be written by others while a run goes on: there, every path is looked at anew.
        if not f"{folder}/".startswith(SHARED):
            self._plain.add(folder)

    def _open_folder(self, path: str) -> int | None:
        try:
            return os.open(self._path(path), _READ | os.O_DIRECTORY)
        except FileNotFoundError:
            return None
        except OSError as error:
            status = self.status(path)
            if status is None or status.regular:
                return None
            if status.symlink:
                raise unreadable(path, "a symbolic link") from error
            raise _unavailable(path, error) from error

    @contextmanager
    def _changing(self, path: str) -> Iterator[str]:
        target = self._path(path)
        self._guard()
        self.changes += 1
        with self._telling(path):
            yield target

    @contextmanager
    def _telling(self, path: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            # A run that was stopped beyond its lease finds what it has staged swept: that is what is to be reported then.
            self._guard()
            remedy = "Nothing is half-written: remove the cause and run again."
            raise StoreError(f"cannot be changed ({error.strerror})", where=path, remedy=remedy) from error


def _status(found: os.stat_result) -> Status:
    return Status(stat.S_IMODE(found.st_mode), stat.S_ISREG(found.st_mode), stat.S_ISLNK(found.st_mode), found.st_size)


def _entry(folder: int, name: str, largest: int) -> Entry:
    found = os.lstat(name, dir_fd=folder)
    status = _status(found)
    if not status.regular or status.size > largest:
        return Entry(status, None)
    try:
        handle = os.open(name, _READ, dir_fd=folder)
    except PermissionError as error:
        # Of this file alone; what fails otherwise (disk, descriptors) says nothing of any file.
        return Entry(status, None, error.strerror or "unknown error")
    try:
        content = _read_all(handle, status.size, largest)
    finally:
        os.close(handle)
    # Others may have put another file there since, or let it grow.
    return Entry(status, content) if len(content) <= largest else Entry(status._replace(size=len(content)), None)


@contextmanager
def _reading(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _unavailable(path, error) from error


def _unavailable(path: str, error: OSError) -> Unavailable:
    return Unavailable(f"cannot be read ({error.strerror})", where=path, remedy="Nothing was changed: remove the cause and run again.")


def _read_all(handle: int, size: int, largest: int) -> bytes:
    """What is in a file of this size; one that grows meanwhile is read to its new end, or until it has more than ``largest`` bytes."""
    content = os.read(handle, min(size, largest) + 1)
    while len(content) != size and len(content) <= largest:
        more = os.read(handle, 1 << 16)
        if not more:
            break
        content += more
    return content


def _replace(target: str, staged: str | None) -> None:
    """Let a staged file take its place; None: remove what stands there."""
    if staged is not None:
        os.replace(staged, target)
        return
    with suppress(FileNotFoundError, NotADirectoryError):
        os.unlink(target)
