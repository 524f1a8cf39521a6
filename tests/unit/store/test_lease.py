# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lease: one holder at a time, taken over from the dead and the expired, and lost for good by who slept too long."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import LeaseHeld, StoreError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.lease import LeaseLost, lease
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree

HOLDER = """
import sys, time
from pathlib import Path
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.lease import lease
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree
root, name, ttl, work = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]), sys.argv[4]
with lease(root, holder=name, ttl=ttl, wait=20) as held:
    tree = DiskTree(root, guard=held.check)
    if work == "hold":
        print("held", flush=True)
        sys.stdin.readline()
        tree.write("written-by", name.encode())
    else:
        assert not (root / "busy").exists()
        (root / "busy").write_text(name)
        time.sleep(0.05)
        (root / "busy").unlink()
        with (root / "order").open("a") as order:
            order.write(name + "\\n")
"""


def start(root: Path, name: str, *, ttl: float = 60, work: str = "hold") -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOLDER, str(root), name, str(ttl), work]
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    if work == "hold":
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
    return process


def own_start() -> str:
    return Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]


def lease_files(root: Path) -> list[Path]:
    return sorted((root / "journal/lease").iterdir())


def test_it_is_held_and_then_free_without_a_trace(tmp_path: Path) -> None:
    root = tmp_path / "state"
    with lease(root, holder="own_certificates") as held:
        held.check()
        (file,) = lease_files(root)
        record = json.loads(file.read_text())
        assert record["format"] == 1
        assert (record["holder"], record["pid"]) == ("own_certificates", os.getpid())
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert {stat.S_IMODE(path.stat().st_mode) for path in (root, root / "journal", root / "journal/lease")} == {0o700}
    assert lease_files(root) == []
    with pytest.raises(LeaseLost):
        held.check()


def test_a_second_run_learns_who_holds_it(tmp_path: Path) -> None:
    with lease(tmp_path, holder="first run"), pytest.raises(LeaseHeld) as refused, lease(tmp_path, holder="second run", wait=0.3):
        pass
    message = str(refused.value)
    assert "first run" in message
    assert f"process {os.getpid()}" in message
    assert "Wait for that run" in message
    with lease(tmp_path, holder="second run", wait=0):
        pass


def test_processes_take_turns(tmp_path: Path) -> None:
    runs = [start(tmp_path, f"run {number}", work="append") for number in range(6)]
    outcomes = [(run.communicate(timeout=60)[1], run.returncode) for run in runs]
    assert outcomes == [("", 0)] * 6
    assert sorted((tmp_path / "order").read_text().splitlines()) == [f"run {number}" for number in range(6)]


def test_a_killed_holder_of_this_machine_is_succeeded_at_once(tmp_path: Path) -> None:
    victim = start(tmp_path, "victim")
    with pytest.raises(LeaseHeld), lease(tmp_path, holder="successor", wait=0):
        pass
    victim.kill()
    # Not collected yet: a process that only waits for its parent holds nothing.
    time.sleep(0.1)
    with lease(tmp_path, holder="successor", wait=2):
        assert [file.name for file in lease_files(tmp_path)] == ["2.json"]
    victim.communicate()


@pytest.mark.parametrize(
    "change",
    [{"host": "another"}, {"boot": "another"}, {"pid": os.getpid(), "process_started": own_start()}],
    ids=["another host", "another boot", "a living process"],
)
def test_a_holder_that_cannot_be_judged_from_here_has_its_time(tmp_path: Path, change: dict[str, object]) -> None:
    victim = start(tmp_path, "victim")
    victim.kill()
    victim.communicate()
    (file,) = lease_files(tmp_path)
    beat = file.stat().st_mtime
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    os.utime(file, (beat, beat))
    with pytest.raises(LeaseHeld), lease(tmp_path, holder="successor", wait=0.3):
        pass
    with lease(tmp_path, holder="successor", wait=0.3, now=lambda: time.time() + 61):
        pass


def test_a_process_number_used_again_is_another_process(tmp_path: Path) -> None:
    with lease(tmp_path, holder="first", ttl=60):
        (file,) = lease_files(tmp_path)
        file.write_text(json.dumps(json.loads(file.read_text()) | {"process_started": "1"}))
        with lease(tmp_path, holder="second", wait=0.5):
            pass


def test_a_stopped_holder_loses_its_lease_and_writes_nothing_more(tmp_path: Path) -> None:
    sleeper = start(tmp_path, "sleeper", ttl=1.0)
    sleeper.send_signal(signal.SIGSTOP)
    with lease(tmp_path, holder="successor", wait=10) as held:
        DiskTree(tmp_path, guard=held.check).write("written-by", b"successor")
        sleeper.send_signal(signal.SIGCONT)
        _, complaint = sleeper.communicate("go on\n", timeout=20)
        held.check()
    assert sleeper.returncode == 1
    assert "LeaseLost" in complaint
    assert (tmp_path / "written-by").read_bytes() == b"successor"


def test_a_stopped_holder_loses_its_lease_even_when_no_one_took_it(tmp_path: Path) -> None:
    sleeper = start(tmp_path, "sleeper", ttl=1.0)
    sleeper.send_signal(signal.SIGSTOP)
    time.sleep(1.2)
    sleeper.send_signal(signal.SIGCONT)
    _, complaint = sleeper.communicate("go on\n", timeout=20)
    assert "LeaseLost" in complaint
    assert not (tmp_path / "written-by").exists()


def test_a_holder_at_work_keeps_it_beyond_its_time(tmp_path: Path) -> None:
    worker = start(tmp_path, "worker", ttl=1.5)
    with pytest.raises(LeaseHeld), lease(tmp_path, holder="second", wait=2):
        pass
    _, complaint = worker.communicate("go on\n", timeout=20)
    assert complaint == ""
    assert (tmp_path / "written-by").read_bytes() == b"worker"


@pytest.mark.parametrize("content", ["", "not json", "[]", '{"format": 2}', '{"format": 1, "ttl": "long"}'])
def test_a_damaged_lease_counts_until_it_expires(tmp_path: Path, content: str) -> None:
    file = tmp_path / "journal/lease/3.json"
    file.parent.mkdir(parents=True)
    file.write_text(content)
    with pytest.raises(LeaseHeld, match="an unknown run"), lease(tmp_path, holder="run", wait=0):
        pass
    with lease(tmp_path, holder="run", wait=0, now=lambda: time.time() + 301):
        assert [path.name for path in lease_files(tmp_path)] == ["4.json"]


def test_a_holder_notices_that_its_file_is_gone(tmp_path: Path) -> None:
    with lease(tmp_path, holder="run") as held:
        held.check()
        for file in lease_files(tmp_path):
            file.unlink()
        with pytest.raises(LeaseLost):
            held.check()


def test_a_folder_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(StoreError, match="cannot be leased"), lease(tmp_path / "state", holder="run"):
        pass
