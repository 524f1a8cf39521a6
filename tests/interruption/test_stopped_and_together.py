# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A run that slept beyond its lease does no harm any more; two operators at once come to what one alone does."""

from __future__ import annotations

import functools
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from support.counting import record_count
from support.depth import sample
from support.kills import calls_of, interrupted
from support.state_world import ROTATION, Files, Reported, Scenario, World, check_serials, files, private_keys, shape
from support.supervisor import KILL, PASS, Call, Watch, supervise

from ansible_collections.mojaloop.onboarding.plugins.module_utils.findings import Disposition
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store import files as store_files
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store import opening
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.lease import lease

pytestmark = [pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"), pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def scenario(fresh_world: World) -> Scenario:
    return Scenario.made(fresh_world, fresh_world.state.parent)


@contextmanager
def hours_later() -> Iterator[None]:
    """Runs of this process judge leases by a clock that is ahead: whoever holds one has slept beyond it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", lambda: time.monotonic() + 10**10)
        yield


@pytest.fixture(scope="module")
def rotation(scenario: Scenario) -> Scenario:
    """A run that replaces what is there."""
    world = replace(scenario.world, now=ROTATION)
    return Scenario.made(world, world.state.parent / "rotation")


@pytest.fixture(params=["swapped", "moved"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How a folder takes another's place; ``moved`` as on file systems that cannot swap two names."""
    if request.param == "moved":
        monkeypatch.setattr(store_files, "exchange", lambda _one, _other: False)
    return str(request.param)


def test_a_run_stopped_anywhere_does_not_touch_what_its_successor_made(rotation: Scenario, folder: Path, way: str) -> None:
    scenario = rotation
    calls = calls_of(scenario, folder / "undisturbed")
    leased = next(call.ordinal for call in calls if call.name == "link")
    # Before it has the lease it may go on; where its successor left nothing to be written, there is nothing to notice.
    held = [call for call in calls[leased + 1 :] if "journal/lease" not in call.path]
    points = sample(held, 97)
    noticed = 0
    for point in points:
        world = scenario.place(folder / "stopped")
        made: list[Files] = []

        def succeed(call: Call, world: World = world, at: int = point.ordinal, made: list[Files] = made) -> int:
            if call.ordinal == at:
                with hours_later():
                    assert [finding for finding in world.run() if finding.disposition is Disposition.FAULT] == []
                made.append(files(world.state))
            return PASS

        ended = interrupted(world, succeed)
        assert ended.error is None, (point, ended.error)
        reported = ended.answer
        noticed += reported.kind == "LeaseLost" or any("lease" in finding.detail for finding in reported.faults)
        assert files(world.state) == made[0], point
        assert shape(made[0]) == shape(scenario.after), point
    assert noticed
    record_count("stopped runs", len(points), of=len(held))


def test_a_signal_that_stops_the_process_itself_is_survived_the_same_way(scenario: Scenario, folder: Path) -> None:
    """The real thing once: SIGSTOP, the lease's own short time, a successor, SIGCONT."""
    world = scenario.place(folder / "asleep")
    middle = 400
    woken: list[Files] = []

    def work() -> Reported:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(opening, "lease", functools.partial(lease, ttl=1.0))
            return world.reported()

    def stop(call: Call) -> int:
        if call.ordinal == middle and not woken:
            os.kill(call.pid, signal.SIGSTOP)
            world.run()
            woken.append(files(world.state))
            os.kill(call.pid, signal.SIGCONT)
        return PASS

    ended = supervise(work, Watch((str(world.state),)), stop)
    assert ended.answer.kind == "LeaseLost" or any("lease" in finding.detail for finding in ended.answer.faults)
    assert files(world.state) == woken[0]


def together(*works: Callable[[], int]) -> list[int]:
    """Exit codes of works done at the same time, each in a process of its own."""
    children = []
    for work in works:
        child = os.fork()
        if child == 0:
            code = 9
            try:
                code = work()
            finally:
                os._exit(code)
        children.append(child)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


@pytest.mark.parametrize("attempt", range(3))
def test_two_operators_at_once_come_to_what_one_alone_does(scenario: Scenario, folder: Path, attempt: int) -> None:
    world = scenario.place(folder / f"shared-{attempt}")
    copy_of_theirs = folder / f"description-{attempt}"
    shutil.copytree(world.description, copy_of_theirs)
    theirs = World(copy_of_theirs, world.state, world.keys)

    def run(which: World, away: float) -> Callable[[], int]:
        def work() -> int:
            time.sleep(away)
            return 1 if [finding for finding in which.run() if finding.disposition is Disposition.FAULT] else 0

        return work

    assert together(run(world, 0), run(theirs, 0.05 * attempt)) == [0, 0]
    assert shape(files(world.state)) == shape(scenario.after)
    check_serials({}, files(world.state), attempt)
    assert len(private_keys(files(world.state))) == len(private_keys(scenario.after))
    assert tuple(world.run()) == scenario.awaited


def test_an_operator_who_does_not_wait_learns_who_is_at_work(scenario: Scenario, folder: Path) -> None:
    world = scenario.place(folder / "busy")
    reported: list[Reported] = []

    def ask(call: Call) -> int:
        if call.ordinal == 200:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(opening, "lease", functools.partial(lease, wait=0.2))
                reported.append(world.reported())
        return PASS

    ended = interrupted(world, ask)
    assert ended.answer.error == ""
    (refused,) = reported
    assert refused.kind == "LeaseHeld"
    assert f"process {ended.calls[0].pid}" in refused.error
    assert "Wait for that run" in refused.remedy
    scenario.check_recovery(world.state, "after both")


def test_the_lease_of_a_dead_run_is_taken_over_at_once(scenario: Scenario, folder: Path) -> None:
    world = scenario.place(folder / "dead")
    ended = interrupted(world, lambda call: KILL if call.ordinal == 300 else PASS)
    assert ended.killed
    assert list((world.state / "journal/lease").glob("*.json"))
    begun = time.monotonic()
    scenario.check_recovery(world.state, "after a kill")
    assert time.monotonic() - begun < 200  # and not the five minutes that a lease lasts
