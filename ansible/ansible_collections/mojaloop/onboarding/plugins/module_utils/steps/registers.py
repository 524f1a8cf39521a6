# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The journal of the state folder, in the words of the PKI core."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ..store import layout
from ..store.journal import Issuance, KeyRegister, SerialJournal, find_record, render_record
from ..store.tree import Tree


@dataclass(frozen=True)
class KnownKeys:
    """Whose every known key is: the signing policy's register, kept in the journal."""

    tree: Tree

    def owner(self, public_digest: str) -> str | None:
        """``<side> <artefact>``, ``retired``, or None for a key nobody has shown before."""
        entry = KeyRegister(self.tree).owner(public_digest)
        return None if entry is None else str(entry)

    def claim(self, side: str, artefact: str, public_digest: str) -> None:
        """Register a key before its first use."""
        KeyRegister(self.tree).claim(public_digest, side, artefact)


@dataclass(frozen=True)
class IssuingJournal:
    """The write-ahead journal of one signature, whose facts are ``issuance``."""

    tree: Tree
    issuance: Issuance

    def reserve(self, serial: int, record: dict[str, str]) -> bool:  # noqa: ARG002 -- the facts are ``issuance``
        """Take a serial for good before anything is signed with it; False when it was ever taken."""
        return SerialJournal(self.tree).reserve(serial, self.issuance)

    def record(self, serial: int, record: dict[str, str]) -> None:
        """Note what was signed."""
        signed = replace(self.issuance, fingerprint=record.get("fingerprint", ""), not_after=record.get("not_after", ""))
        SerialJournal(self.tree).record(serial, signed)


def held_artefacts(tree: Tree, side: str) -> frozenset[str]:
    """The artefacts (``ca``, ``server``, ``client/hub`` …) that this side was seen to hold: one of them gone is a loss."""
    record = find_record(tree, layout.held_path(side), {"artefacts"})
    found = [] if record is None else record["artefacts"]
    return frozenset(map(str, found if isinstance(found, list) else ()))


def note_held(tree: Tree, side: str, artefacts: Iterable[str], known: frozenset[str]) -> None:
    """Journal that this side holds these, besides those that are known."""
    if not known.issuperset(artefacts):
        tree.write(layout.held_path(side), render_record({"artefacts": sorted(known.union(artefacts))}))
