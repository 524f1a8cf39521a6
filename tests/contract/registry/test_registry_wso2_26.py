# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""WSO2 API Manager 2.6 with IS-KM: what its files lack is a person's work, named with its place until it is seen to be done."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.authorization_servers import EndpointCertificate, Publication
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import ClientOrders, State
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.profiles import MOJALOOP
from ansible_collections.mojaloop.onboarding.plugins.module_utils.findings import Disposition

from .conftest import Bench, described
from .wso2 import Wso2, definition


@pytest.fixture
def old(wso2_26: Wso2, tmp_path: Path, certificates: dict[str, Path]) -> Bench:
    """WSO2 2.6."""
    return described(wso2_26, tmp_path, certificates)


def test_ten_runs_leave_one_of_each(old: Bench, wso2_26: Wso2) -> None:
    for _ in range(10):
        old.run()
    state = wso2_26.state
    assert sorted(state.users) == ["admin", "bluebank", "greenbank", "redbank"]
    assert len(state.applications) == len(state.subscriptions) == 3
    assert {len(one["_keys"]) for one in state.applications.values()} == {1}
    old.settled()


def test_killed_after_any_request_the_next_run_comes_to_the_same_end(old: Bench, wso2_26: Wso2) -> None:
    for order in (ClientOrders(), ClientOrders(revoke_before=datetime(2026, 1, 1, tzinfo=UTC))):
        old.change("greenbank", oauth=order)
        if order.revoke_before:
            for one in wso2_26.state.applications.values():
                one["description"] = one["description"].replace("secret of 20", "secret of 19")
        for kills in range(40):
            try:
                old.run(cut_after=kills + 1)
            except KeyboardInterrupt:
                continue
            break
        assert kills > 0
        old.settled()
        assert len(wso2_26.state.applications) == len(wso2_26.state.subscriptions) == 3
        assert old.token("greenbank").status == 200


def test_a_replaced_secret_is_one_of_a_new_client_and_the_plan_says_so(old: Bench, wso2_26: Wso2) -> None:
    old.run()
    first = old.credentials("greenbank")
    application = next(one for one in wso2_26.state.applications.values() if one["owner"] == "greenbank")
    application["description"] = application["description"].replace("secret of 20", "secret of 19")
    old.change("greenbank", oauth=ClientOrders(renew_before=datetime(2026, 1, 1, tzinfo=UTC)))
    (found,) = old.applied()
    assert found.detail.endswith("no overlap: API Manager 2.6 makes a new client")
    assert old.token("greenbank", credentials=first).status == 401
    assert old.credentials("greenbank")["client_id"] != first["client_id"]
    assert old.token("greenbank").status == 200
    old.settled()


def test_what_only_a_person_can_do_is_named_with_its_place_until_it_is_done(old: Bench, wso2_26: Wso2) -> None:
    api = wso2_26.state.apis.pop("api-1")
    del api["_definition"]
    old.change_server(
        publish=(Publication("FSPIOP:1.1", "/fspiop", "https://backend.hub.lab", "gw.hub.lab"),),
        endpoint_certificates=(EndpointCertificate("backend", "https://backend.hub.lab", "unused"),),
    )

    def awaited() -> list[str]:
        found = [one for one in old.run() if one.reason == "awaiting-person"]
        assert {one.disposition for one in found} <= {Disposition.PENDING}
        return [one.detail for one in found]

    certificate = "in the publisher: Implement, Manage Certificates: backend for https://backend.hub.lab"
    assert awaited() == ["in the publisher: Add New API, context /fspiop, endpoint https://backend.hub.lab; then publish it", certificate]
    wso2_26.state.apis["api-1"] = api
    scopes = awaited()[0]
    assert scopes.startswith("in the publisher: FSPIOP:1.1, Manage, Resources, Add Scopes: ")
    assert "parties with the role Internal/fspiop-parties" in scopes
    api["_definition"] = definition(MOJALOOP.resources)
    assert awaited() == [certificate]
    assert old.token("greenbank").status == 200


def test_a_suspended_participant_is_on_the_blacklist_until_it_is_active_again(old: Bench, wso2_26: Wso2) -> None:
    old.run()
    old.change("greenbank", state=State.SUSPENDED)
    old.applied()
    assert [one["conditionValue"] for one in wso2_26.state.denials.values()] == ["greenbank:greenbank"]
    assert old.token("greenbank").reason == "unauthorized_client"
    old.change("greenbank", state=State.ACTIVE)
    old.applied()
    assert wso2_26.state.denials == {}
    assert old.token("greenbank").status == 200
