# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every artefact is verified again on every run: one ordered list of small pure checks with reason codes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from cryptography import x509

from ..description.model import Side
from ..description.profiles import CertificateRule, Profile
from ..store.tree import Tree
from .faults import Fault

Chain = tuple[x509.Certificate, ...]


def artefact_faults(
    tree: Tree, folder: str, *, rule: CertificateRule, holder: Side, issuer_chain: Chain, now: datetime
) -> list[Fault]:
    """What is wrong with one artefact folder of the store, in a fixed order; an empty ``issuer_chain`` means self-signed.

    Without the issuer's chain for a certificate that a counterpart or the scheme signs, pass ``()`` only when there is no
    certificate yet: a certificate without a known issuer is ``issuer-is-not-ours``.
    """
    raise NotImplementedError


def certificate_faults(
    certificate: x509.Certificate, *, rule: CertificateRule, holder: Side, chain: Chain, now: datetime, key_digest: str = ""
) -> list[Fault]:
    """What is wrong with a certificate that our own CA signed (or the holder itself: empty chain) for this rule and holder."""
    raise NotImplementedError


def received_certificate_faults(
    certificate: x509.Certificate, *, rule: CertificateRule, holder: Side, chain: Chain, now: datetime, key_digest: str = ""
) -> list[Fault]:
    """What is wrong with a certificate that a counterpart's CA signed with tools of its own: only what safety needs."""
    raise NotImplementedError


def received_server_faults(
    certificate: x509.Certificate, *, rule: CertificateRule, counterpart: Side, chain: Chain, now: datetime
) -> list[Fault]:
    """What is wrong with a counterpart's published server certificate: names its approved host, chains to its CA, in time."""
    raise NotImplementedError


def received_authority_faults(chain: Chain, *, profile: Profile, others: Mapping[str, str], now: datetime) -> list[Fault]:
    """What is wrong with a counterpart's CA chain; ``others`` maps ``authority_marks`` of the other sides' CAs to their names."""
    raise NotImplementedError


def authority_marks(chain: Chain) -> frozenset[str]:
    """What no two sides' CAs may have in common: digests of each certificate's subject and public key."""
    raise NotImplementedError


def duplicate_serials(certificates: Iterable[x509.Certificate]) -> list[Fault]:
    """``serial-duplicate`` for each serial number that two different certificates of one issuer carry (RFC 5280 section 4.1.2.2)."""
    raise NotImplementedError


def stray_faults(unfinished: Iterable[str]) -> list[Fault]:
    """``stray-temporary-file`` for each path that ``DiskTree.unfinished`` names."""
    raise NotImplementedError
