# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A disk that is full, broken, over its quota, a process out of file descriptors: reported in one line, nothing half done."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from support.counting import record_count
from support.depth import sample
from support.kills import calls_of, interrupted
from support.state_world import Reported, Scenario, World
from support.supervisor import PASS, SHORT, TORN, Call

pytestmark = [pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"), pytest.mark.timeout(3600)]

SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EIO)
ERRORS: dict[str, tuple[int, ...]] = {
    "openat": (*SPACE, errno.EMFILE), "open": (*SPACE, errno.EMFILE), "mkdir": SPACE, "mkdirat": SPACE, "write": SPACE, "fsync": SPACE,
    "rename": SPACE, "renameat": SPACE, "renameat2": SPACE, "link": SPACE, "linkat": SPACE,
    "unlink": (errno.EIO,), "unlinkat": (errno.EIO,), "rmdir": (errno.EIO,), "fchmod": (errno.EIO,), "utimensat": (errno.EIO,),
}  # fmt: skip
"""What each call may fail with; a full disk does not keep files from being removed."""
NEEDS_SPACE = frozenset({"openat", "open", "mkdir", "mkdirat", "write", "fsync", "link", "linkat"})


@pytest.fixture(scope="module")
def scenario(fresh_world: World) -> Scenario:
    return Scenario.made(fresh_world, fresh_world.state.parent)


def error_of(reported: Reported, number: int) -> list[str]:
    """How a failure is reported: one line each, with the place, the system's words and what to do."""
    if reported.error:
        assert reported.kind in {"StoreError", "Unavailable", "LeaseLost"}, reported
        assert reported.where, reported
        assert reported.remedy, reported
    messages = [reported.error] if reported.error else [finding.detail for finding in reported.faults]
    for message in messages:
        assert "\n" not in message
        assert "Traceback" not in message
        assert not message.startswith(": ")
    assert not messages or any(os.strerror(number) in message for message in messages), (messages, number)
    return messages


def test_a_call_that_fails_is_reported_and_the_next_run_goes_on(scenario: Scenario, folder: Path) -> None:
    calls = calls_of(scenario, folder / "undisturbed", reading=True)
    points = sample(calls, 97)
    reported = 0
    for call in points:
        number = ERRORS[call.name][call.ordinal % len(ERRORS[call.name])]
        world = scenario.place(folder / "failing")
        fail = lambda each, at=call.ordinal, number=number: number if each.ordinal == at else PASS  # noqa: E731
        ended = interrupted(world, fail, reading=True)
        assert ended.error is None, (call, ended.error)
        reported += bool(error_of(ended.answer, number))
        scenario.check_recovery(world.state, (call, errno.errorcode[number]))
    assert reported
    record_count("failing system calls", len(points), of=len(calls))


def test_a_disk_that_stays_full_is_reported_and_the_next_run_goes_on(scenario: Scenario, folder: Path) -> None:
    calls = calls_of(scenario, folder / "undisturbed")
    points = sample(calls, 131)
    for call in points:
        world = scenario.place(folder / "full")

        def full(each: Call, at: int = call.ordinal) -> int:
            return errno.ENOSPC if each.ordinal >= at and each.name in NEEDS_SPACE else PASS

        ended = interrupted(world, full)
        assert ended.error is None, (call, ended.error)
        error_of(ended.answer, errno.ENOSPC)
        scenario.check_recovery(world.state, call)
    record_count("full disks", len(points), of=len(calls))


def test_a_system_that_writes_half_of_what_it_is_given_is_asked_again(scenario: Scenario, folder: Path) -> None:
    world = scenario.place(folder / "short")
    ended = interrupted(world, lambda call: SHORT if call.name == "write" else PASS)
    assert ended.answer.error == ""
    assert ended.answer.faults == []
    assert len([call for call in ended.calls if call.name == "write"]) > len(ended.calls) / 4
    scenario.check_recovery(world.state, "short writes")


def test_half_a_file_is_never_taken_for_one(scenario: Scenario, folder: Path) -> None:
    writes = [call for call in calls_of(scenario, folder / "undisturbed") if call.name == "write"]
    points = sample(writes, 23)
    for point in points:
        world = scenario.place(folder / "torn")
        assert interrupted(world, lambda call, at=point.ordinal: TORN if call.ordinal == at else PASS).killed  # type: ignore[misc]
        scenario.check_recovery(world.state, point)
    record_count("kill points in the middle of a write", len(points), of=len(writes))
