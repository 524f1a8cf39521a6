# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a mutation run must come to. A deep run (`make mutation`) that came to it writes down which mutants it has judged."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

from support.counting import record_count
from support.depth import DEEP
from support.mutation import Judgement, run_area

KNOWN = Path(__file__).resolve().parents[1] / "mutation" / "known"


def judged(what: str, area: str, folder: Path, *, every: int, only: str = "") -> Judgement:
    """Run an area, or what ``only`` matches of it, print and count, and demand that every mutant without a listed reason was killed."""
    known = KNOWN / f"{re.sub('[^a-z]+', '_', what)}.txt"
    made = run_area(area, folder, every=every, cases=importlib.import_module(f"support.{area}").CASES, known=known, only=only)
    print(f"\n{what}: {len(made.outcomes)} of {len(made.everything)} taken away", *made.table(), sep="\n", file=sys.stderr)  # noqa: T201 -- `make mutation`
    record_count(f"mutations of {what} killed", len(made.killed), of=len(made.killed) + len(made.survivors))
    assert made.survivors == []
    assert made.not_after_all == []
    assert made.unused == ()
    assert made.doubled == ()
    if DEEP:
        known.parent.mkdir(exist_ok=True)
        known.write_text("".join(f"{key}\n" for key in sorted(made.everything.values())), encoding="ascii")
    return made
