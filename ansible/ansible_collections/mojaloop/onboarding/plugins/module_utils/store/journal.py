# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The journal: serial numbers, signatures, keys and sequence numbers, each written ahead of what it is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

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
        raise NotImplementedError

    def record(self, serial: int, record: Issuance) -> None:
        """Journal a signature after it was made; repeating it changes nothing."""
        raise NotImplementedError

    def issued(self, issuer: str) -> dict[int, Issuance]:
        """What the CA of a side signed, by serial number."""
        raise NotImplementedError


class KeyState(str, Enum):
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
        raise NotImplementedError

    def claim(self, digest: str, owner: str, purpose: str) -> KeyEntry:
        """Register a key before its first use; returns the entry that stands, which is another's when the key is taken."""
        raise NotImplementedError

    def retire(self, digest: str) -> None:
        """Never again: the key stays known, and is refused to everybody."""
        raise NotImplementedError


@dataclass(frozen=True)
class Sequence:
    """The highest sequence number of a stream, and the digest (hex) of the document that carried it."""

    number: int
    digest: str


class SequenceJournal:
    """Highest sequence numbers, so that an old copy of the exchange is recognised."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def highest(self, path: str) -> Sequence:
        """The highest number journalled at this path (see ``layout``); number 0 when there is none."""
        raise NotImplementedError

    def advance(self, path: str, sequence: Sequence) -> None:
        """Journal a higher number; a lower or equal one changes nothing."""
        raise NotImplementedError


def parse_record(data: bytes, where: str) -> Mapping[str, object]:
    """A journal file's JSON object of format 1; StoreError for anything else."""
    raise NotImplementedError
