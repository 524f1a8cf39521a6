# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The timer on the host: exactly one of confirming and undoing wins."""

from __future__ import annotations

import time
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
