# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Certification authorities: making a side's own, taking one over, reading the counterpart's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from ..description.model import Side
from ..description.profiles import AuthorityRule
from ..store.tree import Tree
from .faults import Fault
from .keys import PrivateKey


@dataclass(frozen=True)
class Authority:
    """A CA ready to sign. ``chain``: issuing CA first, up to and with the root."""

    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    key: PrivateKey


def make_authority(key: PrivateKey, *, side: Side, rule: AuthorityRule, now: datetime, backdate_seconds: int = 300) -> x509.Certificate:
    """A self-signed root for this side: ``O=<organisation>, CN=<FSPIOP id> CA``, keyCertSign and cRLSign, CA=TRUE with path length."""
    raise NotImplementedError


def read_chain(pem: bytes, *, where: str) -> tuple[x509.Certificate, ...]:
    """A CA chain as a counterpart hands it in (64 KiB, 6 certificates), ordered issuing CA first up to the root; InputRefused otherwise."""
    raise NotImplementedError


def import_authority(
    certificate_pem: bytes, chain_pem: bytes, key_pem: bytes, passphrase: bytes | None, *, rule: AuthorityRule, now: datetime, where: str
) -> Authority:
    """A CA made elsewhere (root, intermediate and key as files), wholly checked; StoreError with every fault found."""
    raise NotImplementedError


def authority_record(key_pem: bytes, certificate: x509.Certificate) -> bytes:
    """What is stored as ``key.record`` beside an encrypted CA key that was opened and fits: later runs compare instead of opening it."""
    raise NotImplementedError


def authority_faults(
    tree: Tree, folder: str, *, rule: AuthorityRule, now: datetime, passphrase: bytes | None = None
) -> list[Fault]:
    """What is wrong with a CA folder (key.pem, certificate.pem, chain.pem, key.record); the key is opened only when no record fits."""
    raise NotImplementedError
