# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a mutation run must come to."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from support.counting import record_count
from support.mutation import Judgement, run_area


def judged(what: str, area: str, folder: Path, *, every: int, only: str = "") -> Judgement:
    """Run an area, or what ``only`` matches of it, print and count, and demand that every mutant without a listed reason was killed."""
    made = run_area(area, folder, every=every, cases=importlib.import_module(f"support.{area}").CASES, only=only)
    print(f"\n{what}: {len(made.outcomes)} of {made.everything} taken away", *made.table(), sep="\n", file=sys.stderr)  # noqa: T201 -- `make mutation`
    record_count(f"mutations of {what} killed", len(made.killed), of=len(made.killed) + len(made.survivors))
    assert made.survivors == []
    assert made.not_after_all == []
    assert made.unused == ()
    assert made.doubled == ()
    return made
