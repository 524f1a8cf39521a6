# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The digests that two people compare: what the hub and a participant have sent each other, for people."""

from __future__ import annotations

from pathlib import Path

from ..description.loading import load_description
from ..description.model import HUB
from ..errors import OnboardingError
from ..exchange.digests import ExchangedDigest, exchanged_digest, place_of
from ..store.tree import Tree

_NEXT = {
    "sent": "{receiver} compares it with its own run, then writes it into its {place}.",
    "confirmed": "confirmed in {place}.",
    "known": "accepted before; what followed is signed with a known key.",
    "unconfirmed": "not confirmed: compare it with {sender} over another channel, then write it into {place}.",
    "differs": "DIFFERS from the digest in {place}: compare it again with {sender} over another channel.",
}


def compared(tree: Tree, folder: Path, state: Path, participant: str) -> tuple[list[ExchangedDigest], str]:
    """Both directions as they stand in the exchange, and in words; OnboardingError for an id that is not described."""
    description = load_description(folder, state=str(state))
    try:
        description.participant(participant)
    except KeyError:
        remedy = "Name the id of a participant whose file is in order."
        raise OnboardingError("no such participant", where=participant, remedy=remedy) from None
    found, lines = [], []
    for sender, receiver in ((HUB, participant), (participant, HUB)):
        one = exchanged_digest(tree, description, sender, receiver)
        found += [one] if one else []
        lines += _lines(one) if one else [f"{sender} for {receiver}: nothing is published."]
    return found, "\n".join(lines)


def _lines(one: ExchangedDigest) -> list[str]:
    said = _NEXT[one.standing].format(sender=one.sender, receiver=one.receiver, place=place_of(one.sender, one.receiver))
    return [f"{one.sender} for {one.receiver}: {one.digest}", f"  short form: {one.short}", f"  {said}"]
