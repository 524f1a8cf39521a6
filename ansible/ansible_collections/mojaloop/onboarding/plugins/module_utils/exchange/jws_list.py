# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The hub's signed list of every side's JWS key: ``exchange/jws/list.json`` and one ``<FSPIOP id>.pem`` each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from ..store.tree import Tree


def publish_jws_list(tree: Tree, environment: str, keys: Mapping[str, bytes], key: RSAPrivateKey) -> bool:
    """Publish the JWS public keys (SPKI PEM by FSPIOP id), signed with the hub's exchange key; False when they stand already."""
    raise NotImplementedError


def read_jws_list(tree: Tree, environment: str, reader: str, known: Sequence[x509.Certificate]) -> dict[str, bytes]:
    """The keys on the hub's list (SPKI PEM by FSPIOP id), verified; empty when there is none. PublicationRefused otherwise."""
    raise NotImplementedError


def accept_jws_list(tree: Tree, reader: str) -> bool:
    """Journal the sequence number of the list that ``reader`` has just read; whether it was new."""
    raise NotImplementedError
