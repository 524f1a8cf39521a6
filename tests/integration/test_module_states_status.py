# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The state matrix of ``onboarding_status``, whose one effect is its report: a file that follows what the steps before it found."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from support.module_states import Matrix, Place, Report, snapshot
from support.playbooks import play

# As playbooks/status.yml: a dry run of the steps, then the summary of what they would do.
TASKS = """\
- hosts: controller
  gather_facts: false
  tasks:
    - mojaloop.onboarding.certificates: {{description: {description}, state: {state}}}
      check_mode: true
    - mojaloop.onboarding.onboarding_status: {{description: {description}, state: {state}, planned: true, report: {report}}}
"""
INVENTORY = "{all: {hosts: {controller: {ansible_connection: local, ansible_python_interpreter: '{{ ansible_playbook_python }}'}}}}"

# Act, what happens, what the report then says: greenbank's state, and whether bluebank's JWS key is done.
ACTS: tuple[tuple[str, Callable[[Place], object], str, bool], ...] = (
    ("create: two participants are described", lambda _place: None, "active", False),
    ("change: all steps are carried out", lambda place: place.run("certificates"), "active", True),
    ("remove: a participant is offboarded", lambda place: place.description.edit("greenbank", state="offboarded"), "offboarded", True),
)


def test_onboarding_status_passes_the_state_matrix(tmp_path: Path) -> None:
    place, report = Place(tmp_path), tmp_path / "reports" / "status.json"
    report.parent.mkdir()
    (tmp_path / "inventory.yml").write_text(INVENTORY)
    (tmp_path / "play.yml").write_text(TASKS.format(description=place.description.folder, state=place.state, report=report))

    def run(check: bool) -> Report:  # noqa: FBT001 -- as the matrix calls it
        arguments = ["--check"] if check else []
        played = play(str(tmp_path / "play.yml"), tmp_path / "inventory.yml", *arguments, record=tmp_path / "record.jsonl")
        assert played.status == 0, played.output
        (result,) = played.of("onboarding_status")
        return Report(result["changed"])

    matrix = Matrix(run, lambda: (place.snapshot(), snapshot(report.parent)))
    for act, happens, state, done in ACTS:
        happens(place)
        assert matrix.walk(act).changed, act
        said = json.loads(report.read_text())
        assert said["participants"]["greenbank"]["state"] == state, act
        assert (said["participants"]["bluebank"]["steps"]["jws-1"] == "done") is done, act
        matrix.rest(act)
