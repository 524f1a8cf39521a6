# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Cases of a participant that is suspended or offboarded: all that it has is still right, and the hub's inbound listener refuses it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from ..description.model import HUB, Participant
from ..store import layout
from .hub_listener import DIRECTION, HubListener
from .material import Material
from .model import Answer, Attempt, Case, Expected, Witness
from .probe import perform
from .ways import DROPPED
from .wrong_requests import by_gateway

UNKNOWN = by_gateway(403, "certificate-unknown")


@dataclass(frozen=True)
class Firewalls:
    """Both firewalls on the way: that of a managed participant lets nothing out any more, and the hub's nothing in."""

    witnesses: tuple[Witness, ...]

    @property
    def name(self) -> str:
        """All of them."""
        return " or ".join(witness.name for witness in self.witnesses)

    def count(self) -> int:
        """What they refused together."""
        return sum(witness.count() for witness in self.witnesses)


@dataclass(frozen=True)
class ShutOut:
    """One participant that is not active; ``other`` is an active one whose right call shows that the listener is open to others."""

    material: Material
    participant: Participant
    other: Participant | None

    def cases(self) -> Iterator[Case]:
        """Its call as it was, then the same from an address that the firewall lets in, so that the gateway has to refuse it too."""
        own, site = self.participant, self.material.site
        found = (site.packet_witness(own.name, outward=True), site.packet_witness(HUB))
        witness = Firewalls(tuple(each for each in found if each))
        state = own.state.value
        title = f"{state}: its own certificate and address, as when it was active"
        expected, counted = (DROPPED, witness) if witness.witnesses else (UNKNOWN, None)
        yield self._case("shut-out", title, expected, lambda: self._attempt(own), counted)
        title = f"{state}: its own certificate from an active participant's address"
        yield self._case("shut-out-certificate", title, UNKNOWN, lambda: self._attempt(self.other or own))

    def _attempt(self, place: Participant) -> Attempt:
        """From the place's machine and address; without token, which no one who is shut out can fetch: an earlier check refuses."""
        own, material = self.participant, self.material
        headers = (("fspiop-source", own.fspiop_id), ("fspiop-destination", material.run.description.hub.fspiop_id))
        return Attempt(
            *material.way(place, material.run.description.hub),
            material.identity(own, HUB),
            "GET",
            f"/{own.roles[0] if own.roles else 'parties'}/{uuid.uuid4()}",
            headers,
        )

    def _case(self, key: str, title: str, expected: Expected, attempt: Callable[[], Attempt], witness: Witness | None = None) -> Case:
        def action() -> Answer:
            return perform(self.material.site, attempt())

        case = Case(key, title, DIRECTION, self.participant.name, expected, action, witness=witness, obstacle=self._obstacle())
        if self.other is None:
            return case
        right = HubListener(self.material, self.other, None)
        return replace(case, control=right.right, control_key=f"{self.other.name} right")

    def _obstacle(self) -> str:
        key = f"{layout.store_folder(self.participant.name, 'client', HUB)}/key.pem"
        if self.material.run.tree.read(key) is None:
            return "its certificate is not here to try"
        return "" if self.other else "needs an active participant whose material is here, to show that the listener is open to others"
