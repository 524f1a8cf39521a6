# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Work in forks, and programs that outlive a run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import LabError, LeaseHeld
from ansible_collections.mojaloop.onboarding.plugins.module_utils.lab import holder
from ansible_collections.mojaloop.onboarding.plugins.module_utils.lab.processes import (
    alive,
    call_in_fork,
    end,
    spawn,
    started_at,
    wait_until,
)

# From Python 3.12 on forking beside threads warns; the test runner has some, a module has none.
pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")


def test_a_forks_answer_and_its_error_arrive() -> None:
    assert call_in_fork(lambda: {"pid_differs": os.getpid() != os.getppid()}) == {"pid_differs": True}

    def refuse() -> None:
        raise LabError("is wrong", where="there", remedy="Do this.")

    with pytest.raises(LabError, match=r"there: is wrong\. Do this\."):
        call_in_fork(refuse)


def test_any_other_failure_arrives_too() -> None:
    with pytest.raises(LabError, match="KeyError: 'x'"):
        call_in_fork(lambda: dict[str, str]()["x"])


def test_a_fork_that_is_killed_is_an_error() -> None:
    with pytest.raises(LabError, match="ended without an answer"):
        call_in_fork(lambda: os.kill(os.getpid(), signal.SIGKILL))


def test_a_program_writes_to_its_log_and_ends_when_asked(tmp_path: Path) -> None:
    log = tmp_path / "log"
    pid = spawn(["/bin/sh", "-c", "echo ready; exec sleep 60"], log=log)
    started = started_at(pid) or 0
    assert wait_until(lambda: log.read_text() == "ready\n", 5)
    assert alive(pid, started)
    assert not alive(pid, started + 1)
    end(pid, started)
    assert started_at(pid) is None
    os.waitpid(pid, 0)


def test_a_program_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(LabError, match="/nonexistent/program cannot be started: FileNotFoundError"):
        spawn(["/nonexistent/program"])


def test_what_fails_before_the_program_is_an_error() -> None:
    def fail() -> None:
        raise OSError("no right")

    with pytest.raises(LabError, match="OSError: no right"):
        spawn(["/bin/true"], prepare=fail)


def test_a_state_folder_that_the_lab_would_cover_is_refused() -> None:
    with pytest.raises(LabError, match="/run/onboarding: cannot hold a lab"):
        holder.lab_folder(Path("/run/onboarding"))
    assert holder.lab_folder(Path("/srv/onboarding")) == Path("/srv/onboarding/lab")


def test_a_record_of_another_process_is_no_holder(tmp_path: Path) -> None:
    (tmp_path / "lab").mkdir()
    record = tmp_path / "lab" / "holder.json"
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    own = {"format": 1, "pid": os.getpid(), "started": started_at(os.getpid()), "boot": boot}
    for wrong in ({}, {"started": 1}, {"boot": "another"}, {"pid": 2**22 + 1}):
        record.write_text(str({**own, **wrong}).replace("'", '"'))
        assert (holder.find_holder(tmp_path) is None) is bool(wrong)
    record.write_text("half a rec")
    assert holder.find_holder(tmp_path) is None


def test_a_second_run_learns_that_it_must_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holder, "_LOCK_SECONDS", 0.05)
    ready = "import fcntl,os,sys,time; h=os.open(sys.argv[1],0); fcntl.flock(h,fcntl.LOCK_EX); print('locked',flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", ready, str(tmp_path)], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(LeaseHeld, match="another run"), holder.locked(tmp_path):
            pass
        other.kill()
    with holder.locked(tmp_path):  # control
        pass
    assert list(tmp_path.iterdir()) == []
