# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The summary: the worst finding decides a step, waiting is no failure, silence is not proof."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import Description, Ledger, State
from ansible_collections.mojaloop.onboarding.plugins.module_utils.findings import Disposition, Finding
from ansible_collections.mojaloop.onboarding.plugins.module_utils.status.summary import Standing, summarise, with_calls
from ansible_collections.mojaloop.onboarding.plugins.module_utils.status.text import WIDE, render

LAB = Path(__file__).parents[3] / "inventories" / "lab"
PROVED = {"greenbank": True, "bluebank": True, "redbank": True, "probe-one": True, "probe-two": True}


@pytest.fixture(scope="module")
def lab() -> Description:
    return load_description(LAB, state="/nowhere")


def finding(disposition: Disposition, participant: str = "greenbank", step: str = "tls-5") -> Finding:
    return Finding(participant, step, "hub", "client", "not-signed", disposition, "greenbank" if disposition is Disposition.PENDING else "")


def test_without_findings_and_with_evidence_everything_is_done(lab: Description) -> None:
    summary = summarise(lab, [], PROVED)
    assert summary.outcome == "done"
    assert all(row.complete for row in summary.rows)
    assert "3 of 3 participants with every step done" in render(summary)


@pytest.mark.parametrize(
    ("disposition", "outcome", "standing"),
    [
        (Disposition.CHANGE, "changed", Standing.CHANGED),
        (Disposition.PENDING, "pending", Standing.PENDING),
        (Disposition.FAULT, "failed", Standing.FAILED),
    ],
)
def test_a_finding_decides_its_step_only(lab: Description, disposition: Disposition, outcome: str, standing: Standing) -> None:
    summary = summarise(lab, [finding(disposition)], PROVED)
    rows = {row.name: row for row in summary.rows}
    assert summary.outcome == outcome
    assert rows["greenbank"].steps["tls-5"] is standing
    assert rows["greenbank"].steps["tls-4"] is Standing.DONE
    assert rows["bluebank"].complete


def test_the_steps_in_the_ledger_are_there_where_a_ledger_is_described(lab: Description) -> None:
    assert "backend-" not in render(summarise(lab, [], PROVED))
    ledger = Ledger("central-ledger", "http://127.0.0.1:3001", ("USD",))
    with_one = replace(lab, hub=replace(lab.hub, ledger=ledger))
    rows = {row.name: row.steps for row in summarise(with_one, [finding(Disposition.FAULT, step="backend-5")], PROVED).rows}
    assert (rows["hub"]["backend-3"], rows["hub"]["backend-5"]) == (Standing.DONE, Standing.NOT_APPLICABLE)
    assert (rows["greenbank"]["backend-5"], rows["bluebank"]["backend-5"]) == (Standing.FAILED, Standing.DONE)
    assert rows["probe-one"]["backend-5"] is Standing.NOT_APPLICABLE
    assert "backend-5   in the ledger" in render(summarise(with_one, [], PROVED))
    unasked = {row.name: row.steps for row in summarise(with_one, [], PROVED, hosts_asked=False).rows}
    assert {unasked["hub"]["backend-3"], unasked["greenbank"]["backend-5"]} == {Standing.NOT_SHOWN}


def test_what_is_found_where_a_column_has_no_cell_is_shown_all_the_same(lab: Description) -> None:
    drifted = Finding("hub", "endpoints-1", "hub", "firewall/hub-gateway", "rule-missing", Disposition.CHANGE)
    summary = summarise(lab, [drifted], PROVED)
    assert summary.outcome == "changed"
    assert summary.rows[0].steps["endpoints-1"] is Standing.CHANGED
    # Control: a cell that nothing was found about stays empty.
    assert summary.rows[0].steps["tls-5"] is Standing.NOT_APPLICABLE


def test_a_suspended_participant_that_is_still_let_in_is_not_done(lab: Description) -> None:
    asleep = replace(
        lab, participants=tuple(replace(one, state=State.SUSPENDED) if one.name == "bluebank" else one for one in lab.participants)
    )
    assert summarise(asleep, [], PROVED).outcome == "done"
    still = Finding("bluebank", "endpoints-1", "hub", "gateway/hub-gateway", "map-differs", Disposition.CHANGE)
    summary = summarise(asleep, [still], PROVED)
    assert summary.outcome == "changed"
    assert {row.name: row for row in summary.rows}["bluebank"].steps["endpoints-1"] is Standing.CHANGED


def test_what_needs_a_failed_step_is_not_done(lab: Description) -> None:
    steps = {row.name: row for row in summarise(lab, [finding(Disposition.FAULT)], PROVED).rows}["greenbank"].steps
    assert {key for key, standing in steps.items() if standing is Standing.FAILED} == {"tls-5", "tls-6", "tls-7"}


def test_the_worst_finding_of_a_step_decides(lab: Description) -> None:
    summary = summarise(lab, [finding(Disposition.FAULT), finding(Disposition.CHANGE)], PROVED)
    assert summary.outcome == "failed"


def test_without_evidence_testing_is_not_shown(lab: Description) -> None:
    summary = summarise(lab, [], {})
    assert {row.steps["testing"] for row in summary.rows[1:]} == {Standing.NOT_SHOWN}
    assert not summary.rows[1].complete
    assert "run playbooks/verify.yml" in render(summary)


def test_failed_evidence_fails_testing(lab: Description) -> None:
    pages = {"bluebank": "evidence/20300102T030405.000006Z.html"}
    summary = replace(summarise(lab, [], {**PROVED, "bluebank": False}), pages=pages)
    assert {row.name: row.steps["testing"] for row in summary.rows}["bluebank"] is Standing.FAILED
    reported = (
        f"bluebank testing: the verification of 2030-01-02 03:04:05 UTC failed: see {pages['bluebank']} and run playbooks/verify.yml again"
    )
    assert f"Failed:\n  {reported}" in render(summary)
    assert (summary.outcome, summary.as_dict()["disproved"]) == ("done", ["bluebank"]), "it failed its own run, and not this one"
    assert "2 of 3 participants with every step done" in render(summary)


@pytest.mark.parametrize(("evidence", "standing"), [({}, 0), ({"bluebank": True}, 1), ({"bluebank": False}, 6)])
def test_of_who_is_suspended_the_refusal_can_be_shown(lab: Description, evidence: dict[str, bool], standing: int) -> None:
    asleep = replace(lab, participants=(replace(lab.participant("bluebank"), state=State.SUSPENDED),))
    summary = summarise(asleep, [], evidence)
    assert summary.rows[1].steps["testing"] == standing
    assert {step for key, step in summary.rows[1].steps.items() if key != "testing"} == {Standing.NOT_APPLICABLE}
    assert "Outcome: done; 1 suspended (bluebank)." in render(summary)


@pytest.mark.parametrize("wide", [True, False])
def test_who_is_not_active_is_named_and_not_counted(lab: Description, *, wide: bool) -> None:
    states = {"bluebank": State.SUSPENDED, "redbank": State.OFFBOARDED}
    known = [replace(one, state=states.get(one.name, one.state)) for one in lab.participants]
    more = [] if wide else [replace(known[0], name=f"bank{number}", state=State.ACTIVE) for number in range(WIDE)]
    text = render(summarise(replace(lab, participants=(*known, *more)), [], {**PROVED, **{one.name: True for one in more}}))
    count = 1 + len(more)
    assert f"{count} of {count} active participants with every step done; 1 suspended (bluebank); 1 offboarded (redbank)." in text
    assert next(line for line in text.splitlines() if line.startswith("state" if wide else "redbank")).split()[-1] == "offboarded"


def test_a_dry_run_would_change(lab: Description) -> None:
    assert "Outcome: would change;" in render(summarise(lab, [finding(Disposition.CHANGE)], PROVED, check=True))
    assert "Outcome: changed;" in render(summarise(lab, [finding(Disposition.CHANGE)], PROVED))


def test_an_unreached_host_is_a_failure_not_silence(lab: Description) -> None:
    summary = summarise(lab, [], PROVED, unheard=[("hub-gateway", "")])
    assert summary.outcome == "failed"
    assert "hub-gateway: its state is unknown" in render(summary)


def test_a_host_that_failed_is_reported_with_its_own_words(lab: Description) -> None:
    summary = summarise(lab, [], PROVED, unheard=[("hub-gateway", "apply failed: no space left")])
    assert summary.outcome == "failed"
    assert "Failed:\n  hub-gateway: apply failed: no space left\n" in render(summary)
    assert summary.as_dict()["failed_hosts"] == ["hub-gateway: apply failed: no space left"]


def test_what_ends_at_a_host_that_was_not_heard_is_not_called_done(lab: Description) -> None:
    def standing(*unheard: tuple[str, str]) -> dict[str, Standing]:
        return {row.name: row.steps["tls-7"] for row in summarise(lab, [], PROVED, unheard=unheard).rows if row.name in PROVED}

    assert set(standing().values()) == {Standing.DONE}
    assert set(standing(("hub-gateway", "")).values()) == {Standing.NOT_SHOWN}
    one = standing(("greenbank-gateway", "apply failed"))
    assert [name for name, step in one.items() if step is not Standing.DONE] == ["greenbank"]


def test_what_is_awaited_names_whom(lab: Description) -> None:
    text = render(summarise(lab, [finding(Disposition.PENDING)], PROVED))
    assert "waits for greenbank" in text


def test_many_participants_are_listed_one_to_a_line(lab: Description) -> None:
    from dataclasses import replace  # noqa: PLC0415 -- used here alone

    many = replace(lab, participants=tuple(replace(lab.participants[0], name=f"bank{number:03}") for number in range(WIDE + 100)))
    text = render(summarise(many, [], {}))
    assert len([line for line in text.splitlines() if line.startswith("bank")]) == WIDE + 100


def test_the_result_for_pipelines_tells_change_from_failure(lab: Description) -> None:
    data = summarise(lab, [finding(Disposition.CHANGE)], PROVED).as_dict()
    assert data["outcome"] == "changed"
    assert data["participants"]["greenbank"]["steps"]["tls-5"] == "changed"  # type: ignore[index]


def test_an_oauth_client_without_a_call_is_installed_and_who_must_call_is_named(lab: Description) -> None:
    summary = with_calls(summarise(lab, [], {"bluebank": True}), lab, {"greenbank"})
    standings = {row.name: row.steps["oauth"] for row in summary.rows}
    assert (standings["greenbank"], standings["bluebank"]) == (Standing.DONE, Standing.DONE)
    assert (standings["redbank"], standings["probe-one"]) == (Standing.INSTALLED, Standing.INSTALLED)
    text = render(summary)
    assert "Installed, not tried: probe-one, probe-two, redbank must call and be called." in text
    assert "One right call passed: greenbank." in text
    assert "0 of 3 participants with every step done" in render(with_calls(summarise(lab, [], {}), lab, ()))


def test_each_counterpart_has_a_line_with_what_it_has_to_send(lab: Description) -> None:
    found = [
        Finding("redbank", "tls-4", "hub", name, "awaiting-counterpart", Disposition.PENDING, "redbank") for name in ("a.pem", "b.pem")
    ]
    text = render(summarise(lab, found, PROVED))
    assert "Awaited:\n  redbank has to send for hub: a.pem, b.pem\n" in text
    assert "tls-4: a.pem" not in text
    assert "redbank tls-4: a.pem awaiting-counterpart, waits for redbank" in render(summarise(lab, found, PROVED), details=True)


@pytest.mark.parametrize(("check", "word"), [(True, "would remove"), (False, "removed")])
def test_what_a_suspension_takes_away_is_removed(lab: Description, *, check: bool, word: str) -> None:
    asleep = replace(lab, participants=tuple(replace(each, state=State.SUSPENDED) for each in lab.participants[:1]))
    text = render(summarise(asleep, [finding(Disposition.CHANGE, "bluebank", "endpoints-1")], {}, check=check))
    assert next(line for line in text.splitlines() if line.startswith("endpoints-1")).endswith(word)


def test_probes_are_no_participants_and_are_named_when_they_are_open(lab: Description) -> None:
    text = render(summarise(lab, [], {**PROVED, "probe-two": False}))
    assert "3 of 3 participants with every step done; probes with open steps: probe-two." in text
