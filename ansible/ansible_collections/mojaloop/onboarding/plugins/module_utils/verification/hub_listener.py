# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Cases at the hub's inbound listener: what a participant may do, and each single fact that must agree (design: identity is bound)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from email.utils import formatdate

from ..description.model import HUB, Participant
from ..jws import PrivateKey, sign_request
from .forgeries import UNADDRESSED, forged_signatures, forged_tokens, signed_by
from .material import Material
from .model import ACCEPTED, Answer, Attempt, Case, Expected, Identity, Kind, Offer, Witness
from .offers import OUTDATED, obstacle
from .probe import perform
from .ways import Refusal, Ways
from .wrong_requests import BY_BACKEND, METHOD, NO_TOKEN, PATHS, STATED, TAMPERED, Change, by_gateway, identity_header, with_header

DIRECTION = "to the hub"
TLS_REFUSED = Expected(Kind.TLS_REFUSED)
_OF_THE_HUB = frozenset({"expired", "not-yet-valid", "server-certificate"})
"""Cases that need the hub's own keys."""
OTHERS_KEYS = "needs the hub's keys, which are not here"
NOT_ASKED = "the service behind the gateway is not this run's to ask who refused"


@dataclass(frozen=True)
class HubListener:
    """The cases of one participant at the hub's listener; ``other`` is another one whose material is here too."""

    material: Material
    participant: Participant
    other: Participant | None

    def cases(self) -> Iterator[Case]:
        """Passes first, then each refusal beside its control."""
        yield self._case("token-and-call", "token, certificate, address and source agree", ACCEPTED, self.right)
        if "quotes" in self.participant.roles:
            yield self._case("signed-call", "signed quote request", ACCEPTED, self._signed)
        ways = Ways(self.material, self.participant, self.material.run.description.hub, self._base)
        yield from (self._case(*way) for way in ways.further())
        yield from self._handshakes()
        yield from self._identities()
        yield from self._requests()
        yield from ways.strangers(self._refusal, "needs a stranger's address and the firewall's counters")

    def _handshakes(self) -> Iterator[Case]:
        witness = self.material.site.handshake_witness(HUB)
        own, material, described = self.participant, self.material, self.material.run.description
        for key, title, identity in (
            ("no-certificate", "no client certificate", lambda: None),
            ("self-signed", "self-signed certificate with the right names", lambda: material.self_signed(own)),
            ("other-ca", "certificate of another CA of the same name", lambda: material.of_another_ca(own)),
            ("expired", "expired certificate of the right CA", lambda: material.expired(own, HUB)),
            ("not-yet-valid", "certificate of the right CA that is not valid yet", lambda: material.not_yet_valid(own, HUB)),
            ("server-certificate", "server certificate of the right CA as client", lambda: material.server_identity(described.hub)),
        ):
            case = self._refusal(key, title, TLS_REFUSED, self._with_identity(identity), witness)
            yield replace(case, obstacle=OTHERS_KEYS) if key in _OF_THE_HUB and HUB not in material.run.sides else case
        yield from outdated(self._refusal, self._base, witness)

    def _identities(self) -> Iterator[Case]:
        """Another participant's certificate, token, source or address, each alone with the rest right."""
        if self.other is None:
            return
        other, material = self.other, self.material

        def with_certificate() -> Attempt:
            return replace(self._base(), identity=material.identity(other, HUB))

        def with_token() -> Attempt:
            return with_header("authorization", lambda _: f"Bearer {material.token(other)}")(self._base())

        def with_source() -> Attempt:
            return with_header("fspiop-source", lambda _: other.fspiop_id)(self._base())

        def from_address() -> Attempt:
            machine, source, listener = material.way(other, material.run.description.hub)
            return replace(self._base(), machine=machine, source=source, listener=listener)

        for key, what, expected, attempt in (
            ("other-certificate", "certificate", by_gateway(403, "address-mismatch"), with_certificate),
            ("other-token", "token", by_gateway(401, "token-binding", "token-client"), with_token),
            ("other-source", "FSPIOP-Source", by_gateway(403, "source-header"), with_source),
            ("other-address", "address", by_gateway(403, "address-mismatch"), from_address),
        ):
            yield self._refusal(key, f"another participant's {what}", expected, attempt)
        if "quotes" in self.participant.roles:
            yield self._of_message("other-jws-key", "another participant's JWS key", self._signed_by_other)

    def _requests(self) -> Iterator[Case]:
        yield self._outside_roles()
        make = self.material.run.keys.make
        for wrong in (NO_TOKEN, *forged_tokens(make), *identity_header("fspiop-source", "source-header"), *STATED, *PATHS, METHOD):
            yield self._refusal(wrong.key, wrong.title, wrong.expected, after(self._base, wrong.change))
        if "quotes" in self.participant.roles:
            for wrong in (TAMPERED, *forged_signatures(make, self._jws_key), UNADDRESSED):
                yield self._of_message(wrong.key, wrong.title, after(self._signed_attempt, wrong.change))

    def _outside_roles(self) -> Case:
        outside = next((name for name in self.material.run.description.profile.resources if name not in self.participant.roles), None)

        def outside_role() -> Attempt:
            return replace(self._base(), path=f"/{outside}/{uuid.uuid4()}")

        title = f"a resource outside its roles ({outside or 'there is none'})"
        case = self._refusal("outside-roles", title, by_gateway(403, "role-missing"), outside_role)
        return case if outside else replace(case, obstacle="its roles are all the resources that there are")

    def _base(self) -> Attempt:
        """A request that is right in every fact: a signed-off GET for the hub itself."""
        own, material = self.participant, self.material
        resource = "parties" if "parties" in own.roles else own.roles[0]
        headers = (
            ("fspiop-source", own.fspiop_id),
            ("fspiop-destination", material.run.description.hub.fspiop_id),
            ("date", formatdate(usegmt=True)),
            ("accept", f"application/vnd.interoperability.{resource}+json;version=1.0"),
            ("content-type", f"application/vnd.interoperability.{resource}+json;version=1.0"),
            ("authorization", f"Bearer {material.token(own)}"),
        )
        path = f"/{resource}/MSISDN/{uuid.uuid4().int % 10**12}" if resource == "parties" else f"/{resource}/{uuid.uuid4()}"
        return Attempt(
            *material.way(own, material.run.description.hub),
            material.identity(own, HUB),
            "GET",
            path,
            headers,
        )

    def _signed_attempt(self) -> Attempt:
        base = self._base()
        body = {"quoteId": str(uuid.uuid4()), "transactionId": str(uuid.uuid4()), "amount": {"currency": "USD", "amount": "1"}}
        kind = "application/vnd.interoperability.quotes+json;version=1.0"
        plain = {**dict(base.headers), "accept": kind, "content-type": kind}
        signed = sign_request(self.material.jws_key(self.participant), "POST", "/quotes", plain, body)
        return replace(base, method="POST", path="/quotes", headers=tuple(signed.headers.items()), body=signed.body)

    def _jws_key(self) -> PrivateKey:
        return self.material.jws_key(self.participant)

    def _signed_by_other(self) -> Attempt:
        other = self.other or self.participant
        return signed_by(self.material.jws_key(other), self._signed_attempt())

    def _of_message(self, key: str, title: str, attempt: Callable[[], Attempt]) -> Case:
        """A refusal by the service behind the listener, whose control is the signed message."""
        case = self._refusal(key, title, BY_BACKEND, attempt)
        obstacle = "" if self.material.site.control(HUB) else NOT_ASKED
        return replace(case, control=self._signed, control_key=f"{self.participant.name} signed", obstacle=obstacle)

    def _with_identity(self, identity: Callable[[], Identity | None]) -> Callable[[], Attempt]:
        return lambda: replace(self._base(), identity=identity())

    def right(self) -> Answer:
        """The call that is right in every fact."""
        return perform(self.material.site, self._base())

    def _signed(self) -> Answer:
        return perform(self.material.site, self._signed_attempt())

    def _case(self, key: str, title: str, expected: Expected, action: Callable[[], Answer]) -> Case:
        return Case(key, title, DIRECTION, self.participant.name, expected, action)

    def _refusal(self, key: str, title: str, expected: Expected, attempt: Callable[[], Attempt], witness: Witness | None = None) -> Case:
        def action() -> Answer:
            return perform(self.material.site, attempt())

        case = self._case(key, title, expected, action)
        return replace(case, control=self.right, control_key=f"{self.participant.name} right", witness=witness)


def after(right: Callable[[], Attempt], change: Change) -> Callable[[], Attempt]:
    """The right attempt, with one thing changed."""
    return lambda: change(right())


def outdated(refusal: Refusal, right: Callable[[], Attempt], witness: Witness | None) -> Iterator[Case]:
    """Handshakes of clients that offer nothing the policy takes; not provable where this machine cannot make the offer."""
    for key, title, offer in OUTDATED:
        case = refusal(key, title, TLS_REFUSED, after(right, offering_only(offer)), witness)
        yield replace(case, obstacle=obstacle(offer))


def offering_only(offer: Offer) -> Change:
    """The attempt by a client with this offer."""
    return lambda attempt: replace(attempt, offer=offer)
