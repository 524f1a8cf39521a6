# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Interrupt a scenario's run at every system call that changes files."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from support.counting import record_count
from support.depth import sample
from support.state_world import Reported, Scenario, World, open_to_others
from support.supervisor import KILL, PASS, Call, Ended, Watch, supervise


def interrupted(world: World, decide: Callable[[Call], int], *, reading: bool = False) -> Ended:
    """Carry out a run in a process of its own under the most permissive umask; its answer is a ``Reported``."""

    def work() -> Reported:
        os.umask(0)
        return world.reported()

    return supervise(work, Watch((str(world.state),), reading=reading), decide)


def calls_of(scenario: Scenario, folder: Path, *, reading: bool = False) -> list[Call]:
    """Every call of an undisturbed run that changes files; no file is open to others before any of them."""
    world = scenario.place(folder)
    opened: list[str] = []
    last = [str(world.state)]

    def look(call: Call) -> int:
        for path in {os.path.dirname(call.path), *last}:  # noqa: PTH120 -- before every system call
            opened.extend(open_to_others(path, deep=False) if path.startswith(str(world.state)) else [])
        last[:] = [call.path, os.path.dirname(call.path)]  # noqa: PTH120
        return PASS

    ended = interrupted(world, look, reading=reading)
    assert ended.error is None, ended.error
    assert ended.answer.error == ""
    assert opened == []
    return ended.calls


def kill_at_every_call(scenario: Scenario, folder: Path, *, every: int) -> None:
    """Kill the run at its calls (every n-th, unless the run is deep), each time from a fresh copy, and recover."""
    calls = calls_of(scenario, folder / "undisturbed")
    points = sample(range(len(calls)), every)
    for point in points:
        world = scenario.place(folder / "killed")
        ended = interrupted(world, lambda call, point=point: KILL if call.ordinal == point else PASS)  # type: ignore[misc]
        assert ended.killed, point
        scenario.check_recovery(world.state, ended.calls[-1])
    record_count("kill points", len(points), of=len(calls))
