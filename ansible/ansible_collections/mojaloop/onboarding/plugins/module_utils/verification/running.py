# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Running cases: a refusal counts only beside its control, and only from the one who was to refuse."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from http.client import HTTPException

from ..errors import LeaseHeld, OnboardingError
from ..guarding import OF_THE_PROCESS, unexpected
from ..redaction import redacted
from .model import ACCEPTED, Answer, Case, Kind, Result, Verdict

WITNESS_SECONDS = 2.0
"""Logs may be written a moment after the refusal."""
TRANSCRIPT_CHARACTERS = 6_000
"""What evidence keeps of one conversation."""


def run_cases(cases: Iterable[Case], *, progress: Callable[[Result], None] = lambda _result: None) -> list[Result]:
    """Run every case; a control that several cases share is carried out once in a run."""
    controls: dict[str, Answer] = {}
    results = []
    for case in cases:
        started = time.monotonic()
        result = _run(case, controls, started)
        progress(result)
        results.append(result)
    return results


def _run(case: Case, controls: dict[str, Answer], started: float) -> Result:
    if case.obstacle:
        return _result(case, Verdict.NOT_PROVABLE, "", started, detail=case.obstacle)
    try:
        control = _control(case, controls)
        before = case.witness.count() if case.witness else 0
        answer = case.perform()
        recorded = _recorded(case, before)
    except (LeaseHeld, *OF_THE_PROCESS):
        raise
    except OnboardingError as error:
        return _result(case, Verdict.ERROR, "", started, detail=str(error))
    except (OSError, ValueError, LookupError, HTTPException) as error:
        # An attempt or a control that could not be prepared: the others go on.
        return _result(case, Verdict.ERROR, "", started, detail=f"the attempt could not be made: {error}")
    except BaseException as error:  # noqa: BLE001 -- one participant's material, or a defect met with it, ends no other's cases
        return _result(case, Verdict.ERROR, "", started, detail=unexpected(error))
    verdict, detail = _judge(case, answer, control, recorded)
    result = _result(case, verdict, str(answer), started, detail=detail)
    return replace(
        result,
        transcript=_kept(answer),
        control=redacted(str(control)) if control else "",
        control_transcript=_kept(control),
        refuser=_refuser(case, answer),
        series=answer.series,
    )


def _kept(answer: Answer | None) -> str:
    """An answer's transcript without secrets; cut off only afterwards, because half a token is not known for one."""
    return redacted(answer.transcript)[:TRANSCRIPT_CHARACTERS] if answer else ""


def _control(case: Case, controls: dict[str, Answer]) -> Answer | None:
    if case.control is None:
        return None
    key = case.control_key or case.key
    if key not in controls:
        controls[key] = case.control()
    return controls[key]


def _recorded(case: Case, before: int) -> int:
    """How often the refuser recorded a refusal meanwhile."""
    if case.witness is None:
        return 0
    deadline = time.monotonic() + WITNESS_SECONDS
    while case.witness.count() <= before and time.monotonic() < deadline:
        time.sleep(0.05)
    return case.witness.count() - before


def _judge(case: Case, answer: Answer, control: Answer | None, recorded: int) -> tuple[Verdict, str]:
    if answer.kind is Kind.UNREACHABLE:
        return Verdict.ERROR, "the attempt did not reach its target"
    if control is None and not case.expected.acceptance:
        return Verdict.ERROR, "a refusal without a control proves nothing"
    if control is not None and not ACCEPTED.met_by(control):
        return Verdict.ERROR, f"the control was not accepted: {control}"
    if not case.expected.met_by(answer):
        return Verdict.FAILED, f"expected {case.expected}, seen {answer}"
    if case.witness is not None and recorded < 1:
        return Verdict.FAILED, f"{case.witness.name} recorded no refusal"
    return Verdict.PASSED, ""


def _refuser(case: Case, answer: Answer) -> str:
    if case.control is None:
        return ""
    return answer.refused_by or (case.witness.name if case.witness else "")


def _result(case: Case, verdict: Verdict, seen: str, started: float, *, detail: str = "") -> Result:
    return Result(
        case.key, case.title, case.direction, case.participant, verdict, str(case.expected), redacted(seen),
        detail=redacted(detail), seconds=time.monotonic() - started,
    )  # fmt: skip
