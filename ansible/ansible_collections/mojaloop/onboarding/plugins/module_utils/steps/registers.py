# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The journal of the state folder, in the words of the PKI core."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from ..errors import SigningRefused
from ..pki.certificates import CertificateUnreadable, certificate_key, read_certificate
from ..pki.keys import KeyUnusable, public_digest, read_own_key
from ..store import layout
from ..store.journal import Issuance, KeyRegister, KeyState, SerialJournal, find_record, render_record
from ..store.tree import Tree


@dataclass(frozen=True)
class KnownKeys:
    """Whose every known key is: the signing policy's register, kept in the journal."""

    tree: Tree

    def owner(self, public_digest: str) -> str | None:
        """``<side> <artefact>``, ``retired``, or None for a key no one has shown before."""
        entry = KeyRegister(self.tree).owner(public_digest)
        return None if entry is None else str(entry)

    def claim(self, side: str, artefact: str, public_digest: str) -> None:
        """Register a key before its first use; SigningRefused when it is another side's, so that nothing is ever signed for it."""
        entry = KeyRegister(self.tree).claim(public_digest, side, artefact)
        if entry.owner != side:
            what = f"is a key of {entry.owner} ({entry.purpose}); allowed: a key of {side}"
            raise SigningRefused("key-of-someone-else", what, where=f"{side} {artefact}", remedy=f"{side} makes a key of its own.")

    def claimed_by_another(self, side: str, artefact: str, public_digest: str) -> str:
        """Who else, or what else of this side, is known to hold or to have held this key; empty when no one."""
        entry = KeyRegister(self.tree).owner(public_digest)
        return "" if entry is None or (entry.owner, entry.purpose) == (side, artefact) else f"{entry.owner} {entry.purpose}"

    def retired(self, public_digest: str) -> bool:
        """Whether this key was taken out of use."""
        entry = KeyRegister(self.tree).owner(public_digest)
        return entry is not None and entry.state is KeyState.RETIRED

    def retire(self, side: str, public_digest: str, successor: str) -> None:
        """Take a key of this side out of use for good, ahead of what replaces it; nothing when the key stays or is another's."""
        entry = KeyRegister(self.tree).owner(public_digest)
        if entry is not None and entry.owner == side and public_digest != successor:
            KeyRegister(self.tree).retire(public_digest)


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


def key_of(files: Mapping[str, bytes]) -> str:
    """Digest of the public key that a folder of the store is about; empty when neither its key nor its certificate can be read."""
    with suppress(KeyUnusable):
        if "key.pem" in files:
            return public_digest(read_own_key(files["key.pem"]).public_key())
    with suppress(CertificateUnreadable):
        if "certificate.pem" in files:
            return certificate_key(read_certificate(files["certificate.pem"]))[1]
    return ""


def held_artefacts(tree: Tree, side: str) -> frozenset[str]:
    """The artefacts (``ca``, ``server``, ``client/hub`` …) that this side was seen to hold: one of them gone is a loss."""
    record = find_record(tree, layout.held_path(side), {"artefacts"})
    found = [] if record is None else record["artefacts"]
    return frozenset(map(str, found if isinstance(found, list) else ()))


def note_held(tree: Tree, side: str, artefacts: Iterable[str], known: frozenset[str]) -> None:
    """Journal that this side holds these, besides those that are known."""
    if not known.issuperset(artefacts):
        tree.write(layout.held_path(side), render_record({"artefacts": sorted(known.union(artefacts))}))
