# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What every kind of authorization server does for participants: clients made, kept, renewed, shut out and removed."""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import ClientOrders, State
from ansible_collections.mojaloop.onboarding.plugins.module_utils.findings import Finding
from ansible_collections.mojaloop.onboarding.plugins.module_utils.oauth.signing_keys import JWKS_PATH, follow_signing_keys
from ansible_collections.mojaloop.onboarding.plugins.module_utils.oauth.token import TokenAnswer

from .conftest import PARTICIPANTS, Bench
from .drivers import AUDIENCE

pytestmark = [pytest.mark.xdist_group("keycloak"), pytest.mark.timeout(900)]


def about(findings: list[Finding]) -> set[tuple[str, str]]:
    return {(found.participant, found.reason) for found in findings if found.participant != "hub"}


def thumbprint(certificate: Path) -> str:
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate.read_text())).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def key_of(answer: TokenAnswer) -> str:
    header = answer.token.split(".")[0]
    return str(json.loads(base64.urlsafe_b64decode(header + "=="))["kid"])


def test_three_participants_are_onboarded_and_a_second_run_writes_nothing(bench: Bench) -> None:
    assert about(bench.applied()) == {(name, "oauth-client-missing") for name in PARTICIPANTS}
    assert len(bench.writes) >= len(PARTICIPANTS)
    bench.settled()
    server = bench.server.described()
    for name in PARTICIPANTS:
        token = bench.token(name)
        assert token.status == 200
        assert 280 <= token.expires_in <= 300  # Keycloak says what is left of it
        assert token.claims["iss"] == server.issuer
        assert AUDIENCE in (token.claims["aud"], *token.claims["aud"])  # type: ignore[misc]  # a word, or a list
        assert (token.claims.get("client_id") or token.claims["azp"]) == bench.credentials(name)["client_id"]
        assert set(str(token.claims["scope"]).split()) == {"parties", "quotes"}


def test_tokens_are_bound_to_the_certificate_that_asked_or_described_as_not_bound(bench: Bench, certificates: dict[str, Path]) -> None:
    bench.run()
    if not bench.server.binds:
        assert not bench.server.described().certificate_bound_tokens
        assert "cnf" not in bench.token("greenbank").claims
        return
    for certificate in (certificates["greenbank"], certificates["redbank"]):
        assert bench.token("greenbank", certificate=certificate).claims["cnf"] == {"x5t#S256": thumbprint(certificate)}
    refused = bench.token("greenbank", certificate=None)
    assert (refused.status, refused.token) == (400, "")


def test_a_role_that_is_given_or_taken_is_granted_or_refused(bench: Bench) -> None:
    bench.run()
    bench.change("greenbank", roles=("transfers",))
    assert ("greenbank", "oauth-client-differs") in about(bench.applied())
    bench.settled()
    assert bench.token("greenbank").claims["scope"] == "transfers"
    assert bench.token("redbank").claims["scope"] != "transfers"
    asked = bench.token("greenbank", scope="transfers parties")
    assert "parties" not in str(asked.claims.get("scope", ""))


def test_a_secret_that_leaked_is_refused_after_the_run_that_revokes_it(bench: Bench) -> None:
    bench.run()
    leaked = bench.credentials("greenbank")
    assert bench.token("greenbank").status == 200
    time.sleep(1.1)  # servers keep whole seconds
    bench.change("greenbank", oauth=ClientOrders(revoke_before=datetime.now(UTC).replace(microsecond=0)))
    assert ("greenbank", "oauth-credentials-renewed") in about(bench.applied())
    assert bench.token("greenbank", credentials=leaked).reason in {"invalid_client", "unauthorized_client"}
    assert bench.token("greenbank").status == 200
    bench.settled()


def test_of_a_faulty_file_the_order_to_revoke_is_still_carried_out(bench: Bench) -> None:
    bench.run()
    leaked, other = bench.credentials("greenbank"), bench.credentials("redbank")
    time.sleep(1.1)  # servers keep whole seconds
    orders = ClientOrders(revoke_before=datetime.now(UTC).replace(microsecond=0))
    faulty = next(one for one in bench.description.participants if one.name == "greenbank")
    sound = tuple(one for one in bench.description.participants if one.name != "greenbank")
    bench.description = replace(bench.description, participants=sound, revoking=(replace(faulty, fspiop_id="", oauth=orders),))
    assert {name for name, _ in about(bench.applied())} == {"greenbank"}
    assert bench.token("greenbank", credentials=leaked).status == 401
    assert bench.token("redbank", credentials=other).status == 200


def test_who_left_gets_no_token_and_the_others_do(bench: Bench) -> None:
    bench.run()
    gone = bench.credentials("greenbank")
    bench.change("greenbank", state=State.OFFBOARDED)
    assert about(bench.applied()) == {("greenbank", "oauth-client-retired")}
    assert bench.token("greenbank", credentials=gone).reason == "invalid_client"
    assert bench.token("redbank").status == 200
    assert bench.credentials("greenbank") == {}
    bench.settled()


def test_a_client_deleted_by_hand_is_made_anew(bench: Bench) -> None:
    bench.run()
    bench.change("greenbank", state=State.OFFBOARDED)
    kept = {path: bench.tree.read(path) for path in ("store/hub/oauth/greenbank.json", "store/greenbank/oauth/credentials.json")}
    bench.run()
    for path, content in kept.items():
        bench.tree.write(path, content or b"")
    bench.change("greenbank", state=State.ACTIVE)
    assert about(bench.applied()) == {("greenbank", "oauth-client-missing")}
    assert bench.token("greenbank").status == 200
    bench.settled()


def test_signing_keys_are_followed_when_they_rotate(bench: Bench) -> None:
    bench.run()

    def followed() -> set[str]:
        follow_signing_keys(description=bench.description, tree=bench.tree)
        return {str(key["kid"]) for key in json.loads(bench.tree.read(JWKS_PATH) or b"")["keys"]}

    before = key_of(bench.token("greenbank"))
    assert followed() == {before}
    bench.server.new_signing_key()
    after = key_of(bench.token("greenbank"))
    assert after != before
    assert followed() == {before, after}
    assert follow_signing_keys(description=bench.description, tree=bench.tree) == []
