# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What only Keycloak has: drift field by field, other people's objects, overlapping secrets, sessions, two ways for certificates."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.hub_side import Administration, Operator, OperatorRole
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import ClientOrders, KeycloakServer, State
from ansible_collections.mojaloop.onboarding.plugins.module_utils.findings import Disposition, Finding
from ansible_collections.mojaloop.onboarding.plugins.module_utils.oauth.keycloak import realm as keycloak_realm
from ansible_collections.mojaloop.onboarding.plugins.module_utils.oauth.token import fetch_token

from .conftest import Bench, described
from .drivers import Keycloak, KeycloakProcess, WithHeader
from .test_registry_contract import thumbprint

pytestmark = [pytest.mark.xdist_group("keycloak"), pytest.mark.timeout(900)]


def of(findings: list[Finding], participant: str) -> list[tuple[str, str]]:
    return [(found.reason, found.detail) for found in findings if found.participant == participant]


def test_a_realm_is_made_with_what_all_clients_need(
    start_keycloak: Callable[[str], KeycloakProcess], tmp_path: Path, certificates: dict[str, Path]
) -> None:
    keycloak = Keycloak(start_keycloak("tls"), "another-realm")
    realm = described(keycloak, tmp_path, certificates)
    found = of(realm.applied(), "hub")
    assert found[0] == ("oauth-realm-missing", "another-realm")
    assert {reason for reason, _ in found} == {"oauth-realm-missing", "oauth-resources-missing", "oauth-rotation-differs"}
    client = keycloak.client("greenbank")
    enabled = {name for name, value in client.items() if value is True}
    assert {"enabled", "serviceAccountsEnabled"} <= enabled
    assert not enabled & {"publicClient", "standardFlowEnabled", "implicitFlowEnabled", "directAccessGrantsEnabled", "fullScopeAllowed"}
    claims = realm.token("greenbank").claims
    assert (claims["azp"], claims["dfsp.id"]) == ("greenbank", "greenbank")


def test_drift_is_named_field_by_field_and_what_others_set_stays(realm: Bench, keycloak: Keycloak) -> None:
    realm.run()
    client = keycloak.client("greenbank")
    place = f"clients/{client['id']}"
    note = {"name": "note", "protocol": "openid-connect", "protocolMapper": "oidc-hardcoded-claim-mapper"}
    keycloak.admin(
        "POST",
        f"{place}/protocol-mappers/models",
        note | {"config": {"claim.name": "note", "claim.value": "ours", "access.token.claim": "true"}},
    )
    attributes = client["attributes"] | {"tls.client.certificate.bound.access.tokens": "false", "contact": "ops@greenbank.example"}
    changed = {"name": "renamed", "directAccessGrantsEnabled": True, "description": "kept for people", "attributes": attributes}
    keycloak.admin("PUT", place, keycloak.client("greenbank") | changed)
    mapper = next(one for one in client["protocolMappers"] if one["name"] == "audience")
    keycloak.admin("DELETE", f"{place}/protocol-mappers/models/{mapper['id']}")
    account = keycloak.admin("GET", f"{place}/service-account-user")["id"]
    api = keycloak.admin("GET", "clients?clientId=fspiop")[0]["id"]
    roles = keycloak.admin("GET", f"users/{account}/role-mappings/clients/{api}")
    keycloak.admin("DELETE", f"users/{account}/role-mappings/clients/{api}", [one for one in roles if one["name"] == "parties"])
    drifted = "directAccessGrantsEnabled, name, tls.client.certificate.bound.access.tokens, mapper audience, role parties"
    assert of(realm.applied(), "greenbank") == [("oauth-client-differs", drifted)]
    realm.settled()
    found = keycloak.client("greenbank")
    assert (found["description"], found["attributes"]["contact"]) == ("kept for people", "ops@greenbank.example")
    assert "note" in {one["name"] for one in found["protocolMappers"]}
    claims = realm.token("greenbank").claims
    assert (claims["note"], set(str(claims["scope"]).split())) == ("ours", {"parties", "quotes"})
    assert "cnf" in claims


def test_a_client_that_others_made_is_neither_changed_nor_deleted(realm: Bench, keycloak: Keycloak) -> None:
    realm.change("greenbank", state=State.OFFBOARDED)
    realm.run()
    keycloak.admin("POST", "clients", {"clientId": f"greenbank{keycloak.suffix}", "name": "another system's", "enabled": True})
    before = keycloak.client("greenbank")
    realm.change("greenbank", state=State.ACTIVE)
    found = [one for one in realm.applied() if one.participant == "greenbank"]
    assert [(one.reason, one.disposition) for one in found] == [("authorization-server-refused", Disposition.FAULT)]
    assert "attribute mojaloop.environment = lab" in found[0].detail
    realm.change("greenbank", state=State.OFFBOARDED)
    realm.settled()
    assert keycloak.client("greenbank") == before
    assert realm.token("redbank").status == 200


def test_a_rotated_secret_overlaps_with_the_one_before_and_ends_on_request(realm: Bench) -> None:
    realm.run()
    first = realm.credentials("greenbank")
    later = datetime.now(UTC) + timedelta(days=30)
    realm.change_server(client_days=30)
    found = of(realm.applied(later), "greenbank")
    assert [reason for reason, _ in found] == ["oauth-credentials-renewed"]
    assert "the earlier secret works for 7 days" in found[0][1]
    second = realm.credentials("greenbank")
    assert first["client_id"] == second["client_id"]
    assert [realm.token("greenbank", credentials=one).status for one in (first, second)] == [200, 200]
    realm.change_server(client_days=0)
    realm.settled()
    realm.change("greenbank", oauth=ClientOrders(renew_before=datetime.now(UTC) + timedelta(days=1)))
    assert [reason for reason, _ in of(realm.run(now=datetime.now(UTC) + timedelta(days=2)), "greenbank")] == ["overlap-running"]
    realm.change("greenbank", oauth=ClientOrders(revoke_before=datetime.now(UTC) + timedelta(seconds=1)))
    ended = datetime.now(UTC) + timedelta(seconds=2)
    assert [reason for reason, _ in of(realm.applied(ended), "greenbank")] == ["oauth-credentials-renewed"]
    assert [realm.token("greenbank", credentials=one).status for one in (first, second)] == [401, 401]
    assert realm.token("greenbank").status == 200


@pytest.mark.parametrize("why", ["client_overlap_days is 0", "the server runs without its feature client-secret-rotation"])
def test_without_overlapping_secrets_the_plan_says_so(realm: Bench, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if "feature" in why:
        monkeypatch.setattr(keycloak_realm, "FEATURE", "ANOTHER")  # the server answers as one without that preview feature
    else:
        realm.change_server(client_overlap_days=0)
    assert "oauth-rotation-differs" not in {reason for reason, _ in of(realm.applied(), "hub")}
    first = realm.credentials("greenbank")
    realm.change("greenbank", oauth=ClientOrders(renew_before=datetime.now(UTC) + timedelta(days=1)))
    ((reason, detail),) = of(realm.applied(datetime.now(UTC) + timedelta(days=2)), "greenbank")
    assert (reason, detail.rpartition("; ")[2]) == ("oauth-credentials-renewed", f"no overlap: {why}")
    assert realm.token("greenbank", credentials=first).status == 401
    assert realm.token("greenbank").status == 200


def test_policies_of_others_are_kept_and_the_own_one_is_put_back(realm: Bench, keycloak: Keycloak) -> None:
    realm.run()
    own = {kind: keycloak.admin("GET", f"client-policies/{kind}")[kind] for kind in ("profiles", "policies")}
    other: dict[str, Any] = {
        "profiles": {"name": "other", "executors": [{"executor": "pkce-enforcer", "configuration": {"auto-configure": True}}]}
    }
    conditions = [{"condition": "client-access-type", "configuration": {"type": ["public"]}}]
    other["policies"] = {"name": "other", "enabled": True, "conditions": conditions, "profiles": ["other"]}
    for kind, one in other.items():
        keycloak.admin("PUT", f"client-policies/{kind}", {kind: [one]})
    found = of(realm.applied(), "hub")
    assert [reason for reason, _ in found] == ["oauth-rotation-differs"] * 2
    for kind, one in other.items():
        kept = {each["name"]: each for each in keycloak.admin("GET", f"client-policies/{kind}")[kind]}
        assert kept["mojaloop-onboarding"] == own[kind][0]
        assert {name: kept["other"][name] for name in one} == one
    realm.settled()


def test_a_suspended_participant_gets_no_token_and_those_it_has_are_inactive_for_good(realm: Bench, keycloak: Keycloak) -> None:
    realm.run()
    keycloak.admin("POST", "clients", {"clientId": "asker", "secret": "secret-of-asker", "publicClient": False, "enabled": True})
    tokens = {name: realm.token(name).token for name in ("greenbank", "redbank")}

    def active() -> dict[str, bool]:
        return {name: keycloak.is_active(token, ("asker", "secret-of-asker")) for name, token in tokens.items()}

    assert active() == {"greenbank": True, "redbank": True}
    realm.change("greenbank", state=State.SUSPENDED)
    assert of(realm.applied(), "greenbank") == [("oauth-client-differs", "enabled")]
    realm.settled()
    assert realm.token("greenbank").reason == "invalid_client"
    assert active() == {"greenbank": False, "redbank": True}
    realm.change("greenbank", state=State.ACTIVE)
    assert of(realm.applied(), "greenbank") == [("oauth-client-differs", "enabled")]
    assert active() == {"greenbank": False, "redbank": True}


def test_tokens_that_a_revoked_secret_got_are_inactive_and_later_ones_are_not(realm: Bench, keycloak: Keycloak) -> None:
    realm.run()
    keycloak.admin("POST", "clients", {"clientId": f"asker{keycloak.suffix}", "secret": "of-asker", "publicClient": False, "enabled": True})
    earlier = {name: realm.token(name).token for name in ("greenbank", "redbank")}
    time.sleep(1.1)  # the server keeps whole seconds
    realm.change("greenbank", oauth=ClientOrders(revoke_before=datetime.now(UTC).replace(microsecond=0)))
    assert [reason for reason, _ in of(realm.applied(), "greenbank")] == ["oauth-credentials-renewed"]
    time.sleep(1.1)
    asker = (f"asker{keycloak.suffix}", "of-asker")
    assert {name: keycloak.is_active(token, asker) for name, token in earlier.items()} == {"greenbank": False, "redbank": True}
    assert keycloak.is_active(realm.token("greenbank").token, asker)
    realm.settled()


def test_a_run_killed_at_any_request_is_finished_by_the_next_one(realm: Bench, keycloak: Keycloak) -> None:
    """At the wire: after each request that changes something, its answer is lost and the run ends."""
    realm.description = replace(realm.description, participants=realm.description.participants[:2])
    for _ in range(60):
        try:
            realm.run(cut_after=1)
        except KeyboardInterrupt:
            continue
        break
    else:
        raise AssertionError("no run came to its end")
    realm.settled()
    assert len(keycloak.admin("GET", f"clients?clientId=bank{keycloak.suffix}&search=true")) == 2
    assert [realm.token(name).status for name in ("bluebank", "greenbank")] == [200, 200]
    leaked = realm.credentials("greenbank")
    time.sleep(1.1)  # the server keeps whole seconds
    realm.change("greenbank", oauth=ClientOrders(revoke_before=datetime.now(UTC).replace(microsecond=0)))
    with pytest.raises(KeyboardInterrupt):
        realm.run(cut_after=1)
    realm.run()
    assert realm.token("greenbank", credentials=leaked).status == 401
    assert realm.token("greenbank").status == 200
    realm.settled()


def test_a_secret_replaced_by_hand_is_delivered(realm: Bench, keycloak: Keycloak) -> None:
    realm.run()
    keycloak.admin("POST", f"clients/{keycloak.client('greenbank')['id']}/client-secret")
    assert of(realm.applied(), "greenbank") == [("oauth-credentials-missing", "")]
    assert realm.token("greenbank").status == 200
    realm.settled()


def test_an_administrator_who_may_not_is_refused_with_what_to_do(realm: Bench, keycloak: Keycloak, tmp_path: Path) -> None:
    realm.run()
    secret = tmp_path / "admin-secret"
    secret.write_text("another-secret")
    realm.change_server(admin_secret_file=str(secret))
    found = realm.run()
    assert {one.reason for one in found} == {"authorization-server-refused"}
    assert "was answered with 401" in found[0].detail
    assert "another-secret" not in str(found)
    assert isinstance(realm.description.hub.authorization_server, KeycloakServer)


def test_a_forged_header_counts_for_nothing_where_certificates_come_by_tls(realm: Bench, keycloak: Keycloak, certificates: Any) -> None:  # noqa: ANN401 -- paths by name
    realm.run()
    url = keycloak.described().token_endpoint
    with closing(keycloak.caller(certificates["redbank"])) as caller:
        forged = fetch_token(WithHeader(caller, certificates["greenbank"]), realm.credentials("greenbank"), url=url)
    assert forged.claims["cnf"] == {"x5t#S256": thumbprint(certificates["redbank"])}
    with closing(keycloak.caller()) as caller:
        assert fetch_token(WithHeader(caller, certificates["greenbank"]), realm.credentials("greenbank"), url=url).status == 400


def test_certificates_in_the_header_of_a_gateway_are_taken_where_the_server_is_set_so(
    start_keycloak: Callable[[str], KeycloakProcess], tmp_path: Path, certificates: dict[str, Path]
) -> None:
    keycloak = Keycloak(start_keycloak("header"), "dfsps")
    realm = described(keycloak, tmp_path, certificates)
    realm.applied()
    assert realm.token("greenbank").claims["cnf"] == {"x5t#S256": thumbprint(certificates["greenbank"])}
    with closing(keycloak.caller(certificates["greenbank"])) as caller:
        assert fetch_token(caller, realm.credentials("greenbank"), url=keycloak.described().token_endpoint).status == 400


def test_operators_of_the_hub_get_a_client_with_an_audience_and_nothing_else(realm: Bench, keycloak: Keycloak) -> None:
    """Its token opens the internal listener's audience; it names no participant and no resource."""
    name, foreign, theirs = f"grace{keycloak.suffix}", f"other{keycloak.suffix}", f"greenbank{keycloak.suffix}"
    realm.run()
    keycloak.admin("POST", "clients", {"clientId": foreign, "enabled": True})
    roles = {name: OperatorRole.AUDITOR, foreign: OperatorRole.AUDITOR, theirs: OperatorRole.OPERATOR}
    operators = tuple(Operator(*each) for each in roles.items())
    hub = replace(realm.description.hub, administration=Administration("hub-administration", operators))
    realm.description = replace(realm.description, hub=hub)
    found = {(each.artefact, each.reason, each.disposition) for each in realm.applied() if each.artefact.startswith("operator/")}
    faults = {
        (f"operator/{foreign}", "oauth-operator-foreign", Disposition.FAULT),
        (f"operator/{theirs}", "oauth-operator-is-participant", Disposition.FAULT),
    }
    assert found == {(f"operator/{name}", "oauth-operator-missing", Disposition.CHANGE)} | faults
    credentials = json.loads(realm.tree.read(f"store/hub/operators/{name}.json") or b"{}")
    answer = keycloak.token(credentials, None)
    claims = answer.claims
    assert (claims["azp"], claims["aud"]) == (name, "hub-administration")
    assert not {"dfsp.id", "cnf"} & claims.keys()
    assert not {"parties", "quotes"} & set(str(claims.get("scope", "")).split())
    assert not keycloak.token(credentials, None, scope="parties").token
    assert {(each.artefact, each.reason, each.disposition) for each in realm.run()} == faults
    assert realm.writes == []
    client = keycloak.client("grace")
    keycloak.admin("PUT", f"clients/{client['id']}", client | {"fullScopeAllowed": True})
    assert (f"operator/{name}", "oauth-operator-differs") in {(each.artefact, each.reason) for each in realm.applied()}
    keycloak.admin("POST", f"clients/{client['id']}/client-secret")
    assert (f"operator/{name}", "oauth-operator-secret-differs") in {(each.artefact, each.reason) for each in realm.applied()}
    renewed = json.loads(realm.tree.read(f"store/hub/operators/{name}.json") or b"{}")
    assert renewed != credentials
    assert keycloak.token(renewed, None).token
