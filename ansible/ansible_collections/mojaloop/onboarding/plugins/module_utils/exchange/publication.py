# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Publications: a folder of plain files that one side writes for the other, under a signed manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from ..store.tree import Tree
from .manifest import Manifest


@dataclass(frozen=True)
class Address:
    """Which publication: from ``sender`` for ``receiver`` (side names, one of them the hub) in an environment."""

    environment: str
    sender: str
    receiver: str


@dataclass(frozen=True)
class Publication:
    """What was read, undamaged. ``manifest`` is None for plain files; ``verified``: a key known since first contact signed it."""

    files: Mapping[str, bytes]
    manifest: Manifest | None
    verified: bool


def publish(tree: Tree, address: Address, files: Mapping[str, bytes], key: RSAPrivateKey, *, sequence_floor: int = 0) -> bool:
    """Publish these files, signed with the sender's exchange key; False, and nothing touched, when they stand published already.

    The sequence number rises above the highest of the journal, the exchange and ``sequence_floor``.
    """
    raise NotImplementedError


def read_publication(tree: Tree, address: Address, *, plain: bool = False, known: Sequence[x509.Certificate] = ()) -> Publication | None:
    """What stands published, checked; None when nothing is. PublicationRefused with a reason code when it cannot be trusted.

    ``plain``: the sender writes no manifests. ``known``: exchange certificates accepted since first contact; without
    any, the signature is checked against the publication's own ``exchange.pem`` (first contact decides whose that is).
    """
    raise NotImplementedError
