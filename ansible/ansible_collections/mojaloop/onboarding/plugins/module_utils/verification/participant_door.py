# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Cases at a participant's door, acted from the hub's side: only the hub's certificate from the hub's addresses passes."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from email.utils import formatdate

from ..description.model import HUB, Participant
from ..jws import sign_request
from .hub_door import DROPPED, TLS_REFUSED, guarded
from .material import Material
from .model import ACCEPTED, Answer, Attempt, Case, Expected, Identity, Kind, Witness
from .probe import perform

DIRECTION = "from the hub"


@dataclass(frozen=True)
class ParticipantDoor:
    """The cases of one participant's door."""

    material: Material
    participant: Participant

    def cases(self) -> Iterator[Case]:
        """The pass, then each refusal beside it as its control."""
        own, material = self.participant, self.material
        witness = material.site.handshake_witness(own.name)
        yield Case("hub-call", "the hub's certificate from the hub's address, signed", DIRECTION, own.name, ACCEPTED, guarded(self._right))
        identities: list[tuple[str, str, Callable[[], Identity | None]]] = [
            ("no-certificate", "no client certificate", lambda: None),
            ("self-signed", "self-signed certificate with the hub's names", lambda: material.self_signed(material.run.description.hub)),
            ("other-ca", "certificate of another CA", lambda: material.of_another_ca(material.run.description.hub)),
        ]
        if own.ca.kind in {"internal", "imported"}:
            hub = material.run.description.hub
            identities += [
                ("expired", "expired certificate of the right CA", lambda: material.expired(hub, own.name)),
                ("not-yet-valid", "certificate of the right CA that is not valid yet", lambda: material.not_yet_valid(hub, own.name)),
            ]
        for key, title, identity in identities:
            yield self._refusal(key, title, TLS_REFUSED, self._with_identity(identity), witness)
        yield self._refusal("tampered-body", "body changed after signing", Expected(Kind.ANSWERED, (400,), "backend"), self._tampered)
        yield self._stranger()

    def _stranger(self) -> Case:
        place = self.material.site.strangers()
        witness = self.material.site.packet_witness(self.participant.name)

        def from_stranger() -> Attempt:
            machine, address = place or ("", "")
            return replace(self._base(), machine=machine, source=address)

        case = self._refusal("stranger", "a stranger's address, everything else right", DROPPED, from_stranger, witness)
        return case if place and witness else replace(case, obstacle="its firewall is not this run's to read")

    def _base(self) -> Attempt:
        hub, material = self.material.run.description.hub, self.material
        path = f"/quotes/{uuid.uuid4()}"
        kind = "application/vnd.interoperability.quotes+json;version=1.0"
        plain = {
            "fspiop-source": hub.fspiop_id,
            "fspiop-destination": self.participant.fspiop_id,
            "date": formatdate(usegmt=True),
            "content-type": kind,
        }
        signed = sign_request(material.jws_key(hub), "PUT", path, plain, {"transferAmount": {"amount": "1", "currency": "USD"}})
        return Attempt(
            material.site.machine_of(HUB) or "",
            material.source(hub),
            material.door(self.participant),
            material.identity(hub, self.participant.name),
            "PUT",
            path,
            tuple(signed.headers.items()),
            signed.body,
        )

    def _tampered(self) -> Attempt:
        base = self._base()
        return replace(base, body=base.body.replace(b'"amount":"1"', b'"amount":"9"'))

    def _with_identity(self, identity: Callable[[], Identity | None]) -> Callable[[], Attempt]:
        return lambda: replace(self._base(), identity=identity())

    def _right(self) -> Answer:
        return perform(self.material.site, self._base())

    def _refusal(self, key: str, title: str, expected: Expected, attempt: Callable[[], Attempt], witness: Witness | None = None) -> Case:
        def action() -> Answer:
            return perform(self.material.site, attempt())

        return Case(
            key, title, DIRECTION, self.participant.name, expected, guarded(action),
            control=guarded(self._right), control_key=f"{self.participant.name} door", witness=witness,
        )  # fmt: skip
