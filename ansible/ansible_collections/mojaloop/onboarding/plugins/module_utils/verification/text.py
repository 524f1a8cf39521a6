# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The results of a verification as a table for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .evidence import counts
from .model import Result, Verdict, counted, printable

_MARKS = {Verdict.PASSED: "ok", Verdict.FAILED: "FAILED", Verdict.ERROR: "ERROR", Verdict.NOT_PROVABLE: "not provable"}


def render(results: Sequence[Result]) -> str:
    """A line for each case, grouped by participant and direction, then the counts."""
    return "\n".join(_lines(results))


def _lines(results: Sequence[Result]) -> Iterator[str]:
    group = ("", "")
    for result in sorted(results, key=lambda found: (found.participant, found.direction)):
        if (result.participant, result.direction) != group:
            group = (result.participant, result.direction)
            yield f"\n{result.participant}, {result.direction}{_open(results, group)}"
        yield _line(result)
    if not results:
        yield "No cases: nothing was tried."
        return
    seen = counts(results)
    total = ", ".join(f"{number} {verdict}" for verdict, number in sorted(seen.items()))
    refusals = sum(1 for result in results if result.control and result.verdict is Verdict.PASSED)
    yield f"\n{counted(len(results), 'case')}: {total}." + (
        f" {counted(refusals, 'refusal')}, each beside its accepted control." if refusals else ""
    )


def _open(results: Sequence[Result], group: tuple[str, str]) -> str:
    """How many cases of a participant and direction are open, where some are."""
    number = sum((each.participant, each.direction) == group and each.verdict is Verdict.NOT_PROVABLE for each in results)
    return f" ({number} not provable from here)" if number else ""


def _line(result: Result) -> str:
    end = (
        f"{result.seen}"
        + (f", named by {result.refuser}" if result.refuser else "")
        + (f"; control {result.control}" if result.control else "")
    )
    detail = f"  ({result.detail})" if result.detail else ""
    return "  " + printable(f"{_MARKS[result.verdict]:<12} {result.title:<62} {end}{detail}")
