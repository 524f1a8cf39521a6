# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An old copy of a state folder meets what is there now: what others have seen, and what must stay unique, never goes back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ..formats import read_json
from .files import DEEPEST
from .journal import KeyRegister, KeyState, SequenceJournal
from .layout import JWS_LIST_FOLDER, KEYS_FOLDER, LEASE_FOLDER, LIST_NUMBERS_FOLDER
from .tree import DiskTree

MARGIN = 1_000_000
"""How far a sequence number is raised when its later values are lost: more publications than were made since any backup."""
_PUBLISHED = "journal/sequences/published"
_SEEN = "journal/sequences/seen"
_CONTACTS = "journal/contacts"
_HELD = "journal/held"
_DOCUMENTS = {"manifest.json": "manifest", "list.json": "list"}
"""The files of a publication that carry its sequence number, each with the member that holds it."""


@dataclass(frozen=True)
class Merged:
    """Journal paths of numbers that were raised, and folders of the exchange that were left as they stand."""

    raised: tuple[str, ...]
    newer: tuple[str, ...]


def merge(old: DiskTree, present: DiskTree) -> Merged:
    """Bring journal, exchange and evidence of ``old`` into ``present`` (under its lease); the store is the caller's.

    Every step only adds or raises, so that an end in between does no harm and a repetition finishes it. An exchange or
    evidence that is missing as a whole is left to the caller as well.
    """
    raised = tuple(_merge_journal(old, present))
    newer: tuple[str, ...] = ()
    if present.names("exchange"):
        newer = tuple(_merge_exchange(old, present))
    if present.names("evidence"):
        for path in _files(old, "evidence"):
            present.create(path, old.read(path) or b"")
    return Merged(raised, newer)


def _merge_journal(old: DiskTree, present: DiskTree) -> Iterator[str]:
    """What is raised is reported."""
    for path in _files(old, _SEEN):
        _merge_seen(old, present, path)
    for path in _files(old, "journal"):
        if path.startswith((f"{LEASE_FOLDER}/", f"{_SEEN}/", f"{_HELD}/")):
            continue
        if path.startswith((f"{_PUBLISHED}/", f"{LIST_NUMBERS_FOLDER}/")):
            if _raise_published(old, present, path):
                yield path
            continue
        present.create(path, old.read(path) or b"")
        if path.startswith(f"{KEYS_FOLDER}/"):
            _keep_retired(old, present, path)
    _restore_held(old, present)


def _raise_published(old: DiskTree, present: DiskTree, path: str) -> bool:
    """Whether the numbers after those of the old copy are lost: then some unknown ones may have been seen."""
    known, copied = SequenceJournal(present).highest(path), SequenceJournal(old).highest(path)
    if known.number >= copied.number:
        return False
    return SequenceJournal(present).advance(path, replace(copied, number=copied.number + MARGIN))


def _merge_seen(old: DiskTree, present: DiskTree, path: str) -> None:
    """The highest number seen counts, unless a new first contact has started the counterpart's numbers anew since."""
    contact = path.replace(_SEEN, _CONTACTS, 1)
    known = present.read(contact)
    if known is None or _contact_digest(known) == _contact_digest(old.read(contact) or b""):
        SequenceJournal(present).advance(path, SequenceJournal(old).highest(path))


def _contact_digest(content: bytes) -> object:
    found = _parsed(content)
    return found.get("digest")


def _keep_retired(old: DiskTree, present: DiskTree, path: str) -> None:
    digest = path.removeprefix(f"{KEYS_FOLDER}/").removesuffix(".json")
    entry = KeyRegister(old).owner(digest)
    if entry is not None and entry.state is KeyState.RETIRED:
        KeyRegister(present).retire(digest)


def _restore_held(old: DiskTree, present: DiskTree) -> None:
    """What sides were seen to hold goes with the store: the old one does not hold what came later."""
    for path in _files(present, _HELD):
        if old.status(path) is None:
            present.remove(path)
    for path in _files(old, _HELD):
        content = old.read(path) or b""
        if present.read(path) != content:
            present.write(path, content)


def _merge_exchange(old: DiskTree, present: DiskTree) -> Iterator[str]:
    """Bring back publications that are missing or older; tells those that stand there later."""
    folders = {path.rpartition("/")[0] for path in _files(old, "exchange")}
    for folder in sorted(folders):
        copied = {name: entry.read(f"{folder}/{name}") for name, entry in old.folder(folder).items()}
        files = {name: content for name, content in copied.items() if content is not None}
        standing = {name: entry.read(f"{folder}/{name}") for name, entry in present.folder(folder).items()}
        if standing == files:
            continue
        if _is_publication(folder) and (not standing or _number(files) > _number(standing)):
            present.write_folder(folder, files)
        elif _is_publication(folder):
            yield folder
        else:
            for name, content in files.items():
                present.create(f"{folder}/{name}", content)


def _is_publication(folder: str) -> bool:
    """``exchange/jws`` and ``exchange/<participant>/{hub,participant}``; beside them may be what keeps their history."""
    names = folder.split("/")
    return folder == JWS_LIST_FOLDER or (len(names) == len(("exchange", "participant", "side")) and names[2] in {"hub", "participant"})


def _number(files: dict[str, bytes] | dict[str, bytes | None]) -> int:
    """The sequence number that a publication states; 0 when it states none. What it is worth, the next run judges."""
    for name, member in _DOCUMENTS.items():
        inner = _parsed(files.get(name) or b"").get(member)
        number = inner.get("sequence") if isinstance(inner, dict) else None
        if type(number) is int:
            return number
    return 0


def _parsed(content: bytes) -> dict[str, object]:
    try:
        found = read_json(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _files(tree: DiskTree, folder: str) -> list[str]:
    """Paths of every plain file below a folder."""
    found: list[str] = []
    for name in tree.names(folder) if folder.count("/") < DEEPEST else ():
        path = f"{folder}/{name}"
        status = tree.status(path)
        if status is not None and status.folder:
            found += _files(tree, path)
        elif status is not None and status.regular:
            found.append(path)
    return found
