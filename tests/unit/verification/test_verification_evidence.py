# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Evidence: who has it, for which material, and how pipelines read it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import State
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.layout import exchange_folder
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification import evidence
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.model import Result, Verdict
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.text import render

DESCRIPTION = load_description(Path(__file__).parents[3] / "inventories" / "lab", state="/nowhere")
NOW = datetime(2030, 1, 1, tzinfo=UTC)
EVERY_VERDICT = list(Verdict)


def result(participant: str = "greenbank", verdict: Verdict = Verdict.PASSED, **values: str) -> Result:
    reported = {"expected": "401", "seen": "401 by gateway: token-missing"}
    fields: dict[str, Any] = {"key": "no-token", "title": "no token", "direction": "to the hub", **reported}
    return Result(**{**fields, "participant": participant, **values}, verdict=verdict, seconds=0.25)


@pytest.fixture
def tree(tmp_path: Path) -> DiskTree:
    made = DiskTree(tmp_path)
    for participant in ("greenbank", "bluebank"):
        for from_hub in (True, False):
            for name in ("manifest.json", "ca.pem"):
                made.write(f"{exchange_folder(participant, from_hub=from_hub)}/{name}", name.encode())
    return made


def keep(tree: DiskTree, *results: Result, later: int = 0) -> None:
    evidence.write_evidence(tree, results, now=NOW + timedelta(hours=later), description=DESCRIPTION, description_digest="d1" * 32)


@pytest.mark.parametrize(
    ("seen", "good"),
    [
        ([Verdict.PASSED], True),
        ([Verdict.PASSED, Verdict.NOT_PROVABLE], True),
        ([Verdict.NOT_PROVABLE], None),
        ([Verdict.PASSED, Verdict.FAILED], False),
        ([Verdict.PASSED, Verdict.ERROR], False),
    ],
)
def test_a_participant_is_proved_when_all_its_cases_are_good_and_one_at_least_was_proved(seen: list[Verdict], *, good: bool | None) -> None:
    others = result("bluebank", Verdict.FAILED)
    assert evidence.verdicts([*(result(verdict=verdict) for verdict in seen), others]) == {"greenbank": good, "bluebank": False}


def test_participants_that_are_not_in_a_run_keep_their_verdicts(tree: DiskTree) -> None:
    keep(tree, result("greenbank"), result("bluebank"))
    keep(tree, result("bluebank", Verdict.FAILED), later=1)
    assert evidence.latest_verdicts(tree, DESCRIPTION) == {"greenbank": True, "bluebank": False}
    kept = json.loads(tree.read(evidence.LATEST) or b"")
    assert (kept["format"], kept["counts"], len(kept["cases"])) == (1, {"failed": 1}, 1)
    assert len(tree.names("evidence")) == 6, "each run's own, and the latest, with their pages"


def test_the_description_has_a_digest_of_its_files_alone(tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    (folder / "participants").mkdir(parents=True)
    (folder / "hub.yml").write_text("a: 1")
    (folder / "participants" / "one.yml").write_text("b: 1")
    first = evidence.digest_of_description(folder)
    (folder / "hosts.yml").write_text("c: 1")
    assert evidence.digest_of_description(folder) == first
    (folder / "participants" / "one.yml").rename(folder / "participants" / "two.yml")
    assert evidence.digest_of_description(folder) != first


@pytest.mark.parametrize("change", ["replaced", "added", "removed"])
@pytest.mark.parametrize("from_hub", [True, False])
def test_evidence_is_void_when_the_material_is_another(tree: DiskTree, change: str, *, from_hub: bool) -> None:
    keep(tree, result("greenbank"), result("bluebank"))
    folder = exchange_folder("greenbank", from_hub=from_hub)
    if change == "removed":
        tree.remove(f"{folder}/ca.pem")
    else:
        tree.write(f"{folder}/{'ca.pem' if change == 'replaced' else 'client.pem'}", b"another")
    assert evidence.latest_verdicts(tree, DESCRIPTION) == {"bluebank": True}
    keep(tree, result("bluebank"), later=1)
    assert evidence.latest_verdicts(tree, DESCRIPTION) == {"bluebank": True}, "a run without the participant does not bring it back"
    keep(tree, result("greenbank"), later=2)
    assert evidence.latest_verdicts(tree, DESCRIPTION) == {"greenbank": True, "bluebank": True}


def test_what_could_not_be_tried_shows_nothing_and_replaces_what_was_shown(tree: DiskTree) -> None:
    keep(tree, result("greenbank"))
    keep(tree, result("greenbank", Verdict.NOT_PROVABLE), later=1)
    assert evidence.latest_verdicts(tree, DESCRIPTION) == {}
    kept = json.loads(tree.read(evidence.LATEST) or b"")
    assert (kept["verdicts"], kept["counts"]) == ({"greenbank": None}, {"not-provable-from-here": 1})


CHANGES: dict[str, dict[str, object]] = {
    "suspended": {"state": State.SUSPENDED},
    "another role": {"roles": ("quotes",)},
    "another address": {"egress_addresses": (ip_network("203.0.113.29/32"),)},
    "another listener": {"endpoint": None},
}


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES.keys())
def test_evidence_is_void_when_the_participant_is_described_otherwise_and_a_run_forgets_it(
    tree: DiskTree, tmp_path: Path, changes: dict[str, Any]
) -> None:
    keep(tree, result("greenbank"), result("bluebank"))
    changed = replace(
        DESCRIPTION, participants=tuple(replace(one, **changes) if one.name == "greenbank" else one for one in DESCRIPTION.participants)
    )
    assert evidence.latest_verdicts(tree, changed) == {"bluebank": True}
    # Only described, never run: going back changes nothing. After a run that forgets, what was shown before is not shown again.
    evidence.forget_void(tmp_path, DESCRIPTION)
    assert evidence.latest_verdicts(tree, DESCRIPTION) == {"greenbank": True, "bluebank": True}
    evidence.forget_void(tmp_path, changed)
    assert evidence.latest_verdicts(tree, DESCRIPTION) == {"bluebank": True}
    written = (tmp_path / evidence.LATEST).stat().st_mtime_ns
    evidence.forget_void(tmp_path, changed)
    assert (tmp_path / evidence.LATEST).stat().st_mtime_ns == written


def test_a_manifest_alone_is_no_material(tree: DiskTree) -> None:
    keep(tree, result("greenbank"))
    tree.write(f"{exchange_folder('greenbank', from_hub=True)}/manifest.json", b"signed anew")
    assert evidence.latest_verdicts(tree, DESCRIPTION) == {"greenbank": True}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"verdicts": [1]}', b'{"verdicts": {"greenbank": true}}', b"\xff"])
def test_evidence_that_says_nothing_proves_nothing(tree: DiskTree, content: bytes) -> None:
    tree.write(evidence.LATEST, content)
    assert evidence.latest_verdicts(tree, DESCRIPTION) == {}
    keep(tree, result("greenbank"))
    assert evidence.latest_verdicts(tree, DESCRIPTION) == {"greenbank": True}


def test_junit_parses_and_its_counts_agree() -> None:
    results = [result(verdict=verdict, key=str(verdict)) for verdict in EVERY_VERDICT for _ in range(EVERY_VERDICT.index(verdict) + 1)]
    suite = ET.fromstring(evidence.junit(results))  # noqa: S314 -- our own text
    numbers = {name: int(suite.attrib[name]) for name in ("tests", "failures", "errors", "skipped")}
    assert numbers == {"tests": 10, "failures": 2, "errors": 3, "skipped": 4}
    assert [len(suite.findall(f"testcase/{tag}")) for tag in ("failure", "error", "skipped")] == [2, 3, 4]
    assert {case.attrib["classname"] for case in suite} == {"greenbank.to-the-hub"}
    assert suite[0].attrib["time"] == "0.250"


def test_junit_and_table_hold_no_control_characters_of_a_counterpart() -> None:
    hostile = result(verdict=Verdict.FAILED, seen="403 by \x1b[2Jgateway: \x00\ufffe<x>&\"'", detail="one\ntwo")
    suite = ET.fromstring(evidence.junit([hostile]))  # noqa: S314 -- our own text
    assert "<x>&\"'" in suite[0][0].attrib["message"]
    assert all(character.isprintable() or character == "\n" for character in render([hostile]))
