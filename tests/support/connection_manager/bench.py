# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A hub and two participants with all their files, and a stand-in of each era between them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from ipaddress import IPv4Address, IPv4Network

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_pem_x509_csr

from ansible_collections.mojaloop.onboarding.plugins.module_utils.connection_manager import forms
from ansible_collections.mojaloop.onboarding.plugins.module_utils.connection_manager.detection import server_at
from ansible_collections.mojaloop.onboarding.plugins.module_utils.connection_manager.server import Case, Server
from ansible_collections.mojaloop.onboarding.plugins.module_utils.connection_manager.service import reported
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import (
    CertificateAuthority,
    Endpoint,
    Firewall,
    Hub,
    KeyChoices,
    Participant,
)
from ansible_collections.mojaloop.onboarding.plugins.module_utils.remote.changes import Changes
from ansible_collections.mojaloop.onboarding.plugins.module_utils.remote.http import HttpClient, Route

from . import pki
from .api import StandIn
from .era1 import Era1
from .era3 import Era3

ERAS: dict[str, Callable[[], StandIn]] = {"era1": Era1, "era3": Era3}
NOW = datetime.now(UTC)
AUTHORITY, KEYS = CertificateAuthority("internal", "rsa-4096"), KeyChoices("rsa-4096", "rsa-2048", "rsa-3072")


def _side(kind: type[Hub | Participant], name: str, number: int, **more: object) -> Hub | Participant:
    endpoint = Endpoint(f"api.{name}.example", 443, "", (IPv4Address(f"203.0.113.{number}"),))
    egress = (IPv4Network(f"203.0.113.{number + 1}/32"),)
    identity = "switch" if name == "hub" else name
    return kind(name, identity, identity.title(), endpoint, egress, AUTHORITY, KEYS, (), Firewall("none", ()), **more)  # type: ignore[arg-type]


HUB = _side(Hub, "hub", 10)
GREENBANK = _side(Participant, "greenbank", 20, currencies=("USD",))
BLUEBANK = _side(Participant, "bluebank", 30, currencies=("USD",))
assert isinstance(HUB, Hub)
assert isinstance(GREENBANK, Participant)
assert isinstance(BLUEBANK, Participant)
CASE, OTHER = Case(HUB, GREENBANK, NOW), Case(HUB, BLUEBANK, NOW)


NUMBERS = {"hub": 300, "greenbank": 310, "bluebank": 320}


def files_of(case: Case, *, by_hub: bool) -> dict[str, bytes]:
    """What a side has published in the end, all of it real."""
    return _files_of(case.hub if by_hub else case.participant)


@cache
def _files_of(side: Hub | Participant) -> dict[str, bytes]:
    number = NUMBERS[side.name]
    authority = pki.make_authority({"CN": f"{side.organisation} CA", "O": side.organisation}, number)
    assert side.endpoint is not None
    host = side.endpoint.host
    server = pki.sign(authority, pki.make_request(pki.new_key(number + 1), {"CN": host}), common_name=host, server=True)
    jws = pki.sign(authority, pki.make_request(pki.new_key(number + 2), {"CN": side.fspiop_id}))
    facts = {
        "format": 1,
        "fspiop_id": side.fspiop_id,
        "url": side.endpoint.url,
        "addresses": [str(one) for one in side.endpoint.addresses],
        "egress_addresses": [str(one) for one in side.egress_addresses],
    }
    return {
        "ca.pem": pki.pem(authority.certificate).encode(),
        "server.pem": pki.pem(server).encode(),
        "jws.pem": pki.new_key(number + 2).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "jws-certificate.pem": pki.pem(jws).encode(),
        "endpoints.json": (json.dumps(facts, indent=2, sort_keys=True) + "\n").encode(),
        "client.csr": pki.pem(pki.make_request(pki.new_key(number + 3), {"CN": side.fspiop_id, "O": side.organisation})).encode(),
    }


def signed_for(request: bytes, case: Case, *, by_hub: bool) -> bytes:
    """A certificate of a side's own CA for a request of the other."""
    number = NUMBERS["hub" if by_hub else case.participant.name]
    chain = pki.certificates(files_of(case, by_hub=by_hub)["ca.pem"].decode())
    return pki.pem(
        pki.sign(pki.Authority(pki.new_key(number, 3072), chain[0]), load_pem_x509_csr(request), common_name="c.example")
    ).encode()


@dataclass
class Bench:
    """One stand-in, and both sides' clients of it."""

    stand_in: StandIn
    era: str
    signed: dict[tuple[str, bytes], bytes] = field(default_factory=dict)
    clients: list[HttpClient] = field(default_factory=list)

    def server(self, *, dry_run: bool = False) -> Server:
        """A client, with a session of its own."""
        self.clients.append(HttpClient(Route("")))
        changes = Changes(self.clients[-1], dry_run=dry_run, reported=reported)
        return server_at(changes, self.stand_in.url, "tests")

    def deliver(self, case: Case = CASE, *, by_hub: bool, dry_run: bool = False) -> list[str]:
        """One delivery of a side; what was not there yet."""
        server, done = self.server(dry_run=dry_run), []
        if not by_hub and not server.known(case, by_hub=False):
            return ["not known"]
        for task in server.tasks(case, self._files(server, case, by_hub=by_hub), by_hub=by_hub):
            if not task.done():
                done.append(task.artefact)
                task.carry_out(dry_run=dry_run)
        if by_hub and server.signs:
            done += self._sign(server, case, dry_run=dry_run)
        return done

    def _sign(self, server: Server, case: Case, *, dry_run: bool) -> list[str]:
        request = server.published(case, by_hub=False, own={}).get("client.csr")
        key = forms.key_of_request(request.decode()) if request else ""
        if not key or server.certificate(case, key):
            return []
        server.sign(case, key)
        return [] if dry_run else ["signed"]

    def _files(self, server: Server, case: Case, *, by_hub: bool) -> dict[str, bytes]:
        """As the steps publish them: once what the other has asked for is there, it is signed, and signed once."""
        files = dict(files_of(case, by_hub=by_hub))
        request = server.published(case, by_hub=not by_hub, own={}).get("client.csr")
        if request and not (by_hub and server.signs):
            key = (f"{case.id} {by_hub}", request)
            self.signed.setdefault(key, signed_for(request, case, by_hub=by_hub))
            files["client.pem"] = self.signed[key]
        return files

    def settle(self, case: Case = CASE) -> int:
        """Both sides in turn until nothing is left; how many rounds it took."""
        for number in range(1, 8):
            if not [*self.deliver(case, by_hub=True), *self.deliver(case, by_hub=False)]:
                return number
        pytest.fail("does not settle")
