# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What people and machines do to a gateway between two runs: sockets gone, a unit started otherwise, releases half deleted."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.gateways import described

from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import GatewayError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.host import gateway_change, gateway_release, gateway_socket, releases

PRODUCTS = ("haproxy",)

Bench = Any


def stop(bench: Bench) -> None:
    """As a kill by hand, or a boot without a unit."""
    master = gateway_socket.master(bench.place.master_socket)
    os.kill(master, signal.SIGTERM)
    os.waitpid(master, 0)


def status(bench: Bench, participant: str) -> int:
    return int(bench.connect(participant).ask(headers=bench.headers(participant)).status)


def without_bluebank(bench: Bench) -> Any:  # noqa: ANN401
    return bench.with_inbound(callers=tuple(caller for caller in bench.inbound.callers if caller.participant != "bluebank"))


@pytest.mark.parametrize("gone", [("master_socket",), ("master_socket", "stats_socket")])
@pytest.mark.parametrize("log", ["stdout", "/dev/log"])
def test_a_haproxy_without_its_sockets_gets_no_second_one_beside_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, gone: tuple[str, ...], log: str
) -> None:
    monkeypatch.setattr(gateway_change, "STARTING", 0.5)
    bench.install()
    before = sorted(bench.processes())
    for name in gone:
        Path(getattr(bench.place, name)).unlink()
    bench.model = described(without_bluebank(bench), log=log)
    with pytest.raises(GatewayError, match="no HAProxy answers on this socket"):
        bench.install()
    assert sorted(bench.processes()) == before
    assert status(bench, "greenbank") == 200


def test_a_unit_that_runs_otherwise_is_not_stopped(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_change, "STARTING", 0.5)
    folder = bench.root / "bin"
    folder.mkdir()
    (folder / "systemctl").write_text(f'#!/bin/sh\necho "$1" >> {folder}/asked\ntest "$1" != start\n')
    (folder / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    bench.place = replace(bench.place, service="haproxy.service")
    with pytest.raises(GatewayError, match=r"haproxy\.service runs, and does not answer on this socket"):
        bench.install()
    assert (folder / "asked").read_text().split() == ["is-active"]
    assert releases.current(bench.place.folder) == ""


def test_a_narrowed_run_starts_what_was_stopped_with_everybody_elses_entries(bench: Bench) -> None:
    bench.install()
    stop(bench)
    assert bench.confirm(bench.apply(bench.plan({"greenbank"}))["ticket"])
    assert [status(bench, name) for name in ("greenbank", "bluebank")] == [200, 200]
    assert bench.plan().findings == ()


def test_a_narrowed_run_keeps_everybody_elses_entries_where_a_map_is_gone_from_the_disk(bench: Bench) -> None:
    bench.install()
    for name in ("allowed", "fingerprints"):
        (bench.place.release / "maps" / f"{name}.map").unlink()
    assert bench.confirm(bench.apply(bench.plan({"greenbank"}))["ticket"])
    assert status(bench, "bluebank") == 200
    assert bench.plan().findings == ()


def no_folder(release: Path) -> None:
    shutil.rmtree(release.resolve())


def no_destination(release: Path) -> None:
    shutil.rmtree(release / "destinations" / "bluebank")


def no_configuration(release: Path) -> None:
    (release / gateway_release.CONFIGURATION).unlink()


def another_map(release: Path) -> None:
    shutil.copy(release / "maps" / "networks.map", release / "maps" / "networks-before.map")


def garbage(release: Path) -> None:
    (release / "server.pem").write_bytes(b"-----BEGIN CERTIFICATE-----\n\xff\n-----END CERTIFICATE-----\n")
    (release / "maps" / "networks.map").write_bytes(b"\xff\xfe 1\n")


@pytest.mark.parametrize("harm", [no_folder, no_configuration, another_map, garbage])
def test_what_was_damaged_by_hand_is_found_and_made_whole_in_one_run(bench: Bench, harm: Callable[[Path], None]) -> None:
    bench.install()
    harm(bench.place.release)
    assert bench.plan().changes
    bench.install()
    assert bench.plan().findings == ()
    assert status(bench, "greenbank") == 200


@pytest.mark.parametrize("harm", [no_folder, no_destination])
def test_a_narrowed_run_ends_no_calls_to_others_whose_files_were_deleted(
    bench: Bench,
    destination: Bench,
    harm: Callable[[Path], None],
) -> None:
    called = [destination(name, bench.backend, bench.hub_ca.pem, bench.clients[name]) for name in ("greenbank", "bluebank")]
    bench.install(bench.with_destinations(*called))
    harm(bench.place.release)
    with pytest.raises(GatewayError, match=r"gateway/.*: the installed files of bluebank are gone.*Run for all participants\."):
        bench.plan({"greenbank"})
    assert bench.plan({"bluebank", "greenbank"}).changes
    bench.install()
    assert bench.plan({"greenbank"}).findings == ()


def test_a_file_among_the_releases_is_in_no_ones_way(bench: Bench) -> None:
    bench.install()
    note = Path(bench.place.folder, "releases", "README")
    note.write_text("do not touch\n")
    bench.install(described(bench.model, log="/dev/log"))
    assert note.exists()
    assert bench.plan().findings == ()
