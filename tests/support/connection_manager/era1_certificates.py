# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Certificates, requests and keys in the stand-in for Connection Manager 1.7.8."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import NoReturn

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from . import pki
from .api import Call, Json, StandIn, not_found, service_error, type_error
from .contract import Contract

KINDS = ("ingress/ips", "ingress/urls", "egress/ips")
MANDATORY = {"CN", "OU", "O", "L", "ST", "C", "emailAddress"}
KNOWN = frozenset(
    (f"{method} {path}", status)
    for method, path, status in (
        ("POST", "/environments/{envId}/dfsps", 200),
        ("DELETE", "/environments/{envId}/hub/endpoints/{epId}", 204),
        ("DELETE", "/environments/{envId}/dfsps/{dfspId}/endpoints/{epId}", 204),
        ("GET", "/environments/{envId}/dfsps/{dfspId}/status", 200),
    )
)
"""Answers that the published file does not know, or says otherwise: ids of DFSPs are texts."""


@dataclass
class Dfsp:
    """What the server keeps of one participant; ``server`` and ``jws`` are rows, of which two are too many."""

    name: str
    facts: dict[str, Json]
    authority: dict[str, Json] = field(default_factory=dict)
    shown_authority: dict[str, Json] = field(
        default_factory=lambda: {"validations": [], "validationState": "NOT_AVAILABLE"},
    )
    inbound: dict[int, dict[str, Json]] = field(default_factory=dict)
    outbound: dict[int, dict[str, Json]] = field(default_factory=dict)
    server: list[Json] = field(default_factory=list)
    jws: list[Json] = field(default_factory=list)
    items: list[Json] = field(default_factory=list)


@dataclass
class Environment:
    """One environment."""

    number: int
    name: str
    subject: dict[str, Json]
    authorities: list[pki.Authority] = field(default_factory=list)
    hub_authorities: list[Json] = field(default_factory=list)
    hub_items: list[Json] = field(default_factory=list)
    hub_server: list[Json] = field(default_factory=list)
    dfsps: dict[str, Dfsp] = field(default_factory=dict)

    @property
    def row(self) -> Json:
        """As the list has it: flat."""
        return {"id": self.number, "name": self.name, **self.subject}


@dataclass
class Certificates(StandIn):
    """What the database keeps."""

    contract: Contract = field(default_factory=lambda: Contract("era1", KNOWN))
    environments: dict[str, Environment] = field(default_factory=dict)
    issued: list[x509.Certificate] = field(default_factory=list)
    ids: count[int] = field(default_factory=lambda: count(6))

    def next_id(self) -> int:
        """The next number."""
        return next(self.ids)

    def environment(self, call: Call) -> Environment:
        """The one of the path."""
        return self.environments.get(call.params["envId"]) or absent(call.params["envId"])

    def dfsp(self, call: Call) -> Dfsp:
        """The one of the path."""
        return self.environment(call).dfsps.get(call.params["dfspId"]) or absent(call.params["dfspId"])

    def add_dfsp(self, found: Environment, facts: dict[str, Json]) -> None:
        """Register one."""
        found.dfsps[facts["dfspId"]] = Dfsp(facts["dfspId"], {name: value for name, value in facts.items() if name != "dfspId"})

    def _make_authority(self, call: Call) -> Json:
        """A3: a new one in the place of the one before, without a word."""
        found = self.environment(call)
        found.authorities.append(pki.make_authority(call.body["csr"]["names"][0], len(found.authorities)))
        return self._root(call)

    def _root(self, call: Call) -> Json:
        found = self.environment(call)
        if not found.authorities:
            raise not_found("no CA")
        authority = found.authorities[-1]
        return {"id": len(found.authorities), "certificate": pki.pem(authority.certificate), "certInfo": pki.info(authority.certificate)}

    def _add_hub_authority(self, call: Call) -> Json:
        """A5: names are not unique; the answer has no id."""
        found, body = self.environment(call), call.body
        if body.get("type") != "EXTERNAL":
            raise service_error(400, "ValidationError", "Invalid type")
        _readable(body, "rootCertificate", "intermediateChain")
        kept = {**body, "validations": [], "validationState": "VALID"}
        found.hub_authorities.append({"id": self.next_id(), **kept})
        return kept

    def keep_authority(self, call: Call) -> Json:
        """A6: with a root alone the chain of before stays, and is neither shown nor counted."""
        found, body = self.dfsp(call), call.body or {}
        read = _readable(body, "rootCertificate", "intermediateChain")
        found.authority |= {name: body[name] for name in ("rootCertificate", "intermediateChain") if name in body}
        verdicts = [pki.verdict("VERIFY_ROOT_CERTIFICATE", bool(read) and read[0].issuer == read[0].subject)]
        shown = {name: body.get(name) or "" for name in ("rootCertificate", "intermediateChain")}
        found.shown_authority = {**shown, "validations": verdicts, "validationState": pki.state_of(verdicts)}
        return found.shown_authority

    def singleton(self, place: str, rows: Callable[[Call], list[Json]], member: str) -> Mapping[str, Callable[[Call], Json]]:
        """A1: a second POST makes a second row, and from then on nothing about it works."""

        def only(call: Call) -> Json:
            found = rows(call)
            if len(found) > 1:
                raise service_error(500, "InternalError", "E_TOO_MANY_ROWS")
            return found[0] if found else absent(member)

        def add(call: Call) -> Json:
            rows(call).append(self._kept(call, member))
            return rows(call)[-1]

        def change(call: Call) -> Json:
            """A7: what is left out stays."""
            only(call)
            rows(call)[0] |= self._kept(call, member)
            return rows(call)[0]

        def delete(call: Call) -> Json:
            only(call)
            rows(call).clear()
            return 204, None

        return {f"GET {place}": only, f"POST {place}": add, f"PUT {place}": change, f"DELETE {place}": delete}

    def _kept(self, call: Call, member: str) -> dict[str, Json]:
        body = call.body or {}
        if member not in body:
            raise type_error("Cannot read property 'split' of undefined")
        if "BEGIN CERTIFICATE" not in body[member]:
            raise service_error(422, "InvalidEntityError", "Could not parse the certificate", stderr="unable to load certificate 139")
        _readable(body, member, "rootCertificate", "intermediateChain")
        further = {"dfspId": call.params["dfspId"]} if "dfspId" in call.params else {}
        return {"id": self.next_id(), **further, **body, "validations": [], "validationState": "VALID"}

    def enrollment_handlers(self, place: str) -> Mapping[str, Callable[[Call], Json]]:
        """Both directions."""
        return {
            f"GET {place}/inbound": lambda call: list(self.dfsp(call).inbound.values()),
            f"POST {place}/inbound": lambda call: self._add(self.dfsp(call).inbound, call.body.get("clientCSR", "")),
            f"GET {place}/inbound/{{enId}}": lambda call: self._anybodys("inbound", call),
            f"POST {place}/inbound/{{enId}}/sign": self._sign,
            f"POST {place}/inbound/{{enId}}/certificate": self._attach,
            f"GET {place}/outbound": self._outbound,
            f"POST {place}/outbound": lambda call: self._add(self.dfsp(call).outbound, call.body.get("hubCSR", "")),
            f"GET {place}/outbound/{{enId}}": lambda call: self._anybodys("outbound", call),
            f"POST {place}/outbound/{{enId}}/certificate": self._returned,
            f"POST {place}/outbound/{{enId}}/validate": lambda call: self._validated(self._anybodys("outbound", call), call),
        }

    def _outbound(self, call: Call) -> Json:
        wanted = call.query.get("state")
        return [one for one in self.dfsp(call).outbound.values() if wanted in {None, one["state"]}]

    def _add(self, kept: dict[int, Json], text: str) -> Json:
        """Every time a new one; the answer is its number alone."""
        try:
            request = x509.load_pem_x509_csr(text.encode())
        except ValueError as error:
            raise service_error(400, "ValidationError", "Could not parse the CSR content") from error
        number, verdicts = self.next_id(), _verdicts(request, None)
        kept[number] = {"id": number, "csr": text, "csrInfo": pki.info(request), "state": "CSR_LOADED", "validations": verdicts}
        kept[number]["validationState"] = pki.state_of(verdicts)
        return {"id": number}

    def _anybodys(self, direction: str, call: Call) -> Json:
        """A4: found by its number alone."""
        every = (getattr(one, direction) for one in self.environment(call).dfsps.values())
        found = {number: enrollment for kept in every for number, enrollment in kept.items()}
        return found.get(int(call.params["enId"])) or absent(call.params["enId"])

    def _sign(self, call: Call) -> Json:
        """Always a new certificate, whatever the state and the verdicts are."""
        enrollment, authorities = self._anybodys("inbound", call), self.environment(call).authorities
        if not authorities:
            raise service_error(422, "InvalidEntityError", "no CA", stderr="cfssl: failed")
        certificate = pki.sign(authorities[-1], x509.load_pem_x509_csr(enrollment["csr"].encode()))
        self.issued.append(certificate)
        return _signed(enrollment, pki.pem(certificate))

    def _attach(self, call: Call) -> Json:
        enrollment, body = self._anybodys("inbound", call), call.body or {}
        if not body.get("certificate") or "hubCAId" not in body:
            raise service_error(400, "ValidationError", "certificate and hubCAId are mandatory")
        if all(one["id"] != body["hubCAId"] for one in self.environment(call).hub_authorities):
            raise not_found(f"hub CA with id: {body['hubCAId']}")
        enrollment["hubCAId"] = body["hubCAId"]
        return _signed(enrollment, body["certificate"])

    def _returned(self, call: Call) -> Json:
        """Overwrites, also with a wrong one."""
        enrollment = self._anybodys("outbound", call)
        if "BEGIN CERTIFICATE" not in str((call.body or {}).get("certificate")):
            raise service_error(400, "ValidationError", "Could not parse the certificate")
        enrollment |= {"certificate": call.body["certificate"], "state": "CERT_SIGNED"}
        return self._validated(enrollment, call)

    def _validated(self, enrollment: Json, call: Call) -> Json:
        shown = self.dfsp(call).shown_authority
        chain = pki.certificates(shown.get("intermediateChain")) + pki.certificates(shown.get("rootCertificate"))
        certificate = pki.certificates(enrollment.get("certificate"))
        known = pki.signed_by(certificate[0], chain) if chain and certificate else None
        request = x509.load_pem_x509_csr(enrollment["csr"].encode())
        verdicts = [*_verdicts(request, certificate[0] if certificate else None), pki.verdict("CERTIFICATE_SIGNED_BY_DFSP_CA", known)]
        enrollment |= {"validations": verdicts, "validationState": pki.state_of(verdicts)}
        return enrollment


def dfsp_row(found: Dfsp) -> Json:
    """As the list has it."""
    return {"id": found.name, "envId": 1, **found.facts}


def absent(what: str) -> NoReturn:
    """The answer for what is not there."""
    raise not_found(f"object with id: {what}")


def _signed(enrollment: Json, text: str) -> Json:
    request, certificate = x509.load_pem_x509_csr(enrollment["csr"].encode()), pki.certificates(text)[0]
    verdicts = _verdicts(request, certificate)
    enrollment |= {"certificate": text, "certInfo": pki.info(certificate), "state": "CERT_SIGNED", "validations": verdicts}
    enrollment["validationState"] = pki.state_of(verdicts)
    return enrollment


def _verdicts(request: x509.CertificateSigningRequest, certificate: x509.Certificate | None) -> list[pki.Verdict]:
    public, names = request.public_key(), set(pki.info(request)["subject"])  # type: ignore[call-overload]
    return [
        pki.verdict("CSR_SIGNATURE_VALID", request.is_signature_valid),
        pki.verdict("CSR_PUBLIC_KEY_LENGTH_4096", isinstance(public, rsa.RSAPublicKey) and public.key_size >= 4096),
        pki.verdict("CSR_MANDATORY_DISTINGUISHED_NAME", names >= MANDATORY),
        pki.verdict("CSR_CERT_SAME_PUBLIC_KEY", None if certificate is None else pki.same_key(request, certificate)),
    ]


def _readable(body: dict[str, Json], *members: str) -> list[x509.Certificate]:
    try:
        return [one for member in members for one in pki.certificates(body.get(member))]
    except ValueError as error:
        raise service_error(422, "InvalidEntityError", "Could not parse the certificate", stderr="unable to load") from error
