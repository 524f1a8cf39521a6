# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A gateway's change killed at every system call: the inbound listener serves on, and the next run settles what is in force."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import pytest
from contract.gateway.conftest import Bench, bench, driver  # noqa: F401 -- fixtures
from support.counting import record_count
from support.depth import sample
from support.supervisor import CHANGING, KILL, PASS, Call, Ended, Watch, supervise, why_not

from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import GatewayError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.model import GatewayModel
from ansible_collections.mojaloop.onboarding.plugins.module_utils.host import gateway_socket
from ansible_collections.mojaloop.onboarding.plugins.modules import gateway as module

pytestmark = [
    pytest.mark.skipif(bool(why_not()) or not shutil.which("haproxy"), reason=why_not() or "needs haproxy"),
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
    pytest.mark.timeout(3600),
]
SECONDS = 4.0
"""After which a change that no one confirms is undone."""


def changed_release(bench: Bench) -> GatewayModel:  # noqa: F811
    """Another server certificate, and one participant less."""
    renewed = bench.hub_ca.identity("api.hub.test", server=True)
    return bench.with_inbound(identity=renewed, callers=bench.inbound.callers[:1])


def changed_maps(bench: Bench) -> GatewayModel:  # noqa: F811
    """One participant less: nothing but maps."""
    return bench.with_inbound(callers=bench.inbound.callers[:1])


def change(bench: Bench, wanted: GatewayModel) -> bool:  # noqa: F811
    bench.model = wanted
    return bool(bench.confirm(bench.apply(seconds=SECONDS)["ticket"]))


def supervised(bench: Bench, wanted: GatewayModel, decide: Callable[[Call], int]) -> Ended:  # noqa: F811
    def work() -> bool:
        os.umask(0o077)
        return change(bench, wanted)

    return supervise(work, Watch((str(bench.root),), CHANGING | {"sendto", "sendmsg"}), decide, stay=True)


def run(bench: Bench, wanted: GatewayModel) -> None:  # noqa: F811
    """What a run does: look at the host once nothing can be undone any more, and change what differs."""
    bench.model = wanted
    place = bench.place
    module.carry_out({"do": "observe", "kind": "haproxy", "place": asdict(place), "seconds": SECONDS, "sources": []})
    if bench.plan().changes:
        assert change(bench, wanted)


def presented(bench: Bench) -> bytes:  # noqa: F811
    """The certificate that the listener shows; the request with it is answered."""
    connection = bench.connect("greenbank")
    shown = connection.client.sock.getpeercert(binary_form=True)
    assert isinstance(shown, bytes)
    assert connection.ask(headers=bench.headers()).status == 200
    return shown


def certificate(model: GatewayModel) -> bytes:
    assert model.inbound is not None
    return ssl.PEM_cert_to_DER_cert(model.inbound.identity.certificate.decode())


def check_converged(bench: Bench, wanted: GatewayModel, point: object) -> None:  # noqa: F811
    assert presented(bench) == certificate(wanted), point
    assert bench.plan().findings == (), point
    assert not list(Path(bench.place.folder).glob(".staging-*")), point
    assert not list(Path(bench.place.folder, "rollback").glob("[!f]*")), point
    keys = [path for path in Path(bench.place.folder).rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()]
    assert {path.relative_to(bench.place.folder).parts[0] for path in keys} <= {"releases"}, (point, keys)
    assert len(list(Path(bench.place.folder, "releases").iterdir())) <= 2, point
    assert {path.stat().st_mode & 0o777 for path in keys} == {0o600}, point


@pytest.mark.parametrize(("other", "every"), [(changed_release, 31), (changed_maps, 31)], ids=["release", "maps"])
def test_a_change_killed_anywhere_leaves_the_listener_serving(bench: Bench, other: Callable[[Bench], GatewayModel], every: int) -> None:  # noqa: F811
    states = (bench.model, other(bench))
    bench.install()
    ended = supervised(bench, states[1], lambda _call: PASS)
    assert ended.answer, ended.error
    points = sample(ended.calls, every)
    old = 1
    for point in points:
        wanted = states[1 - old]
        # Going back is a call or two shorter or longer than going there.
        supervised(bench, wanted, lambda call, at=point.ordinal: KILL if call.ordinal == at else PASS)  # type: ignore[misc]
        assert presented(bench) in {certificate(state) for state in states}, point
        run(bench, wanted)
        check_converged(bench, wanted, point)
        old = 1 - old
    record_count("kill points of gateway changes", len(points), of=len(ended.calls))


def test_a_call_that_fails_is_reported_and_leaves_the_listener_serving(bench: Bench) -> None:  # noqa: F811
    states = (bench.model, changed_release(bench))
    bench.install()
    ended = supervised(bench, states[1], lambda _call: PASS)
    run(bench, states[0])
    calls = [call for call in ended.calls if call.name in {"openat", "write", "fsync", "rename", "mkdir", "symlink"}]
    points = sample(calls, 29)
    for point in points:
        failed = supervised(bench, states[1], lambda call, at=point.ordinal: errno.ENOSPC if call.ordinal == at else PASS)  # type: ignore[misc]
        if failed.error is not None:
            assert isinstance(failed.error, (GatewayError, OSError)), (point, failed.error)
            assert "No space left" in str(failed.error), (point, failed.error)
        assert presented(bench) in {certificate(state) for state in states}, point
        run(bench, states[0])
        check_converged(bench, states[0], point)
    record_count("failing system calls of gateway changes", len(points), of=len(calls))


def stop(bench: Bench) -> None:  # noqa: F811
    """End the gateway and forget that it was there."""
    with suppress(OSError, StopIteration):
        for process in [gateway_socket.master(bench.place.master_socket), *map(int, gateway_socket.workers(bench.place.master_socket))]:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
    shutil.rmtree(bench.place.folder)
    for path in (bench.place.master_socket, bench.place.stats_socket):
        Path(path).unlink(missing_ok=True)


def test_a_first_installation_killed_anywhere_is_settled_by_the_next(bench: Bench) -> None:  # noqa: F811
    """There is no old state to serve; what counts is that the next run ends with the listener open."""
    ended = supervised(bench, bench.model, lambda _call: PASS)
    assert ended.answer, ended.error
    points = sample(ended.calls, 37)
    for point in points:
        stop(bench)
        killed = supervised(bench, bench.model, lambda call, at=point.ordinal: KILL if call.ordinal == at else PASS)  # type: ignore[misc]
        # How often the sockets are asked depends on how quick the gateway is: the last points may not be reached.
        assert killed.killed or killed.answer, point
        run(bench, bench.model)
        check_converged(bench, bench.model, point)
    record_count("kill points of gateway changes", len(points), of=len(ended.calls))
