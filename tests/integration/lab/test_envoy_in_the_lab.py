# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A lab with Envoy at the hub and at a participant: onboarded, proved by traffic in both directions, rotated, suspended.

The tests of this file are the acts of one story and run in their order.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.counting import record_count
from support.gateways import envoy_program
from support.labs import Lab

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.xdist_group("lab-envoy")]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The hub, the participant with an Envoy, and one probe."""
    made = Lab(tmp_path_factory.mktemp("envoy"), name="lab-envoy", without=("greenbank", "probe-two"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{Path(envoy_program()).parent}:{os.environ['PATH']}")
        try:
            yield made
        finally:
            made.remove()


def test_1_one_run_onboards_and_the_next_changes_nothing(lab: Lab) -> None:
    lab.done("lab.yml")
    run = lab.done("onboard.yml")
    assert {finding[5] for finding in run.findings} == {"change"}
    before = lab.snapshot()
    again = lab.done("onboard.yml")
    assert (again.findings, again.changed) == ([], [])
    assert [result.get("reloads") for result in again.of("gateway")] == [0, 0]
    assert lab.snapshot() == before


def test_2_every_listener_is_proved_with_real_traffic(lab: Lab) -> None:
    (verification,) = lab.done("verify.yml", "-vv").of("verification")
    cases = verification["cases"]
    assert [case for case in cases if case["verdict"] != "passed"] == []
    assert len({case["direction"] for case in cases if case["participant"] == "bluebank"}) > 1, "to the hub, and from it"
    refused = [case for case in cases if case["control"]]
    assert len(refused) > 100
    assert all(case["refuser"] for case in refused)
    record_count("cases of verify.yml in the lab with Envoys", len(cases))


def test_3_certificates_are_renewed_without_a_reload_under_a_live_connection(lab: Lab) -> None:
    with lab.calling("bluebank") as answers:
        run = lab.done("rotate.yml", "-e", "renew=hub/server,hub/client/bluebank")
    assert set(answers) == {"202"}
    record_count("requests while certificates of Envoys were renewed by a playbook, none lost", len(answers))
    changed = [result for result in run.of("gateway") if result.get("changed")]
    assert [result["reloads"] for result in changed] == [0, 0]


def test_4_who_is_suspended_is_shut_out_on_a_live_connection(lab: Lab) -> None:
    file = lab.file("bluebank")
    with lab.calling("bluebank") as answers:
        file.write_text(f"{file.read_text()}state: suspended\n")
        lab.done("onboard.yml")
    assert answers[0] == "202"
    assert answers[-1] in {"403", "silence"}
