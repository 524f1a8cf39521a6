# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The state matrix of ``firewall`` and ``gateway`` on a host of their own: a real nftables and a real HAProxy in a network namespace."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.module_states import HUB, Matrix, Place, Report, snapshot
from tools.firewall_network import Machine, network, why_not

from ansible_collections.mojaloop.onboarding.plugins.module_utils.lab.material import first_release

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.skipif(bool(why_not()) or shutil.which("haproxy") is None, reason=why_not() or "needs haproxy"),
]

ALL_STEPS = "certificates"
CALLBACKS = Path(__file__).resolve().parents[1] / "support" / "callbacks"


@dataclass(frozen=True)
class Host:
    """The hub's gateway host, and the controller's files about it."""

    folder: Path
    place: Place
    machine: Machine

    @property
    def gateway(self) -> Path:
        """Where HAProxy's files are."""
        return self.folder / "haproxy"

    def run(self, *, check: bool) -> Report:
        """Run both modules as a playbook does; what they report together."""
        given = {"description": str(self.place.description.folder), "state": str(self.place.state), "side": "hub"}
        tasks = [{"name": name, f"mojaloop.onboarding.{name}": given} for name in ("firewall", "gateway")]
        play, inventory, record = (self.folder / name for name in ("play.json", "inventory.json", "record.jsonl"))
        play.write_text(json.dumps([{"name": "States", "hosts": "hub-gateway", "gather_facts": False, "tasks": tasks}]))
        local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        inventory.write_text(json.dumps({"all": {"hosts": {"hub-gateway": local}}}))
        record.unlink(missing_ok=True)
        settings = {
            "ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS),
            "ANSIBLE_CALLBACKS_ENABLED": "record",
            "ONBOARDING_TEST_RECORD": str(record),
        }
        program = [
            str(Path(sys.executable).with_name("ansible-playbook")),
            "-i",
            str(inventory),
            str(play),
            *(["--check"] if check else []),
        ]
        command = ["ip", "netns", "exec", self.machine.name, *program]
        done = subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        results = [json.loads(line)["result"] for line in record.read_text().splitlines()]
        reports = [Report.of(result) for result in results]
        assert len(reports) == len(tasks)
        return Report(any(report.changed for report in reports), tuple(found for report in reports for found in report.findings))

    def snapshot(self) -> object:
        """The kernel's rules with their handles, every file of the gateway, what loads at boot, and HAProxy's processes."""
        rules = self.machine.nft("-a", "list", "ruleset")
        return rules, snapshot(self.gateway, self.folder / "boot"), self._processes()

    def _processes(self) -> list[str]:
        """HAProxy's master and its one worker; the worker before a reload leaves by itself, some time after the run that reloaded."""
        deadline = time.monotonic() + 60
        while True:
            listed = subprocess.run(["ip", "netns", "pids", self.machine.name], capture_output=True, text=True, check=True)
            if len(found := listed.stdout.split()) == 2:
                return found
            assert time.monotonic() < deadline, found
            time.sleep(0.05)

    def admits(self, address: str) -> bool:
        """Whether the kernel lets this address through to the listeners, and the gateway knows it."""
        rules = self.machine.nft("list", "ruleset")
        current = "".join(
            path.read_text(errors="replace") for path in sorted((self.gateway / "current").resolve().rglob("*")) if path.is_file()
        )
        assert (address in rules) is (address in current)
        return address in rules


@pytest.fixture
def host() -> Iterator[Host]:
    folder = Path(tempfile.mkdtemp(prefix="states-"))  # short: the path of a socket has 107 characters at most
    place = Place(folder)
    gateway = {
        "host": "hub-gateway",
        "kind": "haproxy",
        "folder": str(folder / "haproxy"),
        "master_socket": str(folder / "master.sock"),
        "stats_socket": str(folder / "stats.sock"),
        "inbound": [{"address": "203.0.113.10", "port": 8443}],
        "inbound_backend": {"address": "127.0.0.1", "port": 3000},
        "outbound": {"address": "127.0.0.1", "port": 3100},
        "log": "stdout",
    }
    firewall = {"kind": "nftables", "persist_file": str(folder / "boot" / "onboarding.nft")}
    place.description.edit("hub", hub={**HUB["hub"], "gateways": [gateway], "firewall": firewall})
    first_release(folder / "haproxy")
    try:
        with network("203.0.113.10/24", "203.0.113.11/24") as made, haproxy(made.guarded, folder):
            yield Host(folder, place, made.guarded)
    finally:
        shutil.rmtree(folder)


class haproxy:  # noqa: N801 -- used as a function
    """HAProxy as a distribution starts it, on a machine, while it lasts."""

    def __init__(self, machine: Machine, folder: Path) -> None:
        files = ["-S", str(folder / "master.sock"), "-f", str(folder / "haproxy" / "current" / "haproxy.cfg")]
        self._command = ["ip", "netns", "exec", machine.name, "haproxy", "-W", *files]
        self._folder = folder

    def __enter__(self) -> None:
        with (self._folder / "haproxy.log").open("w") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        deadline = time.monotonic() + 10
        while not (self._folder / "master.sock").exists():
            assert self._process.poll() is None, (self._folder / "haproxy.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def __exit__(self, *_error: object) -> None:
        self._process.terminate()
        self._process.wait(10)


# Act, what happens, and artefact kinds with reasons that must be among what both modules find.
ACTS: tuple[tuple[str, Callable[[Place], None], frozenset[tuple[str, str, str]]], ...] = (
    (
        "create: two participants are described",
        lambda _place: None,
        frozenset({("firewall", "greenbank", "address-missing"), ("firewall", "bluebank", "address-missing")}),
    ),
    (
        "change: a participant gets another address",
        lambda place: place.description.edit("greenbank", egress_addresses=["203.0.113.25/32"]),
        frozenset({("firewall", "greenbank", "address-missing"), ("firewall", "greenbank", "address-unwanted")}),
    ),
    (
        "remove: a participant is offboarded",
        lambda place: place.description.edit("greenbank", state="offboarded"),
        frozenset({("firewall", "greenbank", "address-unwanted")}),
    ),
)


def test_firewall_and_gateway_pass_the_state_matrix(host: Host) -> None:
    matrix = Matrix(lambda check: host.run(check=check), host.snapshot)
    assert not host.admits("203.0.113.21")
    for (act, happens, expected), admitted in zip(ACTS, ("203.0.113.21", "203.0.113.25", "203.0.113.31"), strict=True):
        happens(host.place)
        report = matrix.walk(act, earlier=lambda: host.place.run(ALL_STEPS))
        found = {(finding[3].partition("/")[0], finding[0], finding[4]) for finding in report.findings}
        assert report.changed, act
        assert expected <= found, (act, sorted(found))
        assert {kind for kind, _participant, _reason in found} == {"firewall", "gateway"}, (act, sorted(found))
        assert host.admits(admitted), act
    assert not host.admits("203.0.113.25")
    matrix.rest("afterwards")
