# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Faults of artefacts: stable reason codes, and what each calls for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Fault:
    """One thing wrong with an artefact. ``file`` is the name in its folder; ``detail`` is for people and holds no secret."""

    reason: str
    detail: str = ""
    file: str = ""


MAKE = "make"
RENEW = "renew"
PERSON = "person"

ORDERED, DISCLOSED = "renewal-ordered", "key-disclosed"
"""What a person says of an artefact in which nothing is wrong."""

_MAKE = (
    "missing", "request-missing", "request-unreadable", "request-does-not-match", "certificate-missing", "certificate-unreadable",
    "chain-missing", "chain-unreadable", "chain-incomplete", "chain-order", "chain-does-not-match", "public-key-missing",
    "public-key-does-not-match", "keystore-missing", "keystore-passphrase-missing", "keystore-unreadable", "keystore-wrong-key",
    "keystore-wrong-certificate", "stray-temporary-file",
)  # fmt: skip
_RENEW = (
    "certificate-expired", "certificate-expires-soon", "lifetime-too-long", "key-usage", "extended-key-usage", "san", "subject",
    "signature-algorithm", "key-retired", "renewal-ordered",
)  # fmt: skip
REMEDIES: dict[str, str] = {**dict.fromkeys(_MAKE, MAKE), **dict.fromkeys(_RENEW, RENEW)}
"""Every reason that a run may act on by itself. All others, a lost or damaged private key first, wait for a person."""


def remedy(fault: Fault) -> str:
    """``make``: missing or derived, made again from what is there; ``renew``: a new certificate; ``person``: never replaced silently."""
    return REMEDIES.get(fault.reason, PERSON)
