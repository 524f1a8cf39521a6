# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Evidence of a verification: kept in the state folder, as JSON and JUnit XML."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree as ET

from ..store.tree import Tree
from .model import Result, Verdict

LATEST = "evidence/verification.json"
"""The latest evidence, replaced by each verification; ``evidence/<time>.json`` keeps every one."""
_GOOD = {Verdict.PASSED, Verdict.NOT_PROVABLE}


def write_evidence(tree: Tree, results: Sequence[Result], *, now: datetime, environment: str, profile: str) -> None:
    """Keep the results, ``format`` 1, under their time and as the latest."""
    kept = {
        "format": 1,
        "environment": environment,
        "profile": profile,
        "at": now.isoformat(),
        "counts": dict(counts(results)),
        "verdicts": verdicts(results),
        "cases": [result.as_dict() for result in results],
    }
    content = (json.dumps(kept, indent=1) + "\n").encode()
    tree.write(f"evidence/{now.strftime('%Y%m%dT%H%M%S.%fZ')}.json", content)
    tree.write(LATEST, content)


def counts(results: Iterable[Result]) -> Counter[str]:
    """How many cases came to which verdict."""
    return Counter(result.verdict.value for result in results)


def verdicts(results: Iterable[Result]) -> dict[str, bool]:
    """Participant -> whether all its cases are good and at least one was proved."""
    found: dict[str, list[Verdict]] = {}
    for result in results:
        found.setdefault(result.participant, []).append(result.verdict)
    return {name: set(seen) <= _GOOD and Verdict.PASSED in seen for name, seen in found.items()}


def latest_verdicts(state: Path) -> dict[str, bool]:
    """The verdicts of the latest evidence in a state folder; empty when there is none."""
    try:
        kept = json.loads((state / LATEST).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return {str(name): passed is True for name, passed in kept.get("verdicts", {}).items()}


def junit(results: Sequence[Result]) -> str:
    """The results as JUnit XML: one test case each, grouped by participant and direction."""
    seen = counts(results)
    suite = ET.Element(
        "testsuite",
        name="verification",
        tests=str(len(results)),
        failures=str(seen[Verdict.FAILED.value]),
        errors=str(seen[Verdict.ERROR.value]),
        skipped=str(seen[Verdict.NOT_PROVABLE.value]),
    )
    for result in results:
        name = f"{result.participant}.{result.direction}".replace(" ", "-")
        case = ET.SubElement(suite, "testcase", classname=name, name=result.key, time=f"{result.seconds:.3f}")
        tag = {Verdict.FAILED: "failure", Verdict.ERROR: "error", Verdict.NOT_PROVABLE: "skipped"}.get(result.verdict)
        if tag:
            ET.SubElement(case, tag, message=f"expected {result.expected}, seen {result.seen}: {result.detail}")
    ET.indent(suite)
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"
