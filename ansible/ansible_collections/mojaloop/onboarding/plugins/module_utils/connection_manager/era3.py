# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Connection Manager from 2.0 to 3.4: no environments, and a CA of its own in Vault that alone signs for participants.

Source: its ``src/api/swagger.yaml`` of release 3.4.0, and what that release was seen to do.

- ``POST /hub/endpoints/…`` inserts, and answers 500; there is no update: what is not wanted any more is deleted by its id.
- A request for the hub's certificate is made when a participant is registered; the key stays in the server's Vault.
- Peers take a JWS key for a new one only where ``createdAt`` has grown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from hashlib import sha256
from urllib.parse import quote, urlsplit

from cryptography.hazmat.primitives.hashes import SHA256

from ..document_steps import Phase
from ..errors import RemoteError
from ..findings import OPERATOR
from ..pki.certificates import signed_by
from . import forms
from .forms import first_certificate, lines, texts_of
from .items import EndpointItems
from .peers import peer_task
from .server import SIGNED, Activation, Case, Task, Waiting
from .service import Json, Service, each_text, text_of


class Era3:
    """The ``Server`` of that era."""

    signs = True

    def __init__(self, service: Service) -> None:
        self._service = service

    def known(self, case: Case, *, by_hub: bool = True) -> bool:  # noqa: ARG002 -- both may list
        """See Server."""
        return any(one.get("id") == case.id for one in self._service.records("/dfsps", "listing the participants"))

    def published(self, case: Case, *, by_hub: bool, own: Mapping[str, bytes]) -> dict[str, bytes]:
        """See Server."""
        found = self._of_hub(case, own) if by_hub else self._of_participant(case)
        return {name: content for name, content in found.items() if content}

    def _of_hub(self, case: Case, own: Mapping[str, bytes]) -> dict[str, bytes | None]:
        request = self._outbound(case)
        key = forms.key_of_request(own.get("client.csr", b"").decode("ascii", "replace"))
        authority = self._authority()
        certificate = self.certificate(case, key)
        return {
            "ca.pem": authority,
            "server.pem": first_certificate(
                self._service.record("/hub/servercerts", "reading the hub's server certificate"), "serverCertificate"
            ),
            "jws.pem": self._jws("/hub/jwscerts"),
            "endpoints.json": self._hub_items(case).file(case.hub),
            "client.csr": lines(text_of(request, "csr")),
            "client.pem": certificate,
            "client-chain.pem": authority if certificate else None,
        }

    def _of_participant(self, case: Case) -> dict[str, bytes | None]:
        chain, request = self._chain(case), self._newest(case, "inbound")
        signed = self._outbound(case)
        certificate = first_certificate(signed, "certificate") if text_of(signed, "state") == SIGNED else None
        server = self._service.record(self._at(case, "servercerts"), "reading the server certificate")
        return {
            "ca.pem": chain,
            "server.pem": first_certificate(server, "serverCertificate"),
            "jws.pem": self._jws(self._at(case, "jwscerts")),
            "endpoints.json": self._endpoints(case),
            "client.csr": lines(text_of(request, "csr")),
            "client.pem": certificate,
            "client-chain.pem": chain if certificate else None,
        }

    def tasks(self, case: Case, files: Mapping[str, bytes], *, by_hub: bool) -> Iterator[Task]:
        """See Server."""
        if by_hub:
            yield from self._registration(case)
            yield from self._hub_items(case).tasks(files)
            yield from self._key_tasks(files, "/hub/jwscerts", case)
            yield from self._confirmations(case)
        else:
            yield from self._participant_tasks(case, files)

    def peer_tasks(self, case: Case, keys: Mapping[str, bytes]) -> Iterator[Task]:
        """See Server."""
        yield peer_task(self._service, case, keys, self.keys)

    def waiting(self, case: Case, *, by_hub: bool) -> Iterator[Waiting]:
        """See Server."""
        outbound = self._outbound(case)
        if by_hub and outbound is not None and text_of(outbound, "state") != SIGNED:
            detail = "signs the request for the hub's client certificate that Connection Manager has made"
            yield Waiting("client.csr", Phase.CLIENT_RETURNED, case.participant.name, detail)
        inbound = self._newest(case, "inbound")
        if not by_hub and inbound is not None and text_of(inbound, "state") != SIGNED:
            yield Waiting("client.pem", Phase.CLIENT_RETURNED, OPERATOR, "signs the request for the client certificate")

    def keys(self) -> dict[str, bytes]:
        """See Server."""
        listed = self._service.records("/dfsps/jwscerts", "listing the JWS keys")
        found = {text_of(one, "dfspId"): forms.public_key(text_of(one, "publicKey")) for one in listed}
        return {name: key for name, key in found.items() if name and key}

    def authority(self) -> bytes | None:
        """See Server."""
        return self._authority()

    def activation(self, case: Case) -> Activation | None:
        """See Server. The certificate must be one for the hub's request, by the participant's CA as it is published, and in time."""
        signed = self._outbound(case)
        certificate = forms.chain_of(text_of(signed, "certificate"))[:1]
        chain, egress = forms.chain_of((self._chain(case) or b"").decode("ascii", "replace")), sorted(self._egress(case))
        url, key = text_of(self._aggregate(case, "ingress"), "url"), forms.key_of_request(text_of(signed, "csr"))
        if not certificate or not chain or not egress or not url or forms.key_of_certificate(text_of(signed, "certificate")) != key:
            return None
        in_time = certificate[0].not_valid_before_utc <= case.now < certificate[0].not_valid_after_utc
        if not in_time or not any(signed_by(certificate[0], one) for one in chain):
            return None
        parts = [key, *(one.fingerprint(SHA256()).hex() for one in chain), url, *egress]
        return Activation(sha256("\n".join(parts).encode()).hexdigest(), certificate[0].not_valid_after_utc)

    def activate(self, case: Case) -> None:
        """See Server."""
        self._service.send("POST", self._at(case, "onboard"), "putting a participant into force")

    def certificate(self, case: Case, key: str) -> bytes | None:
        """See Server. A certificate that is not for the request's key is none, whatever ``state`` says."""
        signed = (one for one in self._enrollments(case, "inbound", key) if text_of(one, "state") == SIGNED)
        return next(
            (pem for one in signed if (pem := first_certificate(one, "certificate")) and forms.key_of_certificate(pem.decode()) == key),
            None,
        )

    def client(self, case: Case) -> tuple[str, str] | None:
        """See Server."""
        found = self._service.record(self._at(case, "credentials"), "reading the OAuth client")
        client, secret = text_of(found, "clientId"), text_of(found, "clientSecret")
        return (client, secret) if client and secret else None

    def make_client(self, case: Case) -> None:
        """See Server."""
        self._service.send("POST", self._at(case, "credentials"), "making the OAuth client")

    def sign(self, case: Case, key: str) -> None:
        """See Server."""
        newest = next(self._enrollments(case, "inbound", key), None)
        if newest is None or text_of(newest, "state") != "CSR_LOADED":
            raise RemoteError("has no request to sign", where=self._at(case, "enrollments/inbound"), remedy="Fetch first.")
        if text_of(newest, "validationState") != "VALID":
            wrong = [str(one.get("validationCode")) for one in newest.get("validations") or [] if one.get("result") == "INVALID"]
            what = f"finds the request wrong ({', '.join(wrong)[:80] or 'not checked'})"
            raise RemoteError(what, where=self._at(case, "enrollments/inbound"), remedy=f"{case.participant.name} sends another one.")
        self._service.send("POST", self._at(case, f"enrollments/inbound/{newest['id']}/sign"), "signing a request")

    def _registration(self, case: Case) -> Iterator[Task]:
        wanted = {"dfspId": case.id, "name": case.participant.organisation}
        wanted |= {"monetaryZoneId": case.participant.currencies[0]} if case.participant.currencies else {}
        send, known = self._service.send, partial(self.known, case)
        subject = {"CN": f"{case.hub.organisation} CA", "O": case.hub.organisation}
        make_authority = partial(send, "POST", "/hub/ca", "making the CA", subject)
        yield Task("ca.pem", Phase.AUTHORITY_MADE, lambda: self._authority() is not None, make_authority)
        yield Task("participant", Phase.URLS, known, partial(send, "POST", "/dfsps", "registering a participant", wanted))
        make = partial(send, "POST", self._at(case, "enrollments/outbound/csr"), "making the request for the hub's certificate")
        yield Task("client.csr", Phase.CLIENT_REQUESTED, lambda: self._outbound(case) is not None or self._only_planned(case), make)
        server = partial(send, "POST", "/hub/servercerts", "making the hub's server certificate")
        yield Task("server.pem", Phase.SERVER_SHARED, lambda: self._hub_server() is not None, server)

    def _hub_server(self) -> Json | None:
        return self._service.record("/hub/servercerts", "reading the hub's server certificate")

    def _only_planned(self, case: Case) -> bool:
        """In a dry run, whether registering would have made the request as well."""
        return self._service.dry_run and not self.known(case)

    def _participant_tasks(self, case: Case, files: Mapping[str, bytes]) -> Iterator[Task]:
        send, (root, rest) = self._service.send, texts_of(files.get("ca.pem", b""))
        if "ca.pem" in files:
            body = {"rootCertificate": root, "intermediateChain": rest}
            done = lambda: forms.same_certificates(self._chain(case), files["ca.pem"])  # noqa: E731
            yield Task("ca.pem", Phase.AUTHORITY_SHARED, done, partial(send, "POST", self._at(case, "ca"), "publishing the CA", body))
        if "server.pem" in files:
            own = {"serverCertificate": files["server.pem"].decode(), "rootCertificate": root, "intermediateChain": rest}
            place = self._at(case, "servercerts")
            yield self._certificate_task("server.pem", Phase.SERVER_SHARED, place, own, files["server.pem"])
        yield from self._key_tasks(files, self._at(case, "jwscerts"), case)
        yield from self._endpoint_tasks(case, files)
        if "client.csr" in files:
            text = files["client.csr"].decode()
            key = forms.key_of_request(text)
            act = partial(send, "POST", self._at(case, "enrollments/inbound"), "sending a request", {"clientCSR": text})
            loaded = lambda: next(self._enrollments(case, "inbound", key), None) is not None  # noqa: E731
            yield Task("client.csr", Phase.CLIENT_REQUESTED, loaded, act)
        yield from self._signed_for_hub(case, files)

    def _certificate_task(self, name: str, step: str, place: str, body: Json, content: bytes) -> Task:
        def done() -> bool:
            return forms.same_certificates(first_certificate(self._service.record(place, f"reading {name}"), "serverCertificate"), content)

        return Task(name, step, done, partial(self._service.send, "POST", place, f"publishing {name}", body))

    def _signed_for_hub(self, case: Case, files: Mapping[str, bytes]) -> Iterator[Task]:
        pem = files.get("client.pem", b"")
        key = forms.key_of_certificate(pem.decode("ascii", "replace"))
        request = next(self._enrollments(case, "outbound", key), None) if key else None
        if request is not None:
            place = self._at(case, f"enrollments/outbound/{request['id']}")

            def done() -> bool:
                return forms.same_certificates(first_certificate(self._service.record(place, "reading a request"), "certificate"), pem)

            act = partial(self._service.send, "POST", f"{place}/certificate", "returning a certificate", {"certificate": pem.decode()})
            yield Task("client.pem", Phase.CLIENT_RETURNED, done, act)

    def _key_tasks(self, files: Mapping[str, bytes], place: str, case: Case) -> Iterator[Task]:
        if "jws.pem" not in files:
            return
        wanted = forms.public_key(files["jws.pem"].decode("ascii", "replace"))

        def act() -> None:
            before = self._service.record(place, "reading a JWS key")
            made = before.get("createdAt") if before else None
            moment = max(int(case.now.timestamp()), int(made) + 1 if isinstance(made, int | float) else 0)
            body = {"publicKey": (wanted or b"").decode(), "createdAt": moment}
            self._service.send("POST", place, "publishing a JWS key", body)

        yield Task("jws.pem", Phase.JWS_SHARED, lambda: self._jws(place) == wanted, act)

    def _endpoint_tasks(self, case: Case, files: Mapping[str, bytes]) -> Iterator[Task]:
        facts = forms.read_endpoints(files.get("endpoints.json", b""))
        url, egress = facts.get("url"), sorted(forms.carried(facts.get("egress_addresses", ())))
        send, ports = self._service.send, [str(urlsplit(str(url)).port or 443)]
        if url:
            act = partial(send, "POST", self._at(case, "endpoints/ingress"), "publishing the URL", {"url": url})
            yield Task("endpoints.json", Phase.URLS, lambda: text_of(self._aggregate(case, "ingress"), "url") == url, act)
        if egress:
            body = {"ipList": [{"address": one, "ports": ports} for one in egress]}
            act = partial(send, "POST", self._at(case, "endpoints/egress"), "publishing addresses", body)
            yield Task("endpoints.json", Phase.ADDRESSES, lambda: self._egress(case) == forms.addresses(egress), act)
        yield from self._items(case).of("INGRESS", "IP").tasks(files)

    def _confirmations(self, case: Case) -> Iterator[Task]:
        """Confirms the addresses that are as described; others wait for a person."""
        endpoint = case.participant.endpoint
        approved = forms.addresses([*(endpoint.addresses if endpoint else ()), *case.participant.egress_addresses])
        yield from self._items(case).confirmations(approved, endpoint.url if endpoint else "")

    def _endpoints(self, case: Case) -> bytes | None:
        """What this era cannot carry, or its usual client does not send, is as described."""
        url, egress, items = text_of(self._aggregate(case, "ingress"), "url"), self._egress(case), self._items(case)
        found = items.facts()
        endpoint = case.participant.endpoint
        facts = {
            "fspiop_id": case.id,
            "url": url or found["url"],
            "addresses": found["addresses"] or [str(one) for one in (endpoint.addresses if endpoint else ())],
            "egress_addresses": sorted(egress) or found["egress_addresses"],
        }
        facts |= forms.not_carried(case.participant, facts) if facts["egress_addresses"] else {}
        return forms.endpoints(facts) if facts["url"] or facts["egress_addresses"] else None

    def _aggregate(self, case: Case, direction: str) -> Json | None:
        return self._service.record(self._at(case, f"endpoints/{direction}"), "reading endpoints")

    def _egress(self, case: Case) -> set[str]:
        listed = (self._aggregate(case, "egress") or {}).get("ipList")
        return forms.addresses(one.get("address") for one in (listed if isinstance(listed, list) else []) if isinstance(one, dict))

    def _items(self, case: Case) -> EndpointItems:
        return EndpointItems(self._service, self._at(case, "endpoints"))

    def _hub_items(self, _case: Case) -> EndpointItems:
        return EndpointItems(self._service, "/hub/endpoints")

    def _authority(self) -> bytes | None:
        """200 with an empty text where there is none."""
        found = self._service.record("/hub/ca", "reading the CA")
        return forms.chain_pem(forms.chain_of(*each_text(found, "intermediateChain", "rootCertificate")))

    def _chain(self, case: Case) -> bytes | None:
        found = self._service.record(self._at(case, "ca"), "reading the participant's CA")
        texts = list(each_text(found, "intermediateChain", "rootCertificate"))
        return forms.chain_pem(forms.chain_of(*texts)) or "\n".join(texts).encode()

    def _jws(self, place: str) -> bytes | None:
        text = text_of(self._service.record(place, "reading a JWS key"), "publicKey")
        return forms.public_key(text) or text.encode()

    def _outbound(self, case: Case) -> Json | None:
        return self._newest(case, "outbound")

    def _newest(self, case: Case, direction: str) -> Json | None:
        """By its number: the client's newer versions begin anew, and older requests are of no use any more."""
        listed = self._service.records(self._at(case, f"enrollments/{direction}"), "listing requests")
        return listed[-1] if listed else None

    def _enrollments(self, case: Case, direction: str, key: str) -> Iterator[Json]:
        """Those for this key, the newest first."""
        listed = self._service.records(self._at(case, f"enrollments/{direction}"), "listing requests")
        return (one for one in reversed(listed) if key and forms.key_of_request(text_of(one, "csr")) == key)

    def _at(self, case: Case, place: str) -> str:
        return f"/dfsps/{quote(case.id, safe='')}/{place}"
