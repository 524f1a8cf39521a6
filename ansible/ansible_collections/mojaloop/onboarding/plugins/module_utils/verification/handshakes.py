# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Connectivity as a scheme with a directory asks for it: four handshakes at the health endpoints, in both directions.

No certificate and a self-signed one end the handshake; one of another organisation by the same CA is refused by name; the right
one is answered, and the echoed subject is the one in use. Source: nebras-open-finance.com, "Configuring mTLS (server)", section 4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from cryptography import x509

from ..description.model import HUB, HaproxyGateway, Side
from ..errors import OnboardingError
from ..formats import read_json
from .hub_listener import TLS_REFUSED
from .material import Material
from .model import ACCEPTED, Answer, Attempt, Case, Expected, Identity, InboundListener, Kind, Witness
from .plain_http import exchange
from .probe import perform
from .wrong_requests import by_gateway

HEALTH = "/hello-mtls"
_ECHO = {HUB: HEALTH}
"""Where the subject is echoed: the API hub at its health check itself, an LFI at ``/echo-cert``."""
_CALL = {HUB: "/consents"}
_OTHER_CALL = "/accounts"
_NO_OTHER = "this run holds no certificate of another organisation: the counterpart's is not here"


@dataclass(frozen=True)
class Handshakes:
    """The cases of ``caller`` at ``target``'s inbound listener; one of them is the hub."""

    material: Material
    caller: Side
    target: Side

    def cases(self) -> Iterator[Case]:
        """The pass first, then each refusal with the pass as its control."""
        witness = self.material.site.handshake_witness(self.target.name)
        yield self._case("hello-mtls", "its own certificate", ACCEPTED, self._right)
        yield self._case("echo", "the echoed subject is that of the certificate in use", ACCEPTED, self._echoed)
        yield self._case("outbound", "a call of its services, through its own gateway", ACCEPTED, self._outbound)
        for host in self.target.hosts_of("server"):
            yield self._case(f"outbound-{host}", f"the same call to {host}", ACCEPTED, partial(self._outbound, host))
        identities: tuple[tuple[str, str, Expected, Callable[[], Identity | None], Witness | None], ...] = (
            ("no-certificate", "no client certificate", TLS_REFUSED, lambda: None, witness),
            ("self-signed", "self-signed certificate with its own names", TLS_REFUSED, self._self_signed, witness),
            ("server-certificate", "its server certificate as client", TLS_REFUSED, self._server_certificate, witness),
            (
                "other-organisation",
                "certificate of another organisation by the same CA",
                by_gateway(403, "certificate-unknown"),
                self._other_organisation,
                None,
            ),
        )
        for key, title, expected, identity, seen in identities:
            case = self._refusal(key, title, expected, self._with(identity), seen)
            elsewhere = key == "other-organisation" and self.target.name not in self.material.run.sides
            yield replace(case, obstacle=case.obstacle or _NO_OTHER) if elsewhere else case
        yield from self._without_certificate() if self.target.name != HUB else ()
        yield from self._headers() if self.material.run.description.profile.headers.called and self.target.name != HUB else self._roles()

    def _without_certificate(self) -> Iterator[Case]:
        """At a listener of its own, where there is one: nothing but the one health check."""
        listener = next((each.hello for each in self.target.gateways if isinstance(each, HaproxyGateway) and each.hello), None)
        path = self.material.run.description.profile.hello
        if listener is None or not path:
            return

        def attempt(asked: str) -> Attempt:
            base = self._base()
            return replace(
                base, identity=None, path=asked, listener=replace(base.listener, address=str(listener.address), port=listener.port)
            )

        yield self._case("hello", f"{path} without a client certificate", ACCEPTED, lambda: self._send(attempt(path)))
        refused = by_gateway(403, "certificate-unknown")
        case = self._refusal("hello-other", "another path without a client certificate", refused, lambda: attempt(_OTHER_CALL))
        yield replace(case, control=lambda: self._send(attempt(path)), control_key=f"{self._key} hello")

    def _headers(self) -> Iterator[Case]:
        name, own = self.material.run.description.profile.headers.called, self.target.fspiop_id
        yield self._case("call", f"a call with {name}", ACCEPTED, lambda: self._send(self._call(((name, own),))))
        for key, title, headers, reason, status in (
            ("header-missing", f"no {name}", (), "destination-missing", 400),
            ("header-other", f"another {name}", ((name, f"{own}x"),), "destination-header", 403),
            ("header-twice", f"{name} twice", ((name, own), (name, own)), "destination-header", 403),
        ):
            yield replace(
                self._refusal(key, title, by_gateway(status, reason), lambda headers=headers: self._call(headers)),  # type: ignore[misc]
                control=lambda: self._send(self._call(((name, own),))),
                control_key=f"{self._key} call",
            )

    def _roles(self) -> Iterator[Case]:
        path = "/no-such-resource"
        yield self._refusal(
            "role-missing", "a resource of no role", by_gateway(403, "role-missing"), lambda: replace(self._base(), path=path)
        )

    @property
    def _key(self) -> str:
        return f"{self.caller.name} at {self.target.name}"

    @property
    def _direction(self) -> str:
        return "to the hub" if self.target.name == HUB else "from the hub"

    @property
    def _participant(self) -> str:
        return self.caller.name if self.target.name == HUB else self.target.name

    @property
    def _obstacle(self) -> str:
        run, site = self.material.run, self.material.site
        if self.caller.name not in run.sides or site.machine_of(self.caller.name) is None:
            return f"this run does not hold the keys of {self.caller.name}, or cannot act from there"
        return ""

    def _case(self, key: str, title: str, expected: Expected, action: Callable[[], Answer]) -> Case:
        return Case(key, title, self._direction, self._participant, expected, action, obstacle=self._obstacle)

    def _refusal(self, key: str, title: str, expected: Expected, attempt: Callable[[], Attempt], witness: Witness | None = None) -> Case:
        case = self._case(key, title, expected, lambda: self._send(attempt()))
        return replace(case, control=self._right, control_key=self._key, witness=witness)

    def _base(self) -> Attempt:
        identity = self.material.identity(self.caller, self.target.name)
        return Attempt(*self.material.way(self.caller, self.target), identity, "GET", HEALTH)

    def _call(self, headers: tuple[tuple[str, str], ...]) -> Attempt:
        return replace(self._base(), path=_CALL.get(self.target.name, _OTHER_CALL), headers=headers)

    def _with(self, identity: Callable[[], Identity | None]) -> Callable[[], Attempt]:
        return lambda: replace(self._base(), identity=identity())

    def _self_signed(self) -> Identity:
        return self.material.self_signed(self.caller)

    def _server_certificate(self) -> Identity:
        return self.material.server_identity(self.caller)

    def _other_organisation(self) -> Identity:
        """The target's own client certificate: the same CA, and none of the caller's names."""
        return self.material.identity(self.target, self.caller.name)

    def _right(self) -> Answer:
        return self._send(self._base())

    def _send(self, attempt: Attempt) -> Answer:
        return perform(self.material.site, attempt)

    def _echoed(self) -> Answer:
        return self._compared(self._send(replace(self._base(), path=_ECHO.get(self.target.name, "/echo-cert"))))

    def _outbound(self, host: str = "") -> Answer:
        """As the caller's own services call: plain HTTP to the gateway, which makes the connection with its certificate.

        ``host``: another name of the target than that of its endpoint.
        """
        if not self.caller.gateways:
            raise OnboardingError("has no gateway to call through", where=self.caller.name)
        outbound, site = self.caller.gateways[0].outbound, self.material.site
        headers = {self.material.run.description.profile.headers.called: self.target.fspiop_id} if self.caller.name == HUB else {}
        headers |= {"host": host} if host else {}
        listener = InboundListener(str(outbound.address), outbound.port, "", b"")
        machine = site.machine_of(self.caller.name) or ""
        return self._compared(exchange(site, machine, listener, "GET", _ECHO.get(self.target.name, "/echo-cert"), headers=headers))

    def _compared(self, answer: Answer) -> Answer:
        """The answer itself; a refusal of the verification's own where another certificate than the one in use arrived."""
        if not ACCEPTED.met_by(answer):
            return answer
        certificate = x509.load_pem_x509_certificate(self.material.identity(self.caller, self.target.name).chain)
        if _echo_of(answer.body) in _forms(certificate.subject):
            return answer
        return replace(answer, kind=Kind.ANSWERED, status=409, refused_by="verification", reason="echoed-subject-differs")


def _echo_of(body: bytes) -> str:
    """The subject that a health check says it saw; empty when it says none."""
    try:
        found = read_json(body)["clientCertificate"]["subject"]
    except (ValueError, KeyError, TypeError):
        return ""
    return str(found)


def _forms(name: x509.Name) -> set[str]:
    """The ways in which servers write a subject: either order, with or without spaces."""
    parts = [part.rfc4514_string() for part in name.rdns]
    return {separator.join(order) for separator in (",", ", ") for order in (parts, parts[::-1])}
