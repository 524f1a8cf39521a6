# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A participant of a running lab changes: suspended and back, its secret renewed, given other roles, offboarded.

The tests of this file are the acts of one story and run in their order. The module ``verification`` passes its state matrix on the way: it
changes nothing that is running or kept. It adds its evidence, and to the journal what it signed in order to be refused. It predicts no
cases in check mode, because it sends no traffic then. So check mode foretells ``changed`` alone.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.counting import record_count
from support.labs import Lab
from support.module_states import Description, Snapshot, snapshot

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("lab-changes"),
    pytest.mark.skipif(shutil.which("haproxy") is None or shutil.which("node") is None, reason="needs haproxy and node"),
]

TASKS = """\
- hosts: controller
  gather_facts: false
  tasks:
    - mojaloop.onboarding.verification:
        description: "{{ onboarding_description }}"
        state: "{{ onboarding_state }}"
        participants: [greenbank]
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The hub, two participants and one probe."""
    made = Lab(tmp_path_factory.mktemp("changes"), without=("redbank", "probe-two"))
    (made.folder / "verify.yml").write_text(TASKS, encoding="utf-8")
    made.done("lab.yml")
    try:
        yield made
    finally:
        made.remove()


def verify(lab: Lab, *arguments: str) -> list[dict[str, Any]]:
    """The module's cases; it never reports a change."""
    (result,) = lab.done(str(lab.folder / "verify.yml"), "-vv", *arguments).of("verification")
    assert result["changed"] is False
    cases: list[dict[str, Any]] = result["cases"]
    return cases


def kept(lab: Lab) -> Snapshot:
    """Everything of the state folder but the lab's logs, the lease and the evidence."""
    return snapshot(lab.state, without=["lab", "lease", "evidence"])


def verification_passes_an_act(lab: Lab, changes: dict[str, object], *, let_in: bool) -> None:
    """``changes``: what becomes of greenbank's file; ``let_in``: whether it is let in then. Who is not is shown to be refused."""
    Description(lab.description).edit("greenbank", **changes)
    lab.done("onboard.yml")
    before, evidence = kept(lab), snapshot(lab.state / "evidence")
    assert [verify(lab, "--check"), verify(lab, "--check")] == [[], []]
    assert (kept(lab), snapshot(lab.state / "evidence")) == (before, evidence), "check mode wrote"
    first, second = verify(lab), verify(lab)
    assert _reported(first) == _reported(second)
    assert {case["verdict"] for case in first} <= {"passed", "not-provable-from-here"}
    assert {case["participant"] for case in first} == {"greenbank"}
    assert {case["key"].startswith("shut-out") for case in first} == {not let_in}
    after = kept(lab)
    assert before.items() <= after.items(), "something that was kept is another now"
    assert {_place(lab, name) for name in after.keys() - before.keys()} <= {"journal"}
    _added_twice(evidence, snapshot(lab.state / "evidence"))
    latest = json.loads((lab.state / "evidence" / "verification.json").read_text())
    assert [case["key"] for case in latest["cases"]] == [case["key"] for case in second]


def test_1_verification_passes_the_state_matrix_when_two_participants_were_onboarded(lab: Lab) -> None:
    verification_passes_an_act(lab, {}, let_in=True)


def test_2_who_is_suspended_is_shut_out_at_once_and_comes_back(lab: Lab) -> None:
    file = lab.file("greenbank")
    described = file.read_text(encoding="utf-8")
    with lab.live() as ask:
        assert ask() == "202"
        file.write_text(f"{described}state: suspended\n", encoding="utf-8")
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(lab.done, "onboard.yml")
            answer = ask()
            # An idle connection would end after the gateway's 30 s, whoever holds it.
            while answer == "202" and not running.done():
                wait([running], timeout=2)
                answer = ask()
            running.result()
        assert (ask() if answer == "202" else answer) == "silence", "the live connection, with certificate, token and address as they were"
    proof = lab.done("verify.yml", "-e", "participants=bluebank,greenbank", "-vv")
    assert "1 suspended (greenbank)" in proof.output
    shut = {case["key"]: case for case in proof.of("verification")[0]["cases"] if case["participant"] == "greenbank"}
    assert {key: (case["verdict"], case["refuser"]) for key, case in shut.items()} == {
        "shut-out": ("passed", "greenbank-gateway's firewall counter or hub-gateway's firewall counter"),
        "shut-out-certificate": ("passed", "gateway"),
    }
    file.write_text(described, encoding="utf-8")
    back = lab.done("onboard.yml")
    assert "Not shown by traffic yet" in back.output, "what was shown before the suspension shows nothing now"
    with lab.live() as ask:
        assert ask() == "202"


def test_3_the_secret_of_a_connector_is_renewed_while_it_calls(lab: Lab) -> None:
    """In one run: registered, accepted by the gateway, then handed over."""
    file = lab.file("greenbank")
    credentials, described = lab.state / "store/greenbank/oauth/credentials.json", file.read_text(encoding="utf-8")
    first = credentials.read_bytes()
    file.write_text(f"{described}oauth: {{renew_before: {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}}}\n", encoding="utf-8")
    with lab.calling() as answers:
        for reported in ({"oauth-client-renewed", "awaiting-gateways", "map-entry-missing", "oauth-credentials-renewed"}, set()):
            planned, done = lab.play("onboard.yml", "--check", "-e", "participants=greenbank"), lab.play("onboard.yml")
            assert (planned.status, done.status, done.findings) == (0, 0, planned.findings), done.output
            assert reported == {finding[4] for finding in done.findings if finding[1] == "oauth"}
            assert credentials.read_bytes() != first
            assert "awaiting-gateways" not in done.output.partition("Awaited:")[2]
    assert set(answers) == {"202"}, "with the token of the earlier client"
    record_count("requests with an earlier client's token while it was renewed by playbooks, none lost", len(answers))
    file.write_text(f"{described}oauth: {{revoke_before: {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}}}\n", encoding="utf-8")
    with lab.calling() as answers:
        lab.done("onboard.yml")
    assert (answers[0], answers[-1]) == ("202", "401"), "with the token of a client that was revoked"
    assert lab.play("onboard.yml").changed == []
    lab.done("verify.yml", "-e", "participants=greenbank")
    file.write_text(described, encoding="utf-8")


def test_4_verification_passes_the_state_matrix_when_a_participant_got_another_role(lab: Lab) -> None:
    verification_passes_an_act(lab, {"roles": ["quotes"]}, let_in=True)


def test_5_verification_passes_the_state_matrix_when_a_participant_was_offboarded(lab: Lab) -> None:
    verification_passes_an_act(lab, {"state": "offboarded"}, let_in=False)


def _place(lab: Lab, name: str) -> str:
    return Path(name).relative_to(lab.state).parts[0]


def _reported(cases: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    return [(case["participant"], case["key"], case["verdict"], case["refuser"]) for case in cases]


def _added_twice(before: Snapshot, after: Snapshot) -> None:
    """What was kept stays, but for the latest, which is written anew; each of the two runs adds its own, and the participant's."""
    added = [Path(name) for name in after.keys() - before.keys() if Path(name).stem[:1].isdigit()]
    assert sorted((path.parent.name, path.suffix) for path in added) == [
        *[("evidence", suffix) for suffix in (".html", ".html", ".json", ".json")],
        *[("greenbank", ".json")] * 2,
    ]
    assert {name for name in before if before[name] != after.get(name) and Path(name).stem != "verification"} == set()
