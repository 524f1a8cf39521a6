# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The digests that two people compare at first contact: what a side has sent, and what it has received."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from ..description.model import HUB, Description
from ..description.trust import requests_between
from ..errors import OnboardingError
from ..findings import Finding
from ..store import layout
from ..store.tree import Tree
from .first_contact import first_publication_digest, read_contact
from .publication import Address, read_publication
from .published import published_files

SHORT_GROUPS = 5
"""Groups of four hexadecimal digits in the short form: 80 bits, which no one meets with another key."""


@dataclass(frozen=True)
class ExchangedDigest:
    """The digest of what ``sender`` has published for ``receiver`` (side names), and how it stands with the receiver."""

    sender: str
    receiver: str
    digest: str
    standing: str = ""

    @property
    def short(self) -> str:
        """The form to read over the telephone."""
        return short_form(self.digest)

    def as_dict(self) -> dict[str, str]:
        """Plain data."""
        return {"sender": self.sender, "receiver": self.receiver, "digest": self.digest, "short": self.short, "standing": self.standing}


def short_form(digest: str) -> str:
    """The first digits of ``sha256:<hex>`` in groups: both people read their own run's, and compare."""
    digits = digest.removeprefix("sha256:")
    return " ".join(digits[4 * group : 4 * group + 4] for group in range(SHORT_GROUPS))


def exchanged_digest(tree: Tree, description: Description, sender: str, receiver: str) -> ExchangedDigest | None:
    """The digest of a publication that stands in the exchange; None when there is none. PublicationRefused when it is damaged."""
    side = description.side(sender)
    plain = getattr(side, "manifest", "") == "none"
    address = Address(description.environment, sender, receiver, published_files(description.profile))
    publication = read_publication(tree, address, plain=plain)
    if publication is None:
        return None
    digest = first_publication_digest(publication.files, address.files)
    return ExchangedDigest(sender, receiver, digest, _standing(tree, description, sender, receiver, digest))


def confirmed_digest(description: Description, sender: str, receiver: str) -> str:
    """The digest of the sender's first publication as a person has written it into the description; empty: not confirmed."""
    return description.hub.first_publication(receiver) if sender == HUB else description.participant(sender).first_publication


def place_of(sender: str, receiver: str) -> str:
    """Where the receiver writes the sender's digest, once a person has confirmed it."""
    return f"hub.yml, first_publications: {receiver}" if sender == HUB else f"participants/{sender}.yml, first_publication"


def _standing(tree: Tree, description: Description, sender: str, receiver: str, digest: str) -> str:
    """What this installation knows of it as the receiver; ``sent`` where it acts for the sender alone."""
    own = {side.name for side in description.own_sides}
    if receiver not in own:
        return "sent"
    confirmed = confirmed_digest(description, sender, receiver)
    if confirmed == digest:
        return "confirmed"
    if read_contact(tree, receiver, sender) is not None:
        return "known"
    return "differs" if confirmed else "unconfirmed"


def awaited_digests(tree: Tree, description: Description, pending: Iterable[Finding]) -> Iterator[ExchangedDigest]:
    """What was sent to counterparts that have not answered yet: the digests that their people have to compare."""
    own = {side.name for side in description.own_sides}
    others = {HUB, *(participant.name for participant in description.participants)} - own
    for sender, receiver in sorted({(finding.side, finding.pending_on) for finding in pending}):
        if sender in own and receiver in others and HUB in {sender, receiver}:
            # A publication that cannot be read is a finding of its own.
            with suppress(OnboardingError):
                found = exchanged_digest(tree, description, sender, receiver)
                if found and not _answered(tree, description, sender, receiver):
                    yield found


def _answered(tree: Tree, description: Description, sender: str, receiver: str) -> bool:
    """Whether the receiver has signed what it was asked to, which it does after it has accepted the publication."""
    asked = requests_between(description, description.side(sender), description.side(receiver))
    folders = [layout.store_folder(sender, artefact.rule.name, artefact.counterpart) for artefact in asked]
    return bool(folders) and all(tree.status(f"{folder}/certificate.pem") for folder in folders)
