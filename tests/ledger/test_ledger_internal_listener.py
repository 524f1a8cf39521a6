# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The real ledger behind the hub's real internal listener: what operators may do there, and the pack itself as one of them."""

from __future__ import annotations

import base64
import json
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http.client import HTTPSConnection
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from contract.gateway.conftest import bench_of
from contract.gateway.drivers import Haproxy
from cryptography.hazmat.primitives import serialization
from support.authorities import Authority
from support.between import Between
from support.ledger import RealLedger
from support.ports import free_port
from support.token_server import AUDIENCE, ISSUER, TokenServer
from support.token_server import _Handler as Keys

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.hub_side import InternalListener
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import Listener
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.model import Internal, TokenRules

from .conftest import Site, faults, reasons

ADMINISTRATION = "hub-administration"
OPERATORS = {"onboarding": "operator", "grace": "operator", "ada": "auditor", "ray": "read-only"}
SECRET = "secret-of-the-pack"
LOCAL = ip_address("127.0.0.1")


class Issuer(Keys):
    """Answers token requests of one client, with its secret in HTTP Basic."""

    def _issue(self) -> None:
        server = self.server
        assert isinstance(server, TokenServer)
        self.rfile.read(int(self.headers["content-length"]))
        right = base64.b64encode(f"onboarding:{SECRET}".encode()).decode()
        granted = self.headers["authorization"] == f"Basic {right}"
        answer = {"access_token": token(server, "onboarding"), "expires_in": 600} if granted else {"error": "invalid_client"}
        content = json.dumps(answer).encode()
        self.send_response(200 if granted else 401)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = _issue  # noqa: N815


def token(server: TokenServer, client: str, **changed: Any) -> str:  # noqa: ANN401
    """An operator's token: bound to no certificate, for the internal listener."""
    claims = {"iss": ISSUER, "aud": ADMINISTRATION, "client_id": client, "exp": int(time.time()) + 600}
    return server.signed({**claims, **changed})


@dataclass
class Inside:
    """The internal listener in front of the ledger; ``url`` is the ledger as operators reach it."""

    url: str
    authority: Path
    issuer: TokenServer

    def ask(self, client: str, method: str, path: str, body: object = None, **changed: Any) -> tuple[int, str]:  # noqa: ANN401
        """Status, and why the gateway refused (empty: it is the ledger's answer). Without a client: without a token."""
        context = ssl.create_default_context(cafile=str(self.authority))
        connection = HTTPSConnection("localhost", urlsplit(self.url).port, context=context, timeout=20)
        headers = {"authorization": f"Bearer {token(self.issuer, client, **changed)}"} if client else {}
        content = json.dumps(body) if body is not None else None
        connection.request(method, f"/ledger{path}", content, {**headers, "content-type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status, answer.headers.get("x-refused-because", "")


@pytest.fixture
def inside(proxy: Between, tmp_path: Path) -> Iterator[Inside]:
    with bench_of(Haproxy()) as bench, issuer_in(tmp_path) as issuer:
        pem = issuer.key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        listener, behind = Listener(LOCAL, free_port()), Listener(LOCAL, urlsplit(proxy.url).port or 0)
        place = InternalListener(listener, (ip_network("127.0.0.0/8"),), behind)
        rules = TokenRules(ISSUER, ADMINISTRATION, (("key-1", pem),), certificate_bound=False)
        identity = bench.hub_ca.identity("localhost", server=True)
        participants = replace(rules, audience=AUDIENCE, certificate_bound=True)
        bench.install(bench.with_inbound(identity=identity, tokens=participants, internal=Internal(place, rules, OPERATORS)))
        authority = tmp_path / "hub-ca.pem"
        authority.write_bytes(bench.hub_ca.pem)
        yield Inside(f"https://localhost:{listener.port}/ledger", authority, issuer)


def issuer_in(folder: Path) -> TokenServer:
    """An authorization server that issues the pack's own token."""
    made = TokenServer(folder, Authority("Issuer CA"))
    made.RequestHandlerClass = Issuer
    return made


PARTICIPANT = {"name": "insider", "currency": "USD"}
HUB_ACCOUNT = {"type": "HUB_RECONCILIATION", "currency": "USD"}


@pytest.mark.usefixtures("hub")
def test_operators_reach_the_ledger_as_their_role_says(inside: Inside, ledger: RealLedger) -> None:
    named = "SELECT COUNT(*) FROM participant WHERE name = 'insider'"
    assert [inside.ask(client, "GET", "/participants/Hub") for client in ("ray", "ada", "grace")] == [(200, "")] * 3
    assert inside.ask("ray", "GET", "/participants/Hub/accounts") == (403, "role-missing")
    assert inside.ask("ada", "GET", "/participants/Hub/accounts") == (200, "")
    for client in ("ray", "ada"):
        assert inside.ask(client, "POST", "/participants", PARTICIPANT) == (403, "role-missing")
    assert ledger.rows(named) == [("0",)]
    assert inside.ask("grace", "POST", "/participants", PARTICIPANT) == (201, "")
    assert ledger.rows(named) == [("1",)]
    assert inside.ask("ada", "PUT", "/participants/insider", {"isActive": False}) == (403, "role-missing")
    assert inside.ask("grace", "PUT", "/participants/insider", {"isActive": False}) == (200, "")
    assert ledger.rows("SELECT isActive FROM participant WHERE name = 'insider'") == [("0",)]


@pytest.mark.usefixtures("hub")
def test_no_one_else_reaches_the_ledger(inside: Inside, proxy: Between) -> None:
    read = ("GET", "/participants/Hub")
    assert inside.ask("grace", *read) == (200, "")
    proxy.forget()
    assert inside.ask("", *read) == (401, "token-missing")
    assert inside.ask("grace", *read, aud=AUDIENCE) == (401, "token-audience")
    assert inside.ask("client-greenbank", *read, aud=AUDIENCE) == (401, "token-audience")
    assert inside.ask("client-greenbank", *read) == (401, "token-client")
    assert inside.ask("grace", "GET", "/metrics") == (403, "role-missing")
    assert proxy.seen == []


def test_the_pack_comes_as_its_own_operator(inside: Inside, proxy: Between, site: Site, tmp_path: Path) -> None:
    secret = tmp_path / "own-secret"
    site.hub["hub"]["ledger"] |= {"url": inside.url, "ca_file": str(inside.authority)}
    site.hub["hub"]["authorization_server"] = server_of(inside.issuer, tmp_path)
    site.hub["hub"]["administration"] = {
        "operators": [{"client": client, "role": role} for client, role in OPERATORS.items()],
        "own": {"client": "onboarding", "secret_file": str(secret)},
    }
    secret.write_text("wrong", encoding="ascii")
    assert faults(site.run_hub()) == [("hub", "ledger", "ledger-unusable")]
    assert proxy.seen == []
    secret.write_text(SECRET, encoding="ascii")
    site.describe("inner", "USD")
    site.run_hub()
    assert faults(site.run()) == []
    assert site.run_hub() == []
    proxy.forget()
    assert reasons(site.run(), "inner") == []
    assert proxy.seen
    assert not proxy.changing()
    assert {each.authorization for each in proxy.seen} == {""}


def server_of(issuer: TokenServer, folder: Path) -> dict[str, object]:
    """It, as hub.yml describes it."""
    (folder / "initial").write_text("unused", encoding="ascii")
    place = f"https://localhost:{issuer.server_port}"
    return {
        "kind": "rfc7591", "issuer": ISSUER, "audience": AUDIENCE, "token_endpoint": f"{place}/token", "jwks_url": issuer.url,
        "registration_url": f"{place}/registration", "initial_access_token_file": str(folder / "initial"),
        "ca_file": str(issuer.authority_file),
    }  # fmt: skip
