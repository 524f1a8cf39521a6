# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Opening a state folder: on disk, or with its store in Vault where the file ``vault.json`` in it says so."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ..errors import StoreError
from ..remote.http import Answer, HttpClient, Route
from .lease import lease
from .tree import DiskTree
from .vault.client import Vault
from .vault.lease import vault_lease
from .vault.place import FILE, VaultPlace, vault_place
from .vault.tree import VaultTree


def open_tree(root: Path) -> DiskTree:
    """The state folder, to be read."""
    place = vault_place(root)
    return DiskTree(root) if place is None else VaultTree(DiskTree(root), Vault(_Single(place), place))


@contextmanager
def leased_tree(root: Path, *, holder: str, now: Callable[[], float] = time.time) -> Iterator[DiskTree]:
    """The state folder, to be written, under its lease; for a store in Vault under that of every other controller too."""
    place = vault_place(root)
    with lease(root, holder=holder, now=now) as held:
        if place is None:
            yield DiskTree(root, guard=held.check)
            return
        http = HttpClient(_route(place))
        try:
            with vault_lease(Vault(_Single(place), place), holder=holder, now=now) as also:

                def guard() -> None:
                    held.check()
                    also.check()

                yield VaultTree(DiskTree(root), Vault(http, place), guard)
        finally:
            http.close()


def refuse_vault(root: Path, what: str) -> None:
    """StoreError where the store is in Vault, for what concerns files alone."""
    if vault_place(root) is not None:
        remedy = "Use Vault's own means (snapshots), and keep the exchange as it is."
        raise StoreError(f"cannot be {what}: its store is in Vault", where=str(root / FILE), remedy=remedy)


class _Single:
    """A connection for each request: whoever reads now and then has none to close."""

    def __init__(self, place: VaultPlace) -> None:
        self._route = _route(place)

    def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """See ``Http``."""
        http = HttpClient(self._route)
        try:
            return http.request(method, url, headers, body)
        finally:
            http.close()

    def close(self) -> None:
        """Nothing is kept open."""


def _route(place: VaultPlace) -> Route:
    return Route(place.ca_file, internal=False)
