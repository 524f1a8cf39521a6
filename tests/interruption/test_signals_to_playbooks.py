# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An operator ends ansible-playbook in the middle of making keys: the next run finishes, the third changes nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.counting import record_count
from support.playbooks import ROOT, Played, play
from support.state_world import HUB, PARTICIPANT, check_serials, files, marks, open_to_others, private_keys

SLOW_KEYS = "keys: {tls: rsa-4096, jws: rsa-3072}"
"""Keys that take their time: a signal arrives while they are made."""


@dataclass
class Operator:
    """Someone at a terminal, with a playbook that makes the keys and certificates of two sides."""

    folder: Path

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def inventory(self) -> Path:
        return self.folder / "tests" / "hosts.yml"

    @property
    def environment(self) -> dict[str, str]:
        return {"ANSIBLE_ROLES_PATH": str(ROOT / "roles"), "ANSIBLE_LOCAL_TEMP": str(self.folder / "tmp")}

    def describe(self) -> None:
        (self.inventory.parent / "participants").mkdir(parents=True)
        fast = "keys: {tls: ec-p256, jws: rsa-2048}"
        (self.inventory.parent / "hub.yml").write_text(HUB.replace(fast, SLOW_KEYS), encoding="utf-8")
        participant = PARTICIPANT.format(name="greenbank", number=2).replace(fast, SLOW_KEYS)
        (self.inventory.parent / "participants/greenbank.yml").write_text(participant, encoding="utf-8")
        local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        inventory = {"plugin": "mojaloop.onboarding.hub", "state": str(self.state), "hosts": {"all": local}}
        self.inventory.write_text(json.dumps(inventory), encoding="utf-8")
        steps = [{"name": "Make", "hosts": "controller", "gather_facts": False, "roles": ["certificates"]}]
        (self.folder / "play.yml").write_text(json.dumps(steps), encoding="utf-8")

    def start(self) -> subprocess.Popen[bytes]:
        command = [str(Path(sys.executable).parent / "ansible-playbook"), str(self.folder / "play.yml"), "-i", str(self.inventory)]
        # A group of its own, as a shell at a terminal makes it.
        return subprocess.Popen(
            command,
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.folder,
            start_new_session=True,
        )

    def run(self) -> Played:
        return play(str(self.folder / "play.yml"), self.inventory, record=self.folder / "record", environment=self.environment)


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Operator]:
    made = Operator(tmp_path)
    made.describe()
    yield made
    for process in left_over(tmp_path):
        os.kill(process, signal.SIGKILL)


def left_over(folder: Path) -> list[int]:
    """Processes whose command line names this test's folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (path / "cmdline").read_bytes():
                found.append(int(path.name))
        except OSError:
            continue
    return found


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} was never made"
        time.sleep(0.02)


ALL, ONE = "the whole group", "ansible-playbook alone"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "whom"),
    [
        pytest.param(signal.SIGINT, ALL, id="ctrl-c"),
        pytest.param(signal.SIGTERM, ONE, id="terminated"),
        pytest.param(signal.SIGTERM, ALL, id="group-terminated", marks=pytest.mark.deep),
        pytest.param(signal.SIGHUP, ALL, id="terminal-closed", marks=pytest.mark.deep),
        pytest.param(signal.SIGKILL, ONE, id="killed"),
        pytest.param(signal.SIGKILL, ALL, id="group-killed", marks=pytest.mark.deep),
    ],
)
def test_a_playbook_ended_in_the_middle_is_finished_by_the_next(operator: Operator, number: int, whom: str) -> None:
    with operator.start() as playbook:
        wait_for(operator.state / "store/hub/server/key.pem")
        os.killpg(playbook.pid, number) if whom == ALL else os.kill(playbook.pid, number)
        output, _ = playbook.communicate(timeout=60)
        assert playbook.returncode != 0, output.decode()
    killed = files(operator.state)
    again = operator.run()
    assert again.status == 0, again.output
    then = files(operator.state)
    for place, digest in private_keys({name: data for name, data in killed.items() if "/." not in name}).items():
        assert private_keys(then)[place] == digest
    check_serials(killed, then, whom)
    assert len(private_keys(then)) == len(("ca", "server", "client", "jws", "exchange")) * 2
    assert not [name for name in then if "/." in name]
    assert open_to_others(operator.state) == []
    before = marks(operator.state)
    third = operator.run()
    assert (third.status, third.changed) == (0, [])
    assert marks(operator.state) == before
    assert left_over(operator.folder) == []
    record_count("ended playbooks", 1)
