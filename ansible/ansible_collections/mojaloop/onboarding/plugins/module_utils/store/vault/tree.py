# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The state folder with its store and journal in Vault; the exchange, which is public, and evidence stay on disk.

A folder of the store is one secret with a member for each of its files, so that it is replaced as a whole and never half. A file of
the journal is a secret of its own: its folders grow. Every write names the version that it replaces.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping

from ...description.claims import PATH as CLAIMS
from ...errors import StoreError
from ..files import check_path
from ..interface import LARGEST, MOST, Entry, Status, refuse_file, refuse_folder
from ..layout import LEASE_FOLDER
from ..tree import DiskTree
from .client import Conflict, Vault

_CONTENT = "content"
_FILE, _FOLDER = 0o600, 0o700
_TRIES = 5


class VaultTree(DiskTree):
    """See ``Tree``. ``guard`` is called before anything changes."""

    def __init__(self, disk: DiskTree, vault: Vault, guard: Callable[[], None] = lambda: None) -> None:
        super().__init__(disk.root, guard)
        self._vault = vault
        self._leases = guard
        self._secrets: dict[str, tuple[dict[str, str], int]] = {}
        """What was read or written, with its version: no one else writes while the lease is held."""
        self._listed: dict[str, list[str]] = {}

    def read(self, path: str) -> bytes | None:
        """See ``Tree``."""
        if not _elsewhere(path):
            return super().read(path)
        secret, member = _secret(path)
        found = self._secret(secret)[0].get(member)
        return None if found is None else base64.b64decode(found)

    def status(self, path: str) -> Status | None:
        """See ``Tree``."""
        if not _elsewhere(path):
            return super().status(path)
        content = self.read(path) if "/" in path else None
        if content is not None:
            return Status(_FILE, regular=True, symlink=False, size=len(content))
        return Status(_FOLDER, regular=False, symlink=False) if self.names(path) else None

    def names(self, path: str) -> list[str]:
        """See ``Tree``."""
        if not _elsewhere(path):
            return super().names(path)
        members = self._secret(path)[0] if _in_store(path) else ()
        also = super().names(path) if path == "journal" else ()
        return sorted({*members, *also, *(name.rstrip("/") for name in self._below(path))})

    def folder(self, path: str, *, largest: int = LARGEST, most: int = MOST) -> dict[str, Entry]:
        """See ``Tree``."""
        if not _elsewhere(path):
            return super().folder(path, largest=largest, most=most)
        names = self.names(path)
        found = {}
        for name in names:
            status = self.status(f"{path}/{name}") or Status(_FOLDER, regular=False, symlink=False)
            read = status.regular and status.size <= largest and len(names) <= most
            found[name] = Entry(status, self.read(f"{path}/{name}") if read else None)
        return found

    def write(self, path: str, content: bytes) -> None:
        """See ``Tree``."""
        if not _elsewhere(path):
            super().write(path, content)
            return
        refuse_folder(path, None if self.read(path) is not None else self.status(path))
        secret, member = _secret(path)
        self._put(secret, {**self._secret(secret)[0], member: _text(content)})

    def write_folder(self, path: str, files: Mapping[str, bytes]) -> None:
        """See ``Tree``."""
        if not _elsewhere(path):
            super().write_folder(path, files)
            return
        refuse_file(path, self.status(path))
        if not _in_store(path):
            raise StoreError("is replaced file by file only", where=path, remedy="This is a defect of this collection. Report it.")
        self._put(path, {name: _text(content) for name, content in files.items()})

    def update_folder(self, path: str, files: Mapping[str, bytes | None]) -> None:
        """See ``Tree``."""
        if not _elsewhere(path):
            super().update_folder(path, files)
            return
        if not _in_store(path):
            for name, content in files.items():
                self.remove(f"{path}/{name}") if content is None else self.write(f"{path}/{name}", content)
            return
        changed = {**self._secret(path)[0], **{name: _text(content) for name, content in files.items() if content is not None}}
        self._put(path, {name: text for name, text in changed.items() if files.get(name, b"") is not None})

    def create(self, path: str, content: bytes) -> bool:
        """See ``Tree``. Of two that try at once, one does."""
        if not _elsewhere(path):
            return super().create(path, content)
        secret, member = _secret(path)
        for _ in range(_TRIES):
            self._secrets.pop(secret, None)
            if member in self._secret(secret)[0]:
                return False
            try:
                self._put(secret, {**self._secret(secret)[0], member: _text(content)})
            except Conflict:
                continue
            return True
        raise StoreError("is changed by others all the time", where=path, remedy="Run again.")

    def remove(self, path: str) -> None:
        """See ``Tree``."""
        if not _elsewhere(path):
            super().remove(path)
            return
        secret, member = _secret(path)
        if member in self._secret(secret)[0]:
            self._put(secret, {name: text for name, text in self._secret(secret)[0].items() if name != member})
        for name in self._below(path):
            below = f"{path}/{name.rstrip('/')}"
            (self._remove_all if _in_store(path) else self.remove)(below)
        if _in_store(path) and self._secret(path)[0]:
            self._put(path, {})

    def commits(self) -> Iterator[tuple[str, dict[str, bytes]]]:
        """See ``Tree``: what Vault has is never half-way."""
        yield from super().commits()

    def _remove_all(self, path: str) -> None:
        for name in self._below(path):
            self._remove_all(f"{path}/{name.rstrip('/')}")
        if self._secret(path)[0]:
            self._put(path, {})

    def _secret(self, path: str) -> tuple[dict[str, str], int]:
        if path not in self._secrets:
            check_path(path)
            data, version = self._vault.read(self._full(path))
            self._secrets[path] = {name: str(value) for name, value in data.items()}, version
        return self._secrets[path]

    def _below(self, path: str) -> list[str]:
        if path not in self._listed:
            self._listed[path] = self._vault.names(self._full(path))
        return self._listed[path]

    def _put(self, path: str, data: dict[str, str]) -> None:
        """Write one secret, or delete it where nothing is left in it."""
        self._leases()
        self.changes += 1
        _before, version = self._secret(path)
        self._secrets.pop(path)
        if data:
            self._secrets[path] = (data, self._vault.write(self._full(path), data, version))
            if not version:
                self._vault.keep_one_version(self._full(path))
        else:
            self._vault.delete(self._full(path))
            self._secrets[path] = ({}, 0)
        if not version or not data:
            self._listed.clear()

    def _full(self, path: str) -> str:
        return f"{self._vault.place.prefix}/{path}"


def _elsewhere(path: str) -> bool:
    top = path.partition("/")[0]
    return top in {"store", "journal"} and path != CLAIMS and not f"{path}/".startswith(f"{LEASE_FOLDER}/")


def _in_store(path: str) -> bool:
    return path == "store" or path.startswith("store/")


def _secret(path: str) -> tuple[str, str]:
    if not _in_store(path):
        return path, _CONTENT
    folder, _, name = path.rpartition("/")
    return folder, name


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
