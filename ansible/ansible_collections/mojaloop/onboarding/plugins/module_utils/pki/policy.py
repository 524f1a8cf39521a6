# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The signing policy: an ordered list of small named checks over one case; the first that objects is the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ..description.model import Side
from ..description.profiles import CertificateRule, Profile
from .keys import PublicKey
from .requests import Request

RETIRED = "retired"
"""What ``KeyRegister.owner`` answers for a key that was taken out of use."""


class KeyRegister(Protocol):
    """Who is known to hold which key in this environment."""

    def owner(self, public_digest: str) -> str | None:
        """``ownership(holder, rule)`` of the holder, ``<side> ca`` of a CA, ``retired``, or None for an unknown key."""


@dataclass(frozen=True)
class SigningCase:
    """Everything that decides whether one certificate may be signed. ``issuer_name``: the side whose CA signs."""

    rule: CertificateRule
    profile: Profile
    holder: Side
    issuer_name: str
    request: Request | None
    public_key: PublicKey
    register: KeyRegister


def ownership(holder: str, rule: str) -> str:
    """How the key register words it that this side (its name) holds a key for this rule (its name): ``greenbank client``."""
    return f"{holder} {rule}"


def check(case: SigningCase) -> None:
    """SigningRefused with the reason code of the first check that objects; nothing when the certificate may be signed."""
    raise NotImplementedError
