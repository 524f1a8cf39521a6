# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The hub's signed list of every side's JWS key: ``exchange/jws/list.json`` and one ``<FSPIOP id>.pem`` each."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from ..description.model import HUB
from ..errors import StoreError
from ..formats import FORMAT
from ..pki.keys import public_pem, read_public_key
from ..store.interface import Unavailable
from ..store.journal import Numbered, SequenceJournal
from ..store.layout import JWS_LIST_FOLDER, published_path, seen_path
from ..store.tree import Entry, Tree
from .envelope import Envelope, content_digest, read_envelope, sign_envelope, signed_by, signed_with, unreadable
from .manifest import is_digest, is_sequence
from .publication import check_sequence, not_plain, plain_content
from .refusal import PublicationRefused

LIST = "list.json"
LIMIT = 1024 * 1024
"""Bytes of the list: several thousand participants."""
_MOST = LIMIT // 70
"""Files beside it: a digest and what stands around it take 70 bytes and more."""
_LARGEST_KEY = 2048
"""Bytes of one of them: an RSA key of 8,192 bits takes 1,500."""
_STREAM = "jws"
_KIND = "list"
_PATH = f"{JWS_LIST_FOLDER}/{LIST}"
_ID = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_BEGIN, _END = b"-----BEGIN PUBLIC KEY-----\n", b"-----END PUBLIC KEY-----\n"


def publish_jws_list(tree: Tree, environment: str, keys: Mapping[str, bytes], key: RSAPrivateKey) -> bool:
    """Publish the JWS public keys (SPKI PEM by FSPIOP id), signed with the hub's exchange key; False when they stand already."""
    journal, path = SequenceJournal(tree), published_path(HUB, _STREAM)
    highest = journal.highest(path)
    standing = _standing(tree, key)
    files, digests = _published(keys, {} if standing is None else _files(tree))
    if standing is not None:
        last = _numbered(standing)
        same = standing.content["keys"] == digests and standing.content["environment"] == environment and _files(tree) == files
        if same and last.follows(highest):
            journal.advance(path, last)
            return False
        highest = last if last.follows(highest) else highest
    content = {"format": FORMAT, "environment": environment, "sequence": highest.number + 1, "keys": digests}
    journal.advance(path, Numbered(highest.number + 1, content_digest(content)))
    tree.write_folder(JWS_LIST_FOLDER, {**files, LIST: sign_envelope(_KIND, content, key)})
    return True


def list_sequence(data: bytes) -> int:
    """The sequence number that a list says it has; PublicationRefused (``list-unreadable``) for what is none."""
    return _numbered(_read(data)).number


class JwsListing:
    """The hub's list as it stands now, read and checked once for all the sides of a run that read it."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._entries = _entries(tree)
        self._found = _listing(self._entries)
        self._verdicts: dict[x509.Certificate, bool] = {}
        self._seen: dict[str, Numbered] = {}

    def keys(self, environment: str, reader: str, known: Sequence[x509.Certificate]) -> dict[str, bytes]:
        """The keys (SPKI PEM by FSPIOP id), verified; empty when there is no list. PublicationRefused otherwise.

        ``known``: the hub's exchange certificates as accepted by the side ``reader``.
        """
        if self._found is None:
            return {}
        if not any(self._signed_by(certificate) for certificate in known):
            raise PublicationRefused("list-signature", "is not signed by the exchange key of the hub that is known here", where=_PATH)
        if self._found.content["environment"] != environment:
            raise PublicationRefused("list-misdirected", f"is for another environment than {environment}", where=_PATH)
        self._seen[reader] = SequenceJournal(self._tree).highest(seen_path(reader, _STREAM))
        check_sequence(self._number, self._seen[reader], _PATH)
        return self._files

    def accept(self, reader: str) -> bool:
        """Journal the sequence number of the list that ``reader`` has just read; whether it was new."""
        new = self._found is not None and self._seen.get(reader) != self._number
        return new and SequenceJournal(self._tree).advance(seen_path(reader, _STREAM), self._number)

    def _signed_by(self, certificate: x509.Certificate) -> bool:
        if certificate not in self._verdicts and self._found is not None:
            self._verdicts[certificate] = signed_by(self._found.content, self._found.signature, certificate)
        return self._verdicts.get(certificate, False)

    @cached_property
    def _number(self) -> Numbered:
        return Numbered() if self._found is None else _numbered(self._found)

    @cached_property
    def _files(self) -> dict[str, bytes]:
        listed = {} if self._found is None else self._found.content["keys"]
        return {name: _listed(self._entries.get(f"{name}.pem"), name, digest) for name, digest in sorted(listed.items())}


def _numbered(found: Envelope) -> Numbered:
    return Numbered(found.content["sequence"], content_digest(found.content))


def _read(data: bytes) -> Envelope:
    found = read_envelope(_KIND, data, fields={"environment", "sequence", "keys"}, limit=LIMIT, where=_PATH)
    keys = found.content["keys"]
    if not isinstance(found.content["environment"], str) or not is_sequence(found.content["sequence"]) or not isinstance(keys, dict):
        raise unreadable(_KIND, "environment, sequence or keys", _PATH)
    if not all(_ID.fullmatch(name) and is_digest(digest) for name, digest in keys.items()):
        raise unreadable(_KIND, "keys that are not FSPIOP ids with SHA-256 digests", _PATH)
    return found


def _standing(tree: Tree, key: RSAPrivateKey) -> Envelope | None:
    """The list as this key signed it; None when there is none, or it is damaged: it is replaced as a whole."""
    try:
        found = _listing(_entries(tree))
    except PublicationRefused:
        return None
    return found if found and signed_with(found.content, found.signature, key.public_key()) else None


def _entries(tree: Tree) -> dict[str, Entry]:
    try:
        entries = tree.folder(JWS_LIST_FOLDER, largest=_LARGEST_KEY, most=_MOST)
        found = entries.get(LIST)
        if found is not None and _LARGEST_KEY < found.status.size <= LIMIT and found.status.regular:
            entries[LIST] = found._replace(content=tree.read(_PATH))
    except Unavailable:
        raise
    except StoreError as error:
        raise not_plain(JWS_LIST_FOLDER) from error
    if len(entries) > _MOST:
        raise unreadable(_KIND, f"more than {_MOST:,} files", JWS_LIST_FOLDER)
    return entries


def _listing(entries: Mapping[str, Entry]) -> Envelope | None:
    return _read(plain_content(entries[LIST], _PATH, LIMIT)) if LIST in entries else None


def _files(tree: Tree) -> dict[str, bytes | None]:
    return {name: entry.read(f"{JWS_LIST_FOLDER}/{name}") for name, entry in _entries(tree).items() if name != LIST}


def _published(keys: Mapping[str, bytes], standing: Mapping[str, bytes | None]) -> tuple[dict[str, bytes], dict[str, str]]:
    """The files of the list, and the digests in it. What stands there has been read as a key before."""
    files = {}
    for name, pem in keys.items():
        file = f"{name}.pem"
        files[file] = pem if standing.get(file) == pem else public_pem(read_public_key(pem, where=f"{JWS_LIST_FOLDER}/{file}"))
    return files, {name.removesuffix(".pem"): _key_digest(pem, name) for name, pem in files.items()}


def _listed(entry: Entry | None, name: str, digest: str) -> bytes:
    path = f"{JWS_LIST_FOLDER}/{name}.pem"
    if entry is None:
        raise PublicationRefused("file-missing", "is on the list and not there", where=path)
    content = entry.read(path)
    if content is None or _key_digest(content, path) != digest:
        raise PublicationRefused("file-altered", "is not the key that the list says", where=path)
    return content


def _key_digest(pem: bytes, path: str) -> str:
    """SHA-256 (hex) of the SubjectPublicKeyInfo; not parsed further, because each of N readers would parse N keys.

    Only the one form in which it is published counts (RFC 7468 section 3, strict): what backends read is as this side wrote it.
    """
    try:
        der = base64.b64decode(pem.removeprefix(_BEGIN).removesuffix(_END))
    except ValueError as error:
        raise PublicationRefused("file-altered", "is not base64", where=path) from error
    body = base64.b64encode(der)
    if pem != b"".join((_BEGIN, *(body[start : start + 64] + b"\n" for start in range(0, len(body), 64)), _END)):
        raise PublicationRefused("file-altered", "is not a public key in PEM and nothing else", where=path)
    return sha256(der).hexdigest()
