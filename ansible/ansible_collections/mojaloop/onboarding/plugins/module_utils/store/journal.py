# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The journal: serial numbers, signatures, keys and sequence numbers, each written ahead of what it is about."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum

from ..errors import StoreError
from ..formats import FORMAT, read_json, refuse_newer
from .layout import SERIALS_FOLDER, issue_path, issues_folder, key_path, revoked_folder, revoked_path, serial_path
from .tree import Tree


@dataclass(frozen=True)
class Issuance:
    """One signature: who signs what for whom, why, by which policy, on what ground the request is trusted.

    ``fingerprint`` is the certificate's SHA-256 (hex), ``not_after`` ISO 8601 in UTC; both are empty before the signature.
    """

    issuer: str
    holder: str
    artefact: str
    why: str
    policy: str
    key: str
    """SHA-256 of the certified SubjectPublicKeyInfo (hex)."""
    provenance: str
    """``own``, ``signed``, ``channel``, ``confirmed`` or ``automatic``."""
    time: str
    fingerprint: str = ""
    not_after: str = ""


class SerialJournal:
    """Every serial number before its signature, every signature after it."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def reserve(self, serial: int, record: Issuance) -> bool:
        """Journal a serial number before signing; False when it was used before: draw another."""
        return self._tree.create(serial_path(serial), render_record(asdict(record)))

    def record(self, serial: int, record: Issuance) -> None:
        """Journal a signature after it was made; repeating it changes nothing. StoreError when its serial was never reserved."""
        if self._tree.status(serial_path(serial)) is None:
            raise StoreError("a certificate was signed with a serial number that was not journalled", where=serial_path(serial))
        write_changed(self._tree, issue_path(record.issuer, serial), render_record(asdict(record)))

    def issued(self, issuer: str) -> dict[int, Issuance]:
        """What the CA of a side signed, by serial number."""
        names = self._tree.names(issues_folder(issuer))
        return {int(name.removesuffix(".json"), 16): self._read(f"{issues_folder(issuer)}/{name}") for name in names}

    def unrecorded(self) -> list[int]:
        """Serial numbers reserved for a signature that was never recorded: runs that ended in between."""
        return [serial for serial, record in self._reserved().items() if self._tree.status(issue_path(record.issuer, serial)) is None]

    def _reserved(self) -> dict[int, Issuance]:
        return {int(name.removesuffix(".json"), 16): self._read(f"{SERIALS_FOLDER}/{name}") for name in self._tree.names(SERIALS_FOLDER)}

    def _read(self, path: str) -> Issuance:
        return Issuance(
            **{name: str(value) for name, value in read_record(self._tree, path, {field.name for field in fields(Issuance)}).items()}
        )


@dataclass(frozen=True)
class Revocation:
    """Why a certificate is revoked (as RFC 5280 section 5.3.1 calls it), and since when (ISO 8601 in UTC)."""

    reason: str
    time: str


class RevocationJournal:
    """What each CA has revoked, ahead of the list that says so: a revocation outlives the description that called for it."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def revoked(self, issuer: str) -> dict[int, Revocation]:
        """What the CA of a side has revoked, by serial number."""
        found = {}
        for name in self._tree.names(revoked_folder(issuer)):
            record = read_record(self._tree, f"{revoked_folder(issuer)}/{name}", {"reason", "time"})
            found[int(name.removesuffix(".json"), 16)] = Revocation(str(record["reason"]), str(record["time"]))
        return found

    def serials(self, issuer: str, reason: str) -> frozenset[int]:
        """The serial numbers of what the CA of a side has revoked for this reason."""
        return frozenset(serial for serial, revocation in self.revoked(issuer).items() if revocation.reason == reason)

    def write(self, issuer: str, serial: int, revocation: Revocation | None) -> None:
        """Journal a revocation; None: it was a hold, and is taken back."""
        path = revoked_path(issuer, serial)
        if revocation is not None:
            write_changed(self._tree, path, render_record(asdict(revocation)))
        elif self._tree.status(path) is not None:
            self._tree.remove(path)


class KeyState(StrEnum):
    """Whether a key is in use; a retired key never comes back."""

    CURRENT = "current"
    RETIRED = "retired"


@dataclass(frozen=True)
class KeyEntry:
    """Whose a public key is: ``owner`` a side, ``purpose`` its artefact (``ca``, ``server``, ``client/hub`` …)."""

    owner: str
    purpose: str
    state: KeyState = KeyState.CURRENT

    def __str__(self) -> str:
        return f"{self.owner} {self.purpose}" if self.state is KeyState.CURRENT else "retired"


class KeyRegister:
    """Whose every known public key is, by its SHA-256 digest (hex): one small file a key."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def owner(self, digest: str) -> KeyEntry | None:
        """The entry of a key; None when it was never seen."""
        record = find_record(self._tree, key_path(digest), {"owner", "purpose", "state"})
        if record is None:
            return None
        try:
            return KeyEntry(str(record["owner"]), str(record["purpose"]), KeyState(str(record["state"])))
        except ValueError as error:
            raise damaged(key_path(digest)) from error

    def claim(self, digest: str, owner: str, purpose: str) -> KeyEntry:
        """Register a key before its first use; returns the entry that stands, which is another's when the key is taken."""
        entry = KeyEntry(owner, purpose)
        return entry if self._tree.create(key_path(digest), render_record(asdict(entry))) else self.owner(digest) or entry

    def retire(self, digest: str) -> None:
        """Never again: the key stays known, and is refused to everybody. A key that was never seen is left alone."""
        entry = self.owner(digest)
        if entry is not None:
            write_changed(self._tree, key_path(digest), render_record(asdict(replace(entry, state=KeyState.RETIRED))))


@dataclass(frozen=True)
class Numbered:
    """A document of a sequence: its number (0: none yet) and its digest (hex)."""

    number: int = 0
    digest: str = ""

    def follows(self, highest: Numbered) -> bool:
        """Whether it may stand where ``highest`` was seen: later, or the very same."""
        return self.number > highest.number or self == highest


class SequenceJournal:
    """Highest sequence numbers, so that an old copy of the exchange is recognised."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def highest(self, path: str) -> Numbered:
        """The highest number journalled at this path (see ``layout``); number 0 when there is none."""
        record = find_record(self._tree, path, {"number", "digest"})
        if record is None:
            return Numbered()
        if type(record["number"]) is not int:
            raise damaged(path)
        return Numbered(record["number"], str(record["digest"]))

    def advance(self, path: str, sequence: Numbered) -> bool:
        """Journal a higher number; False when the number was known: a lower or equal one changes nothing."""
        if sequence.number <= self.highest(path).number:
            return False
        self.restart(path, sequence)
        return True

    def restart(self, path: str, sequence: Numbered) -> None:
        """Journal a number whatever stood there: a person has confirmed a new first contact."""
        write_changed(self._tree, path, render_record(asdict(sequence)))


def render_record(record: Mapping[str, object]) -> bytes:
    """A journal file: JSON of format 1, one field a line."""
    return json.dumps({"format": FORMAT} | dict(record), indent=1, sort_keys=True).encode() + b"\n"


def read_record(tree: Tree, path: str, names: Collection[str]) -> dict[str, object]:
    """The fields of a journal file of format 1 that is there; NewerFormat or StoreError for anything else."""
    record = find_record(tree, path, names)
    if record is None:
        raise damaged(path)
    return record


def find_record(tree: Tree, path: str, names: Collection[str]) -> dict[str, object] | None:
    """The fields of a journal file of format 1, None when there is none; NewerFormat or StoreError for anything else."""
    content = tree.read(path)
    if content is None:
        return None
    try:
        record = read_json(content)
    except ValueError as error:
        raise damaged(path) from error
    refuse_newer(record, where=path)
    if not isinstance(record, dict) or record.pop("format", None) != FORMAT or set(record) != set(names):
        raise damaged(path)
    return record


def write_changed(tree: Tree, path: str, content: bytes) -> bool:
    """Write a file unless it stands so already; whether it was written."""
    if tree.read(path) == content:
        return False
    tree.write(path, content)
    return True


def damaged(path: str) -> StoreError:
    """The error of a journal file that is not what it must be."""
    return StoreError(
        "is not a journal file of format 1", where=path, remedy="Restore it from a copy: the journal is what keeps numbers unique."
    )
