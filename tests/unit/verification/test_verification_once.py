# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One right call after a change: what passed is not sent again, what did not is a fault, what could not be sent is neither."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from unit.steps.conftest import NOW, Site, marks, site

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.findings import Finding
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps.run import Run, make_run
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps.sequence import Request
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification import once
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.model import ACCEPTED, Answer, Case, Kind
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.once import try_once
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.proving import elsewhere
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.tried import tried_participants

LAB = load_description(Path(__file__).parents[3] / "inventories" / "lab", state="/nowhere")
PASSED, REFUSED = Answer(Kind.ANSWERED, 202), Answer(Kind.ANSWERED, 503)
Calls = Callable[..., list[Finding]]


@pytest.fixture
def made(tmp_path: Path) -> Site:
    return site(tmp_path, "greenbank")


@pytest.fixture
def calls(made: Site, monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Try once, where each call of this run is answered so; the calls that were made are counted."""
    sent: list[str] = []

    def trying(answer: Answer = PASSED, *, obstacle: str = "", key: str = "token-and-call") -> list[Finding]:
        def perform() -> Answer:
            sent.append("call")
            return answer

        def cases(run: Run, _site: object) -> list[Case]:
            names = [each.name for each in run.chosen]
            return [Case(key, "t", "to the hub", name, ACCEPTED, perform, obstacle=obstacle) for name in names]

        monkeypatch.setattr(once, "right_calls", cases)
        return try_once(Request(str(made.root / "description"), str(made.state), now=NOW), elsewhere)

    trying.sent = sent  # type: ignore[attr-defined]
    return trying


def tried(made: Site) -> frozenset[str]:
    return tried_participants(DiskTree(made.state), Request(str(made.root / "description"), str(made.state)).load())


def test_what_has_passed_is_not_sent_again(made: Site, calls: Calls) -> None:
    assert calls() == []
    assert tried(made) == {"greenbank"}
    before = marks(made.state)
    assert calls(REFUSED) == []
    assert marks(made.state) == before
    assert calls.sent == ["call"]  # type: ignore[attr-defined]


def test_what_has_changed_since_is_sent_again(made: Site, calls: Calls) -> None:
    calls()
    made.participants["greenbank"]["roles"] = ["quotes"]
    made.describe()
    assert tried(made) == frozenset()
    assert [finding.reason for finding in calls(REFUSED)] == ["call-not-passed"]


def test_a_call_that_does_not_pass_is_a_fault_until_one_does(made: Site, calls: Calls) -> None:
    (fault,) = calls(REFUSED)
    assert (fault.participant, fault.side, fault.step, fault.disposition) == ("greenbank", "hub", "oauth", "fault")
    assert "503" in fault.detail
    assert tried(made) == frozenset()
    assert calls() == []


def test_services_that_are_not_up_yet_are_waited_for(made: Site, calls: Calls) -> None:
    (waiting,) = calls(REFUSED, key="hub-call")
    assert (waiting.reason, waiting.disposition, waiting.pending_on) == ("services-not-up", "pending", "greenbank")
    assert tried(made) == frozenset()


def test_what_cannot_be_sent_is_no_fault_and_nothing_is_claimed(made: Site, calls: Calls) -> None:
    assert calls(obstacle="no host here owns its address") == []
    assert tried(made) == frozenset()
    assert calls.sent == []  # type: ignore[attr-defined]


def test_who_is_suspended_is_not_called(made: Site, calls: Calls) -> None:
    made.participants["greenbank"]["state"] = "suspended"
    made.describe()
    assert (calls(REFUSED), calls.sent) == ([], [])  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("hosting", "server", "expected"),
    [
        ("managed", True, ["token-and-call", "hub-call"]),
        ("managed", False, ["hub-call"]),
        ("self-hosted", True, []),
    ],
)
def test_only_right_calls_of_those_who_are_managed_here_are_made(made: Site, hosting: str, expected: list[str], *, server: bool) -> None:
    made.participants["greenbank"]["hosting"] = hosting
    made.participants["greenbank"]["ca"] = {"kind": "internal" if hosting == "managed" else "own"}
    made.describe()
    description = Request(str(made.root / "description"), str(made.state), now=NOW).load()
    given = LAB.hub.authorization_server if server else None
    described = replace(description, hub=replace(description.hub, authorization_server=given))
    run = make_run(described, DiskTree(made.state), sides=["all"], participants=[], now=NOW, dry_run=True)
    assert [case.key for case in once.right_calls(run, elsewhere(described, made.state))] == expected
