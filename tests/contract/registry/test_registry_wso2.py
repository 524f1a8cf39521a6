# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What only WSO2 has: accounts with roles, applications, subscriptions, one or several secrets, approvals; 409, 202 and 500 on the way."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.counting import record_count
from support.wso2.state import User

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import ClientOrders, State
from ansible_collections.mojaloop.onboarding.plugins.module_utils.findings import Disposition, Finding

from .conftest import PARTICIPANTS, Bench
from .wso2 import Wso2

MARK = "Internal/mojaloop-onboarding-lab"


def of(findings: list[Finding], participant: str) -> list[tuple[str, str]]:
    return [(found.reason, found.detail) for found in findings if found.participant == participant]


def end_state(wso2: Wso2) -> dict[str, Any]:
    """What is at the server, without what is random."""
    state = wso2.state
    names = {number: one["name"] for number, one in state.applications.items()}
    return {
        "accounts": {name: sorted(user.roles) for name, user in state.users.items()},
        "roles": sorted(state.roles),
        "scopes": sorted((one["name"], *one["bindings"]) for one in state.scopes.values()),
        "rest clients": [one["name"] for one in state.rest_clients.values()],
        "applications": sorted(
            (one["owner"], one["name"], [(keys["supportedGrantTypes"], len(keys["_secrets"])) for keys in one["_keys"].values()])
            for one in state.applications.values()
        ),
        "subscriptions": sorted((names[one["applicationId"]], one["apiId"]) for one in state.subscriptions.values()),
    }


def revoke(manager: Bench) -> datetime:
    """Order the end of greenbank's secret; the moment of the run that does it."""
    moment = datetime.now(UTC) + timedelta(seconds=1)
    manager.change("greenbank", oauth=ClientOrders(revoke_before=moment))
    return moment + timedelta(seconds=1)


def test_ten_runs_leave_one_account_application_subscription_and_key_set_each(manager: Bench, wso2: Wso2) -> None:
    for _ in range(10):
        manager.run()
    found = end_state(wso2)
    roles = sorted(["Internal/subscriber", MARK, "Internal/fspiop-parties", "Internal/fspiop-quotes"])
    assert found["accounts"] == {"admin": ["admin"]} | dict.fromkeys(PARTICIPANTS, roles)
    assert found["applications"] == [(name, name, [(["client_credentials"], 1)]) for name in PARTICIPANTS]
    assert found["subscriptions"] == [(name, "api-1") for name in PARTICIPANTS]
    assert found["rest clients"] == ["mojaloop-onboarding-lab"]
    manager.settled()


@pytest.mark.parametrize("change", ["nothing", "a role", "a rotation", "offboarding"])
def test_killed_after_any_request_the_next_run_comes_to_the_same_end(manager: Bench, wso2: Wso2, change: str) -> None:
    manager.description = replace(manager.description, participants=manager.description.participants[:2])

    def changed() -> None:
        if change == "a role":
            manager.change("greenbank", roles=("transfers",))
        elif change == "offboarding":
            manager.change("greenbank", state=State.OFFBOARDED)
        elif change == "a rotation":
            manager.change("greenbank", oauth=ClientOrders(revoke_before=datetime.now(UTC).replace(microsecond=0)))

    if change != "nothing":
        manager.run()
        time.sleep(1.1)  # orders have whole seconds
        changed()
    for kills in range(40):
        try:
            manager.run(cut_after=kills + 1)
        except KeyboardInterrupt:
            continue
        break
    else:
        raise AssertionError("no run came to its end")
    record_count("WSO2: runs killed after a request", kills)
    assert kills > 0
    manager.settled()
    killed = end_state(wso2)
    for number in list(wso2.state.applications):
        del wso2.state.applications[number]
    wso2.state.subscriptions.clear()
    for name in PARTICIPANTS:
        wso2.state.users.pop(name, None)
    manager.run()
    assert end_state(wso2) == killed
    assert manager.token("bluebank").status == 200


KEYS = "POST /applications/{applicationId}/generate-keys"
MADE = [
    "addRole",
    "POST /scopes",
    "addUser",
    "POST /applications",
    "POST /applications/{applicationId}/generate-keys",
    "POST /subscriptions",
]


@pytest.mark.parametrize("operation", MADE)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_500_is_believed_only_after_reading_back(manager: Bench, wso2: Wso2, operation: str, when: str) -> None:
    broken: list[str] = []

    def breaks(asked: str) -> str:
        if asked != operation or broken:
            return ""
        broken.append(asked)
        return when

    wso2.running.breaks = breaks
    found = manager.run()
    assert broken == [operation]
    if when == "after" and operation in MADE[3:]:
        assert not [one for one in found if one.disposition is Disposition.FAULT]
    else:
        assert {one.reason for one in found if one.disposition is Disposition.FAULT} == {"authorization-server-refused"}
        manager.run()
    manager.settled()
    assert len(wso2.state.applications) == len(wso2.state.subscriptions) == 3
    assert manager.token("bluebank").status == 200


def test_what_a_person_must_approve_is_awaited_and_then_goes_on(manager: Bench, wso2: Wso2) -> None:
    wso2.state.workflows = True
    waiting = [one for one in manager.run() if one.reason == "awaiting-approval"]
    assert {(one.participant, one.detail) for one in waiting} == {(name, "approve its application (CREATED)") for name in PARTICIPANTS}
    assert {one.disposition for one in waiting} == {Disposition.PENDING}
    assert manager.credentials("greenbank") == {}
    for one in wso2.state.applications.values():
        one["status"] = "APPROVED"
    assert ("awaiting-approval", "approve its subscription (ON_HOLD)") in of(manager.run(), "greenbank")
    for one in wso2.state.subscriptions.values():
        one["status"] = "UNBLOCKED"
    manager.settled()
    assert manager.token("greenbank").status == 200
    next(iter(wso2.state.subscriptions.values()))["status"] = "BLOCKED"
    blocked = [one for one in manager.run() if one.reason == "awaiting-approval"]
    assert (len(blocked), manager.writes) == (1, [])


def test_drift_is_named_field_by_field_and_what_others_set_stays(manager: Bench, wso2: Wso2) -> None:
    manager.run()
    state = wso2.state
    application = next(one for one in state.applications.values() if one["owner"] == "greenbank")
    application |= {"throttlingPolicy": "10PerMin", "attributes": {"contact": "ops"}}
    next(iter(application["_keys"].values()))["supportedGrantTypes"] = ["client_credentials", "password"]
    number = next(number for number, one in state.subscriptions.items() if one["applicationId"] == application["applicationId"])
    del state.subscriptions[number]
    state.roles.add("Internal/other")
    state.users["greenbank"].roles = {
        *(MARK, "Internal/subscriber", "Internal/other"),
        *("Internal/fspiop-parties", "Internal/fspiop-transfers"),
    }
    roles = "roles Internal/fspiop-quotes, Internal/fspiop-transfers"
    drifted = [("oauth-client-differs", f"{roles}, application throttlingPolicy, grant types, subscription FSPIOP:1.1")]
    assert of(manager.applied(), "greenbank") == drifted
    manager.settled()
    assert application["attributes"] == {"contact": "ops"}
    assert "Internal/other" in state.users["greenbank"].roles


def test_an_account_that_others_made_is_neither_changed_nor_deleted(manager: Bench, wso2: Wso2) -> None:
    wso2.state.users["greenbank"] = User("of another", {"Internal/subscriber"})
    found = [one for one in manager.applied() if one.participant == "greenbank"]
    assert [(one.reason, one.disposition) for one in found] == [("authorization-server-refused", Disposition.FAULT)]
    assert f"give it the role {MARK}" in found[0].detail
    manager.change("greenbank", state=State.OFFBOARDED)
    manager.settled()
    assert wso2.state.users["greenbank"] == User("of another", {"Internal/subscriber"})
    assert manager.token("redbank").status == 200


def test_without_several_secrets_the_plan_says_no_overlap(manager: Bench) -> None:
    manager.run()
    first = manager.credentials("greenbank")
    manager.change("greenbank", oauth=ClientOrders(renew_before=datetime.now(UTC) + timedelta(seconds=1)))
    ((reason, detail),) = of(manager.applied(datetime.now(UTC) + timedelta(seconds=2)), "greenbank")
    assert reason == "oauth-credentials-renewed"
    assert detail.endswith("no overlap: the key manager has one secret for each client")
    assert manager.token("greenbank", credentials=first).status == 401
    assert manager.token("greenbank").status == 200


@pytest.mark.parametrize("hides", [False, True])
def test_with_several_secrets_the_one_before_works_until_its_time_is_over(manager: Bench, wso2: Wso2, *, hides: bool) -> None:
    wso2.state.several_secrets, wso2.state.hides_secrets = True, hides
    manager.run()
    first = manager.credentials("greenbank")
    manager.change("greenbank", oauth=ClientOrders(renew_before=datetime.now(UTC) + timedelta(seconds=1)))
    ((reason, detail),) = of(manager.applied(datetime.now(UTC) + timedelta(seconds=2)), "greenbank")
    assert reason == "oauth-credentials-renewed"
    assert detail.endswith("the earlier secret works for 7 days")
    second = manager.credentials("greenbank")
    assert first["client_id"] == second["client_id"]
    assert [manager.token("greenbank", credentials=one).status for one in (first, second)] == [200, 200]
    manager.change("greenbank", oauth=ClientOrders())
    manager.settled()
    application = next(one for one in wso2.state.applications.values() if one["owner"] == "greenbank")
    application["description"] = application["description"].replace("secret of 20", "secret of 19")
    assert of(manager.applied(), "greenbank")[0] == ("oauth-client-differs", "earlier secret")
    assert [manager.token("greenbank", credentials=one).status for one in (first, second)] == [401, 200]


def test_a_leaked_secret_and_the_one_before_it_end_together(manager: Bench, wso2: Wso2) -> None:
    wso2.state.several_secrets = True
    manager.run()
    leaked = manager.credentials("greenbank")
    moment = revoke(manager)
    assert [reason for reason, _ in of(manager.run(now=moment), "greenbank")] == ["oauth-credentials-renewed"]
    assert manager.token("greenbank", credentials=leaked).reason == "invalid_client"
    assert manager.token("greenbank").status == 200


def test_a_suspended_participant_gets_no_token_and_keeps_what_it_has(manager: Bench) -> None:
    manager.run()
    kept = manager.credentials("greenbank")
    manager.change("greenbank", state=State.SUSPENDED)
    assert of(manager.applied(), "greenbank") == [("oauth-client-differs", "grant types, deny policy")]
    manager.settled()
    assert manager.token("greenbank").reason == "unauthorized_client"
    manager.change("greenbank", state=State.ACTIVE)
    assert of(manager.applied(), "greenbank") == [("oauth-client-differs", "grant types, deny policy")]
    assert manager.credentials("greenbank") == kept
    assert manager.token("greenbank").status == 200


def test_lost_access_to_accounts_is_regained(manager: Bench, wso2: Wso2) -> None:
    manager.run()
    kept = manager.credentials("greenbank")
    wso2.state.users["greenbank"].password = "set by hand"
    assert of(manager.run(), "greenbank") == [("oauth-client-differs", "account password")]
    manager.tree.remove("store/hub/authorization-server/rest-client.json")
    assert of(manager.run(), "hub") == [("oauth-rest-client-missing", "mojaloop-onboarding-lab")]
    manager.settled()
    assert manager.credentials("greenbank") == kept
    assert manager.token("greenbank").status == 200


def test_an_administrator_who_may_not_is_refused_with_what_to_do(manager: Bench, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("another-password")
    manager.change_server(admin_password_file=str(wrong))
    found = manager.run()
    assert {one.reason for one in found if one.disposition is Disposition.FAULT} == {"authorization-server-refused"}
    assert "was answered with 401" in str(found)
    assert "another-password" not in str(found)


def test_an_api_that_is_not_published_is_named(manager: Bench) -> None:
    manager.change_server(apis=("FSPIOP:2.0",))
    found = manager.run()
    assert "has no published API FSPIOP:2.0" in next(one.detail for one in found if one.disposition is Disposition.FAULT)
    assert manager.credentials("greenbank") == {}


def test_no_secret_of_the_server_is_shown_or_readable(manager: Bench, wso2: Wso2) -> None:
    found = str(manager.run())
    secrets = [one["secret"] for one in wso2.state.rest_clients.values()]
    secrets += [keys["_secrets"][0]["secretValue"] for one in wso2.state.applications.values() for keys in one["_keys"].values()]
    secrets += [user.password for user in wso2.state.users.values()]
    assert len(secrets) == 8
    assert not [one for one in secrets if one in found]
