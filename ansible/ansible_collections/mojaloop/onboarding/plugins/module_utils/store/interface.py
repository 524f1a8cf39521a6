# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What steps may do with the state folder, whatever keeps it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple, Protocol

from ..errors import StoreError

LARGEST = 16 * 1024 * 1024
"""Bytes of a file that ``folder`` still reads."""
MOST = 100_000
"""Names of a folder whose files ``folder`` still reads."""


class Status(NamedTuple):
    """What the file system says of a file: permission bits, whether it is a regular file, a symbolic link; bytes."""

    mode: int
    regular: bool
    symlink: bool
    size: int = 0

    @property
    def folder(self) -> bool:
        """Whether it is neither a file nor a link."""
        return not self.regular and not self.symlink


class Entry(NamedTuple):
    """One name of a folder. ``content`` is None for what is no plain file, is too large, or cannot be read (``problem`` says why)."""

    status: Status
    content: bytes | None
    problem: str = ""

    def read(self, path: str) -> bytes | None:
        """The content; None for what is no plain file, or too large. ``Unavailable`` where it cannot be read: it may be anything."""
        if self.problem:
            raise Unavailable(f"cannot be read ({self.problem})", where=path, remedy="Remove the cause and run again.")
        return self.content


class Tree(Protocol):
    """What steps may do with the state folder."""

    changes: int
    """How many changes were made, or tried, through this tree."""

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

    def folder(self, path: str, *, largest: int = LARGEST, most: int = MOST) -> dict[str, Entry]:
        """Everything in a folder, sorted by name: one look where ``names``, ``status`` and ``read`` would be many. Empty when none.

        Files of more than ``largest`` bytes are not read. Of a folder of more than ``most`` names, ``most`` + 1 are named and none is read.
        """

    def update_folder(self, path: str, files: Mapping[str, bytes | None]) -> None:
        """Replace or remove (None) single files, each atomically as by ``write``, so that none is missing for an instant."""

    def create(self, path: str, content: bytes) -> bool:
        """Make a file only when it does not exist; whether it was made."""

    def commits(self) -> Iterator[tuple[str, dict[str, bytes]]]:
        """Folders that a killed run has committed and not put in their place, with their content."""


class Unavailable(StoreError):
    """The disk or the system fails: that says nothing about what is stored."""


def contents(tree: Tree, folder: str) -> dict[str, bytes]:
    """The files of a folder; empty for what is no plain file, which differs from all that belongs there. Errors as of ``Entry.read``."""
    return {name: entry.read(f"{folder}/{name}") or b"" for name, entry in tree.folder(folder).items()}


def unreadable(path: str, what: str) -> StoreError:
    """The error of a file that is there and cannot be used."""
    return StoreError(f"cannot be used ({what})", where=path, remedy="Restore the file, or remove it to have it reported as missing.")


def refuse_folder(path: str, status: Status | None) -> None:
    """StoreError when a folder stands where a file is to be written."""
    if status is not None and status.folder:
        raise StoreError("is a folder, where a file is expected", where=path, remedy="Move it away.")


def refuse_file(path: str, status: Status | None) -> None:
    """StoreError when a file stands where a folder is to be written."""
    if status is not None and status.regular:
        raise StoreError("is a file, where a folder is expected", where=path, remedy="Move it away.")
