# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a person brought back from the scheme's directory: CA certificates, certificates and key sets, by what they hold."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

from ..formats import read_json
from ..pki.certificates import CertificateUnreadable, certificate_key, is_authority, read_certificates
from ..pki.faults import Fault
from ..pki.inputs import InputRefused, check_input
from ..pki.keys import public_digest
from ..store.interface import Entry, Tree

MOST_IN_FILE = 20
_KEY_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.=-]{0,127}")
LARGEST_FILE = 256 * 1024
_CERTIFICATES, _KEY_SETS = (".pem", ".crt", ".cer"), (".jwks", ".json")


@dataclass(frozen=True)
class Delivery:
    """What is in an inbox. A certificate is found by its key, whatever its file is called. ``refused``: files, with what is wrong."""

    authorities: tuple[x509.Certificate, ...]
    certificates: dict[str, tuple[str, x509.Certificate]]
    """Digest of the public key -> file and certificate; the youngest where several are about one key."""
    key_ids: dict[str, str]
    """Digest of the public key -> key id, as the directory's key sets have it."""
    refused: tuple[tuple[str, Fault], ...]


def read_inbox(tree: Tree, folder: str) -> Delivery:
    """Every file of an inbox."""
    entries = tree.folder(folder, largest=LARGEST_FILE)
    refused: list[tuple[str, Fault]] = []
    found: list[tuple[str, x509.Certificate]] = []
    key_ids: dict[str, str] = {}
    for name, entry in sorted(entries.items()):
        try:
            content = _content(entry, name)
            if name.lower().endswith(_KEY_SETS):
                key_ids |= dict(key_ids_of(content, name))
            else:
                found += [(name, each) for each in _certificates(content, name)]
        except InputRefused as error:
            refused.append((name, Fault(error.reason, error.what)))
    authorities = tuple(dict.fromkeys(each for _name, each in found if is_authority(each)))
    return Delivery(authorities, _by_key(found), key_ids, tuple(refused))


def _content(entry: Entry, name: str) -> bytes:
    content = entry.read(name)
    if content is None:
        raise InputRefused("unreadable", f"is no plain file of at most {LARGEST_FILE // 1024} KiB", where=name)
    if not name.lower().endswith((*_CERTIFICATES, *_KEY_SETS)):
        raise InputRefused("unreadable", f"is none of {', '.join((*_CERTIFICATES, *_KEY_SETS))}", where=name)
    return content


def _by_key(found: Iterable[tuple[str, x509.Certificate]]) -> dict[str, tuple[str, x509.Certificate]]:
    leaves = [(name, each) for name, each in found if not is_authority(each)]
    return {certificate_key(each)[1]: (name, each) for name, each in sorted(leaves, key=lambda leaf: leaf[1].not_valid_before_utc)}


def _certificates(content: bytes, name: str) -> tuple[x509.Certificate, ...]:
    check_input(content, labels=("CERTIFICATE",), most=MOST_IN_FILE, limit=LARGEST_FILE, where=name)
    try:
        return read_certificates(content)
    except CertificateUnreadable as error:
        raise InputRefused("unreadable", str(error), where=name) from error


def key_ids_of(content: bytes, name: str) -> Iterator[tuple[str, str]]:
    """The key ids of a JWK set (RFC 7517) by public key; keys of other kinds than RSA are none of this scheme's."""
    try:
        keys: list[dict[str, Any]] = [key for key in read_json(content)["keys"] if key.get("kty") == "RSA"]
        found = [(public_digest(RSAPublicNumbers(_number(key["e"]), _number(key["n"])).public_key()), str(key["kid"])) for key in keys]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputRefused("unreadable", "is no JWK set whose keys have a kid", where=name) from error
    for digest, name_of_key in found:
        if not _KEY_ID.fullmatch(name_of_key):
            raise InputRefused("key-id", "has a kid that is not 1 to 128 letters, digits and _ . = -", where=name)
        yield digest, name_of_key


def _number(value: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)), "big")
