# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How publications travel between two installations.

The exchange folder is the mirror of both directions, whatever the transport: publications are written and read there.
A transport brings the counterpart's folder here and hands one's own over; it judges nothing that a reader judges.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from ..findings import Disposition
from ..store.tree import Tree
from .publication import Address


@dataclass(frozen=True)
class Notice:
    """What a transport did, awaits or found wrong: a finding about the two sides that it works for.

    ``step`` is the document step; empty: that of a publication which is received or made.
    """

    artefact: str
    reason: str
    disposition: Disposition = Disposition.CHANGE
    pending_on: str = ""
    detail: str = ""
    step: str = ""


class Transport(Protocol):
    """One kind of transport. All that it reads and writes here goes through the tree, so that a dry run plans it."""

    channel: bool
    """Whether the way itself says who the sender is: publications then have no manifest."""

    def fetch(self, tree: Tree, address: Address) -> Iterable[Notice]:
        """Bring what the sender has published for this side into ``address.folder``, and the hub's list of JWS keys with it."""

    def deliver(self, tree: Tree, address: Address) -> Iterable[Notice]:
        """Hand over what stands in ``address.folder``; nothing where the counterpart has it already."""


class LocalTransport:
    """Both sides read and write the exchange folder: git, a shared disk, or both in one installation."""

    channel = False

    def fetch(self, tree: Tree, address: Address) -> Iterable[Notice]:
        """Nothing: it stands there."""
        del tree, address
        return ()

    def deliver(self, tree: Tree, address: Address) -> Iterable[Notice]:
        """Nothing: it stands there."""
        del tree, address
        return ()
