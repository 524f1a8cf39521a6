# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Evidence of a verification: kept in the state folder, as JSON and JUnit XML."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from xml.etree import ElementTree as ET

from ..description.model import Description
from ..formats import FORMAT, refuse_newer
from ..store.layout import exchange_folder
from ..store.tree import Tree
from .model import Result, Verdict, printable

LATEST = "evidence/verification.json"
"""The latest evidence, replaced by each verification; ``evidence/<time>.json`` keeps every one."""
_GOOD = {Verdict.PASSED, Verdict.NOT_PROVABLE}


def write_evidence(tree: Tree, results: Sequence[Result], *, now: datetime, description: Description) -> None:
    """Keep the results, ``format`` 1, under their time and as the latest; participants not in this run keep their verdicts."""
    found = verdicts(results)
    before = _latest(tree)
    kept = {
        "format": FORMAT,
        "environment": description.environment,
        "profile": f"{description.profile.name} {description.profile.version}",
        "at": now.isoformat(),
        "counts": dict(counts(results)),
        "verdicts": {**_members(before, "verdicts"), **found},
        "material": {**_members(before, "material"), **{name: material_digest(tree, name) for name in found}},
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


def material_digest(tree: Tree, participant: str) -> str:
    """SHA-256 (hex) over what a participant and the hub have published for each other: evidence holds for this material only."""
    hashed = hashlib.sha256()
    for from_hub in (True, False):
        folder = exchange_folder(participant, from_hub=from_hub)
        for name in tree.names(folder):
            if name != "manifest.json":
                hashed.update(f"{folder}/{name}\0".encode() + hashlib.sha256(tree.read(f"{folder}/{name}") or b"").digest())
    return hashed.hexdigest()


def latest_verdicts(tree: Tree) -> dict[str, bool]:
    """The verdicts of the latest evidence, for participants whose material is still the same; empty when there is none."""
    kept = _latest(tree)
    material = _members(kept, "material")
    return {
        name: passed is True for name, passed in _members(kept, "verdicts").items() if material.get(name) == material_digest(tree, name)
    }


def _latest(tree: Tree) -> dict[str, object]:
    content = tree.read(LATEST)
    try:
        found = json.loads(content) if content else {}
    except ValueError:
        return {}
    refuse_newer(found, where=LATEST)
    return found if isinstance(found, dict) else {}


def _members(kept: Mapping[str, object], name: str) -> dict[str, object]:
    found = kept.get(name)
    return found if isinstance(found, dict) else {}


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
            ET.SubElement(case, tag, message=printable(f"expected {result.expected}, seen {result.seen}: {result.detail}"))
    ET.indent(suite)
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"
