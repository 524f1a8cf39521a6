# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keycloak behind the hub's gateway, both real: tokens are asked for through it, and it judges them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from contract.gateway.conftest import Bench as Gateway
from contract.gateway.conftest import bench as gateway  # noqa: F401 -- a fixture
from contract.gateway.conftest import driver  # noqa: F401 -- a fixture

from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.model import Identity, TokenEndpoint, TokenRules
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.token_keys import authorization_facts
from ansible_collections.mojaloop.onboarding.plugins.module_utils.oauth.signing_keys import follow_signing_keys
from ansible_collections.mojaloop.onboarding.plugins.module_utils.oauth.token import TokenAnswer, token_request

from .conftest import Bench, described
from .drivers import AUDIENCE, Keycloak, KeycloakProcess, header_of
from .test_registry_contract import thumbprint

pytestmark = [pytest.mark.xdist_group("keycloak"), pytest.mark.timeout(900)]


@pytest.fixture
def realm(start_keycloak: Callable[[str], KeycloakProcess], tmp_path: Path, certificates: dict[str, Path]) -> Bench:
    """A realm at the server that takes certificates from the gateway's header; greenbank is in it."""
    made = described(Keycloak(start_keycloak("header"), "dfsps"), tmp_path, certificates)
    made.applied()
    follow_signing_keys(description=made.description, tree=made.tree)
    return made


def opened(gateway: Gateway, realm: Bench) -> Identity:  # noqa: F811 -- the fixture
    """Have the gateway accept the realm's tokens; returns the second client certificate of greenbank."""
    server, following = realm.server.described(), gateway.hub_ca.identity("greenbank")
    facts = authorization_facts(server, realm.tree)
    digest = gateway.digest(following.certificate).hex()
    callers = [
        replace(one, clients=(one.participant,), certificates=(*one.certificates, digest))
        for one in gateway.inbound.callers
        if one.participant == "greenbank"
    ]
    port, path = server.token_endpoint.removeprefix("https://127.0.0.1:").split("/", 1)
    endpoint = TokenEndpoint("127.0.0.1", int(port), f"/{path}", "127.0.0.1", facts.ca or b"")
    rules = TokenRules(server.issuer, AUDIENCE, facts.keys, certificate_bound=True)
    gateway.install(gateway.with_inbound(callers=tuple(callers), tokens=rules, token_endpoint=endpoint))
    return following


def asked(gateway: Gateway, realm: Bench, forged: str = "") -> TokenAnswer:  # noqa: F811 -- the fixture
    """What greenbank gets when it asks for a token at the gateway."""
    headers, body = token_request(realm.credentials("greenbank"))
    client = gateway.connect("greenbank").client
    client.request("POST", "/oauth2/token", body, headers | ({"x-client-certificate": forged} if forged else {}))
    answer = client.getresponse()
    return TokenAnswer(answer.status, str(json.loads(answer.read()).get("access_token", "")))


def test_a_token_counts_with_the_certificate_that_asked_for_it_whatever_header_was_forged(
    gateway: Gateway,  # noqa: F811 -- the fixture
    realm: Bench,
    certificates: dict[str, Path],
) -> None:
    following = opened(gateway, realm)
    own = gateway.root / "own.pem"
    own.write_bytes(gateway.clients["greenbank"].certificate)
    token = asked(gateway, realm)
    forged = asked(gateway, realm, forged=header_of(certificates["redbank"]))
    assert (token.status, forged.status) == (200, 200)
    assert token.claims["cnf"] == forged.claims["cnf"] == {"x5t#S256": thumbprint(own)}
    for each in (token, forged):
        headers = [("authorization", f"Bearer {each.token}"), ("fspiop-source", "greenbank")]
        assert gateway.connect("greenbank").ask(headers=headers).status == 200
        refused = gateway.connect("greenbank", identity=following).ask(headers=headers)
        assert (refused.status, refused.reason) == (401, "token-binding")


def test_a_role_that_the_realm_did_not_grant_is_refused_at_the_gateway(gateway: Gateway, realm: Bench) -> None:  # noqa: F811 -- the fixture
    opened(gateway, realm)
    headers = [("authorization", f"Bearer {asked(gateway, realm).token}"), ("fspiop-source", "greenbank")]
    assert gateway.connect("greenbank").ask(headers=headers).status == 200
    refused = gateway.connect("greenbank").ask("POST", "/transfers", headers)
    assert (refused.status, refused.reason) == (403, "role-missing")
