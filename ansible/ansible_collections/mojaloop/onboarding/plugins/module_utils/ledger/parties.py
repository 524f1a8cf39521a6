# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Identifiers of a participant's customers, in the oracle of their type: whose they are. The one place that knows an oracle's API.

Source: Mojaloop ALS Oracle API 1.1: ``/participants/{Type}/{ID}``, synchronous, unlike FSPIOP's own resource of that name. An identifier
that belongs to another participant is left to a person: it is that participant's customer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from urllib.parse import quote

from ..description.model import Oracle, Participant
from ..description.testing import Party
from ..errors import RemoteError
from ..findings import Disposition
from ..remote.changes import Changes
from ..remote.http import json_body
from .convergence import Convergence, Difference, Order


@dataclass(frozen=True)
class Place:
    """One identifier, at the oracle that knows its type."""

    oracle: str
    party: Party
    currency: str

    @property
    def path(self) -> str:
        """Its path at the oracle."""
        return f"/participants/{self.party.identifier}/{quote(self.party.value, safe='')}"

    @property
    def artefact(self) -> str:
        """Its name in findings."""
        return f"party/{self.party.identifier}/{self.party.value}"


def places(participant: Participant, oracles: tuple[Oracle, ...]) -> Iterator[Place]:
    """Every identifier with its oracle: that of the currency, else the one for all; those of a type without an oracle are left out."""
    currency = participant.currencies[0] if participant.currencies else ""
    for party in participant.parties:
        fitting = [each for each in oracles if each.identifier == party.identifier and each.currency in {"", currency}]
        if fitting:
            yield Place(max(fitting, key=lambda each: each.currency).url.rstrip("/"), party, currency)


@dataclass(frozen=True)
class PartyAtOracle:
    """One identifier of a participant: registered while it takes part, and no longer when it is offboarded."""

    place: Place
    owner: str
    wanted: bool
    changes: Changes

    def ensure(self, *, dry_run: bool) -> Iterator[Difference]:
        """Register it, or take it out; RemoteError when the oracle does not answer as its API says."""
        stage = partial(_difference, self.place, self.owner, self.wanted)
        yield from Convergence(self._owners, self._send, [stage]).differences(dry_run=dry_run)

    def _owners(self) -> frozenset[str]:
        why = f"reading whose {self.place.artefact} is"
        answer = self.changes.read(self.place.oracle + self.place.path, why, also={HTTPStatus.NOT_FOUND})
        if answer.status == HTTPStatus.NOT_FOUND:
            return frozenset()
        found = answer.parsed()
        listed = found.get("partyList") if isinstance(found, dict) else None
        if not isinstance(listed, list) or not all(isinstance(each, Mapping) for each in listed):
            raise RemoteError(
                f"{why} was answered with something else", where=self.place.oracle, remedy="Check the oracle's url in hub.yml."
            )
        return frozenset(str(each.get("fspId")) for each in listed)

    def _send(self, order: Order) -> None:
        self.changes.write(order.method, self.place.oracle + order.path, order.why, json_body(order.body) if order.body else None)


def _difference(place: Place, owner: str, wanted: bool, owners: frozenset[str]) -> list[Difference]:  # noqa: FBT001 -- a stage of convergence
    if wanted and not owners:
        body = {"fspId": owner, **({"currency": place.currency} if place.currency else {})}
        return [Difference(place.artefact, "party-missing", (Order("POST", place.path, body, f"registering {place.artefact}"),))]
    if wanted and owner not in owners:
        detail = f"the oracle says that it is a customer of {', '.join(sorted(owners))}; correct the file, or the oracle"
        return [Difference(place.artefact, "party-of-another", detail=detail, disposition=Disposition.FAULT)]
    if not wanted and owners == {owner}:
        return [Difference(place.artefact, "party-unwanted", (Order("DELETE", place.path, {}, f"taking {place.artefact} out"),))]
    return []
