# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lab with an Envoy at the hub and HAProxy at the participants: raised, planned, onboarded, proved by traffic, and one is suspended.

The tests of this file are the acts of one story and run in their order.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.gateways import envoy_program
from support.labs import Lab

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.xdist_group("lab-envoy")]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    made = Lab(tmp_path_factory.mktemp("envoy"), without=("redbank",))
    hub = made.description / "hub.yml"
    text = hub.read_text()
    assert text.count("kind: haproxy") == 1
    hub.write_text(text.replace("kind: haproxy", "kind: envoy"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{Path(envoy_program()).parent}:{os.environ['PATH']}")
        try:
            yield made
        finally:
            made.remove()


def test_1_a_plan_and_a_run_agree_and_the_next_changes_nothing(story: Lab) -> None:
    story.done("lab.yml")
    plan = story.done("onboard.yml", "--check", "--diff")
    run = story.watched("onboard.yml", sees="AnsiballZ_gateway")
    assert sorted(run.findings) == sorted(plan.findings)
    again = story.done("onboard.yml")
    assert (again.findings, again.changed) == ([], [])


def test_2_every_listener_is_proved_with_real_traffic(story: Lab) -> None:
    verified = story.done("verify.yml")
    assert verified.findings == []


def test_3_who_is_suspended_is_refused_without_a_reload(story: Lab) -> None:
    file = story.file("greenbank")
    file.write_text(f"{file.read_text()}state: suspended\n")
    run = story.done("onboard.yml")
    assert {finding[0] for finding in run.findings} == {"greenbank"}
    assert [result.get("reloads") for result in run.of("gateway") if result.get("changed")][:1] == [0]
    story.done("verify.yml")
