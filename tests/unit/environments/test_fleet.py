# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Many stacks: several at a time, one that fails stops no other, and each has its line."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from environments import fleet
from environments.fleet import managed_stacks, run_stacks

STACKS = [f"live.bank{number}" for number in range(8)]


def _work(stack: str) -> str:
    if stack == "live.bank3":
        raise RuntimeError("output\nerror: live.bank3: the hub's publication cannot be read\nerror: update failed")
    return "9 create"


def test_one_that_fails_stops_no_other() -> None:
    said: list[str] = []
    outcomes = run_stacks(STACKS, _work, said.append)
    assert [each.stack for each in outcomes] == STACKS
    assert [each.stack for each in outcomes if each.failed] == ["live.bank3"]
    assert outcomes[3].words == "live.bank3: the hub's publication cannot be read"
    assert sorted(said) == sorted(
        [f"{each}: started" for each in STACKS] + [f"{each}: {'FAILED' if each == 'live.bank3' else 'done'}" for each in STACKS]
    )


def test_as_many_as_asked_run_together() -> None:
    together = threading.Barrier(4, timeout=20)

    def work(_stack: str) -> str:
        together.wait()  # breaks unless four arrive
        return ""

    assert [each.failed for each in run_stacks(STACKS, work, lambda _text: None, at_a_time=4)] == [False] * 8


def test_the_stacks_are_those_of_the_managed_participants(repository: Path) -> None:
    folder = repository / "inventories/lab"
    assert managed_stacks(folder, "lab", ()) == ["lab.bluebank", "lab.greenbank"]
    assert managed_stacks(folder, "lab", ["greenbank"]) == ["lab.greenbank"]


def test_the_exit_status_says_whether_one_failed(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    description = ["--description", str(repository / "inventories/lab")]
    monkeypatch.setattr(fleet, "pulumi_work", lambda _folder, _command: _work)
    assert fleet.main(["up", "lab", *description]) == 0
    assert "2 of 2 stacks done" in capsys.readouterr().out
    assert fleet.main(["up", "live", "bank3", "bank4", *description]) == 1
    assert "1 of 2 stacks done; failed: live.bank3" in capsys.readouterr().out
    assert fleet.main(["up", "lab", "--description", "/nowhere"]) == 2
