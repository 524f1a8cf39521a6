# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What people and machines do to a gateway between two runs: sockets gone, a unit started otherwise, releases half deleted."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import GatewayError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.host import gateway_haproxy as host
from ansible_collections.mojaloop.onboarding.plugins.module_utils.host import gateway_release, gateway_socket

Bench = Any


def status(bench: Bench, participant: str) -> int:
    return int(bench.connect(participant).ask(headers=bench.headers(participant)).status)


def without_bluebank(bench: Bench) -> Any:  # noqa: ANN401
    return bench.with_door(callers=tuple(caller for caller in bench.door.callers if caller.participant != "bluebank"))


@pytest.mark.parametrize("gone", [("master_socket",), ("master_socket", "stats_socket")])
@pytest.mark.parametrize("log", ["stdout", "/dev/log"])
def test_a_haproxy_without_its_sockets_gets_no_second_one_beside_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, gone: tuple[str, ...], log: str
) -> None:
    monkeypatch.setattr(host, "STARTING", 0.5)
    bench.install()
    before = sorted(bench.processes())
    for name in gone:
        Path(getattr(bench.place, name)).unlink()
    bench.model = replace(without_bluebank(bench), log=log)
    with pytest.raises(GatewayError, match="no HAProxy answers on this socket"):
        bench.install()
    assert sorted(bench.processes()) == before
    assert status(bench, "greenbank") == 200


def test_a_unit_that_runs_otherwise_is_not_stopped(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "STARTING", 0.5)
    folder = bench.root / "bin"
    folder.mkdir()
    (folder / "systemctl").write_text(f'#!/bin/sh\necho "$1" >> {folder}/asked\ntest "$1" != start\n')
    (folder / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    bench.place = replace(bench.place, service="haproxy.service")
    with pytest.raises(GatewayError, match=r"haproxy\.service runs, and does not answer on this socket"):
        bench.install()
    assert (folder / "asked").read_text().split() == ["is-active"]
    assert gateway_release.current(bench.place.folder) == ""
