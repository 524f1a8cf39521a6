# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The results of a verification as a table for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .evidence import counts
from .model import Result, Verdict, counted, printable

_MARKS = {Verdict.PASSED: "ok", Verdict.FAILED: "FAILED", Verdict.ERROR: "ERROR", Verdict.NOT_PROVABLE: "not provable"}


def render(results: Sequence[Result], *, folded: bool = False) -> str:
    """A line for each case, grouped by participant and direction, then the counts; ``folded``: those that passed are only counted."""
    return "\n".join(_lines(results, folded=folded))


def _lines(results: Sequence[Result], *, folded: bool) -> Iterator[str]:
    groups: dict[tuple[str, str], list[Result]] = {}
    for result in sorted(results, key=lambda found: (found.participant, found.direction)):
        groups.setdefault((result.participant, result.direction), []).append(result)
    for (participant, direction), found in groups.items():
        heading = f"{participant}, {direction}"
        yield f"{heading}: {_passed(found)}{_open(found)}" if folded else f"\n{heading}{_open(found)}"
        yield from (_line(each) for each in found if not folded or each.verdict in {Verdict.FAILED, Verdict.ERROR})
    if not results:
        yield "No cases: nothing was tried."
        return
    seen = counts(results)
    total = ", ".join(f"{number} {verdict}" for verdict, number in sorted(seen.items()))
    refusals = sum(1 for result in results if result.control and result.verdict is Verdict.PASSED)
    yield f"\n{counted(len(results), 'case')}: {total}." + (
        f" {counted(refusals, 'refusal')}, each beside its accepted control." if refusals else ""
    )


def _passed(results: Sequence[Result]) -> str:
    """How many of a group passed, and how many of these are refusals."""
    passed = [each for each in results if each.verdict is Verdict.PASSED]
    refusals = sum(1 for each in passed if each.control)
    return f"{len(passed)} of {counted(len(results), 'case')} ok" + (f", {counted(refusals, 'refusal')} among them" if refusals else "")


def _open(results: Sequence[Result]) -> str:
    """How many cases of a group are open, where some are."""
    number = sum(each.verdict is Verdict.NOT_PROVABLE for each in results)
    return f" ({number} not provable from here)" if number else ""


def _line(result: Result) -> str:
    end = (
        f"{result.seen}"
        + (f", named by {result.refuser}" if result.refuser else "")
        + (f"; control {result.control}" if result.control else "")
    )
    detail = f"  ({result.detail})" if result.detail else ""
    return "  " + printable(f"{_MARKS[result.verdict]:<12} {result.title:<62} {end}{detail}")
