# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The states of ``verification`` in a lab: it changes nothing that is running or kept, whatever happens.

It adds its evidence, and to the journal what it signed in order to be refused.

It predicts no cases in check mode, because it sends no traffic then: what a door answers is known when it was asked. So the rule of the
state matrix that check mode foretells what the run reports holds for ``changed`` alone, which is always false.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.module_states import Description, Snapshot, snapshot
from support.playbooks import ROOT, Played, play

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(shutil.which("haproxy") is None or shutil.which("node") is None, reason="needs haproxy and node"),
]

TASKS = """\
- hosts: controller
  gather_facts: false
  tasks:
    - mojaloop.onboarding.verification:
        description: "{{ onboarding_description }}"
        state: "{{ onboarding_state }}"
        participants: [greenbank]
"""


@dataclass(frozen=True)
class Lab:
    """A lab of the hub and two participants, in a folder of the test's own."""

    folder: Path

    @property
    def description(self) -> Description:
        return Description(self.folder / "inventories" / "lab")

    @property
    def state(self) -> Path:
        return self.folder / ".state" / "lab"

    def play(self, playbook: str, *arguments: str) -> Played:
        """Run a playbook of the project, or a file; it must not fail."""
        played = play(playbook, self.description.folder / "hosts.yml", *arguments, record=self.folder / "record.jsonl")
        assert played.status == 0, played.output
        return played

    def verify(self, *arguments: str) -> list[dict[str, Any]]:
        """The module's cases; it never reports a change."""
        (result,) = self.play(str(self.folder / "verify.yml"), "-v", *arguments).of("verification")
        assert result["changed"] is False
        cases: list[dict[str, Any]] = result["cases"]
        return cases

    def kept(self) -> Snapshot:
        """Everything of the state folder but the lab's logs, the lease and the evidence."""
        return snapshot(self.state, without=["lab", "lease", "evidence"])

    def evidence(self) -> Snapshot:
        return snapshot(self.state / "evidence")


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    made = Lab(tmp_path)
    shutil.copytree(ROOT / "inventories" / "lab", made.description.folder)
    for name in ("bluebank", "redbank", "probe-two"):
        made.description.remove(name)
    (tmp_path / "verify.yml").write_text(TASKS)
    made.play("lab.yml")
    try:
        yield made
    finally:
        made.play("lab.yml", "-e", "lab_state=absent", "-e", "lab_purge=true")


# Act, what becomes of greenbank's file, whether it is let in then: who is not is shown to be refused.
ACTS: tuple[tuple[str, dict[str, object], bool], ...] = (
    ("create: two participants are onboarded", {}, True),
    ("change: a participant gets another role", {"roles": ["quotes"]}, True),
    ("remove: a participant is offboarded", {"state": "offboarded"}, False),
)


def test_verification_passes_the_state_matrix(lab: Lab) -> None:
    for act, changes, let_in in ACTS:
        lab.description.edit("greenbank", **changes)
        lab.play("onboard.yml")
        kept, evidence = lab.kept(), lab.evidence()
        assert [lab.verify("--check"), lab.verify("--check")] == [[], []], act
        assert (lab.kept(), lab.evidence()) == (kept, evidence), f"{act}: check mode wrote"
        first, second = lab.verify(), lab.verify()
        assert _told(first) == _told(second), act
        assert {case["verdict"] for case in first} <= {"passed", "not-provable-from-here"}, act
        assert {case["participant"] for case in first} == {"greenbank"}, act
        assert {case["key"].startswith("shut-out") for case in first} == {not let_in}, act
        assert kept.items() <= lab.kept().items(), f"{act}: something that was kept is another now"
        assert {_place(lab, name) for name in lab.kept().keys() - kept.keys()} <= {"journal"}, act
        _added_twice(evidence, lab.evidence())
        latest = json.loads((lab.state / "evidence" / "verification.json").read_text())
        assert [case["key"] for case in latest["cases"]] == [case["key"] for case in second], act


def _place(lab: Lab, name: str) -> str:
    return Path(name).relative_to(lab.state).parts[0]


def _told(cases: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    return [(case["participant"], case["key"], case["verdict"], case["refuser"]) for case in cases]


def _added_twice(before: Snapshot, after: Snapshot) -> None:
    """What was kept stays, but for the latest, which is written anew; each of the two runs adds its own."""
    added = [Path(name).suffix for name in after.keys() - before.keys() if Path(name).stem[:1].isdigit()]
    assert sorted(added) == [".html", ".html", ".json", ".json"]
    assert {name for name in before if before[name] != after.get(name) and Path(name).stem != "verification"} == set()
