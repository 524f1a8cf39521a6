# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Cases at a participant's inbound listener, acted from the hub's side: only the hub's certificate from the hub's addresses passes."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from email.utils import formatdate

from ..description.model import Participant
from ..jws import sign_request
from .forgeries import forged_signatures
from .hub_listener import NOT_ASKED, TLS_REFUSED, after, outdated
from .material import Material
from .model import ACCEPTED, Answer, Attempt, Case, Expected, Identity, Witness
from .probe import perform
from .ways import Ways
from .wrong_requests import METHOD, PATHS, TAMPERED, Wrong, identity_header

DIRECTION = "from the hub"


_QUOTE = {
    "transferAmount": {"amount": "1", "currency": "USD"},
    "expiration": "2030-01-01T00:00:00.000Z",
    "ilpPacket": "AA",
    "condition": 43 * "A",
}
"""An answer to a quote that no one has asked for: whole as FSPIOP API 1.1 has it (section 6.5.4), so that a real service takes it."""


@dataclass(frozen=True)
class ParticipantListener:
    """The cases of one participant's listener."""

    material: Material
    participant: Participant

    def cases(self) -> Iterator[Case]:
        """The pass, then each refusal beside it as its control."""
        own, material = self.participant, self.material
        witness = material.site.handshake_witness(own.name)
        yield Case("hub-call", "the hub's certificate from the hub's address, signed", DIRECTION, own.name, ACCEPTED, self._right)
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
        if own.managed:
            identities.append(("server-certificate", "its own server certificate as client", lambda: material.server_identity(own)))
        ways = Ways(material, material.run.description.hub, own, self.base)
        for key, title, expected, action in ways.further():
            yield Case(key, title, DIRECTION, own.name, expected, action)
        for key, title, identity in identities:
            yield self._refusal(key, title, TLS_REFUSED, self._with_identity(identity), witness)
        yield from outdated(self._refusal, self.base, witness)
        forged = forged_signatures(material.run.keys.make, lambda: material.jws_key(material.run.description.hub))
        for wrong in (TAMPERED, *forged):
            case = self._refusal(wrong.key, wrong.title, wrong.expected, after(self.base, wrong.change))
            yield case if material.site.control(own.name) else replace(case, obstacle=NOT_ASKED)
        for wrong in self._of_its_gateway() if own.gateways else ():
            yield self._refusal(wrong.key, wrong.title, wrong.expected, after(self.base, wrong.change))
        yield from ways.strangers(self._refusal, "its firewall is not this run's to read")

    def _of_its_gateway(self) -> tuple[Wrong, ...]:
        return (*identity_header("fspiop-destination", "destination-header"), *PATHS, METHOD)

    def base(self) -> Attempt:
        """A message of the hub that is right in every fact."""
        hub, material = self.material.run.description.hub, self.material
        path = f"/quotes/{uuid.uuid4()}"
        kind = "application/vnd.interoperability.quotes+json;version=1.0"
        plain = {
            "fspiop-source": hub.fspiop_id,
            "fspiop-destination": self.participant.fspiop_id,
            "date": formatdate(usegmt=True),
            "content-type": kind,
        }
        signed = sign_request(material.jws_key(hub), "PUT", path, plain, _QUOTE)
        return Attempt(
            *material.way(hub, self.participant),
            material.identity(hub, self.participant.name),
            "PUT",
            path,
            tuple(signed.headers.items()),
            signed.body,
        )

    def _with_identity(self, identity: Callable[[], Identity | None]) -> Callable[[], Attempt]:
        return lambda: replace(self.base(), identity=identity())

    def _right(self) -> Answer:
        return perform(self.material.site, self.base())

    def _refusal(self, key: str, title: str, expected: Expected, attempt: Callable[[], Attempt], witness: Witness | None = None) -> Case:
        def action() -> Answer:
            return perform(self.material.site, attempt())

        return Case(
            key, title, DIRECTION, self.participant.name, expected, action,
            control=self._right, control_key=f"{self.participant.name} listener", witness=witness,
        )  # fmt: skip
