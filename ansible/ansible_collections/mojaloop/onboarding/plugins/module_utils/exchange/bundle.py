# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One side of the exchange as one file that a person carries: a publication, with the hub's list of JWS keys where it is the hub's.

The file is a ZIP archive without compression. Only the one form that ``pack`` writes is accepted, byte for byte: so there
is nothing in it beside the listed files, no name twice, no link, no path and nothing that grows. ``bundle.json`` comes
first: a signed document (see ``envelope``) that says from whom, for whom, which publication and which files by SHA-256.
The same content has the same bytes. Secrets in it are sealed to the reader's exchange key, as everywhere in the exchange.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from ..description.documents import shown
from ..formats import FORMAT
from ..store.interface import LARGEST
from .envelope import Envelope, read_envelope, sign_envelope, signed_by, unreadable
from .manifest import MOST as HIGHEST
from .manifest import is_digest
from .refusal import PublicationRefused

INDEX = "bundle.json"
PUBLICATION, KEYS = "publication/", "jws/"
"""The folders in it: what stands in the sender's folder of the exchange, and in ``exchange/jws``."""
KIND = "bundle"
SUFFIX = ".zip"
MOST = 10_000
"""Files in it: a publication's, and as many JWS keys."""
_FIELDS = {"environment", "from", "to", "sequence", "list", "read", "files"}
_NAME = re.compile(r"(?:publication|jws)/[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_TIME = (1980, 1, 1, 0, 0, 0)
_DAMAGED = (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError, OSError, struct.error, KeyError, IndexError)
"""What the reader of archives raises on one that is none."""
_ASK = "Have it sent again, and ask its sender over another channel what happened. Nothing was stored."


@dataclass(frozen=True)
class Bundle:
    """What a file holds, each file of it as its index says; not yet trusted.

    ``sequence`` is that of the publication, ``listed`` that of the list of JWS keys (0: there is none), ``read`` that of
    the receiver's publication which the sender had read when it made this. ``files`` are by name in the archive.
    """

    environment: str
    sender: str
    receiver: str
    sequence: int
    listed: int
    read: int
    files: Mapping[str, bytes]
    index: Envelope | None = None

    def folder(self, top: str) -> dict[str, bytes]:
        """The files of one folder, by name."""
        return {name.removeprefix(top): content for name, content in self.files.items() if name.startswith(top)}

    @property
    def name(self) -> str:
        """How the file is called."""
        return f"{self.environment}.{self.sender}-for-{self.receiver}{SUFFIX}"

    @property
    def content(self) -> dict[str, object]:
        """What is signed."""
        return {
            "format": FORMAT,
            "environment": self.environment,
            "from": self.sender,
            "to": self.receiver,
            "sequence": self.sequence,
            "list": self.listed,
            "read": self.read,
            "files": _digests(self.files),
        }

    def signed_by(self, certificate: x509.Certificate) -> bool:
        """Whether the key of this exchange certificate signed the index."""
        return self.index is not None and signed_by(self.index.content, self.index.signature, certificate, salt=0)


def pack(bundle: Bundle, key: RSAPrivateKey) -> bytes:
    """The file; the same bytes for the same content and key."""
    return _packed(sign_envelope(KIND, bundle.content, key, salt=0), bundle.files)


def read_bundle(data: bytes, where: str) -> Bundle:
    """Parse a file strictly; PublicationRefused with a reason code for anything but what ``pack`` writes."""
    if len(data) > LARGEST:
        raise PublicationRefused("too-large", f"has more than {LARGEST:,} bytes", where=where, remedy=_ASK)
    if b"PRIVATE KEY" in data:
        remedy = "Its owner makes a new key pair and retires this one: it counts as disclosed. Nothing was stored."
        raise PublicationRefused("private-key-received", "holds a private key; allowed: public material only", where=where, remedy=remedy)
    try:
        members = _members(data)
    except _DAMAGED as error:
        what = f"is no whole bundle ({type(error).__name__}: {shown(str(error))})"
        raise PublicationRefused("bundle-unreadable", what, where=where, remedy=_ASK) from error
    index = members.pop(INDEX, b"")
    bundle = _indexed(read_envelope(KIND, index, fields=_FIELDS, limit=LARGEST, where=f"{where}: {INDEX}"), members, where)
    _check_files(bundle, where)
    if _packed(index, members) != data:
        raise PublicationRefused("bundle-altered", "is not in the one form that a bundle has", where=where, remedy=_ASK)
    return bundle


def _members(data: bytes) -> dict[str, bytes]:
    """The files by name; ValueError for what no bundle has. Nothing is read before all sizes are known to fit into the file."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        if len(entries) > MOST:
            msg = f"more than {MOST:,} files"
            raise ValueError(msg)
        for entry in entries:
            if entry.filename != INDEX and not _NAME.fullmatch(entry.filename):
                msg = f"the name {entry.filename[:100]!r}"
                raise ValueError(msg)
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries) or sum(entry.file_size for entry in entries) > len(data):
            msg = "compressed files"
            raise ValueError(msg)
        return {entry.filename: archive.read(entry) for entry in entries}


def _indexed(index: Envelope, files: Mapping[str, bytes], where: str) -> Bundle:
    content = index.content
    texts = all(isinstance(content[name], str) for name in ("environment", "from", "to"))
    numbers = all(type(content[name]) is int and 0 <= content[name] <= HIGHEST for name in ("sequence", "list", "read"))
    listed = content["files"]
    if not texts or not numbers or not isinstance(listed, dict) or not all(is_digest(digest) for digest in listed.values()):
        raise unreadable(KIND, "environment, from, to, sequence, list, read or files", where)
    environment, sender, receiver = content["environment"], content["from"], content["to"]
    return Bundle(environment, sender, receiver, content["sequence"], content["list"], content["read"], files, index)


def _check_files(bundle: Bundle, where: str) -> None:
    listed: Mapping[str, str] = {} if bundle.index is None else bundle.index.content["files"]
    found = _digests(bundle.files)
    for name in sorted({*listed, *found}):
        if listed.get(name) != found.get(name):
            raise PublicationRefused("file-altered", "is not what the bundle's index says", where=f"{where}: {shown(name)}", remedy=_ASK)


def _digests(files: Mapping[str, bytes]) -> dict[str, str]:
    return {name: sha256(content).hexdigest() for name, content in files.items()}


def _packed(index: bytes, files: Mapping[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", compression=zipfile.ZIP_STORED) as archive:
        for name, content in ((INDEX, index), *sorted(files.items())):
            entry = zipfile.ZipInfo(name, _TIME)
            entry.create_system, entry.external_attr = 3, 0o600 << 16
            archive.writestr(entry, content)
    return target.getvalue()
