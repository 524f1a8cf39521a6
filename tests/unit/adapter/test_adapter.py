# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where AnsibleModule meets the core: every failure says where, what and what to do, and never shows a traceback."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from tools.description_files import Folder

from ansible_collections.mojaloop.onboarding.plugins.module_utils import adapter
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import LeaseHeld, OnboardingError, StoreError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.findings import Disposition, Finding
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps.sequence import Outcome, Request
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps.table import PUBLISH, REGISTER, SIGN, Step, steps_of
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.model import Result, Verdict
from ansible_collections.mojaloop.onboarding.plugins.modules import certificates, oauth_clients, verification

MODULES = pytest.mark.parametrize("main", [certificates.main, verification.main], ids=["a step", "verification"])
MADE = Finding("greenbank", "tls-1", "greenbank", "server", "missing")
FAULTY = Finding("bluebank", "tls-1", "bluebank", "ca", "damaged", Disposition.FAULT, detail="store/bluebank/ca/key.pem")
AGAIN = "Nothing is half-written: remove the cause and run again."
WITHOUT_CRYPTOGRAPHY = """
import sys
sys.modules["cryptography"] = None
from ansible.module_utils.testing import patch_module_args
from ansible_collections.mojaloop.onboarding.plugins.modules import certificates
with patch_module_args({"description": "d", "state": "s"}):
    certificates.main()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder.made(tmp_path / "description")


class Caller:
    """Runs a module in this process, as Ansible does in another one."""

    def __init__(self, capsys: pytest.CaptureFixture[str], folder: Folder) -> None:
        self._capsys = capsys
        self.description = str(folder.path)
        self.state = str(folder.path.parent / "state")

    def __call__(self, main: Callable[[], None], **arguments: object) -> dict[str, Any]:
        given = {"description": self.description, "state": self.state, **arguments}
        with patch_module_args(given), pytest.raises(SystemExit):
            main()
        printed = self._capsys.readouterr()
        assert "Traceback" not in printed.out + printed.err
        result: dict[str, Any] = json.loads(printed.out)
        return result


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], folder: Folder) -> Caller:
    return Caller(capsys, folder)


def outcome(monkeypatch: pytest.MonkeyPatch, *findings: Finding) -> list[tuple[Request, tuple[Step, ...]]]:
    """Let every run come to these findings; returns what it was asked."""
    asked: list[tuple[Request, tuple[Step, ...]]] = []

    def run(request: Request, steps: tuple[Step, ...]) -> Outcome:
        asked.append((request, steps))
        return Outcome(findings)

    monkeypatch.setattr(adapter, "run", run)
    return asked


def raising(error: Exception) -> Callable[..., None]:
    def raise_it(*_arguments: object, **_options: object) -> None:
        raise error

    return raise_it


def test_parameters_reach_the_core_and_findings_come_back(monkeypatch: pytest.MonkeyPatch, call: Caller) -> None:
    asked = outcome(monkeypatch, MADE, FAULTY)
    result = call(certificates.main, sides=["greenbank"], participants=["greenbank"], allow_rekey=["greenbank/server"])
    assert asked == [
        (Request(call.description, call.state, ["greenbank"], ["greenbank"], ["greenbank/server"]), steps_of("certificates")),
    ]
    assert (result["changed"], result["faults"], result["findings"]) == (True, 1, [MADE.as_dict(), FAULTY.as_dict()])
    assert "failed" not in result, "a fault of one participant lets the others go on"


def test_steps_and_check_mode_reach_the_core(monkeypatch: pytest.MonkeyPatch, call: Caller) -> None:
    asked = outcome(monkeypatch)
    call(certificates.main, steps=["sign", "publish"], plan="/a/plan", _ansible_check_mode=True)
    call(oauth_clients.main)
    assert [(request.check, request.plan, list(request.sides), steps) for request, steps in asked] == [
        (True, "/a/plan", ["all"], (PUBLISH, SIGN)),
        (False, "", ["all"], (REGISTER,)),
    ]


@pytest.mark.parametrize(("findings", "changed"), [((), False), ((FAULTY,), False), ((MADE,), True)])
def test_only_what_is_acted_on_is_a_change(
    monkeypatch: pytest.MonkeyPatch, call: Caller, findings: tuple[Finding, ...], *, changed: bool
) -> None:
    outcome(monkeypatch, *findings)
    assert call(certificates.main)["changed"] is changed


def test_the_diff_is_a_line_for_each_finding(monkeypatch: pytest.MonkeyPatch, call: Caller) -> None:
    outcome(monkeypatch, MADE, FAULTY)
    lines = call(certificates.main, _ansible_diff=True)["diff"]["prepared"].splitlines()
    assert lines == [str(MADE), str(FAULTY)]
    assert "diff" not in call(certificates.main)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (StoreError("is damaged", where="store/hub/ca/key.pem", remedy="Restore it."), "store/hub/ca/key.pem: is damaged. Restore it."),
        (LeaseHeld("is in use by another", where="state"), "state: is in use by another"),
        (PermissionError(13, "Permission denied", "/state/store"), f"/state/store: Permission denied. {AGAIN}"),
        (OSError(28, "No space left on device"), f"No space left on device. {AGAIN}"),
        (TimeoutError("timed out"), f"timed out. {AGAIN}"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
@MODULES
def test_a_failure_says_where_what_and_what_to_do(
    monkeypatch: pytest.MonkeyPatch, call: Caller, main: Callable[[], None], error: Exception, message: str
) -> None:
    monkeypatch.setattr(adapter, "run", raising(error))
    monkeypatch.setattr(adapter, "prove", raising(error))
    result = call(main)
    assert (result["failed"], result["msg"], "exception" in result) == (True, message, False)


@MODULES
def test_a_wrong_description_is_reported_with_file_and_line(call: Caller, folder: Folder, main: Callable[[], None]) -> None:
    folder.edit("hub.yml", "format: 1", "format: one")
    for check in (True, False):
        result = call(main, _ansible_check_mode=check)
        assert result["failed"]
        assert f"{folder.path}/hub.yml:1: format: found 'one'; allowed: 1" in result["msg"]
    assert not Path(call.state).exists()


@MODULES
def test_a_participant_that_is_not_described_is_reported_with_those_that_are(call: Caller, main: Callable[[], None]) -> None:
    for check in (True, False):
        result = call(main, participants=["orangebank"], _ansible_check_mode=check)
        assert result["failed"]
        assert "orangebank" in result["msg"]
        assert "greenbank, probe-one, probe-two, redbank" in result["msg"]


@MODULES
def test_a_state_folder_that_cannot_be_is_reported(call: Caller, folder: Folder, main: Callable[[], None]) -> None:
    call.state = f"{folder.path}/hub.yml/state"
    result = call(main)
    assert result["failed"]
    assert result["msg"].startswith(call.state)


def test_a_bug_is_not_dressed_up_as_an_operators_error(monkeypatch: pytest.MonkeyPatch, call: Caller) -> None:
    monkeypatch.setattr(adapter, "run", raising(KeyError("what no one thought of")))
    with pytest.raises(KeyError), patch_module_args({"description": call.description, "state": call.state}):
        certificates.main()


def test_a_missing_library_is_named() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_CRYPTOGRAPHY], capture_output=True, text=True, check=False, timeout=60)
    result = json.loads(done.stdout)
    assert (done.returncode, result["failed"], done.stderr) == (1, True, "")
    assert result["msg"].startswith("Failed to import the required Python library (cryptography)")


def case(verdict: Verdict) -> Result:
    sent = "> GET /" if verdict is Verdict.PASSED else ""
    return Result("no-token", "no token", "to the hub", "greenbank", verdict, "401", "401", "202", "gateway", transcript=sent)


@pytest.mark.parametrize("bad", [Verdict.FAILED, Verdict.ERROR])
def test_one_case_that_is_not_as_it_must_be_fails_the_task(monkeypatch: pytest.MonkeyPatch, call: Caller, bad: Verdict) -> None:
    found = [case(Verdict.PASSED), case(bad)]
    monkeypatch.setattr(adapter, "prove", lambda _request, **_options: found)
    result = call(verification.main)
    assert (result["failed"], result["msg"]) == (True, "1 of 2 verification cases failed.")
    assert (result["counts"], [entry["verdict"] for entry in result["cases"]]) == ({"passed": 1, bad.value: 1}, ["passed", bad.value])


def test_proved_or_not_provable_is_no_failure_and_no_change(monkeypatch: pytest.MonkeyPatch, call: Caller) -> None:
    asked: list[str] = []

    def prove(_request: Request, *, suites: list[str], site_of: object, junit_file: str, page_file: str) -> list[Result]:
        assert suites == ["security"]
        asked.extend([junit_file, page_file])
        return [case(Verdict.PASSED), case(Verdict.NOT_PROVABLE)]

    monkeypatch.setattr(adapter, "prove", prove)
    result = call(verification.main, junit="here.xml", page="here.html")
    assert ("failed" in result, result["changed"], result["counts"]) == (False, False, {"passed": 1, "not-provable-from-here": 1})
    assert asked == ["here.xml", "here.html"]
    assert "no token" in "\n".join(result["text"])
    assert result["text"][-1] == f"What was sent and received: evidence/verification.html in {call.state}"


@pytest.mark.parametrize("found", [[], [case(Verdict.NOT_PROVABLE)]])
def test_a_verification_that_proves_nothing_fails_the_task(monkeypatch: pytest.MonkeyPatch, call: Caller, found: list[Result]) -> None:
    monkeypatch.setattr(adapter, "prove", lambda _request, **_options: found)
    result = call(verification.main)
    said = f"Nothing was proved: none of {len(found)} cases could be tried from where this run stands."
    assert (result["failed"], result["msg"], result["proved"]) == (True, said, False)
    assert result["text"][-1] == f"Nothing was sent; the cases, and why: evidence/verification.html in {call.state}"


def test_check_mode_sends_no_traffic(monkeypatch: pytest.MonkeyPatch, call: Caller) -> None:
    monkeypatch.setattr(adapter, "prove", raising(OnboardingError("traffic was sent")))
    result = call(verification.main, _ansible_check_mode=True)
    assert ("failed" in result, result["changed"], result["cases"]) == (False, False, [])
    assert not Path(call.state).exists()
