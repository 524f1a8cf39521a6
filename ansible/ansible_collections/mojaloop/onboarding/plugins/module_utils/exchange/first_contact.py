# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""First contact: a person confirms the digest of a counterpart's first publication over another channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from ..store.tree import Tree
from .publication import Address, Publication


@dataclass(frozen=True)
class Trust:
    """What the description says of a counterpart: the confirmed digest (or empty), automatic approval (labs), plain files."""

    first_publication: str = ""
    automatic: bool = False
    plain: bool = False


@dataclass(frozen=True)
class Contact:
    """What a side knows its counterpart by: the accepted digest, how it was accepted, its exchange certificates (PEM)."""

    digest: str
    provenance: str
    exchange_certificates: tuple[str, ...]


class ContactStatus(str, Enum):
    """Whether a publication may become effective."""

    ACCEPTED = "accepted"
    AWAITING_APPROVAL = "awaiting-approval"
    REFUSED = "refused"


@dataclass(frozen=True)
class Reception:
    """A publication and what may become of it.

    ``digest`` is what a person would confirm; ``reason`` says why when it is refused (``first-publication-differs``);
    ``provenance`` of what was accepted: ``signed``, ``confirmed`` or ``automatic``.
    """

    publication: Publication
    status: ContactStatus
    digest: str
    reason: str = ""
    provenance: str = ""


def first_publication_digest(files: Mapping[str, bytes]) -> str:
    """``sha256:<hex>`` over the CA certificates, request keys, JWS key and exchange key of a publication."""
    raise NotImplementedError


def read_contact(tree: Tree, side: str, counterpart: str) -> Contact | None:
    """What ``side`` knows ``counterpart`` by; None before first contact."""
    raise NotImplementedError


def receive(tree: Tree, address: Address, trust: Trust) -> Reception | None:
    """Read what ``address.sender`` published and judge it; writes nothing. None when nothing is published; PublicationRefused as ``read_publication``."""
    raise NotImplementedError


def accept(tree: Tree, address: Address, reception: Reception) -> bool:
    """Journal an accepted publication (contact, exchange keys, sequence number); whether anything was new."""
    raise NotImplementedError
