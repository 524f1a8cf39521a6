# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module description_check: what it returns, and when it fails."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from tools.description_files import Folder

from ansible_collections.mojaloop.onboarding.plugins.modules import description_check

WRONG = ("participants/redbank.yml", "format: 1", "format: one")


def run(capsys: pytest.CaptureFixture[str], folder: Folder, **arguments: object) -> dict[str, Any]:
    with patch_module_args({"description": str(folder.path), **arguments}), pytest.raises(SystemExit):
        description_check.main()
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    return result


def test_a_right_description(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    result = run(capsys, folder)
    assert (result["changed"], result.get("failed", False), result["problems"], result["environment"]) == (False, False, [], "live")
    assert [participant["id"] for participant in result["participants"]] == ["greenbank", "probe-one", "probe-two", "redbank"]
    assert result["participants"][0] == {
        "id": "greenbank", "state": "active", "hosting": "managed", "transport": "local", "connector": "direct", "kind": "participant",
    }  # fmt: skip


def test_check_mode_is_the_same(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    real = run(capsys, folder)
    predicted = run(capsys, folder, _ansible_check_mode=True)
    del real["invocation"], predicted["invocation"]
    assert predicted == real


def test_a_broken_participant_is_a_failure(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    folder.edit(*WRONG)
    result = run(capsys, folder)
    line = f"{folder.path}/participants/redbank.yml:1: format: found 'one'; allowed: 1"
    assert (result["failed"], result["problems"], result["msg"]) == (True, [line], f"The description has problems:\n  {line}")


def test_without_strict_it_is_only_reported(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    folder.edit(*WRONG)
    result = run(capsys, folder, strict=False)
    assert (result.get("failed", False), len(result["problems"]), len(result["participants"])) == (False, 1, 3)


def test_problems_of_others_do_not_count(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    folder.edit(*WRONG)
    result = run(capsys, folder, participants=["greenbank"])
    assert (result.get("failed", False), len(result["problems"]), len(result["participants"])) == (False, 1, 1)
    assert run(capsys, folder, participants=["greenbank", "redbank"])["failed"]


def test_an_unknown_participant_is_a_failure(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    result = run(capsys, folder, participants=["greenbnk"])
    assert result["failed"]
    assert result["problems"] == [
        f"{folder.path}/participants:1: participants: found 'greenbnk'; allowed: ids of participants of this description"
    ]


def test_a_broken_hub_is_a_failure_in_any_case(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    folder.edit("hub.yml", "format: 1", "format: two")
    result = run(capsys, folder, strict=False)
    assert (result["failed"], result["problems"]) == (True, [f"{folder.path}/hub.yml:1: format: found 'two'; allowed: 1"])


def test_missing_libraries_are_named(folder: Folder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(description_check, "LIBRARY_ERROR", "ImportError: no yaml")
    assert run(capsys, folder)["msg"].startswith("Failed to import the required Python library (PyYAML)")
