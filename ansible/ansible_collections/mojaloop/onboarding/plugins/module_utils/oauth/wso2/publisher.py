# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The FSPIOP APIs that the description has published (publisher v4): API, revision, deployment, and what its endpoint's certificate is.

- One operation for each API resource and verb, which needs the scope of the resource. Calls to participants (callbacks) are an API of
  their own, with the hub's outbound gateway as its endpoint.
- A change of an API is without effect until a revision of it is deployed: the digest of what is wanted stands in the revision.
- WSO2's gateways load an endpoint's certificate by a timer (10 minutes by default, at least one): that it was uploaded proves nothing.
  So where the description names ``health``, each run asks for it through the gateway, without a token, and believes only that.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from ...description.authorization_servers import EndpointCertificate, Publication, Wso2Server
from ...errors import AuthorizationServerError, RemoteError, StoreError
from ...findings import OPERATOR
from ...remote.changes import Changes
from ...remote.errors import Unknown
from ...remote.http import Body, Http, json_body
from ..registry import Preparation
from .portal import Json, listed
from .roles import resource_role

VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")
MISSING, DIFFERS, STALE = "api-missing", "api-differs", "api-not-deployed"
REVISIONS = 5
"""As many revisions an API may have at a time."""
PUBLISHED = "PUBLISHED"


@dataclass(frozen=True)
class Publisher:
    """Publishes at one API Manager. Without ``admin`` (a dry run that can read nothing) all is taken for missing."""

    server: Wso2Server
    http: Http
    admin: Changes | None
    resources: tuple[str, ...]
    environment: str
    clients: Mapping[str, bytes] = field(default_factory=dict)
    """Client certificates (PEM) of the participants that may call, by alias."""

    def prepare(self) -> Iterator[Preparation]:
        """Make what is missing, and correct what is this pack's."""
        certificates = [one for wanted in self.server.endpoint_certificates for one in self._certificate(wanted)]
        yield from certificates
        for publication in self.server.publish:
            changed = bool(certificates)
            for one in self._published(publication):
                changed = True
                yield one
            if publication.health and publication.gateway_url:
                yield from self._loading(publication) if changed else self.proved(publication)

    def _published(self, wanted: Publication) -> Iterator[Preparation]:
        found, values = self._find(wanted), self._values(wanted)
        if found is None:
            yield Preparation(f"api {wanted.api}", MISSING)
            self._make(wanted, values)
            found = self._find(wanted)
        elif f"mojaloop-onboarding-{self.environment}" not in (found.get("tags") or []):
            what = f"the API {wanted.api} exists, and is not of this environment"
            remedy = f"Take it out of publish, or give it the tag mojaloop-onboarding-{self.environment}: then this pack takes it over."
            raise AuthorizationServerError(what, where=self.server.base_url, remedy=remedy)
        elif names := [name for name, value in values.items() if not _same(name, found.get(name), value)]:
            yield Preparation(f"api {wanted.api}", DIFFERS, ", ".join(names))
            self._write("PUT", f"apis/{found['id']}", "correcting an API", json_body(found | values))
        if wanted.mutual_tls:
            yield from self._clients(wanted, found)
        yield from self._deployed(wanted, found, values)
        if found is None or found.get("lifeCycleStatus") != PUBLISHED:
            yield from self._publish(wanted, found)

    def _values(self, wanted: Publication) -> Json:
        endpoint = {"url": wanted.endpoint}
        mutual = ["mutualssl", "mutualssl_mandatory"] if wanted.mutual_tls else []
        return {
            "securityScheme": ["oauth2", "oauth_basic_auth_api_key_mandatory", *mutual],
            "policies": [self.server.throttling_policy],
            "transport": ["https"],
            "endpointConfig": {"endpoint_type": "http", "production_endpoints": endpoint, "sandbox_endpoints": endpoint},
            "operations": [*self._operations(), *([_operation(wanted.health, "GET", "None", [])] if wanted.health else [])],
            "scopes": [{"scope": {"name": name, "bindings": [resource_role(name)]}, "shared": True} for name in self.resources],
        }

    def _operations(self) -> Iterator[Json]:
        for resource in self.resources:
            for target in (f"/{resource}", f"/{resource}/*"):
                yield from (_operation(target, verb, "Application & Application User", [resource]) for verb in VERBS)

    def _find(self, wanted: Publication) -> Json | None:
        if self.admin is None:
            return None
        name, _, version = wanted.api.partition(":")
        place = self._url(f"apis?limit=100&query={quote(f'name:{name}', safe='')}")
        for one in listed(self.admin, place, "looking for an API"):
            if (one.get("name"), one.get("version")) == (name, version):
                return self.admin.read(self._url(f"apis/{one['id']}"), "reading an API").json()
        return None

    def _make(self, wanted: Publication, values: Json) -> None:
        name, _, version = wanted.api.partition(":")
        fixed = {"name": name, "version": version, "context": wanted.context, "tags": [f"mojaloop-onboarding-{self.environment}"]}
        try:
            self._write("POST", "apis", "making an API", json_body(fixed | values))
        except Unknown:
            if not self._find(wanted):
                raise

    def _deployed(self, wanted: Publication, found: Json | None, values: Json) -> Iterator[Preparation]:
        """Whether the gateways have what is wanted: a revision with its digest is deployed."""
        content = json.dumps([values, sorted(self.clients) if wanted.mutual_tls else []], sort_keys=True)
        mark = f"mojaloop-onboarding {hashlib.sha256(content.encode()).hexdigest()[:16]}"
        place = f"apis/{found['id'] if found else ''}"
        revisions = listed(self.admin, self._url(f"{place}/revisions"), "reading revisions") if self.admin and found else []
        ours = [one for one in revisions if one.get("description") == mark]
        if any(one.get("name") == wanted.gateway for each in ours for one in each.get("deploymentInfo") or []):
            return
        yield Preparation(f"api {wanted.api}", STALE, f"deployed to {wanted.gateway}")
        if not ours:
            self._make_room(place, revisions)
            self._write("POST", f"{place}/revisions", "making a revision", json_body({"description": mark}))
            revisions = listed(self.admin, self._url(f"{place}/revisions"), "reading revisions") if self.admin and found else []
            ours = [one for one in revisions if one.get("description") == mark]
        number = str(ours[0]["id"]) if ours else ""
        where = [{"name": wanted.gateway, "vhost": wanted.vhost, "displayOnDevportal": True}]
        self._write("POST", f"{place}/deploy-revision?revisionId={quote(number, safe='')}", "deploying a revision", json_body(where))

    def _clients(self, wanted: Publication, found: Json | None) -> Iterator[Preparation]:
        """An alias holds the start of its certificate's digest: another certificate is another alias."""
        place = f"apis/{found['id'] if found else ''}/client-certificates"
        answer = self.admin.read(self._url(place), "reading client certificates").json() if self.admin and found else {}
        known = {str(one.get("alias")) for one in _objects(answer.get("certificates"))}
        for alias in sorted(self.clients.keys() - known):
            yield Preparation(f"api {wanted.api}", "client-certificate-missing", alias)
            fields = {"alias": alias, "tier": self.server.throttling_policy}
            self._write("POST", place, "uploading a client certificate", multipart(fields, self.clients[alias]))
        for alias in sorted(known - self.clients.keys()):
            yield Preparation(f"api {wanted.api}", "client-certificate-retired", alias)
            self._write("DELETE", f"{place}/{quote(alias, safe='')}", "deleting a client certificate")

    def _make_room(self, place: str, revisions: list[Json]) -> None:
        unused = [one for one in revisions if not one.get("deploymentInfo")]
        if len(revisions) >= REVISIONS and unused:
            self._write("DELETE", f"{place}/revisions/{unused[0]['id']}", "deleting an old revision")

    def _publish(self, wanted: Publication, found: Json | None) -> Iterator[Preparation]:
        yield Preparation(f"api {wanted.api}", "api-not-published")
        place = f"apis/change-lifecycle?apiId={found['id'] if found else ''}&action=Publish"
        if self.admin:
            answer = self.admin.write("POST", self._url(place), "publishing an API", also={HTTPStatus.CONFLICT})
            if answer and answer.status in {HTTPStatus.ACCEPTED, HTTPStatus.CONFLICT}:
                yield Preparation(f"api {wanted.api}", "awaiting-approval", "approve its publication", OPERATOR)

    def _loading(self, wanted: Publication) -> Iterator[Preparation]:
        detail = "gateways load what was changed within 10 minutes; run again to prove it"
        yield Preparation(f"api {wanted.api}", "gateway-not-proved", detail, OPERATOR)

    def proved(self, wanted: Publication) -> Iterator[Preparation]:
        """Ask for ``health`` through the gateway: any answer but a server error comes from the backend."""
        url = f"{wanted.gateway_url.rstrip('/')}{wanted.context}/{wanted.api.partition(':')[2]}{wanted.health}"
        try:
            status = self.http.request("GET", url, {"Accept": "*/*"}).status
        except RemoteError as error:
            yield Preparation(f"api {wanted.api}", "gateway-not-proved", f"GET {url}: {error.what}", OPERATOR)
            return
        if status == HTTPStatus.NOT_FOUND or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            detail = f"GET {url} gives {status}; a certificate or API is loaded within 10 minutes, then run again"
            yield Preparation(f"api {wanted.api}", "gateway-not-proved", detail, OPERATOR)

    def _certificate(self, wanted: EndpointCertificate) -> Iterator[Preparation]:
        content, name = _read(wanted.certificate_file), f"endpoint certificate {wanted.alias}"
        alias = quote(wanted.alias, safe="")
        if self.admin is None:
            yield Preparation(name, "endpoint-certificate-missing", wanted.endpoint)
            return
        answer = self.admin.read(self._url(f"endpoint-certificates?alias={alias}"), "reading endpoint certificates").json()
        if wanted.alias not in {one.get("alias") for one in _objects(answer.get("certificates"))}:
            yield Preparation(name, "endpoint-certificate-missing", wanted.endpoint)
            fields = {"alias": wanted.alias, "endpoint": wanted.endpoint}
            self._write("POST", "endpoint-certificates", "uploading a certificate", multipart(fields, content))
            return
        installed = self.admin.read(self._url(f"endpoint-certificates/{alias}/content"), "reading an endpoint certificate").body
        if _fingerprint(installed) != _fingerprint(content):
            yield Preparation(name, "endpoint-certificate-differs", wanted.endpoint)
            self._write("PUT", f"endpoint-certificates/{alias}", "replacing a certificate", multipart({}, content))

    def _write(self, method: str, place: str, why: str, body: Body | None = None) -> None:
        if self.admin:
            self.admin.write(method, self._url(place), why, body)

    def _url(self, place: str) -> str:
        return f"{self.server.base_url}/api/am/publisher/v4/{place}"


def multipart(fields: dict[str, str], certificate: bytes) -> Body:
    """A form with a file (RFC 7578)."""
    boundary = secrets.token_hex(16)
    parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode() for name, value in fields.items()]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="certificate"; filename="certificate.pem"\r\n'
    file = head.encode() + b"Content-Type: application/octet-stream\r\n\r\n" + certificate + b"\r\n"
    return Body(f"multipart/form-data; boundary={boundary}", b"".join([*parts, file, f"--{boundary}--\r\n".encode()]))


def client_alias(participant: str, certificate: bytes) -> str:
    """The alias of a client certificate, of at most 30 characters."""
    return f"{participant[:21]}-{_fingerprint(certificate)[:8]}"


def _objects(found: object) -> list[Json]:
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _operation(target: str, verb: str, kind: str, scopes: list[str]) -> Json:
    return {"target": target, "verb": verb, "authType": kind, "throttlingPolicy": "Unlimited", "scopes": scopes}


def _same(name: str, found: object, wanted: object) -> bool:
    """Whether a field is as wanted; the server adds to what it was given."""
    if name == "operations":
        return _marks(found) == _marks(wanted)
    if name == "securityScheme":
        return sorted(map(str, found)) == sorted(map(str, wanted)) if isinstance(found, list) and isinstance(wanted, list) else False
    if name == "scopes":
        return _names(found) >= _names(wanted)
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(_same("", found.get(key), value) for key, value in wanted.items())
    return found == wanted


def _marks(operations: object) -> set[tuple[str, ...]]:
    rows = operations if isinstance(operations, list) else []
    return {(str(one.get("target")), str(one.get("verb")), str(one.get("authType")), *sorted(one.get("scopes") or [])) for one in rows}


def _names(scopes: object) -> set[str]:
    rows = scopes if isinstance(scopes, list) else []
    return {str((one.get("scope") or {}).get("name")) for one in rows}


def _fingerprint(content: bytes) -> str:
    for load in (x509.load_pem_x509_certificate, x509.load_der_x509_certificate):
        with suppress(ValueError):
            return load(content).fingerprint(hashes.SHA256()).hex()
    return ""


def _read(file: str) -> bytes:
    try:
        content = Path(file).read_bytes()
    except OSError as error:
        raise StoreError("cannot be read", where=file, remedy="Put the certificate of the endpoint, or of its CA, there (PEM).") from error
    if not _fingerprint(content):
        raise StoreError("holds no certificate", where=file, remedy="Put the certificate of the endpoint, or of its CA, there (PEM).")
    return content
