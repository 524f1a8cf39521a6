# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The table of a verification: grouped, marked, counted."""

from __future__ import annotations

from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.model import Result, Verdict
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.text import render

CALL = Result("token-and-call", "everything agrees", "to the hub", "greenbank", Verdict.PASSED, "200/202", "202")
REFUSAL = Result(
    "no-token", "no token", "to the hub", "greenbank", Verdict.PASSED, "401 by gateway", "401 by gateway: token-missing", "202", "gateway"
)
FAILED = Result(
    "stranger", "a stranger", "to the hub", "bluebank", Verdict.FAILED, "dropped", "202", "202", detail="expected dropped, seen 202"
)
ERROR = Result("stranger", "a stranger", "from the hub", "bluebank", Verdict.ERROR, "dropped", "", detail="there is no machine")
HIDDEN = Result("stranger", "a stranger", "from the hub", "redbank", Verdict.NOT_PROVABLE, "dropped", "", detail="not ours to read")


def test_a_line_for_each_case_by_participant_and_direction() -> None:
    lines = render([HIDDEN, CALL, FAILED, REFUSAL, ERROR]).split("\n")
    headings = [line for line in lines if line and not line.startswith("  ")]
    assert headings[:-1] == [
        "bluebank, from the hub",
        "bluebank, to the hub",
        "greenbank, to the hub",
        "redbank, from the hub (1 not provable from here)",
    ]
    marks = [line[2:15].strip() for line in lines if line.startswith("  ")]
    assert marks == ["ERROR", "FAILED", "ok", "ok", "not provable"]
    assert next(line for line in lines if "no token" in line).endswith("401 by gateway: token-missing, named by gateway; control 202")
    assert next(line for line in lines if "FAILED" in line).endswith("(expected dropped, seen 202)")


def test_the_last_line_counts_verdicts_and_proved_refusals() -> None:
    counted = render([CALL, REFUSAL, FAILED, ERROR, HIDDEN]).split("\n")[-1]
    assert counted == "5 cases: 1 error, 1 failed, 1 not-provable-from-here, 2 passed. 1 refusal, each beside its accepted control."


def test_folded_what_passed_is_counted_and_the_rest_is_listed() -> None:
    lines = render([HIDDEN, CALL, FAILED, REFUSAL, ERROR], folded=True).split("\n")
    assert [line for line in lines[:-2] if not line.startswith("  ")] == [
        "bluebank, from the hub: 0 of 1 case ok",
        "bluebank, to the hub: 0 of 1 case ok",
        "greenbank, to the hub: 2 of 2 cases ok, 1 refusal among them",
        "redbank, from the hub: 0 of 1 case ok (1 not provable from here)",
    ]
    assert [line.split()[0] for line in lines if line.startswith("  ")] == ["ERROR", "FAILED"]


def test_no_case_is_no_proof_and_says_so() -> None:
    assert render([]) == "No cases: nothing was tried."
