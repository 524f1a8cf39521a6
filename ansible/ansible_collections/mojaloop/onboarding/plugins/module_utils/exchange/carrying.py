# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bundles made from the exchange and taken into it; and the transport in which a person carries them.

A bundle is judged as its reader will judge the publication, before anything of it is stored: on a copy in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from ..description.documents import shown
from ..description.model import HUB
from ..errors import StoreError
from ..findings import Disposition
from ..pki.certificates import received_certificate
from ..store.interface import LARGEST, contents
from ..store.journal import SequenceJournal, find_record, render_record, write_changed
from ..store.layout import INBOX, JWS_LIST_FOLDER, OUTBOX, carried_path, seen_path
from ..store.tree import Overlay, Tree
from .bundle import KEYS, PUBLICATION, SUFFIX, Bundle, pack, read_bundle
from .first_contact import ContactStatus, Reception, Trust, accept, read_contact, receive
from .jws_list import LIST, JwsListing, list_sequence
from .manifest import MANIFEST, read_manifest
from .publication import Address
from .published import EXCHANGE_CERTIFICATE, NEXT_EXCHANGE_CERTIFICATE
from .refusal import PublicationRefused
from .transport import Notice

MOST_FILES = 1000
"""Files of the inbox that are looked at."""
_NOTHING = "Nothing was stored."


@dataclass(frozen=True)
class Taken:
    """A bundle that was stored: the digest that a person compares at first contact, whether one still has to, whether it was new."""

    bundle: Bundle
    digest: str
    unconfirmed: bool
    new: bool


def make_bundle(tree: Tree, address: Address, key: RSAPrivateKey) -> tuple[Bundle, bytes] | None:
    """What stands published for the receiver, and its file; None when nothing is, or plain files without a manifest."""
    standing = contents(tree, address.folder)
    if MANIFEST not in standing:
        return None
    manifest, listed = read_manifest(standing[MANIFEST], address.manifest_path), 0
    files = {f"{PUBLICATION}{name}": content for name, content in standing.items() if name in {MANIFEST, *manifest.files}}
    if address.sender == HUB:
        keys = contents(tree, JWS_LIST_FOLDER)
        files |= {f"{KEYS}{name}": content for name, content in keys.items()}
        listed = list_sequence(keys[LIST]) if LIST in keys else 0
    read = SequenceJournal(tree).highest(seen_path(address.sender, address.receiver)).number
    bundle = Bundle(address.environment, address.sender, address.receiver, manifest.sequence, listed, read, files)
    return bundle, pack(bundle, key)


def take_bundle(tree: Tree, bundle: Bundle, address: Address, trust: Trust, *, now: datetime, where: str) -> Taken:
    """Store a bundle in the exchange when its reader will accept it, or a person has to confirm it.

    PublicationRefused with a reason code otherwise, and nothing is stored.
    """
    _check_address(bundle, address, where)
    if trust.plain:
        what = f"has a manifest, and the description says manifest: none of {address.sender}"
        raise PublicationRefused("manifest-unexpected", what, where=where, remedy=_NOTHING)
    _check_age(tree, bundle, address, where)
    trial = Overlay(tree)
    trial.write_folder(address.folder, bundle.folder(PUBLICATION))
    reception = receive(trial, address, trust)
    if reception is None or reception.publication.manifest is None or reception.publication.manifest.sequence != bundle.sequence:
        raise PublicationRefused("bundle-altered", "does not hold the publication that its index names", where=where, remedy=_NOTHING)
    if reception.status is ContactStatus.REFUSED:
        what = f"has the digest {reception.digest}; the description confirms another one"
        raise PublicationRefused(reception.reason, what, where=where, remedy=_NOTHING)
    signers = _signers(trial, address, reception)
    if not any(bundle.signed_by(certificate) for certificate in signers):
        what = f"is not signed by the exchange key of {address.sender} that signed the publication in it"
        raise PublicationRefused("bundle-signature", what, where=where, remedy=_NOTHING)
    keys = _keys(tree, trial, bundle, address, signers)
    new = _differs(tree, address.folder, bundle.folder(PUBLICATION)) | bool(keys)
    if new:
        tree.write_folder(address.folder, bundle.folder(PUBLICATION))
        if keys:
            tree.write_folder(JWS_LIST_FOLDER, keys)
    _journal(tree, bundle, address, reception, now)
    return Taken(bundle, reception.digest, reception.status is not ContactStatus.ACCEPTED, new)


@dataclass(frozen=True)
class OutboxFile:
    """A file that is to be carried, the publication in it, and up to which one its reader had read when it last sent something."""

    path: str
    sequence: int
    read: int


def outbox(tree: Tree, environment: str, sender: str, reader: str) -> OutboxFile | None:
    """The file of the outbox from one side for another; None when there is none, or it cannot be read."""
    path = f"{OUTBOX}/{environment}.{sender}-for-{reader}{SUFFIX}"
    try:
        content = tree.read(path)
        bundle = None if content is None else read_bundle(content, path)
    except (PublicationRefused, StoreError):
        return None
    if bundle is None:
        return None
    record = find_record(tree, carried_path(sender, reader), _RECORD)
    read = 0 if record is None else record["read"]
    return OutboxFile(path, bundle.sequence, read if isinstance(read, int) else 0)


class BundleTransport:
    """A person carries files: ``outbox/`` holds what is to be sent, ``inbox/`` takes what came."""

    channel = False

    def __init__(self, key: Callable[[str], RSAPrivateKey], trust: Callable[[Address], Trust], now: datetime) -> None:
        self._key = key
        self._trust = trust
        self._now = now

    def fetch(self, tree: Tree, address: Address) -> Iterable[Notice]:
        """Take the latest file of the inbox that is of this sender for this reader; report those that are refused."""
        found = [(name, bundle) for name, bundle in inbox(tree) if isinstance(bundle, Bundle) and _is_for(bundle, address)]
        highest = max(((bundle.sequence, bundle.listed, bundle.read) for _name, bundle in found), default=(0, 0, 0))
        for name, bundle in found:
            # Older ones may lie there: they were taken, or are not needed any more.
            if (bundle.sequence, bundle.listed, bundle.read) == highest and not _superseded(tree, bundle, address):
                yield from self._taken(tree, name, bundle, address)

    def _taken(self, tree: Tree, name: str, bundle: Bundle, address: Address) -> Iterator[Notice]:
        where = f"{INBOX}/{name}"
        try:
            taken = take_bundle(tree, bundle, address, self._trust(address), now=self._now, where=where)
        except PublicationRefused as refusal:
            yield Notice(where, refusal.reason, Disposition.FAULT, detail=str(refusal))
        else:
            if taken.new:
                yield Notice("bundle", "bundle-taken", detail=where)

    def deliver(self, tree: Tree, address: Address) -> Iterable[Notice]:
        """Write the file that is to be sent, unless it stands so already."""
        made = make_bundle(tree, address, self._key(address.sender))
        if made is None:
            return
        bundle, data = made
        path = f"{OUTBOX}/{bundle.name}"
        if write_changed(tree, path, data):
            yield Notice("bundle", "bundle-written", detail=f"send {path} to {address.receiver}")


def inbox(tree: Tree) -> Iterator[tuple[str, Bundle | PublicationRefused]]:
    """Every file that came, by name: parsed, or why it is none."""
    entries = tree.folder(INBOX, largest=LARGEST, most=MOST_FILES)
    for name, entry in sorted(entries.items()):
        if name.lower().endswith(SUFFIX):
            where = f"{INBOX}/{shown(name)}"
            content = entry.read(where)
            yield name, _not_a_file(where) if content is None else _parsed(content, where)


def _not_a_file(where: str) -> PublicationRefused:
    return PublicationRefused("not-a-plain-file", "is no plain file, or too large", where=where, remedy=_NOTHING)


@lru_cache(maxsize=256)
def _parsed(content: bytes, where: str) -> Bundle | PublicationRefused:
    """Read once for all whom the files of the inbox may be for."""
    try:
        return read_bundle(content, where)
    except PublicationRefused as refusal:
        return refusal


def _is_for(bundle: Bundle, address: Address) -> bool:
    return (bundle.environment, bundle.sender, bundle.receiver) == (address.environment, address.sender, address.receiver)


def _check_address(bundle: Bundle, address: Address, where: str) -> None:
    if not _is_for(bundle, address):
        found = Address(bundle.environment, bundle.sender, bundle.receiver)
        raise PublicationRefused("bundle-misdirected", f"is {shown(str(found))}; expected: {address}", where=where, remedy=_NOTHING)


def _standing(tree: Tree, address: Address) -> int:
    """The number of the publication that stands here, or was accepted from here before; 0: none."""
    seen = SequenceJournal(tree).highest(seen_path(address.receiver, address.sender)).number
    if read_contact(tree, address.receiver, address.sender) is not None:
        return seen
    return _number(tree, address)


def _number(tree: Tree, address: Address) -> int:
    try:
        content = tree.read(address.manifest_path)
        return 0 if content is None else read_manifest(content, address.manifest_path).sequence
    except (PublicationRefused, StoreError):
        # What is damaged is replaced.
        return 0


def _check_age(tree: Tree, bundle: Bundle, address: Address, where: str) -> None:
    seen = _standing(tree, address)
    if bundle.sequence < seen and read_contact(tree, address.receiver, address.sender) is not None:
        what = f"holds publication {bundle.sequence} of {address.sender}, and {seen} was accepted before"
        raise PublicationRefused("bundle-stale", what, where=where, remedy=f"Ask for its latest file. {_NOTHING}")


def _superseded(tree: Tree, bundle: Bundle, address: Address) -> bool:
    """Whether the exchange has this publication, or a later one, already."""
    if bundle.sequence < _standing(tree, address):
        return True
    same = not _differs(tree, address.folder, bundle.folder(PUBLICATION))
    record = find_record(tree, carried_path(address.receiver, address.sender), _RECORD)
    return same and record is not None and record["digest"] == _digest(bundle)


def _signers(trial: Tree, address: Address, reception: Reception) -> list[x509.Certificate]:
    """The exchange certificates whose keys may sign what comes with this publication: known ones, or its own at first contact."""
    if reception.status is ContactStatus.ACCEPTED:
        accept(trial, address, reception)
        contact = read_contact(trial, address.receiver, address.sender)
        return [] if contact is None else contact.certificates()
    files = reception.publication.files
    names = [name for name in (EXCHANGE_CERTIFICATE, NEXT_EXCHANGE_CERTIFICATE) if name in files]
    return [received_certificate(files[name], where=name) for name in names]


def _keys(tree: Tree, trial: Overlay, bundle: Bundle, address: Address, signers: list[x509.Certificate]) -> dict[str, bytes]:
    """The list of JWS keys to store: none where there is none, or where a later one stands, which came with another's bundle."""
    keys = bundle.folder(KEYS)
    if not keys:
        return {}
    if address.sender != HUB or LIST not in keys or list_sequence(keys[LIST]) != bundle.listed:
        raise PublicationRefused("bundle-altered", "has JWS keys that are not those of its index", where=bundle.name, remedy=_NOTHING)
    here = contents(tree, JWS_LIST_FOLDER)
    if here == keys or (LIST in here and list_sequence(here[LIST]) > bundle.listed and _listing(tree, address, signers)):
        return {}
    trial.write_folder(JWS_LIST_FOLDER, keys)
    if {f"{name}.pem" for name in JwsListing(trial).keys(address.environment, address.receiver, signers)} != keys.keys() - {LIST}:
        raise PublicationRefused("file-name", "has JWS keys that are not on the list", where=bundle.name, remedy=_NOTHING)
    return keys


def _listing(tree: Tree, address: Address, signers: list[x509.Certificate]) -> bool:
    try:
        return bool(JwsListing(tree).keys(address.environment, address.receiver, signers))
    except PublicationRefused:
        return False


def _differs(tree: Tree, folder: str, files: dict[str, bytes]) -> bool:
    return contents(tree, folder) != files


_RECORD = {"digest", "sequence", "list", "read", "provenance", "time"}


def _digest(bundle: Bundle) -> str:
    return "" if bundle.index is None else sha256(bundle.index.signature).hexdigest()


def _journal(tree: Tree, bundle: Bundle, address: Address, reception: Reception, now: datetime) -> None:
    """Which file was taken, on what ground, and when."""
    path = carried_path(address.receiver, address.sender)
    known = find_record(tree, path, _RECORD)
    if known is not None and known["digest"] == _digest(bundle):
        return
    record = {"digest": _digest(bundle), "sequence": bundle.sequence, "list": bundle.listed, "read": bundle.read}
    write_changed(tree, path, render_record({**record, "provenance": reception.provenance or "unconfirmed", "time": now.isoformat()}))
