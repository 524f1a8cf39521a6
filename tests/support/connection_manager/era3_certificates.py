# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Certificates, requests and keys in the stand-in for Connection Manager 3.4.0."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from . import pki
from .api import Call, Failure, Json, StandIn, not_found, service_error, type_error
from .contract import Contract

KNOWN = frozenset(
    {
        ("POST /dfsps/{dfspId}/onboard", 200),
        ("POST /dfsps", 200),
        ("GET /dfsps/{dfspId}/status", 200),
        ("GET /health", 200),
        ("DELETE /hub/endpoints/{epId}", 204),
    }
)
"""Answers of the real server that its published file does not know: ``onboard`` says 200, ids of DFSPs are texts."""


@dataclass
class Dfsp:
    """What the server keeps of one participant."""

    number: int
    facts: dict[str, Json]
    authority: dict[str, Json] = field(default_factory=dict)
    server: dict[str, Json] | None = None
    inbound: dict[int, dict[str, Json]] = field(default_factory=dict)
    outbound: dict[int, dict[str, Json]] = field(default_factory=dict)
    items: dict[int, dict[str, Json]] = field(default_factory=dict)
    ingress: list[dict[str, Json]] = field(default_factory=list)
    egress: list[dict[str, Json]] = field(default_factory=list)
    states: dict[str, Json] = field(default_factory=dict)


@dataclass
class Certificates(StandIn):
    """What Vault keeps. ``vault_down``: what needs Vault fails after the database was written (D4)."""

    contract: Contract = field(default_factory=lambda: Contract("era3", KNOWN))
    switch_id: str = "switch"
    switch_fqdn: str = "api.hub.example"
    key_bits: int = 2048
    vault_down: bool = False
    authorities: list[pki.Authority] = field(default_factory=list)
    """Every CA that was ever made; the last one counts."""
    hub_items: dict[int, dict[str, Json]] = field(default_factory=dict)
    hub_server: dict[str, Json] | None = None
    dfsps: dict[str, Dfsp] = field(default_factory=dict)
    jws: dict[str, dict[str, Json]] = field(default_factory=dict)
    external: dict[str, dict[str, Json]] = field(default_factory=dict)
    issued: list[x509.Certificate] = field(default_factory=list)
    bundles: dict[str, dict[str, Json]] = field(default_factory=dict)
    """What ``onboard`` writes to Vault, by DFSP id."""
    clients_of_dfsps: dict[str, dict[str, Json]] = field(default_factory=dict)
    """OAuth clients at the server's Keycloak."""
    on_onboard: Callable[[str, dict[str, Json]], None] = lambda _dfsp, _bundle: None
    ids: count[int] = field(default_factory=lambda: count(6))

    def _dfsp(self, call: Call) -> Dfsp:
        found = self.dfsps.get(call.params["dfspId"])
        if found is None:
            status = 404 if call.roles is None else 401
            raise Failure(status, {"message": f"DFSP with id {call.params['dfspId']} not found", "errors": []})
        return found

    def _needs_vault(self) -> None:
        if self.vault_down:
            raise service_error(500, "InternalError", "connect ECONNREFUSED vault:8200")

    def _signer(self) -> pki.Authority:
        self._needs_vault()
        if not self.authorities:
            raise service_error(500, "InternalError", "could not fetch the CA certificate")
        return self.authorities[-1]

    def _get_authority(self, _call: Call) -> Json:
        """D10: 200 with an empty text when there is none."""
        text = pki.pem(self.authorities[-1].certificate, crlf=True) if self.authorities else ""
        return {"type": "INTERNAL", "rootCertificate": text, "validationState": "VALID"}

    def _make_authority(self, call: Call) -> Json:
        """Always a new one: what the one before has signed is left alone."""
        self._needs_vault()
        self.authorities.append(pki.make_authority(call.body, len(self.authorities)))
        return {**self._get_authority(call), "rootCertificateInfo": pki.info(self.authorities[-1].certificate)}

    def _import_authority(self, call: Call) -> Json:
        """One of the hub's own, with its key. Over one that stands it has no effect, and the answer is the same."""
        certificate = pki.certificates(call.body["rootCertificate"])[0]
        key = load_pem_private_key(call.body["privateKey"].encode(), None)
        if not isinstance(key, rsa.RSAPrivateKey) or key.public_key() != certificate.public_key():
            return {**self._get_authority(call), "validationState": "INVALID"}
        if not self.authorities:
            self.authorities.append(pki.Authority(key, certificate))
        return {**self._get_authority(call), "rootCertificateInfo": pki.info(certificate)}

    def _make_hub_server(self, _call: Call) -> Json:
        """A new certificate and key at every call; the key stays in Vault."""
        authority = self._signer()
        request = pki.make_request(pki.new_key(100), {"CN": self.switch_fqdn})
        certificate = pki.sign(authority, request, common_name=self.switch_fqdn, server=True)
        self.issued.append(certificate)
        root = pki.pem(authority.certificate, crlf=True)
        self.hub_server = {"rootCertificate": root, "intermediateChain": [], "serverCertificate": pki.pem(certificate, crlf=True)}
        return self.hub_server

    def _keep_authority(self, call: Call) -> Json:
        """500 for what cannot be read and for EC; an empty root is kept as well (D8)."""
        found, root = self._dfsp(call), call.body.get("rootCertificate") or ""
        chain = call.body.get("intermediateChain") or ""
        try:
            read = pki.certificates(root) + pki.certificates(chain)
        except ValueError as error:
            raise type_error("Invalid PEM formatted message.") from error
        if any(not isinstance(each.public_key(), rsa.RSAPublicKey) for each in read):
            raise type_error("Cannot read public key. OID is not RSA.")
        verdicts = [pki.verdict("VERIFY_ROOT_CERTIFICATE", not read or read[0].issuer == read[0].subject)]
        state = pki.state_of(verdicts) if read else "NOT_AVAILABLE"
        found.authority = {"rootCertificate": root, "intermediateChain": chain, "validations": verdicts, "validationState": state}
        return found.authority

    def _add_inbound(self, call: Call) -> Json:
        """D5: the same text again gives the same enrollment, while it is not signed."""
        found, text = self._dfsp(call), call.body["clientCSR"]
        self._needs_vault()
        asked = request(text)
        for standing in found.inbound.values():
            if standing["csr"] == text and standing["state"] == "CSR_LOADED":
                return standing
        return self._enrolled(found.inbound, text, asked, self._verdicts(asked, None))

    def _enrolled(self, kept: dict[int, dict[str, Json]], text: str, request: Json, verdicts: list[pki.Verdict] | None) -> dict[str, Json]:
        number = next(self.ids)
        kept[number] = {"id": number, "csr": text, "csrInfo": pki.info(request), "state": "CSR_LOADED"}
        if verdicts is not None:
            kept[number] |= {"validations": verdicts, "validationState": pki.state_of(verdicts)}
        return kept[number]

    def _verdicts(self, request: x509.CertificateSigningRequest, certificate: x509.Certificate | None) -> list[pki.Verdict]:
        """D3: an expired certificate is VALID here."""
        public = request.public_key()
        bits = public.key_size if isinstance(public, rsa.RSAPublicKey) else 0
        return [
            pki.verdict("CSR_SIGNATURE_VALID", request.is_signature_valid),
            pki.verdict(f"CSR_PUBLIC_KEY_LENGTH_{self.key_bits}", bits >= self.key_bits),
            pki.verdict("CSR_CERT_SAME_PUBLIC_KEY", None if certificate is None else pki.same_key(request, certificate)),
            pki.verdict("CERTIFICATE_VALIDITY", None if certificate is None else True),
        ]

    def _sign(self, call: Call) -> Json:
        """Always a new certificate, whatever the state and the verdicts are."""
        enrollment = one(self._dfsp(call).inbound, call)
        request = x509.load_pem_x509_csr(enrollment["csr"].encode())
        certificate = pki.sign(self._signer(), request, common_name="" if list(request.subject) else self.switch_fqdn)
        self.issued.append(certificate)
        verdicts = self._verdicts(request, certificate)
        reported = {"certificate": pki.pem(certificate, crlf=True), "certInfo": pki.info(certificate), "state": "CERT_SIGNED"}
        enrollment |= {**reported, "validations": verdicts, "validationState": pki.state_of(verdicts)}
        return enrollment

    def _add_outbound(self, found: Dfsp) -> dict[str, Json]:
        """D7: with an empty subject."""
        self._needs_vault()
        request = pki.make_request(pki.new_key(200 + found.number), {})
        enrollment = self._enrolled(found.outbound, pki.pem(request, crlf=True), request, None)
        enrollment["key"] = pki.key_pem(pki.new_key(200 + found.number))
        return enrollment

    def _keep_outbound(self, call: Call) -> Json:
        """Overwrites, also with a wrong one, and stays CERT_SIGNED."""
        found = self._dfsp(call)
        enrollment = one(found.outbound, call)
        try:
            certificate = pki.certificates(call.body["certificate"])[0]
        except (ValueError, KeyError, IndexError) as error:
            raise service_error(400, "ValidationError", "Could not parse the certificate") from error
        enrollment |= {"certificate": call.body["certificate"], "certInfo": pki.info(certificate), "state": "CERT_SIGNED"}
        return self._validated(found, enrollment)

    def _validate_outbound(self, call: Call) -> Json:
        found = self._dfsp(call)
        return self._validated(found, one(found.outbound, call))

    def _validated(self, found: Dfsp, enrollment: dict[str, Json]) -> Json:
        request = x509.load_pem_x509_csr(enrollment["csr"].encode())
        certificate = pki.certificates(enrollment["certificate"])[0] if enrollment.get("certificate") else None
        chain = pki.certificates(found.authority.get("intermediateChain")) + pki.certificates(found.authority.get("rootCertificate"))
        known = None if not chain or certificate is None else pki.signed_by(certificate, chain)
        verdicts = [*self._verdicts(request, certificate), pki.verdict("CERTIFICATE_SIGNED_BY_DFSP_CA", known)]
        enrollment |= {"validations": verdicts, "validationState": pki.state_of(verdicts)}
        return shown(enrollment)

    def _keep_server(self, call: Call) -> Json:
        found = self._dfsp(call)
        if not call.body or not call.body.get("serverCertificate"):
            raise service_error(422, "InvalidEntityError", "No server certificate")
        chain = call.body.get("intermediateChain") or []
        try:
            certificate = pki.certificates(call.body["serverCertificate"])[0]
            known = pki.certificates(call.body.get("rootCertificate"))
            known += pki.certificates("\n".join([chain] if isinstance(chain, str) else chain))
        except ValueError as error:
            raise type_error("Invalid PEM formatted message.") from error
        verdicts = [pki.verdict("CERTIFICATE_CHAIN", pki.signed_by(certificate, known) if known else None)]
        found.server = {"dfspId": call.params["dfspId"], **call.body, "validations": verdicts, "validationState": pki.state_of(verdicts)}
        return found.server

    def _keep_jws(self, name: str, body: dict[str, Json]) -> Json:
        """Anything that parses as a public key, or as a certificate, is VALID."""
        text = str(body["publicKey"])
        try:
            load_pem_public_key(text.encode()) if "CERTIFICATE" not in text else pki.certificates(text)
            right = True
        except (ValueError, UnsupportedAlgorithm):
            right = False
        codes: list[pki.Verdict] = [{**pki.verdict("", right), "validationCode": ["CERTIFICATE_PUBLIC_KEY_LENGTH_2048"]}]
        self.jws[name] = {"dfspId": name, **body, "validations": codes, "validationState": pki.state_of(codes)}
        return self.jws[name]

    def _keep_external(self, call: Call) -> Json:
        kept = {one["dfspId"]: one for one in call.body if one["dfspId"] not in {*self.dfsps, self.switch_id}}
        self.external |= kept
        return list(kept.values())


def there(found: Json) -> Json:
    if found is None:
        raise not_found()
    return found


def one(kept: dict[int, dict[str, Json]], call: Call) -> dict[str, Json]:
    text = call.params["enId"]
    found: dict[str, Json] = there(kept.get(int(text)) if text.isdigit() else None)
    return found


def shown(enrollment: dict[str, Json]) -> dict[str, Json]:
    return {name: value for name, value in enrollment.items() if name != "key"}


def listed(kept: dict[int, dict[str, Json]], call: Call) -> list[dict[str, Json]]:
    """In string order, as Vault lists its keys: 10, 6, 7."""
    wanted = call.query.get("state")
    found = (shown(kept[number]) for number in sorted(kept, key=str))
    return [json.loads(json.dumps(one)) for one in found if wanted in {None, one["state"]}]


def request(text: str) -> x509.CertificateSigningRequest:
    try:
        request = x509.load_pem_x509_csr(text.encode())
    except ValueError as error:
        raise service_error(400, "ValidationError", "Could not parse the CSR content") from error
    if not isinstance(request.public_key(), rsa.RSAPublicKey):
        raise service_error(400, "ValidationError", "Could not parse the CSR content: OID is not RSA")
    return request
