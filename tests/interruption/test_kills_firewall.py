# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A firewall's change killed at every system call, of Python and of nft: the old or the new rules are in force, never none."""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from support.counting import record_count
from support.depth import sample
from support.supervisor import CHANGING, KILL, PASS, Call, Ended, Watch, supervise
from support.supervisor import why_not as why_not_supervised
from tools.firewall_cases import model
from tools.firewall_network import Machine, _enter, network, why_not

from ansible_collections.mojaloop.onboarding.plugins.module_utils.firewall.model import FirewallModel
from ansible_collections.mojaloop.onboarding.plugins.module_utils.firewall.nftables import desired_content, render
from ansible_collections.mojaloop.onboarding.plugins.module_utils.firewall.sharing import assigned
from ansible_collections.mojaloop.onboarding.plugins.module_utils.host import firewall_nftables as host
from ansible_collections.mojaloop.onboarding.plugins.modules import firewall as module

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(bool(why_not() or why_not_supervised()), reason=(why_not() or why_not_supervised()) or "-"),
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
    pytest.mark.timeout(3600),
]
SECONDS = 4.0
"""After which a change that no one confirms is undone."""
STATES = (
    assigned(model({"greenbank": ["203.0.113.21/32"]})),
    assigned(model({"greenbank": ["203.0.113.22/32"], "bluebank": ["192.0.2.0/24"]}, {"bluebank": [("192.0.2.9", 8443)]})),
)


@dataclass(frozen=True)
class Host:
    """A machine with the firewall on it."""

    machine: Machine
    file: Path

    @property
    def watch(self) -> Watch:
        return Watch((str(self.file.parent),), CHANGING | {"sendmsg"})

    def change(self, wanted: FirewallModel) -> None:
        """What the module does in two calls: change, and confirm."""
        rules, content = render(wanted), desired_content(wanted)
        host.confirm(host.apply(rules, content, str(self.file), SECONDS), rules, content, str(self.file))

    def supervised(self, wanted: FirewallModel, decide: Callable[[Call], int]) -> Ended:
        def work() -> bool:
            os.umask(0)
            _enter(self.machine.name)
            self.change(wanted)
            return True

        return supervise(work, self.watch, decide, stay=True)

    def put(self, wanted: FirewallModel) -> None:
        self.machine.call(lambda: self.change(wanted))

    def left(self) -> list[Path]:
        return list((self.file.parent / ".onboarding").iterdir())

    def run(self, wanted: FirewallModel) -> None:
        """What a run does: look at the host, and change what differs."""
        order = {"do": "observe", "persist_file": str(self.file), "ports": [8443], "seconds": SECONDS, "ticket": ""}
        seen = self.machine.call(lambda: module.carry_out(order))["observation"]
        if seen["content"] != desired_content(wanted):
            self.put(wanted)
        else:
            self.machine.call(lambda: module.carry_out({**order, "do": "persist", "rules": render(wanted)}))

    def in_force(self) -> object:
        return self.machine.call(lambda: host.observe(str(self.file), (8443,)))["content"]

    def check_converged(self, wanted: FirewallModel, point: object) -> None:
        """In force, loaded at boot, and nothing left that could undo it."""
        assert self.in_force() == desired_content(wanted), point
        assert self.file.read_text() == render(wanted), point
        assert sorted(path.name for path in self.file.parent.iterdir()) == [".onboarding", "onboarding.nft"], point
        assert [path.name for path in self.left() if "pending-" in path.name or "firing-" in path.name or "stage-" in path.name] == [], (
            point
        )
        assert self.file.stat().st_mode & 0o777 == 0o600, point


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Host]:
    with network("203.0.113.10/24") as made:
        yield Host(made.guarded, tmp_path / "nftables.d" / "onboarding.nft")


def test_a_change_killed_anywhere_leaves_old_or_new_rules_and_the_next_one_settles_it(guarded: Host) -> None:
    guarded.put(STATES[0])
    ended = guarded.supervised(STATES[1], lambda _call: PASS)
    assert ended.answer, ended.error
    assert {"sendmsg", "rename", "fsync"} <= {call.name for call in ended.calls}
    points = sample(ended.calls, 7)
    old = STATES[1]
    for point in points:
        wanted = STATES[1] if old == STATES[0] else STATES[0]
        killed = guarded.supervised(wanted, lambda call, at=point.ordinal: KILL if call.ordinal == at else PASS)  # type: ignore[misc]
        assert killed.killed, point
        assert guarded.in_force() in [desired_content(old), desired_content(wanted)], point
        assert guarded.file.read_text() in [render(old), render(wanted)], point
        guarded.run(wanted)
        guarded.check_converged(wanted, point)
        old = wanted
    record_count("kill points of firewall changes", len(points), of=len(ended.calls))


def test_a_first_change_killed_anywhere_is_undone_or_settled(guarded: Host, tmp_path: Path) -> None:
    ended = guarded.supervised(STATES[0], lambda _call: PASS)
    assert ended.answer, ended.error
    points = sample(ended.calls, 11)
    for point in points:
        guarded.machine.nft("flush", "ruleset")
        fresh = replace(guarded, file=tmp_path / f"first-{point.ordinal}" / "onboarding.nft")
        assert fresh.supervised(STATES[0], lambda call, at=point.ordinal: KILL if call.ordinal == at else PASS).killed  # type: ignore[misc]
        assert fresh.in_force() in [None, desired_content(STATES[0])]
        fresh.run(STATES[0])
        fresh.check_converged(STATES[0], point)
    record_count("kill points of firewall changes", len(points), of=len(ended.calls))


def test_a_call_that_fails_leaves_the_old_rules_or_the_confirmed_new_ones(guarded: Host) -> None:
    guarded.put(STATES[0])
    ended = guarded.supervised(STATES[1], lambda _call: PASS)
    guarded.put(STATES[0])
    files = [call for call in ended.calls if call.name in {"openat", "write", "fsync", "rename"}]
    points = sample(files, 5)
    for point in points:
        failed = guarded.supervised(STATES[1], lambda call, at=point.ordinal: errno.ENOSPC if call.ordinal == at else PASS)  # type: ignore[misc]
        assert failed.error is not None, point
        assert "No space left" in str(failed.error), (point, failed.error)
        before = guarded.in_force()
        assert before in [desired_content(state) for state in STATES], point
        guarded.run(STATES[0])
        guarded.check_converged(STATES[0], point)
    record_count("failing system calls of firewall changes", len(points), of=len(files))


def test_a_timer_that_dies_with_its_host_does_not_hold_up_the_next_change(guarded: Host) -> None:
    guarded.put(STATES[0])
    wanted = STATES[1]
    token = guarded.machine.call(lambda: host.apply(render(wanted), desired_content(wanted), str(guarded.file), 600))
    os.kill(holder_of(guarded.file.parent / ".onboarding" / f"pending-{token}"), signal.SIGKILL)
    begun = time.monotonic()
    guarded.run(wanted)
    assert time.monotonic() - begun < 300  # and not the ten minutes of that timer
    guarded.check_converged(wanted, "after the timer died")


def holder_of(path: Path) -> int:
    """The process that has a file open."""
    for handle in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if handle.readlink() == path:
                return int(handle.parts[2])
        except OSError:
            continue
    raise AssertionError(f"no one holds {path}")


def test_a_change_that_cuts_the_controller_off_is_undone_by_the_host(tmp_path: Path) -> None:
    """The controller's own port is among the guarded ones, by mistake: it can neither confirm nor undo that."""
    management = 2222
    with network("203.0.113.10/24") as made:
        guarded = Host(made.guarded, tmp_path / "nftables.d" / "onboarding.nft")
        controller = made.plug("controller", "203.0.113.9/24")
        made.serve(made.guarded, "203.0.113.10", management)
        guarded.put(STATES[0])
        assert controller.passes("203.0.113.10", management)
        wrong = assigned(replace(model({"greenbank": ["203.0.113.21/32"]}), guarded_inbound=(management, 8443)))
        made.guarded.call(lambda: host.apply(render(wrong), desired_content(wrong), str(guarded.file), SECONDS))
        assert not controller.passes("203.0.113.10", management)
        deadline = time.monotonic() + SECONDS + 60
        while not controller.passes("203.0.113.10", management):
            assert time.monotonic() < deadline
        guarded.put(STATES[0])
        guarded.check_converged(STATES[0], "after the roll-back")
