# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The timer on the host: exactly one of confirming and undoing wins."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from ansible_collections.mojaloop.onboarding.plugins.module_utils.host import rollback


def until(path: Path, seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    return path.exists()


def test_unconfirmed_change_is_undone_once_and_recorded(tmp_path: Path) -> None:
    folder, undone = tmp_path / "timers", tmp_path / "undone"
    token = rollback.arm(str(folder), 0.1, undone.touch)
    assert until(folder / f"fired-{token}")
    assert undone.exists()
    assert rollback.fired(str(folder)) == [token]
    assert not rollback.confirm(str(folder), token)


def test_confirmed_change_stays(tmp_path: Path) -> None:
    folder, undone = tmp_path / "timers", tmp_path / "undone"
    token = rollback.arm(str(folder), 0.5, undone.touch)
    assert rollback.confirm(str(folder), token)
    assert not rollback.confirm(str(folder), token)
    assert not until(undone, 1)
    assert list(folder.iterdir()) == []


def test_failure_of_undoing_is_recorded(tmp_path: Path) -> None:
    def fail() -> None:
        raise OSError("no such thing")

    token = rollback.arm(str(tmp_path), 0.1, fail)
    assert until(tmp_path / f"fired-{token}")
    assert "no such thing" in (tmp_path / f"fired-{token}").read_text()


def test_next_change_waits_for_the_timer_and_sweeps_dead_ones(tmp_path: Path) -> None:
    undone = tmp_path / "undone"
    rollback.arm(str(tmp_path), 0.4, undone.touch)
    assert rollback.settle(str(tmp_path), 5) == []
    assert undone.exists()
    (tmp_path / "pending-dead").touch()
    assert rollback.settle(str(tmp_path), 5) == ["dead"]


def test_waiting_is_bounded(tmp_path: Path) -> None:
    token = rollback.arm(str(tmp_path), 30, tmp_path.touch)
    with pytest.raises(TimeoutError):
        rollback.settle(str(tmp_path), 0.1)
    assert rollback.confirm(str(tmp_path), token)


def test_hostile_token_confirms_nothing(tmp_path: Path) -> None:
    (tmp_path / "pending-x").touch()
    assert not rollback.confirm(str(tmp_path / "sub"), "../pending-x")


def test_a_change_that_comes_after_the_timer_is_undone_by_the_one_that_made_it(tmp_path: Path) -> None:
    folder, state = tmp_path / "timers", tmp_path / "state"
    state.write_text("before")

    def back() -> None:
        state.write_text("before")

    def stalled() -> None:
        assert until(next(folder.glob("pending-*")).with_name("never"), 1) is False
        state.write_text("after")

    with pytest.raises(TimeoutError, match=r"took longer than the 0.1 s"):
        rollback.guard(str(folder), 0.1, back, stalled)
    assert state.read_text() == "before"
    assert rollback.settle(str(folder), 60) == []


def test_a_change_that_fails_is_undone_at_once_and_its_reason_kept(tmp_path: Path) -> None:
    undone = tmp_path / "undone"

    def fail() -> None:
        raise ValueError("not this")

    with pytest.raises(ValueError, match="not this"):
        rollback.guard(str(tmp_path), 60, undone.touch, fail)
    assert undone.exists()
    assert rollback.settle(str(tmp_path), 0.1) == []


def test_a_guarded_change_waits_for_its_confirmation(tmp_path: Path) -> None:
    undone, changed = tmp_path / "undone", tmp_path / "changed"
    token = rollback.guard(str(tmp_path), 60, undone.touch, changed.touch)
    assert changed.exists()
    assert rollback.confirm(str(tmp_path), token)
    assert not undone.exists()


def test_undoing_that_fails_once_is_tried_again(tmp_path: Path) -> None:
    state, tried = tmp_path / "state", tmp_path / "tried"

    def back() -> None:
        if not tried.exists():
            tried.touch()
            raise OSError("busy for once")
        state.write_text("before")

    def fail() -> None:
        state.write_text("half")
        raise ValueError("not this")

    with pytest.raises(ValueError, match="not this"):
        rollback.guard(str(tmp_path / "timers"), 60, back, fail)
    assert state.read_text() == "before"
    assert rollback.fired(str(tmp_path / "timers")) == []


def test_a_run_that_is_killed_while_its_change_is_undone_leaves_that_to_the_timer(tmp_path: Path) -> None:
    state, begun = tmp_path / "state", tmp_path / "begun"

    def back() -> None:
        begun.touch()
        time.sleep(0.5)
        state.write_text("before")

    def fail() -> None:
        state.write_text("half")
        raise ValueError("not this")

    child = os.fork()
    if child == 0:
        with suppress(ValueError):
            rollback.guard(str(tmp_path / "timers"), 60, back, fail)
        os._exit(0)
    assert until(begun)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert rollback.settle(str(tmp_path / "timers"), 60) == []
    assert state.read_text() == "before"
