# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A tree whose changes stay in memory: check mode runs on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from ..errors import StoreError
from .files import split_path
from .interface import LARGEST, MOST, Entry, Status, Tree, refuse_file, refuse_folder, unreadable


class _Below(Enum):
    """Stands for what only the tree below an overlay knows."""

    BELOW = 0


@dataclass(frozen=True)
class Kept:
    """A file whose content is a stretch of a file on disk (a plan, or the tree below at another place): read when asked for."""

    place: Path
    start: int
    size: int

    def read(self) -> bytes:
        """The content."""
        with self.place.open("rb") as stream:
            stream.seek(self.start)
            return stream.read(self.size)


File = bytes | Kept
"""What an overlay holds of a file."""


def content_of(file: File) -> bytes:
    """The content of a file of an overlay."""
    return file.read() if isinstance(file, Kept) else file


def _size(file: File) -> int:
    return file.size if isinstance(file, Kept) else len(file)


@dataclass
class Layer:
    """A folder of an overlay: contents, folders, None for what was removed. ``opaque`` hides the same folder below."""

    opaque: bool
    children: dict[str, File | Layer | None] = field(default_factory=dict)

    def child(self, name: str) -> File | Layer | _Below | None:
        """What stands under this name, as far as this layer knows."""
        return self.children.get(name, None if self.opaque else _Below.BELOW)


class Overlay:
    """A tree whose writes stay in memory, over another tree that is only read.

    Over a ``DiskTree``, what a killed run has committed is shown as the next real run will find it.
    """

    def __init__(self, below: Tree, top: Layer | None = None) -> None:
        self.below = below
        self.changes = 0
        self.top = Layer(opaque=False) if top is None else top
        for path, files in below.commits() if top is None else ():
            self.write_folder(path, files)

    def read(self, path: str) -> bytes | None:
        """See ``Tree``."""
        found = self._find(path)
        if isinstance(found, Layer):
            raise unreadable(path, "not a regular file")
        if found is None:
            return None
        return self.below.read(path) if isinstance(found, _Below) else content_of(found)

    def status(self, path: str) -> Status | None:
        """See ``Tree``."""
        found = self._find(path)
        if isinstance(found, File):
            return Status(0o600, regular=True, symlink=False, size=_size(found))
        if isinstance(found, Layer):
            return Status(0o700, regular=False, symlink=False)
        return None if found is None else self.below.status(path)

    def write(self, path: str, content: bytes) -> None:
        """See ``Tree``."""
        refuse_folder(path, self.status(path))
        folder, name = self._make_folder(path)
        folder.children[name] = content

    def write_folder(self, path: str, files: Mapping[str, bytes]) -> None:
        """See ``Tree``."""
        refuse_file(path, self.status(path))
        folder, name = self._make_folder(path)
        folder.children[name] = Layer(opaque=True, children={"".join(split_path(file, levels=1)): data for file, data in files.items()})

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
        if not isinstance(found, Layer):
            return []
        below = set() if found.opaque else set(self.below.names(path))
        return sorted((below - set(found.children)) | {name for name, child in found.children.items() if child is not None})

    def create(self, path: str, content: bytes) -> bool:
        """See ``Tree``."""
        if self.status(path) is not None:
            return False
        self.write(path, content)
        return True

    def folder(self, path: str, *, largest: int = LARGEST, most: int = MOST) -> dict[str, Entry]:
        """See ``Tree``."""
        found = self._find(path)
        if found is _Below.BELOW:
            return self.below.folder(path, largest=largest, most=most)
        if not isinstance(found, Layer):
            return {}
        entries: dict[str, Entry] = {} if found.opaque else self.below.folder(path, largest=largest, most=most)
        for name, child in found.children.items():
            entries.pop(name, None)
            status = self.status(f"{path}/{name}")
            if status is not None:
                entries[name] = Entry(status, content_of(child) if isinstance(child, File) and status.size <= largest else None)
        many = len(entries) > most
        return {name: Entry(entry.status, None) if many else entry for name, entry in sorted(entries.items())}

    def update_folder(self, path: str, files: Mapping[str, bytes | None]) -> None:
        """See ``Tree``."""
        for name in files:
            file = f"{path}/{''.join(split_path(name, levels=1))}"
            refuse_folder(file, self.status(file))
        for name, content in files.items():
            if content is None:
                self.remove(f"{path}/{name}")
            else:
                self.write(f"{path}/{name}", content)

    def commits(self) -> Iterator[tuple[str, dict[str, bytes]]]:
        """See ``Tree``: they are part of this tree already."""
        return iter(())

    def _find(self, path: str) -> File | Layer | _Below | None:
        node: File | Layer | _Below | None = self.top
        for name in split_path(path):
            if not isinstance(node, Layer):
                return node if node is _Below.BELOW else None
            node = node.child(name)
        return node

    def _make_folder(self, path: str) -> tuple[Layer, str]:
        """The folder of this path, made as needed, and the last name."""
        self.changes += 1
        parts = split_path(path)
        folder = self.top
        for depth, name in enumerate(parts[:-1], start=1):
            child = folder.child(name)
            if not isinstance(child, Layer):
                found = self.status("/".join(parts[:depth]))
                if found is not None and not found.folder:
                    raise StoreError("cannot be changed (Not a directory)", where=path)
                child = folder.children[name] = Layer(opaque=found is None)
            folder = child
        return folder, parts[-1]
