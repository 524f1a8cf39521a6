# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Impostors on the outbound side: traffic is diverted to someone with a wrong certificate, and must not be sent."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..description.model import HUB, Gateway, Participant, Side
from .material import Material
from .model import Answer, Case, Expected, Identity, InboundListener, Kind
from .plain_http import exchange

NOT_SENT = Expected(Kind.ANSWERED, (502, 503))
TAKEN = 200


@dataclass(frozen=True)
class Impostors:
    """Cases of ``caller``'s outbound gateway when ``target``'s address is someone else's."""

    material: Material
    caller: Side
    target: Side
    participant: str

    def cases(self) -> Iterator[Case]:
        """A self-signed impostor, one of another CA, and one with a client's certificate of the right CA, each beside its control."""
        material, target = self.material, self.target
        for key, title, identity in (
            ("self-signed", "self-signed with the right name", lambda: material.self_signed(target, "server")),
            ("other-ca", "of another CA, with the right name", lambda: material.of_another_ca(target, "server")),
            ("client", "with a client certificate of the right CA", lambda: material.identity(self.caller, target.name)),
        ):
            yield self._case(f"impostor-{key}", f"impostor of {target.name}, {title}", identity)

    def _case(self, key: str, title: str, identity: Callable[[], Identity]) -> Case:
        direction = "to the hub" if self.target.name == HUB else "from the hub"
        return Case(
            key,
            title,
            direction,
            self.participant,
            NOT_SENT,
            lambda: self._call(identity()),
            control=self._right,
            control_key=f"{self.caller.name} to the right {self.target.name}",
            witness=self.material.site.handshake_witness(self.caller.name),
            obstacle=self._obstacle(),
        )

    def _obstacle(self) -> str:
        site = self.material.site
        if not self.caller.gateways or site.machine_of(self.caller.name) is None or not site.diverts:
            return "its network is not this run's to divert"
        return ""

    def _right(self) -> Answer:
        """The same diversion with the right certificate; the same call undiverted where the target's key is its own."""
        if isinstance(self.target, Participant) and not self.target.managed:
            return self._call_out()
        return self._call(self.material.server_identity(self.target))

    def _call(self, identity: Identity) -> Answer:
        """A call while the target's address is the impostor's."""
        addresses = tuple(str(address) for address in self.target.endpoint.addresses) if self.target.endpoint else ()
        with self.material.site.impostor(self.caller.gateways[0].name, self.material.listener(self.target), addresses, identity):
            return self._call_out()

    def _call_out(self) -> Answer:
        """A call through the caller's own outbound gateway, from its machine."""
        site, gateway = self.material.site, self.caller.gateways[0]
        destination = self.target.fspiop_id
        headers = {"fspiop-source": self.caller.fspiop_id, "fspiop-destination": destination}
        path = f"/parties/MSISDN/{uuid.uuid4().int % 10**12}"
        return exchange(site, gateway.name, _outbound(gateway), "GET", path, headers=headers)


def _outbound(gateway: Gateway) -> InboundListener:
    return InboundListener(str(gateway.outbound.address), gateway.outbound.port, "outbound", b"")
