# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the tests of OAuth share: a description with two participants, and an authorization server in memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import (
    Approval,
    CertificateAuthority,
    Description,
    Endpoint,
    EnvironmentKind,
    Firewall,
    Hub,
    KeyChoices,
    Participant,
    Rfc7591Server,
)
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.profiles import MOJALOOP
from ansible_collections.mojaloop.onboarding.plugins.module_utils.findings import Finding
from ansible_collections.mojaloop.onboarding.plugins.module_utils.oauth.onboarding import onboard_clients
from ansible_collections.mojaloop.onboarding.plugins.module_utils.remote.http import Answer
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree, Overlay, Tree

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
URL = "https://auth.test/reg"
INITIAL = "the-initial-access-token"
AUTHORITY = CertificateAuthority("internal", "ec-p256")
KEYS = KeyChoices("ec-p256", "rsa-3072", "rsa-3072")


def participant(name: str, hosting: str = "managed") -> Participant:
    roles = ("transfers", "parties", "quotes")
    return Participant(name, name, name.title(), None, (), AUTHORITY, KEYS, (), Firewall("none", ()), roles=roles, hosting=hosting)


@pytest.fixture
def description(tmp_path: Path) -> Description:
    token_file = tmp_path / "initial-access-token"
    token_file.write_text(INITIAL + "\n")
    urls: dict[str, Any] = {"registration_url": URL, "token_endpoint": "https://auth.test/token", "jwks_url": "https://auth.test/jwks"}
    files: dict[str, Any] = {"ca_file": "ca.pem", "initial_access_token_file": str(token_file)}
    server = Rfc7591Server("rfc7591", "https://auth.hub.lab", audience="https://api.hub.lab", **urls, **files)
    listener = Endpoint("api.hub.lab", 8443, "", (IPv4Address("203.0.113.10"),))
    hub = Hub("hub", "switch", "Lab", listener, (), AUTHORITY, KEYS, (), Firewall("none", ()), authorization_server=server)
    participants = (participant("greenbank"), participant("redbank", "self-hosted"))
    return Description(str(tmp_path), "lab", EnvironmentKind.LAB, Approval.AUTOMATIC, MOJALOOP, hub, participants)


@dataclass
class Server:
    """RFC 7591 and 7592 in memory, with the faults a test asks for."""

    url: str = URL
    clients: dict[str, dict[str, object]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    rotates_on_read: bool = False
    tells_secret: bool = True
    metadata: dict[str, object] = field(default_factory=dict)
    """RFC 8414; a server without it answers 404."""
    fault: Callable[[str], Answer | None] = lambda _method: None

    def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        if "/.well-known/" in url:
            return said(200 if self.metadata else 404, self.metadata)
        self.calls.append(method)
        token = headers["Authorization"].removeprefix("Bearer ")
        answer = self._create(token, json.loads(body)) if method == "POST" else self._manage(method, url, token, body)
        return self.fault(method) or answer

    def close(self) -> None:
        """Nothing is kept open."""

    def _create(self, token: str, fields: dict[str, object]) -> Answer:
        if token != INITIAL:
            return said(401, {"error": "invalid_token"})
        name = f"client-{len(self.calls)}"
        self.clients[name] = fields | {"client_id": name, "client_secret": f"secret-of-{name}"}
        return self._shown(name, 201)

    def _manage(self, method: str, url: str, token: str, body: bytes) -> Answer:
        name = url.rpartition("/")[2]
        if self.clients.get(name, {}).get("registration_access_token") != token:
            return said(401, {"error": "invalid_token"})
        if method == "DELETE":
            del self.clients[name]
            return Answer(204, {}, b"")
        if method == "PUT":
            self.clients[name] |= json.loads(body)
        return self._shown(name, 200, rotate=method == "PUT" or self.rotates_on_read)

    def _shown(self, name: str, status: int, *, rotate: bool = True) -> Answer:
        client = self.clients[name]
        if rotate:
            client["registration_access_token"] = f"management-{name}-{len(self.calls)}"
        shown = client | {"registration_client_uri": f"{self.url}/{name}"}
        if status == 200 and not self.tells_secret:
            del shown["client_secret"]
        return said(status, shown)


def said(status: int, content: object) -> Answer:
    return Answer(status, {}, json.dumps(content).encode())


@dataclass
class Bench:
    """One state folder, one server, one description: ``run()`` is one run of the step."""

    description: Description
    tree: DiskTree
    server: Server = field(default_factory=Server)

    def run(self, tree: Tree | None = None, *, check: bool = False, now: datetime = NOW) -> list[Finding]:
        return onboard_clients(
            description=self.description,
            participants=self.description.participants,
            tree=tree or self.tree,
            now=now,
            check=check,
            connect=lambda _server: self.server,
            sealer=lambda data, certificate: b"sealed to %d: " % certificate.serial_number + data,
        )

    def dry_run(self) -> tuple[list[Finding], Overlay]:
        overlay = Overlay(self.tree)
        return self.run(overlay, check=True), overlay

    def change(self, name: str, **values: object) -> None:
        people = tuple(replace(one, **values) if one.name == name else one for one in self.description.participants)  # type: ignore[arg-type]
        self.description = replace(self.description, participants=people)

    def publish_exchange(self, name: str = "redbank") -> None:
        self.tree.write(f"store/hub/received/{name}/exchange.pem", exchange_certificate())

    def later(self) -> datetime:
        return NOW + timedelta(days=1)


@pytest.fixture
def bench(description: Description, tmp_path: Path) -> Bench:
    return Bench(description, DiskTree(tmp_path / "state"))


def exchange_certificate() -> bytes:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), NOW, NOW + timedelta(days=9))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
