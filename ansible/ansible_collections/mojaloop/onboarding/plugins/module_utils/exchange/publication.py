# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Publications: a folder of plain files that one side writes for the other, under a signed manifest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from ..description.documents import shown
from ..errors import StoreError
from ..pki.certificates import received_certificate
from ..pki.revocation import LIST_LIMIT
from ..store.interface import Unavailable
from ..store.journal import Numbered, SequenceJournal
from ..store.layout import publication_folder, published_path, seen_path
from ..store.tree import Entry, Tree
from .manifest import LIMIT, MANIFEST, MOST_FILES, Manifest, read_manifest, sign_manifest, verify_manifest
from .published import BUILT_IN, EXCHANGE_CERTIFICATE, PublishedFile
from .refusal import PublicationRefused

_BY_ACCIDENT = re.compile(
    r"\..*|.*~|.*\.(bak|crdownload|filepart|orig|part|partial|sw[op]|te?mp)|~\$.*|#.*#|desktop\.ini|thumbs\.db|icon\r",
    re.IGNORECASE | re.DOTALL,
)
"""Names that no publication has, and that file managers, editors, snapshots and uploads make."""
_ASK = "Ask its sender to publish again, and over another channel what happened."

_UNSIGNED = "Its sender publishes again; for a participant without this pack write manifest: none into its file."


@dataclass(frozen=True)
class Address:
    """Which publication: from ``sender`` for ``receiver`` (side names, one of them the hub) in an environment."""

    environment: str
    sender: str
    receiver: str
    files: Mapping[str, PublishedFile] = field(default_factory=lambda: BUILT_IN, compare=False, repr=False)
    """What it may hold."""

    def __str__(self) -> str:
        return f"from {self.sender} for {self.receiver} in {self.environment}"

    @property
    def folder(self) -> str:
        """Where it stands in the exchange."""
        return publication_folder(self.sender, self.receiver)

    def limit(self, name: str) -> int:
        """Bytes that a file in its folder may have."""
        return self.files[name].limit if name in self.files else LIMIT

    @property
    def manifest_path(self) -> str:
        """Where its manifest stands."""
        return f"{self.folder}/{MANIFEST}"


@dataclass(frozen=True)
class Publication:
    """What was read, undamaged.

    ``manifest`` is None for plain files. ``signer`` is the certificate known since first contact whose key signed it, and
    ``seen`` the highest number accepted so far; None before first contact.
    """

    files: Mapping[str, bytes]
    manifest: Manifest | None
    signer: x509.Certificate | None = None
    seen: Numbered | None = None
    aside: tuple[str, ...] = ()
    """What file managers, editors and uploads left beside the files: no part of the publication."""


@dataclass(frozen=True)
class Replaced:
    """What stood where a publication was written, without its manifest; None for what was no plain file."""

    files: Mapping[str, bytes | None]


def publish(tree: Tree, address: Address, files: Mapping[str, bytes], key: RSAPrivateKey, *, sequence_floor: int = 0) -> Replaced | None:
    """Publish these files, signed with the sender's exchange key; None, and nothing touched, when they stand published already.

    PublicationRefused when a file may not be published. The sequence number rises above the highest of the journal, the
    exchange and ``sequence_floor``, so that neither an old copy of the journal nor one of the exchange rolls it back.
    """
    _check_names(address, files)
    for name, content in files.items():
        _check_size(f"{address.folder}/{name}", len(content), address.limit(name))
        _check_public(f"{address.folder}/{name}", content)
    journal = SequenceJournal(tree)
    path = published_path(address.sender, address.receiver)
    highest = journal.highest(path)
    standing = _standing(tree, address, key)
    if standing is not None and standing.manifest is not None:
        last = Numbered(standing.manifest.sequence, standing.manifest.digest)
        if standing.files == files and last.follows(highest) and last.number >= sequence_floor:
            journal.advance(path, last)
            return None
        highest = last if last.follows(highest) else highest
    number = max(highest.number, sequence_floor) + 1
    manifest = Manifest(address.environment, address.sender, address.receiver, number, highest.digest, _digests(files))
    # Ahead of the files: a number that may have been seen is never used for anything else.
    journal.advance(path, Numbered(number, manifest.digest))
    replaced = _replaced(tree, address.folder)
    tree.write_folder(address.folder, {**files, MANIFEST: sign_manifest(manifest, key)})
    return replaced


def read_publication(tree: Tree, address: Address, *, plain: bool = False, known: Sequence[x509.Certificate] = ()) -> Publication | None:
    """What stands published, checked; None when nothing is. PublicationRefused with a reason code when it cannot be trusted.

    ``plain``: the sender writes no manifests. ``known``: exchange certificates accepted since first contact; without
    any, the signature is checked against the publication's own ``exchange.pem`` (first contact decides whose that is).
    """
    files, aside = _read_files(tree, address)
    if not files:
        return None
    data = files.pop(MANIFEST, None)
    if plain:
        _check_names(address, files)
        return Publication(files, None, aside=aside)
    if data is None:
        raise PublicationRefused("manifest-missing", "has no manifest", where=address.manifest_path, remedy=_UNSIGNED)
    manifest = read_manifest(data, address.manifest_path)
    signer = verify_manifest(manifest, _certificates(files, known, address), address.manifest_path)
    _check_address(manifest, address)
    _check_digests(manifest, files, address)
    _check_names(address, files)
    if not known:
        return Publication(files, manifest, aside=aside)
    return Publication(files, manifest, signer, _check_sequence(tree, manifest, address), aside)


def check_sequence(found: Numbered, highest: Numbered, where: str) -> None:
    """PublicationRefused when a document is older than one seen before, or another one under the same number."""
    if found.number < highest.number:
        what = f"has the sequence number {found.number}, and {highest.number} was seen before: an old copy stands there"
        raise PublicationRefused("sequence-rolled-back", what, where=where, remedy=_ASK)
    if not found.follows(highest):
        what = f"differs from what was seen under the same sequence number {found.number}"
        raise PublicationRefused("sequence-reused", what, where=where, remedy=_ASK)


def _standing(tree: Tree, address: Address, key: RSAPrivateKey) -> Publication | None:
    """The publication as this key signed it; None when there is none, or it is damaged: it is replaced as a whole."""
    try:
        files, _aside = _read_files(tree, address)
        manifest = read_manifest(files.pop(MANIFEST, b""), address.manifest_path)
        _check_address(manifest, address)
    except Unavailable:
        raise
    except (PublicationRefused, StoreError):
        return None
    if not manifest.made_with(key.public_key()):
        return None
    return Publication(files if _digests(files) == manifest.files else {}, manifest)


def _read_files(tree: Tree, address: Address) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """The files that count, and the names of those that were left there by accident. Of these a private key is refused all the same."""
    folder = address.folder
    try:
        entries = tree.folder(folder, largest=LIST_LIMIT, most=MOST_FILES)
    except Unavailable:
        raise
    except StoreError as error:
        # A link on the way.
        raise not_plain(folder) from error
    if len(entries) > MOST_FILES:
        raise PublicationRefused("file-name", f"holds more than {MOST_FILES} files", where=folder, remedy=_ASK)
    aside = tuple(sorted(name for name in entries if _BY_ACCIDENT.fullmatch(name)))
    for name in aside:
        if entries[name].status.regular and entries[name].status.size <= LIMIT:
            _check_public(f"{folder}/{shown(name)}", entries[name].read(f"{folder}/{name}") or b"")
    counting = ((name, entry) for name, entry in entries.items() if name not in aside)
    return {name: plain_content(entry, f"{folder}/{name}", address.limit(name)) for name, entry in counting}, aside


def _replaced(tree: Tree, folder: str) -> Replaced:
    try:
        entries = tree.folder(folder, largest=LIST_LIMIT, most=MOST_FILES)
    except Unavailable:
        raise
    except StoreError:
        # A link in the place of the folder.
        return Replaced({})
    return Replaced({name: entry.read(f"{folder}/{name}") for name, entry in entries.items() if name != MANIFEST})


def plain_content(entry: Entry, path: str, limit: int = LIMIT) -> bytes:
    """What a file of the exchange holds; PublicationRefused for a link (it could lead anywhere), a pipe (it has no end), a large file."""
    if not entry.status.regular:
        raise not_plain(path)
    _check_size(path, entry.status.size, limit)
    content = entry.read(path) or b""
    _check_public(path, content)
    return content


def not_plain(path: str) -> PublicationRefused:
    """The refusal of what is no file, or is reached over a link."""
    return PublicationRefused("not-a-plain-file", "is a link, a folder or a device; allowed: plain files", where=path, remedy=_ASK)


def _check_size(path: str, size: int, limit: int = LIMIT) -> None:
    if size > limit:
        raise PublicationRefused("too-large", f"has {size:,} bytes; allowed: {limit:,}", where=path, remedy=_ASK)


def _check_public(path: str, content: bytes) -> None:
    if b"PRIVATE KEY" in content:
        remedy = "Where it was readable, the key counts as disclosed: its owner makes a new key pair and retires this one."
        raise PublicationRefused("private-key-received", "holds a private key; allowed: public material only", where=path, remedy=remedy)


def _check_names(address: Address, names: Iterable[str]) -> None:
    for name in names:
        if name not in address.files:
            what = f"has a name that no publication has; allowed: {', '.join(sorted(address.files))}"
            raise PublicationRefused("file-name", what, where=f"{address.folder}/{shown(name)}", remedy="Its sender removes it.")


def _certificates(files: Mapping[str, bytes], known: Sequence[x509.Certificate], address: Address) -> Sequence[x509.Certificate]:
    """Those whose keys may have signed: known ones, or at first contact what the publication itself says."""
    where = f"{address.folder}/{EXCHANGE_CERTIFICATE}"
    if known:
        return known
    if EXCHANGE_CERTIFICATE not in files:
        raise PublicationRefused("exchange-key-missing", "is missing: the manifest cannot be checked", where=where, remedy=_ASK)
    return (received_certificate(files[EXCHANGE_CERTIFICATE], where=where),)


def _check_address(manifest: Manifest, address: Address) -> None:
    found = Address(manifest.environment, manifest.sender, manifest.receiver)
    if found != address:
        raise PublicationRefused("manifest-misdirected", f"is {found}; expected: {address}", where=address.manifest_path, remedy=_ASK)


def _digests(files: Mapping[str, bytes]) -> dict[str, str]:
    return {name: sha256(content).hexdigest() for name, content in files.items()}


def _check_digests(manifest: Manifest, files: Mapping[str, bytes], address: Address) -> None:
    found = _digests(files)
    for name in sorted({*found, *manifest.files}):
        where = f"{address.folder}/{shown(name)}"
        if name not in manifest.files:
            raise PublicationRefused("file-not-in-manifest", "is not in the manifest", where=where, remedy=_ASK)
        if name not in found:
            raise PublicationRefused("file-missing", "is in the manifest and not there", where=where, remedy=_ASK)
        if found[name] != manifest.files[name]:
            raise PublicationRefused("file-altered", "is not what the manifest says", where=where, remedy=_ASK)


def _check_sequence(tree: Tree, manifest: Manifest, address: Address) -> Numbered:
    """The highest number accepted so far; PublicationRefused when this one does not follow it."""
    highest = SequenceJournal(tree).highest(seen_path(address.receiver, address.sender))
    check_sequence(Numbered(manifest.sequence, manifest.digest), highest, address.manifest_path)
    if manifest.sequence == highest.number + 1 and highest.number and manifest.previous != highest.digest:
        what = f"does not follow the manifest {highest.number} that was seen before: there are two histories"
        raise PublicationRefused("manifest-chain", what, where=address.manifest_path, remedy=_ASK)
    return highest
