# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The hub's internal listener: which operator may ask what of ledger and account lookup, and that no one else passes."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from support.ports import free_port

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.hub_side import InternalListener
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import Listener
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.model import Internal

from .conftest import AUDIENCE, LOCAL, Answer, Bench, Connection, Recorder
from .test_gateway_changes import until

PRODUCTS = ("haproxy",)
HERE = "127.0.0.41"
OPERATORS = {"grace": "operator", "ada": "auditor", "ray": "read-only"}
READ, MONEY, WRITE = {"ray", "ada", "grace"}, {"ada", "grace"}, {"grace"}
PERMITTED = [
    ("GET", "/ledger/health", READ),
    ("GET", "/ledger/participants", READ),
    ("GET", "/ledger/participants?isProxy=true", READ),
    ("GET", "/ledger/participants/greenbank", READ),
    ("GET", "/ledger/participants/greenbank/endpoints", READ),
    ("GET", "/ledger/settlementModels", READ),
    ("GET", "/account-lookup/oracles", READ),
    ("GET", "/ledger/participants/limits", MONEY),
    ("GET", "/ledger/participants/greenbank/limits?currency=USD&type=NET_DEBIT_CAP", MONEY),
    ("GET", "/ledger/participants/greenbank/accounts", MONEY),
    ("GET", "/ledger/participants/greenbank/positions", MONEY),
    ("GET", "/ledger/transactions/0b3c", MONEY),
    ("POST", "/ledger/participants", WRITE),
    ("PUT", "/ledger/participants/greenbank", WRITE),
    ("PUT", "/ledger/participants/greenbank/limits", WRITE),
    ("POST", "/ledger/participants/greenbank/initialPositionAndLimits", WRITE),
    ("POST", "/ledger/participants/greenbank/endpoints", WRITE),
    ("POST", "/ledger/participants/Hub/accounts", WRITE),
    ("POST", "/ledger/participants/greenbank/accounts/7", WRITE),
    ("PUT", "/ledger/participants/greenbank/accounts/7", WRITE),
    ("PUT", "/ledger/participants/greenbank/accounts/7/transfers/0b3c", WRITE),
    ("POST", "/ledger/settlementModels", WRITE),
    ("POST", "/account-lookup/oracles", WRITE),
    ("PUT", "/account-lookup/oracles/1", WRITE),
    ("DELETE", "/account-lookup/oracles/1", WRITE),
]
TO_NO_ONE = [
    ("GET", "/ledger/metrics"),
    ("GET", "/ledger/documentation"),
    ("DELETE", "/ledger/participants/greenbank"),
    ("PATCH", "/ledger/participants/greenbank"),
    ("PUT", "/ledger/participants/limits"),
    ("POST", "/ledger/ledgerAccountTypes"),
    ("GET", "/ledger/participants/"),
    ("GET", "/ledger/participants/greenbank/"),
    ("GET", "/ledger/participants/green%62ank"),
    ("GET", "/participants"),
    ("GET", "/account-lookup/participants"),
    ("POST", "/account-lookup/participants/MSISDN/1"),
    ("GET", "/"),
]


@dataclass
class Internals:
    """A gateway with an internal listener, and what is behind it."""

    bench: Bench
    listener: Listener
    ledger: Recorder
    lookup: Recorder

    def connect(self, source: str = HERE) -> Connection:
        context = ssl.create_default_context(cadata=self.bench.hub_ca.pem.decode())
        client = http.client.HTTPSConnection("api.hub.test", self.listener.port, context=context, timeout=10)
        raw = socket.create_connection(("127.0.0.1", self.listener.port), 10, (source, 0))
        self.bench.open.append(client)
        client.sock = context.wrap_socket(raw, server_hostname="api.hub.test")
        return Connection(client)

    def token(self, client: str, **changed: Any) -> tuple[str, str]:  # noqa: ANN401
        claims = self.bench.claims("greenbank", **{"aud": "hub-administration", "client_id": client, "cnf": None, **changed})
        return ("authorization", f"Bearer {self.bench.signers[0].token(claims)}")

    def ask(self, client: str, method: str, path: str, **changed: Any) -> Answer:  # noqa: ANN401
        return self.connect().ask(method, path, [self.token(client, **changed)])

    def seen(self) -> list[tuple[str, str, list[tuple[str, str]]]]:
        return [*self.ledger.seen, *self.lookup.seen]


@pytest.fixture
def internals(bench: Bench) -> Iterator[Internals]:
    ledger, lookup = Recorder(), Recorder()
    made = Internals(bench, Listener(LOCAL, free_port()), ledger, lookup)
    place = InternalListener(made.listener, (ip_network(f"{HERE}/32"),), ledger.listener, lookup.listener)
    assert bench.inbound.tokens
    tokens = replace(bench.inbound.tokens, audience="hub-administration", certificate_bound=False)
    bench.install(bench.with_inbound(internal=Internal(place, tokens, OPERATORS)))
    yield made
    for server in (ledger, lookup):
        server.shutdown()
        server.server_close()


def test_each_role_may_do_what_the_table_says_and_nothing_else(internals: Internals) -> None:
    lines = {client: internals.connect() for client in OPERATORS}
    tokens = {client: internals.token(client) for client in OPERATORS}
    for method, path, who in PERMITTED:
        for client, line in lines.items():
            before = len(internals.seen())
            answer = line.ask(method, path, [tokens[client]])
            wanted = (200, "", 1) if client in who else (403, "role-missing", 0)
            assert (answer.status, answer.reason, len(internals.seen()) - before) == wanted, (client, method, path)
    before = len(internals.seen())
    for method, path in TO_NO_ONE:
        assert internals.ask("grace", method, path).status in {403, 404, 405}, (method, path)
    assert len(internals.seen()) == before


def test_each_system_gets_its_own_path_and_no_token(internals: Internals) -> None:
    spoofed = [("x-forwarded-for", "10.0.0.1"), ("x-user", "root"), internals.token("ray")]
    assert internals.connect().ask("GET", "/ledger/participants?isProxy=true", spoofed).status == 200
    assert internals.ask("ray", "GET", "/account-lookup/oracles").status == 200
    (method, path, headers), (_, other, _) = *internals.ledger.seen, *internals.lookup.seen
    assert (method, path, other) == ("GET", "/participants?isProxy=true", "/oracles")
    assert not {"authorization", "x-forwarded-for", "x-user"} & {name.lower() for name, _value in headers}


def test_who_is_no_operator_does_not_pass(internals: Internals) -> None:
    """Each differs from the accepted control in one fact."""
    assert internals.ask("grace", "GET", "/ledger/participants").status == 200
    before = len(internals.seen())
    cases = [
        (internals.ask("grace", "GET", "/ledger/participants", aud=AUDIENCE), (401, "token-audience")),
        (internals.ask("client-greenbank", "GET", "/ledger/participants"), (401, "token-client")),
        (internals.ask("stranger", "GET", "/ledger/participants"), (401, "token-client")),
        (internals.ask("grace", "GET", "/ledger/participants", iss="https://other.test"), (401, "token-issuer")),
        (internals.ask("grace", "GET", "/ledger/participants", exp=1), (401, "token-expired")),
        (internals.connect().ask("GET", "/ledger/participants"), (401, "token-missing")),
        (internals.connect().ask("GET", "/ledger/participants", internals.bench.headers("greenbank")), (401, "token-audience")),
        (internals.connect("127.0.0.42").ask("GET", "/ledger/participants", [internals.token("grace")]), (403, "address-mismatch")),
        (internals.ask("grace", "GET", "/ledger/participants/../participants"), (404, "path-suspicious")),
        (internals.ask("grace", "GET", "/ledger/participants/%2e%2e/health"), (404, "path-suspicious")),
        (internals.ask("grace", "GET", "/ledger//participants"), (404, "path-suspicious")),
    ]
    assert [(answer.status, answer.reason) for answer, _wanted in cases] == [wanted for _answer, wanted in cases]
    assert len(internals.seen()) == before


def test_an_operators_token_opens_no_participants_listener(internals: Internals) -> None:
    line = internals.bench.connect("greenbank")
    assert line.ask(headers=internals.bench.headers()).status == 200
    assert line.ask(headers=[internals.token("grace"), ("fspiop-source", "greenbank")]).reason == "token-audience"


def test_an_operator_loses_its_role_at_the_next_request_without_a_reload(internals: Internals) -> None:
    bench, line, token = internals.bench, internals.connect(), internals.token("grace")
    assert line.ask("POST", "/ledger/participants", [token]).status == 200
    assert bench.inbound.internal
    demoted = replace(bench.inbound.internal, operators={"grace": "auditor", "ray": "read-only"})
    bench.model = bench.with_inbound(internal=demoted)
    made = bench.plan({"bluebank"})
    assert {(one.artefact.rpartition("/")[2], one.reason) for one in made.findings} == {
        ("operators", "map-entry-missing"), ("operators", "map-entry-unwanted"),
    }  # fmt: skip
    done = bench.apply(made)
    assert bench.confirm(done["ticket"])
    assert done["reloads"] == 0
    assert line.ask("POST", "/ledger/participants", [token]).reason == "role-missing"
    assert line.ask("GET", "/ledger/participants", [token]).status == 200
    assert line.ask("GET", "/ledger/participants", [internals.token("ada")]).reason == "token-client"
    assert not bench.plan().findings


def test_its_log_says_who_did_what(internals: Internals) -> None:
    internals.ask("ray", "POST", "/ledger/participants")
    file = Path(internals.bench.place.folder, "gateway.log")
    assert until(lambda: "operator=ray role=read-only refused=role-missing POST /ledger/participants" in file.read_text())
