# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The command: what it shows, what its exit code says, what it costs, and that it changes nothing."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from ansible_collections.mojaloop.onboarding.plugins.module_utils.command.main import main
from ansible_collections.mojaloop.onboarding.plugins.module_utils.command.standing import standing
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps.sequence import Request, run
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps.table import steps_of

ROOT = Path(__file__).resolve().parents[3]
MAIN = "ansible_collections.mojaloop.onboarding.plugins.module_utils.command.main"
ALL_SIDES = ["hub", "greenbank", "bluebank", "probe-one", "probe-two"]


class Place:
    """The lab's description without its authorization server, and a state folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.inventory = folder / "inventories" / "lab" / "hosts.yml"
        self.state = folder / ".state" / "lab"

    def make(self, *, without: tuple[str, ...] = ()) -> None:
        shutil.copytree(ROOT / "inventories" / "lab", self.inventory.parent)
        hub_file = self.inventory.parent / "hub.yml"
        described = yaml.safe_load(hub_file.read_text(encoding="utf-8"))
        del described["hub"]["authorization_server"]
        described["hub"]["keys"]["jws"] = "rsa-2048"
        hub_file.write_text(yaml.safe_dump(described), encoding="utf-8")
        for name in without:
            (self.inventory.parent / "participants" / f"{name}.yml").unlink()

    def run(self) -> None:
        run(Request(str(self.inventory.parent), str(self.state)))

    def snapshot(self) -> dict[str, tuple[int, int]]:
        return {str(path): (path.lstat().st_ino, path.lstat().st_mtime_ns) for path in self.folder.rglob("*")}


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Everything done but what redbank has to do."""
    place = Place(tmp_path_factory.mktemp("settled"))
    place.make()
    place.run()
    return place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Nothing done yet."""
    made = Place(tmp_path)
    made.make()
    return made


def json_of(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    printed: dict[str, object] = json.loads(capsys.readouterr().out)
    assert printed.pop("format") == 1
    return printed


def test_status_names_what_is_pending_and_changes_nothing(settled: Place, capsys: pytest.CaptureFixture[str]) -> None:
    before = settled.snapshot()
    assert main(["status", "-i", str(settled.inventory)]) == 3
    shown = capsys.readouterr().out
    assert settled.snapshot() == before
    assert "Outcome: pending, as far as the state folder shows." in shown
    assert "Gateways, firewalls and the authorization server were not asked" in shown
    assert "redbank has to send for hub: " in shown
    assert len(max(shown.splitlines(), key=len)) < 200


def test_status_does_not_call_done_what_it_cannot_see(settled: Place, capsys: pytest.CaptureFixture[str]) -> None:
    main(["status", "-i", str(settled.inventory), "--json"])
    steps = json_of(capsys)["participants"]["greenbank"]["steps"]  # type: ignore[index]
    assert {step for step, how in steps.items() if how == "not-shown"} == {
        "tls-3",
        "tls-7",
        "tls-8",
        "endpoints-1",
        "endpoints-2",
        "testing",
    }
    assert {step: how for step, how in steps.items() if how not in {"not-shown", "done"}} == dict.fromkeys(
        ["backend-3", "backend-5"], "not-applicable"
    )


def test_nothing_open_is_exit_code_0_and_changes_due_are_3(settled: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chosen = ["--participants", "greenbank,bluebank"]
    assert main(["status", "-i", str(settled.inventory), *chosen]) == 0
    copy = Place(tmp_path)
    shutil.copytree(settled.folder, tmp_path, dirs_exist_ok=True)
    (copy.state / "exchange/greenbank/hub/ca.pem").unlink()
    capsys.readouterr()
    assert main(["status", "-i", str(copy.inventory), *chosen, "--json"]) == 3
    assert json_of(capsys)["outcome"] == "changed"


def test_a_fault_is_exit_code_1(settled: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = Place(tmp_path)
    shutil.copytree(settled.folder, tmp_path, dirs_exist_ok=True)
    (copy.state / "store/greenbank/server/key.pem").write_bytes(b"damaged")
    assert main(["status", "-i", str(copy.inventory)]) == 1
    assert "greenbank tls-1" in capsys.readouterr().out


def test_every_certificate_is_listed_once_the_first_to_end_first(settled: Place, capsys: pytest.CaptureFixture[str]) -> None:
    main(["status", "-i", str(settled.inventory), "--json"])
    listed = json_of(capsys)["certificates"]
    assert isinstance(listed, list)
    assert [each["ends"] for each in listed] == sorted(each["ends"] for each in listed)
    assert len({each["fingerprint"] for each in listed}) == len(listed)
    own = {(each["holder"], each["artefact"]) for each in listed if each["kind"] == "own"}
    assert own >= {("hub", "ca"), ("hub", "server"), ("hub", "client/greenbank"), ("greenbank", "client/hub"), ("probe-one", "client/hub")}


def test_one_sides_store_lists_what_it_issued_and_received(settled: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = Place(tmp_path)
    shutil.copytree(settled.folder, tmp_path, dirs_exist_ok=True)
    for side in ALL_SIDES[1:]:
        shutil.rmtree(copy.state / "store" / side)
    main(["status", "-i", str(copy.inventory), "--json"])
    listed = json_of(capsys)["certificates"]
    kinds = {(each["kind"], each["holder"], each["artefact"]) for each in listed}  # type: ignore[attr-defined]
    assert kinds >= {("issued", "greenbank", "client"), ("received", "greenbank", "ca"), ("received", "greenbank", "server")}


def test_the_end_of_a_certificate_comes_nearer(settled: Place) -> None:
    request = Request(str(settled.inventory.parent), str(settled.state))
    later = Request(str(settled.inventory.parent), str(settled.state), now=datetime.now(UTC) + timedelta(days=300))
    first, then = standing(request)[1][0], standing(later)[1][0]
    assert first.fingerprint == then.fingerprint
    assert first.days - then.days in {299, 300, 301}
    assert standing(later)[0].outcome == "pending"
    assert any("certificate-expires-soon" in str(finding) for finding in perform_check(later))


def perform_check(request: Request) -> tuple[object, ...]:
    checked = Request(request.description, request.state, check=True, now=request.now)
    return run(checked, steps_of("certificates", ["generate"])).findings


def test_check_prints_every_problem_and_exits_1(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "-i", str(place.inventory)]) == 0
    assert "0 problems; 5 participants are in order." in capsys.readouterr().out
    for name in ("greenbank", "bluebank"):
        file = place.inventory.parent / f"participants/{name}.yml"
        file.write_text(file.read_text().replace("organisation:", "organization:"), encoding="utf-8")
    assert main(["check", "-i", str(place.inventory.parent), "--json"]) == 1
    problems = json_of(capsys)["problems"]
    assert isinstance(problems, list)
    assert {name for name in ("greenbank", "bluebank") for problem in problems if f"{name}.yml:" in problem} == {"greenbank", "bluebank"}
    assert main(["check", "-i", str(place.inventory), "--participants", "redbank"]) == 0


def test_an_error_says_where_and_what_on_the_error_stream(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "-i", str(tmp_path / "nowhere/hosts.yml"), "--json"]) == 1
    said = capsys.readouterr()
    assert json.loads(said.out)["outcome"] == "error"
    assert "nowhere/hub.yml" in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize("arguments", [[], ["fly"], ["status"], ["backup", "-i", "x"], ["status", "-i", "x", "--fast"]])
def test_wrong_usage_is_exit_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    capsys.readouterr()


def test_the_lists_are_about_the_chosen_participants(settled: Place, capsys: pytest.CaptureFixture[str]) -> None:
    def listed(*chosen: str) -> set[tuple[object, object]]:
        main(["status", "-i", str(settled.inventory), "--json", *chosen])
        return {(each["holder"], each["artefact"]) for each in json_of(capsys)["certificates"]}  # type: ignore[attr-defined]

    some = listed("--participants", "greenbank")
    assert some >= {("greenbank", "server"), ("greenbank", "client/hub"), ("hub", "client/greenbank")}
    assert not {each for each in some if {"bluebank", "client/bluebank", "probe-one"} & set(each)}
    assert some | listed("--participants", "bluebank") < listed()


def test_backup_and_restore(settled: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = Place(tmp_path / "copy")
    shutil.copytree(settled.folder, copy.folder)
    archive = tmp_path / "lab.tar"
    assert main(["backup", str(archive), "-i", str(copy.inventory)]) == 0
    assert archive.stat().st_mode & 0o777 == 0o600
    assert main(["backup", str(archive), "-i", str(copy.inventory)]) == 1
    assert main(["backup", str(archive), "-i", str(copy.inventory), "--replace"]) == 0
    assert main(["restore", str(archive), "-i", str(copy.inventory)]) == 1
    assert "--replace" in capsys.readouterr().err
    assert main(["restore", str(archive), "-i", str(copy.inventory), "--replace", "--json"]) == 0
    assert json_of(capsys)["raised"] == []
    assert main(["status", "-i", str(copy.inventory), "--participants", "greenbank"]) == 0


def test_the_project_installs_it_under_its_name() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["scripts"] == {"mojaloop-onboarding": f"{MAIN}:main"}


def cpu(*command: str) -> tuple[float, int]:
    """Seconds of CPU of a whole command, interpreter included; its exit code. The best of three: others use this machine too."""
    spent = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([sys.executable, *command], stdout=subprocess.DEVNULL, check=False, env={**os.environ})
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(spent), done.returncode


def test_help_and_status_are_quick(settled: Place) -> None:
    """Beside what loading the libraries for YAML and X.509 takes alone. The status loads every driver that a description may name."""
    yardstick, _ = cpu("-c", "import yaml, json, argparse, cryptography.x509, cryptography.hazmat.primitives.serialization.pkcs12")
    spent, status = cpu("-m", MAIN, "--help")
    assert (status, spent < yardstick) == (0, True), (spent, yardstick)
    spent, status = cpu("-m", MAIN, "status", "-i", str(settled.inventory))
    assert (status, spent < 9 * yardstick) == (3, True), (spent, yardstick)


def test_help_reads_nothing_of_the_core() -> None:
    script = f"import sys, {MAIN} as m\ntry:\n  m.main(['--help'])\nexcept SystemExit:\n  pass\n"
    script += "sys.exit('cryptography' in sys.modules or 'yaml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], stdout=subprocess.DEVNULL, check=False).returncode == 0


def test_a_closed_pipe_is_no_error(settled: Place) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as stream:
        done = subprocess.run(
            [sys.executable, "-m", MAIN, "check", "-i", str(settled.inventory)], stdout=stream, stderr=subprocess.PIPE, check=False
        )
    assert (done.returncode, done.stderr) == (0, b"")
