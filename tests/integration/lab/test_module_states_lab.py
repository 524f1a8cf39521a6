# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The state matrix of ``lab``: a real lab of the hub and one self-hosted participant is raised, changed and removed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.module_states import Matrix, Report, snapshot

from ansible_collections.mojaloop.onboarding.plugins.module_utils.lab import vantage
from ansible_collections.mojaloop.onboarding.plugins.module_utils.lab.holder import find_holder

pytestmark = pytest.mark.skipif(shutil.which("haproxy") is None or shutil.which("node") is None, reason="needs haproxy and node")

ROOT = Path(__file__).resolve().parents[3]
# The module in a process of its own: it forks into namespaces, which is not for a process with threads.
DRIVER = """
import json, sys
from support.module_states import call
from ansible_collections.mojaloop.onboarding.plugins.modules import lab
print(json.dumps(call(lab.main, **json.loads(sys.argv[1]))))
"""


@dataclass(frozen=True)
class Lab:
    """A lab of the test's own."""

    folder: Path

    @property
    def description(self) -> Path:
        return self.folder / "description"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def run(self, *, check: bool, **options: object) -> Report:
        """Run the module; its differences in the form of findings."""
        given = {"description": str(self.description), "state_folder": str(self.state), "tools": str(ROOT / "tests/lab"), **options}
        command = [sys.executable, "-c", DRIVER, json.dumps({**given, "_ansible_check_mode": check})]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environment)
        assert done.returncode == 0, done.stderr
        result: dict[str, Any] = json.loads(done.stdout)
        assert not result.get("failed"), result
        lines = [*result["advanced"], *result["differences"]]
        return Report(result["changed"], tuple(("", "", "", *_parts(line), "change", "") for line in lines))

    def snapshot(self) -> object:
        """Every file of the state folder, and every machine and program with the number and start of its process."""
        running = ""
        if find_holder(self.state) is not None:
            listing = ["grep", "-r", "", "/run/lab/machines", "/run/lab/services"]
            command = [*vantage.enter_command(self.state, "controller"), *listing]
            running = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout
            assert running
        files = snapshot(self.state, without=["mtab"])  # a machine's /etc/mtab shows what is mounted on this computer
        return files, sorted(running.splitlines())


def _parts(line: str) -> tuple[str, str]:
    what, _, reason = line.rpartition(": ")
    return what, reason


@pytest.fixture
def lab() -> Iterator[Lab]:
    made = Lab(Path(tempfile.mkdtemp(prefix="states-")))
    shutil.copytree(ROOT / "inventories/lab", made.description)
    for name in ("greenbank", "bluebank", "probe-one", "probe-two"):
        (made.description / "participants" / f"{name}.yml").unlink()
    hub = made.description / "hub.yml"
    before, _, rest = hub.read_text().partition("  authorization_server:")
    hub.write_text(before + "\ndefaults:" + rest.partition("\ndefaults:")[2])
    try:
        yield made
    finally:
        made.run(check=False, state="absent", purge=True)
        shutil.rmtree(made.folder)


def test_lab_passes_the_state_matrix(lab: Lab) -> None:
    raised = Matrix(lambda check: lab.run(check=check, state="present"), lab.snapshot)
    created = raised.walk("create: the lab is raised")
    assert created.reasons >= {("lab", "lab-down"), ("redbank", "machine-missing"), ("hub-gateway haproxy", "service-down")}
    raised.rest("raised")

    file = lab.description / "participants" / "redbank.yml"
    file.write_text(file.read_text().replace("203.0.113.41/32", "203.0.113.42/32"))
    changed = raised.walk("change: a participant gets another address")
    assert changed.reasons == {("redbank", "addresses-differ"), ("redbank backend", "service-differs")}
    raised.rest("changed")

    removed = Matrix(lambda check: lab.run(check=check, state="absent", purge=True), lab.snapshot)
    gone = removed.walk("remove: the lab is removed")
    assert gone.changed
    assert find_holder(lab.state) is None
    assert not lab.state.exists()
    removed.rest("removed")
