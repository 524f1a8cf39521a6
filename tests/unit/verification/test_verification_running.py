# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What counts as proof: a refusal beside its accepted control, by the one who was to refuse, recorded by that one itself."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import (
    Approval,
    CertificateAuthority,
    Description,
    Endpoint,
    EnvironmentKind,
    Firewall,
    Hub,
    KeyChoices,
    Participant,
)
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.profiles import MOJALOOP
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import LeaseHeld, OnboardingError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.lab.site import LabSite
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps.run import make_run
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification import running
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.hub_listener import HubListener
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.material import Material
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.model import (
    ACCEPTED,
    Answer,
    Case,
    Expected,
    Kind,
    Result,
    Verdict,
)
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.running import run_cases

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
TAKEN = Answer(Kind.ANSWERED, 202)
REFUSED = Answer(Kind.ANSWERED, 403, "gateway", "role-missing")
HANDSHAKE = Answer(Kind.TLS_REFUSED, reason="tlsv1 alert unknown ca")
NO_ONE = Answer(Kind.UNREACHABLE, reason="ECONNREFUSED")
ROLE_MISSING = Expected(Kind.ANSWERED, (403,), "gateway", ("role-missing",))


@dataclass
class Log:
    """A witness that is given what it has recorded."""

    entries: int = 0
    name: str = "the gateway's log"

    def count(self) -> int:
        return self.entries


@dataclass
class Deed:
    """An attempt that answers, counts how often it was made, and may leave an entry with a witness."""

    answer: Answer
    log: Log | None = None
    done: int = 0

    def __call__(self) -> Answer:
        self.done += 1
        if self.log:
            self.log.entries += 1
        return self.answer


def failing() -> Answer:
    msg = "no token at the hub's listener"
    raise OnboardingError(msg, where="greenbank", remedy="See the log.")


def refusal(perform: Callable[[], Answer], *, control: Callable[[], Answer] | None = None, expected: Expected = ROLE_MISSING) -> Case:
    return Case(
        "outside-roles", "outside its roles", "to the hub", "greenbank", expected, perform, control or Deed(TAKEN), "greenbank right"
    )


def judged(case: Case) -> Result:
    (result,) = run_cases([case])
    return result


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "WITNESS_SECONDS", 0.1)


def test_a_refusal_beside_its_accepted_control_passes() -> None:
    result = judged(refusal(Deed(REFUSED)))
    assert (result.verdict, result.control, result.refuser, result.detail) == (Verdict.PASSED, "202", "gateway", "")


def test_a_refusal_whose_control_is_refused_too_proves_nothing() -> None:
    result = judged(refusal(Deed(REFUSED), control=Deed(REFUSED)))
    assert (result.verdict, result.detail) == (Verdict.ERROR, "the control was not accepted: 403 by gateway: role-missing")


def test_a_refusal_whose_control_cannot_be_made_proves_nothing() -> None:
    result = judged(refusal(Deed(REFUSED), control=failing))
    assert (result.verdict, result.detail) == (Verdict.ERROR, "greenbank: no token at the hub's listener. See the log.")


def test_a_refusal_without_a_control_proves_nothing() -> None:
    result = judged(replace(refusal(Deed(REFUSED)), control=None))
    assert (result.verdict, result.detail) == (Verdict.ERROR, "a refusal without a control proves nothing")


@pytest.mark.parametrize("expected", [ROLE_MISSING, Expected(Kind.DROPPED), Expected(Kind.TLS_REFUSED), ACCEPTED])
def test_no_one_there_is_an_error_whatever_was_expected(expected: Expected) -> None:
    assert judged(refusal(Deed(NO_ONE), expected=expected)).verdict is Verdict.ERROR
    assert judged(replace(refusal(Deed(NO_ONE), expected=expected), control=None)).verdict is Verdict.ERROR


@pytest.mark.parametrize(
    "answer",
    [
        TAKEN,
        Answer(Kind.ANSWERED, 403, "backend", "role-missing"),
        Answer(Kind.ANSWERED, 403, "", "role-missing"),
        Answer(Kind.ANSWERED, 403, "gateway", "source-header"),
        Answer(Kind.ANSWERED, 502, "gateway", "role-missing"),
        HANDSHAKE,
        Answer(Kind.DROPPED),
    ],
    ids=str,
)
def test_accepted_or_refused_by_another_or_for_another_reason_fails(answer: Answer) -> None:
    assert judged(refusal(Deed(answer))).verdict is Verdict.FAILED


@pytest.mark.parametrize(("silent", "verdict"), [(False, Verdict.PASSED), (True, Verdict.FAILED)])
def test_the_refuser_must_have_recorded_it(silent: bool, verdict: Verdict) -> None:  # noqa: FBT001 -- a parameter of the test
    log = Log(entries=7)
    case = replace(refusal(Deed(HANDSHAKE, None if silent else log), expected=Expected(Kind.TLS_REFUSED)), witness=log)
    result = judged(case)
    assert (result.verdict, result.refuser) == (verdict, "the gateway's log")
    assert (result.detail == "the gateway's log recorded no refusal") is silent


def test_what_a_control_leaves_in_the_log_is_no_record_of_the_refusal() -> None:
    log = Log()
    case = replace(refusal(Deed(HANDSHAKE), control=Deed(TAKEN, log), expected=Expected(Kind.TLS_REFUSED)), witness=log)
    assert judged(case).verdict is Verdict.FAILED


def test_a_control_that_cases_share_is_carried_out_once() -> None:
    control = Deed(TAKEN)
    case = refusal(Deed(REFUSED), control=control)
    results = run_cases([case, case, replace(case, key="another")])
    assert ([result.verdict for result in results], control.done) == ([Verdict.PASSED] * 3, 1)
    run_cases([case])
    assert control.done == 2, "another run has a control of its own"


def test_an_obstacle_is_reported_and_nothing_is_tried() -> None:
    deed = Deed(REFUSED)
    result = judged(replace(refusal(deed), obstacle="its firewall is not this run's to read"))
    assert (result.verdict, result.detail, deed.done) == (Verdict.NOT_PROVABLE, "its firewall is not this run's to read", 0)


def test_one_case_that_cannot_be_made_does_not_stop_the_others() -> None:
    seen: list[Result] = []
    right = Case("token-and-call", "all right", "to the hub", "greenbank", ACCEPTED, Deed(TAKEN))
    results = run_cases([replace(right, perform=failing), right], progress=seen.append)
    assert [result.verdict for result in results] == [Verdict.ERROR, Verdict.PASSED]
    assert seen == results


@pytest.mark.parametrize("error", [OSError("no route"), ValueError("no JSON"), LookupError("no listener"), http.client.IncompleteRead(b"")])
def test_what_goes_wrong_in_preparing_an_attempt_is_the_error_of_its_case(error: Exception) -> None:
    def attempt() -> Answer:
        raise error

    right = refusal(Deed(REFUSED))
    for case in (replace(right, perform=attempt), replace(right, control=attempt)):
        results = run_cases([case, right if case.control is right.control else replace(right, key="other", control_key="other right")])
        assert [result.verdict for result in results] == [Verdict.ERROR, Verdict.PASSED]
        assert str(error) in results[0].detail


def test_a_defect_met_with_one_case_is_named_by_its_place_and_ends_no_other_one() -> None:
    def attempt() -> Answer:
        raise TypeError("secret-7")

    right = refusal(Deed(REFUSED))
    results = run_cases([replace(right, perform=attempt), right])
    assert [result.verdict for result in results] == [Verdict.ERROR, Verdict.PASSED]
    assert results[0].detail.startswith("TypeError at running.py:")
    assert "defect" in results[0].detail
    assert "secret-7" not in results[0].detail


@pytest.mark.parametrize("error", [MemoryError(), KeyboardInterrupt(), LeaseHeld("lost", where="journal")])
def test_what_ends_a_run_ends_a_verification(error: BaseException) -> None:
    def attempt() -> Answer:
        raise error

    with pytest.raises(type(error)):
        run_cases([replace(refusal(Deed(REFUSED)), perform=attempt)])


@pytest.mark.parametrize(("roles", "verdict"), [(("parties", "quotes"), Verdict.ERROR), (MOJALOOP.resources, Verdict.NOT_PROVABLE)])
def test_a_participant_with_all_roles_has_all_cases_but_one(tmp_path: Path, roles: tuple[str, ...], verdict: Verdict) -> None:
    def run_of(chosen: tuple[str, ...]) -> list[Result]:
        keys = KeyChoices("ec-p256", "rsa-2048", "rsa-2048")
        common = (Endpoint("api.hub.lab", 8443, "", ()), (), CertificateAuthority("internal", "ec-p256"), keys, (), Firewall("none", ()))
        hub = Hub("hub", "switch", "Lab", *common)
        own = Participant("greenbank", "greenbank", "Green", *common, roles=tuple(chosen))
        description = Description(str(tmp_path), "lab", EnvironmentKind.LAB, Approval.AUTOMATIC, MOJALOOP, hub, (own,))
        run = make_run(description, DiskTree(tmp_path), sides=["hub"], participants=[], now=NOW, dry_run=True)
        return run_cases(HubListener(Material(run, LabSite(description, tmp_path)), own, None).cases())

    # Nothing of theirs is here to act with, so every other case ends as an error of its own.
    found = {result.key: result.verdict for result in run_of(tuple(roles))}
    assert found["outside-roles"] is verdict
    assert len(found) > 20
    assert {found[key] for key in found if key != "outside-roles"} <= {Verdict.ERROR, Verdict.NOT_PROVABLE}
