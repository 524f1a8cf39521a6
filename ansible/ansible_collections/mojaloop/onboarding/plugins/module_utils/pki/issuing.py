# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Issuing: what a certificate says comes from the profile and the description, never from a request."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from cryptography import x509

from ..description.model import Side
from ..description.profiles import CertificateRule, Profile
from .keys import PrivateKey, PublicKey
from .signers import CertificateSigner


class SerialJournal(Protocol):
    """A CA's write-ahead journal."""

    def reserve(self, serial: int, record: dict[str, str]) -> bool:
        """Take a serial for good, before anything is signed with it; False when it was ever taken."""

    def record(self, serial: int, record: dict[str, str]) -> None:
        """Note what was signed: who, what, why, policy version, fingerprint."""


def issue(  # noqa: PLR0913 - each is a fact of its own
    signer: CertificateSigner,
    *,
    rule: CertificateRule,
    profile: Profile,
    holder: Side,
    public_key: PublicKey,
    now: datetime,
    serials: SerialJournal,
    why: str,
) -> x509.Certificate:
    """A certificate for the holder's public key (policy.check comes first); AwaitingSignature when the signer is offline."""
    raise NotImplementedError


def self_signed(key: PrivateKey, *, rule: CertificateRule, profile: Profile, holder: Side, now: datetime) -> x509.Certificate:
    """A self-signed certificate of a leaf's kind (CA=FALSE), for exchange keys and for JWS keys without a CA."""
    raise NotImplementedError
