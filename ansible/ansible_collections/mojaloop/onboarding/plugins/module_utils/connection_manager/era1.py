# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Connection Manager to 1.7.8: environments, and certificates that other CAs have signed.

Source: its ``server/src/api/swagger.yaml`` of release 1.7.8, and what that release was seen to do.

- A second ``POST`` of a server certificate or JWS certificate makes a second row, and from then on everything about it fails: it is
  read first, then ``POST`` or ``PUT``.
- Enrollments are found by their number alone, whosever they are: only those are touched that the participant's own list has.
- The hub is registered as one more participant for its JWS key, which travels in a certificate.
- The server's own CA keeps the hub's keys to itself; the hub therefore makes its requests and signs with its own CA.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from http import HTTPStatus
from urllib.parse import quote

from ..document_steps import Phase
from ..errors import RemoteError
from ..findings import OPERATOR
from ..remote.errors import Refused
from . import forms
from .forms import first_certificate, lines, texts_of
from .items import EndpointItems
from .server import SIGNED, Activation, Case, Task, Waiting
from .service import Json, Service, each_text, text_of

JWS_CERTIFICATE = "jws-certificate.pem"
"""Beside the files of the exchange: the certificate around the JWS key, which this era wants."""


class Era1:
    """The ``Server`` of that era."""

    signs = False

    def __init__(self, service: Service, environment: str) -> None:
        self._service = service
        self._environment = environment
        self._number = ""

    def known(self, case: Case, *, by_hub: bool) -> bool:
        """See Server. Only the hub may list participants; others are reported of an unknown one by a page, with 500."""
        if not self._place(""):
            return False
        if by_hub:
            return self._is_registered(case.id)
        try:
            return self._service.record(self._at(case, "ca"), "reading the participant's CA") is not None
        except Refused as refusal:
            if refusal.status == HTTPStatus.INTERNAL_SERVER_ERROR and not refusal.body:
                return False
            raise

    def published(self, case: Case, *, by_hub: bool, own: Mapping[str, bytes]) -> dict[str, bytes]:
        """See Server."""
        if not self._place(""):
            return {}
        found = self._of_hub(case, own) if by_hub else self._of_participant(case)
        return {name: content for name, content in found.items() if content}

    def _of_hub(self, case: Case, own: Mapping[str, bytes]) -> dict[str, bytes | None]:
        authority = self._authority()
        certificate = self.certificate(case, forms.key_of_request(own.get("client.csr", b"").decode("ascii", "replace")))
        return {
            "ca.pem": authority,
            "server.pem": self._certificate(self._place("/hub/servercerts"), "serverCertificate"),
            "jws.pem": self._jws(case.hub.fspiop_id),
            "endpoints.json": EndpointItems(self._service, self._place("/hub/endpoints")).file(case.hub),
            "client.csr": lines(text_of(self._newest(case, "outbound"), "csr")),
            "client.pem": certificate,
            "client-chain.pem": authority if certificate else None,
        }

    def _of_participant(self, case: Case) -> dict[str, bytes | None]:
        chain, signed = self._chain(case), self._newest(case, "outbound")
        certificate = first_certificate(signed, "certificate") if text_of(signed, "state") == SIGNED else None
        return {
            "ca.pem": chain,
            "server.pem": self._certificate(self._at(case, "servercerts"), "serverCertificate"),
            "jws.pem": self._jws(case.id),
            "endpoints.json": EndpointItems(self._service, self._at(case, "endpoints")).file(case.participant),
            "client.csr": lines(text_of(self._newest(case, "inbound"), "csr")),
            "client.pem": certificate,
            "client-chain.pem": chain if certificate else None,
        }

    def tasks(self, case: Case, files: Mapping[str, bytes], *, by_hub: bool) -> Iterator[Task]:
        """See Server."""
        if by_hub:
            yield from self._registration(case)
            yield from self._hub_authority(case, files)
            yield from EndpointItems(self._service, self._place("/hub/endpoints")).tasks(files)
            yield from self._server_task(files, self._place("/hub/servercerts"))
            yield from self._jws_task(case.hub.fspiop_id, files)
            yield from self._request_task(case, files, "outbound", "hubCSR")
            yield from self._returned(case, files)
            yield from self._confirmations(case)
        else:
            yield from self._chain_task(case, files)
            yield from self._server_task(files, self._at(case, "servercerts"))
            yield from self._jws_task(case.id, files)
            yield from EndpointItems(self._service, self._at(case, "endpoints")).tasks(files)
            yield from self._request_task(case, files, "inbound", "clientCSR")
            yield from self._returned(case, files, by_hub=False)

    def peer_tasks(self, case: Case, keys: Mapping[str, bytes]) -> Iterator[Task]:
        """See Server: this era knows no keys of others."""
        del case, keys
        yield from ()

    def waiting(self, case: Case, *, by_hub: bool) -> Iterator[Waiting]:
        """See Server."""
        direction, on = ("outbound", case.participant.name) if by_hub else ("inbound", OPERATOR)
        newest = self._newest(case, direction)
        if newest is not None and text_of(newest, "state") != SIGNED:
            yield Waiting("client.pem", Phase.CLIENT_RETURNED, on, "signs the request that is at Connection Manager")

    def keys(self) -> dict[str, bytes]:
        """See Server."""
        listed = self._service.records(self._place("/dfsps/jwscerts"), "listing the JWS keys")
        found = {text_of(one, "dfspId"): forms.public_key(text_of(one, "jwsCertificate")) for one in listed}
        return {name: key for name, key in found.items() if name and key}

    def authority(self) -> bytes | None:
        """See Server."""
        return self._authority()

    def client(self, case: Case) -> tuple[str, str] | None:
        """See Server: this era has none."""
        del case
        return None

    def make_client(self, case: Case) -> None:
        """See Server: this era has none."""
        remedy = "Leave out transport.oauth_token_url: releases to 1.7.8 hand out no OAuth clients."
        raise RemoteError("makes no OAuth clients", where=f"Connection Manager for {case.id}", remedy=remedy)

    def activation(self, case: Case) -> Activation | None:
        """See Server: the hub has its keys itself."""
        del case
        return None

    def activate(self, case: Case) -> None:
        """See Server."""
        raise NotImplementedError

    def certificate(self, case: Case, key: str) -> bytes | None:
        """See Server."""
        signed = (one for one in self._enrollments(case, "inbound", key) if text_of(one, "state") == SIGNED)
        pems = (first_certificate(one, "certificate") for one in signed)
        return next((pem for pem in pems if pem and forms.key_of_certificate(pem.decode()) == key), None)

    def sign(self, case: Case, key: str) -> None:
        """See Server: the hub's own CA signs."""
        raise NotImplementedError

    def _registration(self, case: Case) -> Iterator[Task]:
        hub, send = case.hub, self._service.send
        name = {"CN": hub.endpoint.host if hub.endpoint else hub.organisation, "O": hub.organisation, "C": hub.country or "XX"}
        body = {"name": self._environment, "defaultDN": {**name, "OU": hub.fspiop_id, "L": "-", "ST": "-"}}
        yield Task("environment", Phase.URLS, lambda: bool(self._place("")), partial(send, "POST", "/environments", "making it", body))
        zone = {"monetaryZoneId": case.participant.currencies[0]} if case.participant.currencies else {}
        for side, further in ((hub, {}), (case.participant, zone)):
            row = {"dfspId": side.fspiop_id, "name": side.organisation, **further}
            act = partial(send, "POST", self._place("/dfsps"), "registering a participant", row)
            yield Task("participant", Phase.URLS, partial(self._is_registered, side.fspiop_id), act)

    def _is_registered(self, name: str) -> bool:
        return any(one.get("id") == name for one in self._service.records(self._place("/dfsps"), "listing the participants"))

    def _hub_authority(self, case: Case, files: Mapping[str, bytes]) -> Iterator[Task]:
        """The hub's CA as an external one: names are not unique there, so that it is found by its certificates."""
        if "ca.pem" not in files:
            return
        root, rest = texts_of(files["ca.pem"])
        body = {"name": case.hub.fspiop_id, "type": "EXTERNAL", "rootCertificate": root, "intermediateChain": rest}
        act = partial(self._service.send, "POST", self._place("/hub/cas"), "publishing the CA", body)
        yield Task("ca.pem", Phase.AUTHORITY_SHARED, lambda: self._authority_number(files["ca.pem"]) is not None, act)

    def _authorities(self) -> list[Json]:
        return self._service.records(self._place("/hub/cas"), "listing the hub's CAs")

    def _authority_number(self, chain: bytes) -> object | None:
        own = (one for one in self._authorities() if forms.same_certificates(_chain_in(one), chain))
        return next((one.get("id") for one in own), None)

    def _authority(self) -> bytes | None:
        """The newest of the hub's CAs, else the server's own."""
        listed = self._authorities()
        own = self._service.record(self._place("/ca/rootCert"), "reading the server's CA") if not listed else None
        return _chain_in(listed[-1]) if listed else forms.chain_pem(forms.chain_of(text_of(own, "certificate")))

    def _chain(self, case: Case) -> bytes | None:
        return _chain_in(self._service.record(self._at(case, "ca"), "reading the participant's CA"))

    def _chain_task(self, case: Case, files: Mapping[str, bytes]) -> Iterator[Task]:
        """Both fields always: with the root alone, the chain of before stays in force and is not shown."""
        if "ca.pem" not in files:
            return
        root, rest = texts_of(files["ca.pem"])
        body = {"rootCertificate": root, "intermediateChain": rest}
        act = partial(self._service.send, "POST", self._at(case, "ca"), "publishing the CA", body)
        yield Task("ca.pem", Phase.AUTHORITY_SHARED, lambda: forms.same_certificates(self._chain(case), files["ca.pem"]), act)

    def _server_task(self, files: Mapping[str, bytes], place: str) -> Iterator[Task]:
        if "server.pem" not in files:
            return
        root, rest = texts_of(files.get("ca.pem", b""))
        body = {"serverCertificate": files["server.pem"].decode(), "rootCertificate": root, "intermediateChain": rest}
        yield self._only_one("server.pem", Phase.SERVER_SHARED, place, "serverCertificate", body)

    def _jws_task(self, name: str, files: Mapping[str, bytes]) -> Iterator[Task]:
        if JWS_CERTIFICATE not in files:
            return
        root, rest = texts_of(files.get("ca.pem", b""))
        body = {"jwsCertificate": files[JWS_CERTIFICATE].decode(), "rootCertificate": root, "intermediateChain": rest}
        yield self._only_one("jws.pem", Phase.JWS_SHARED, self._of(name, "jwscerts"), "jwsCertificate", body)

    def _only_one(self, artefact: str, step: str, place: str, member: str, body: Json) -> Task:
        """One that must never be posted twice."""

        def act() -> None:
            method = "POST" if self._service.record(place, f"reading {artefact}") is None else "PUT"
            self._service.send(method, place, f"publishing {artefact}", body)

        wanted = str(body[member]).encode()
        return Task(artefact, step, lambda: forms.same_certificates(self._certificate(place, member), wanted), act)

    def _request_task(self, case: Case, files: Mapping[str, bytes], direction: str, member: str) -> Iterator[Task]:
        if "client.csr" not in files:
            return
        text = files["client.csr"].decode()
        act = partial(self._service.send, "POST", self._at(case, f"enrollments/{direction}"), "sending a request", {member: text})
        key = forms.key_of_request(text)
        yield Task("client.csr", Phase.CLIENT_REQUESTED, lambda: next(self._enrollments(case, direction, key), None) is not None, act)

    def _returned(self, case: Case, files: Mapping[str, bytes], *, by_hub: bool = True) -> Iterator[Task]:
        """The certificate that this side has signed for the other's request, back to where the request is."""
        pem, direction = files.get("client.pem", b""), "inbound" if by_hub else "outbound"
        key = forms.key_of_certificate(pem.decode("ascii", "replace"))
        request = next(self._enrollments(case, direction, key), None) if key else None
        if request is None:
            return
        place = self._at(case, f"enrollments/{direction}/{request['id']}")
        body: Json = {"certificate": pem.decode()}

        def act() -> None:
            further = {"hubCAId": self._authority_number(files.get("ca.pem", b""))} if by_hub else {}
            self._service.send("POST", f"{place}/certificate", "returning a certificate", body | further)

        yield Task("client.pem", Phase.CLIENT_RETURNED, lambda: forms.same_certificates(self._certificate(place, "certificate"), pem), act)

    def _confirmations(self, case: Case) -> Iterator[Task]:
        endpoint = case.participant.endpoint
        approved = forms.addresses([*(endpoint.addresses if endpoint else ()), *case.participant.egress_addresses])
        items = EndpointItems(self._service, self._at(case, "endpoints"))
        yield from items.confirmations(approved, endpoint.url if endpoint else "")

    def _certificate(self, place: str, member: str) -> bytes | None:
        return first_certificate(self._service.record(place, f"reading {member}"), member)

    def _jws(self, name: str) -> bytes | None:
        text = text_of(self._service.record(self._of(name, "jwscerts"), "reading a JWS certificate"), "jwsCertificate")
        return forms.public_key(text) or text.encode()

    def _newest(self, case: Case, direction: str) -> Json | None:
        listed = self._service.records(self._at(case, f"enrollments/{direction}"), "listing requests") if self._place("") else []
        return listed[-1] if listed else None

    def _enrollments(self, case: Case, direction: str, key: str) -> Iterator[Json]:
        listed = self._service.records(self._at(case, f"enrollments/{direction}"), "listing requests")
        return (one for one in reversed(listed) if key and forms.key_of_request(text_of(one, "csr")) == key)

    def _at(self, case: Case, place: str) -> str:
        return self._of(case.id, place)

    def _of(self, name: str, place: str) -> str:
        return self._place(f"/dfsps/{quote(name, safe='')}/{place}")

    def _place(self, below: str) -> str:
        """A place in the environment; empty for the environment itself while there is none. Two of one name are no one's to choose from."""
        if not self._number:
            listed = self._service.records("/environments", "listing the environments")
            named = [str(one.get("id")) for one in listed if one.get("name") == self._environment]
            if len(named) > 1:
                remedy = "Delete the one that is not in use, or name another in hub.yml."
                raise RemoteError(f"has {len(named)} environments named {self._environment}", where="Connection Manager", remedy=remedy)
            self._number = named[0] if named else ""
        # In a dry run the environment may be one that is only to be made: nothing is found in it.
        return f"/environments/{self._number or 0}{below}" if self._number or below else ""


def _chain_in(found: Json | None) -> bytes | None:
    texts = list(each_text(found, "intermediateChain", "rootCertificate"))
    return forms.chain_pem(forms.chain_of(*texts)) or "\n".join(texts).encode() or None
