# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Evidence of a verification: kept in the state folder as JSON and as a page for people; for pipelines as JUnit XML."""

from __future__ import annotations

import hashlib
import json
import os
import socket
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree as ET

from ..description.loading import HUB_NAME, PARTICIPANTS_NAME, PROFILES_NAME
from ..description.model import Description, Hub, Participant
from ..errors import StoreError
from ..exchange.manifest import LIMIT, MANIFEST, MOST_FILES
from ..formats import FORMAT, read_json, refuse_newer
from ..store.layout import exchange_folder
from ..store.opening import leased_tree, open_tree
from ..store.tree import Entry, Tree
from .model import Result, Verdict, printable
from .page import page

LATEST = "evidence/verification.json"
"""The latest evidence, replaced by each verification; ``evidence/<time>.json`` keeps every one. Each has its page beside it (.html)."""
SECURITY = "security"
"""The suite whose verdicts are those of the summary."""
_GOOD = {Verdict.PASSED, Verdict.NOT_PROVABLE}


def write_evidence(tree: Tree, results: Sequence[Result], *, now: datetime, description: Description, description_digest: str) -> str:
    """Keep the results, ``format`` 1, and their page, under their time and as the latest; the page's text is the answer.

    Participants not in this run keep their verdicts.
    """
    found = verdicts(results)
    secure = verdicts(each for each in results if each.suite == SECURITY)
    before, name = _latest(tree), f"evidence/{now.strftime('%Y%m%dT%H%M%S.%fZ')}"
    described = {each.name: each for each in description.participants}
    kept = {
        "format": FORMAT,
        "environment": description.environment,
        "hub": description.hub.organisation,
        "description": description_digest,
        "profile": f"{description.profile.name} {description.profile.version}",
        "at": now.isoformat(),
        "counts": dict(counts(results)),
        "participants": {each.name: each.organisation for each in description.participants if each.name in found},
        "left_out": sorted(described.keys() - found),
        "verdicts": {**_members(before, "verdicts"), **secure},
        "material": {**_members(before, "material"), **{each: material_digest(tree, described[each], description.hub) for each in secure}},
        "pages": {**_members(before, "pages"), **dict.fromkeys(found, f"{name}.html")},
        "cases": [result.as_dict() for result in results],
    }
    shown = page(kept)
    for path in (f"{name}.json", LATEST):
        tree.write(f"{path.removesuffix('.json')}.html", shown.encode())
        tree.write(path, (json.dumps(kept, indent=1) + "\n").encode())
    return shown


def digest_of_description(folder: Path) -> str:
    """SHA-256 (hex) over hub.yml, profiles and the participants' files, by name: which description a verification was about."""
    hashed = hashlib.sha256()
    files = (path for name in (PROFILES_NAME, PARTICIPANTS_NAME) for path in sorted((folder / name).glob("*.yml")))
    for path in (folder / HUB_NAME, *files):
        hashed.update(f"{path.relative_to(folder)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return hashed.hexdigest()


def counts(results: Iterable[Result]) -> Counter[str]:
    """How many cases came to which verdict."""
    return Counter(result.verdict.value for result in results)


def verdicts(results: Iterable[Result]) -> dict[str, bool | None]:
    """Participant -> whether all its cases are good; None where nothing could be tried, which shows nothing."""
    found: dict[str, list[Verdict]] = {}
    for result in results:
        found.setdefault(result.participant, []).append(result.verdict)
    return {name: None if set(seen) == {Verdict.NOT_PROVABLE} else set(seen) <= _GOOD for name, seen in found.items()}


def material_digest(tree: Tree, participant: Participant, hub: Hub) -> str:
    """SHA-256 (hex) over what a participant and the hub have published for each other, and over what is described of them.

    Evidence holds for this alone: for these keys, this state, these roles, listeners and addresses.
    """
    own = (participant.state.value, participant.fspiop_id, sorted(participant.roles), participant.egress_addresses, participant.endpoint)
    hashed = hashlib.sha256(repr((own, hub.fspiop_id, hub.egress_addresses, hub.endpoint)).encode())
    for from_hub in (True, False):
        folder = exchange_folder(participant.name, from_hub=from_hub)
        for name, entry in _published(tree, folder).items():
            if name != MANIFEST:
                hashed.update(os.fsencode(f"{folder}/{name}\0") + hashlib.sha256(entry.content or b"").digest())
    return hashed.hexdigest()


def _published(tree: Tree, folder: str) -> Mapping[str, Entry]:
    """What stands in a folder of the exchange. One that cannot be read is a fault that the run tells, not the end of every report."""
    try:
        return tree.folder(folder, largest=LIMIT, most=MOST_FILES)
    except StoreError:
        return {}


def latest_verdicts(tree: Tree, description: Description) -> dict[str, bool]:
    """The verdicts of the latest evidence, for participants that are as they were then; empty when there is none."""
    kept = _latest(tree)
    void = _void(tree, kept, description)
    known = {participant.name for participant in description.participants} - void
    return {name: passed is True for name, passed in _members(kept, "verdicts").items() if name in known and passed is not None}


def latest_pages(tree: Tree) -> dict[str, str]:
    """Participant -> the page of its latest verification, in the state folder."""
    return {name: str(page) for name, page in _members(_latest(tree), "pages").items()}


def forget_void(state: Path, description: Description) -> None:
    """Take verdicts away that hold no longer, so that going back to what was before does not bring them back."""
    tree: Tree = open_tree(state)
    if not _void(tree, _latest(tree), description):
        return
    with leased_tree(state, holder=f"summary on {socket.gethostname()}") as tree:
        kept = _latest(tree)
        void = _void(tree, kept, description)
        left = {name: passed for name, passed in _members(kept, "verdicts").items() if name not in void}
        tree.write(LATEST, (json.dumps({**kept, "verdicts": left}, indent=1) + "\n").encode())


def _void(tree: Tree, kept: Mapping[str, object], description: Description) -> set[str]:
    """The described participants whose verdict is about something else than what is described and published now."""
    seen, material = _members(kept, "verdicts"), _members(kept, "material")
    return {
        participant.name
        for participant in description.participants
        if participant.name in seen and material.get(participant.name) != material_digest(tree, participant, description.hub)
    }


def _latest(tree: Tree) -> dict[str, object]:
    content = tree.read(LATEST)
    try:
        found = read_json(content) if content else {}
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
