# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A run of ansible-playbook is killed (SIGKILL): no private key stays on the controller outside its store."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from support.playbooks import ROOT
from support.trees import use_cheap_keys
from unit.steps.conftest import HUB, Site, site

from .test_signals_to_playbooks import left_over

SECRET = b"PRIVATE KEY"


@pytest.fixture
def controller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """An onboarded environment whose hub has a gateway that is not configured yet."""
    use_cheap_keys(monkeypatch)
    made = site(tmp_path, "greenbank")
    gateway = {
        "host": "hub-gateway", "kind": "haproxy", "folder": str(tmp_path / "haproxy"), "log": "stdout",
        "master_socket": str(tmp_path / "master.sock"), "stats_socket": str(tmp_path / "stats.sock"),
        "inbound": [{"address": "203.0.113.10", "port": 8443}], "inbound_backend": {"address": "127.0.0.1", "port": 3000},
        "outbound": {"address": "127.0.0.1", "port": 3100},
    }  # fmt: skip
    made.hub["hub"] = {**HUB["hub"], "gateways": [gateway]}
    made.describe().run()
    return made


@contextmanager
def playbook(
    controller: Site, tasks: list[dict[str, Any]], *arguments: str, connection: str = "local"
) -> Iterator[subprocess.Popen[bytes]]:
    """A playbook of these tasks, whose temporary files are all below the test's folder; killed with its children at the end."""
    root = controller.root
    play = root / f"play-{time.monotonic_ns()}.json"
    given = {"ansible_connection": connection, "ansible_python_interpreter": sys.executable}
    (root / "hosts.json").write_text(json.dumps({"all": {"hosts": {"hub-gateway": given}}}))
    play.write_text(json.dumps([{"name": "Run", "hosts": "all", "gather_facts": False, "tasks": tasks}]))
    (root / "temporary").mkdir(exist_ok=True)
    environment = {
        **os.environ, "TMPDIR": str(root / "temporary"), "ANSIBLE_HOME": str(root / "temporary" / "home"),
        "ANSIBLE_LOCAL_TEMP": str(root / "temporary" / "local"), "ANSIBLE_REMOTE_TEMP": str(root / "host"),
        "ANSIBLE_CONNECTION_PLUGINS": str(ROOT / "tests" / "support" / "connections"), "ONBOARDING_TEST_MARKER": str(root / "marker"),
    }  # fmt: skip
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(root / "hosts.json"), str(play), *arguments]
    output = (root / "output").open("wb")
    with (
        output,
        subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True) as run,
    ):
        try:
            yield run
        finally:
            kill(run)


def kill(run: subprocess.Popen[bytes]) -> None:
    """The playbook and its workers, which are in groups of their own: all processes with its command line."""
    assert isinstance(run.args, list)
    named = next(word for word in run.args if "/play-" in word)
    while left := left_over(Path(named)):
        for process in left:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        run.wait(30)


def module(controller: Site, name: str, **arguments: object) -> dict[str, Any]:
    given = {"description": str(controller.root / "description"), "state": str(controller.state), **arguments}
    return {"name": name, f"mojaloop.onboarding.{name}": given}


def wait_for(controller: Site, pattern: str) -> Path:
    """The first file of this pattern in the test's folder."""
    deadline = time.monotonic() + 120
    while not (found := sorted(controller.root.glob(pattern))):
        assert time.monotonic() < deadline, (controller.root / "output").read_text(errors="replace")
        time.sleep(0.05)
    return found[0]


def secrets_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink() and SECRET in path.read_bytes()]


def test_a_gateways_archive_does_not_outlive_the_run(controller: Site) -> None:
    with playbook(controller, [module(controller, "gateway", side="hub")], connection="stuck") as run:
        in_flight = Path(wait_for(controller, "marker").read_text(encoding="utf-8"))
        assert SECRET in in_flight.read_bytes(), "the control: the archive can be read while it is sent"
        kill(run)
    # A killed process gives up its command line before its files.
    deadline = time.monotonic() + 30
    while in_flight.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert secrets_in(controller.root / "temporary") == []
    assert secrets_in(controller.root / "host") == []
    assert secrets_in(controller.state), "the control: the search finds keys"


def test_a_killed_dry_runs_plan_is_removed_by_the_next_run(controller: Site) -> None:
    controller.participants["greenbank"]["endpoint"]["url"] = "https://new.greenbank.example"
    controller.describe()
    steps = module(controller, "certificates", sides=["all"])
    with playbook(controller, [steps, {"name": "Wait", "ansible.builtin.pause": {"seconds": 600}}], "--check") as run:
        plan = wait_for(controller, "temporary/local/ansible-local-*/onboarding-*/current/plan/plan.json")
        kill(run)
    assert plan.exists(), "the control: nothing but the next run removes it"
    with playbook(controller, [steps, {"name": "Wait", "ansible.builtin.pause": {"seconds": 600}}], "--check") as other:
        theirs = wait_for(controller, f"temporary/local/ansible-local-{other.pid}*/onboarding-*/current/plan/plan.json")
        assert not plan.exists()
        with playbook(controller, [steps]) as third:
            assert third.wait(120) == 0, (controller.root / "output").read_text(errors="replace")
        assert theirs.exists(), "what a run that goes on has planned stays"
    assert secrets_in(controller.root / "host") == []
