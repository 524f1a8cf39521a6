# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Cases at the hub's door: what a participant may do, and each single fact that must agree (design: identity is bound)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from email.utils import formatdate
from http.client import HTTPException

from ..description.model import HUB, Participant
from ..errors import OnboardingError
from ..jws import sign_request
from .material import Material
from .model import ACCEPTED, Answer, Attempt, Case, Expected, Identity, Kind, Witness
from .probe import perform

DIRECTION = "to the hub"
TLS_REFUSED = Expected(Kind.TLS_REFUSED)
DROPPED = Expected(Kind.DROPPED)
FORBIDDEN, UNAUTHORIZED = (403,), (401,)


@dataclass(frozen=True)
class HubDoor:
    """The cases of one participant at the hub's door; ``other`` is another one whose material is here too."""

    material: Material
    participant: Participant
    other: Participant | None

    def cases(self) -> Iterator[Case]:
        """Passes first, then each refusal beside its control."""
        yield self._case("token-and-call", "token, certificate, address and source agree", ACCEPTED, self._right)
        if "quotes" in self.participant.roles:
            yield self._case("signed-call", "signed quote request", ACCEPTED, self._signed)
        yield from self._handshakes()
        yield from self._identities()
        yield from self._requests()
        yield self._stranger()

    def _handshakes(self) -> Iterator[Case]:
        witness = self.material.site.handshake_witness(HUB)
        own, material = self.participant, self.material
        for key, title, identity in (
            ("no-certificate", "no client certificate", lambda: None),
            ("self-signed", "self-signed certificate with the right names", lambda: material.self_signed(own)),
            ("other-ca", "certificate of another CA of the same name", lambda: material.of_another_ca(own)),
            ("expired", "expired certificate of the right CA", lambda: material.expired(own, HUB)),
            ("not-yet-valid", "certificate of the right CA that is not valid yet", lambda: material.not_yet_valid(own, HUB)),
        ):
            yield self._refusal(key, title, TLS_REFUSED, self._with_identity(identity), witness)

    def _identities(self) -> Iterator[Case]:
        """Another participant's certificate, token, source or address, each alone with the rest right."""
        if self.other is None:
            return
        other, material = self.other, self.material

        def with_certificate() -> Attempt:
            return replace(self._base(), identity=material.identity(other, HUB))

        def with_token() -> Attempt:
            return _with_header(self._base(), "authorization", f"Bearer {material.token(other)}")

        def with_source() -> Attempt:
            return _with_header(self._base(), "fspiop-source", other.fspiop_id)

        def from_address() -> Attempt:
            return replace(self._base(), machine=material.site.machine_of(other.name) or "", source=material.source(other))

        yield self._refusal(
            "other-certificate", "another participant's certificate", _by_gateway(FORBIDDEN, "address-mismatch"), with_certificate
        )
        yield self._refusal(
            "other-token", "another participant's token", _by_gateway(UNAUTHORIZED, "token-binding", "token-client"), with_token
        )
        yield self._refusal("other-source", "another participant's FSPIOP-Source", _by_gateway(FORBIDDEN, "source-header"), with_source)
        yield self._refusal("other-address", "another participant's address", _by_gateway(FORBIDDEN, "address-mismatch"), from_address)

    def _requests(self) -> Iterator[Case]:
        outside = next(name for name in self.material.run.description.profile.resources if name not in self.participant.roles)

        def outside_role() -> Attempt:
            return replace(self._base(), path=f"/{outside}/{uuid.uuid4()}")

        def without_token() -> Attempt:
            base = self._base()
            return replace(base, headers=tuple(pair for pair in base.headers if pair[0] != "authorization"))

        def tampered() -> Attempt:
            signed = self._signed_attempt()
            return replace(signed, body=signed.body.replace(b'"amount":"1"', b'"amount":"9"'))

        yield self._refusal(
            "outside-roles", f"a resource outside its roles ({outside})", _by_gateway(FORBIDDEN, "role-missing"), outside_role
        )
        yield self._refusal("no-token", "no token", _by_gateway(UNAUTHORIZED, "token-missing"), without_token)
        if "quotes" in self.participant.roles:
            expected = Expected(Kind.ANSWERED, (400,), "backend")
            yield replace(
                self._refusal("tampered-body", "body changed after signing", expected, tampered),
                control=self._signed,
                control_key=f"{self.participant.name} signed",
            )

    def _stranger(self) -> Case:
        place = self.material.site.strangers()
        witness = self.material.site.packet_witness(HUB)

        def from_stranger() -> Attempt:
            machine, address = place or ("", "")
            return replace(self._base(), machine=machine, source=address)

        case = self._refusal("stranger", "a stranger's address, everything else right", DROPPED, from_stranger, witness)
        return case if place and witness else replace(case, obstacle="needs a stranger's address and the firewall's counters")

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
            material.site.machine_of(own.name) or "",
            material.source(own),
            material.door(material.run.description.hub),
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

    def _with_identity(self, identity: Callable[[], Identity | None]) -> Callable[[], Attempt]:
        return lambda: replace(self._base(), identity=identity())

    def _right(self) -> Answer:
        return perform(self.material.site, self._base())

    def _signed(self) -> Answer:
        return perform(self.material.site, self._signed_attempt())

    def _case(self, key: str, title: str, expected: Expected, action: Callable[[], Answer]) -> Case:
        return Case(key, title, DIRECTION, self.participant.name, expected, guarded(action))

    def _refusal(self, key: str, title: str, expected: Expected, attempt: Callable[[], Attempt], witness: Witness | None = None) -> Case:
        def action() -> Answer:
            return perform(self.material.site, attempt())

        case = self._case(key, title, expected, action)
        return replace(case, control=self._right, control_key=f"{self.participant.name} right", witness=witness)


def guarded(action: Callable[[], Answer]) -> Callable[[], Answer]:
    """Let every failure to prepare an attempt be an OnboardingError, so that the case ends as an error and the others go on."""

    def run() -> Answer:
        try:
            return action()
        except (OSError, ValueError, LookupError, HTTPException) as error:
            msg = f"the attempt could not be made: {error}"
            raise OnboardingError(msg) from error

    return run


def _by_gateway(statuses: tuple[int, ...], *reasons: str) -> Expected:
    return Expected(Kind.ANSWERED, statuses, "gateway", reasons)


def _with_header(attempt: Attempt, name: str, value: str) -> Attempt:
    return replace(attempt, headers=tuple((key, value if key == name else kept) for key, kept in attempt.headers))
