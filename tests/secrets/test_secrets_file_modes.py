# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""No file of a state folder is open to others for an instant, whatever the umask: the kernel tells of every one as it appears.

A watcher may come too late to a file whose mode is set right at once. So the steps are played with calls that set modes
taken away as well: every file must be made with the right mode.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.watching import Modes

from ansible_collections.mojaloop.onboarding.plugins.module_utils.lab.processes import wait_until

from .environment import Environment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture
def _no_umask() -> Iterator[None]:
    umask = os.umask(0)
    yield
    os.umask(umask)


def open_to_others(root: Path) -> list[str]:
    """What is open to others now."""
    return [f"{path} {path.lstat().st_mode & 0o777:04o}" for path in [root, *root.rglob("*")] if path.lstat().st_mode & 0o077]


@pytest.mark.usefixtures("_no_umask")
@pytest.mark.parametrize("process", ["of the playbook", "of a module"])
def test_nothing_is_ever_open_to_others(canaries: Environment, tmp_path: Path, process: str) -> None:
    canaries.begin_anew(mode=0o700)
    played = "onboard.yml" if process == "of the playbook" else canaries.steps(tmp_path, environment={"OWN": "process"})
    modes = Modes(canaries.state)
    with modes.watched():
        run = canaries.play(played, environment={"ONBOARDING_TEST_NO_CHMOD": "yes"})
    assert sum(entry["result"].get("faults", 0) for entry in run.played.results) == 0, run.played.output[-2000:]
    assert modes.open == set()
    assert modes.seen > 300
    assert open_to_others(canaries.state) == []
    assert (canaries.state / "store/greenbank/oauth/credentials.json").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in canaries.state.iterdir()) == ["exchange", "journal", "store"]


@pytest.mark.parametrize("deed", ["touch('x')", "mkdir('x', 0o755)", "touch('deep/er/x')", "rename('moved', 'x')"])
def test_what_is_open_to_others_is_noticed(tmp_path: Path, deed: str) -> None:
    root = tmp_path / "state"
    root.mkdir(0o700)
    (tmp_path / "moved").touch()
    script = f"""
import os
os.umask(0o022)
def touch(path):
    os.makedirs(os.path.dirname(path) or ".", 0o700, exist_ok=True)
    open(path, "w").close()
def mkdir(path, mode): os.mkdir(path, mode)
def rename(source, target): os.rename("../" + source, target)
{deed}
"""
    modes = Modes(root)
    with modes.watched():
        subprocess.run([sys.executable, "-c", script], cwd=root, check=True)
    assert any(each.endswith((" 0644", " 0755")) for each in modes.open), modes.open


def test_a_mode_that_is_right_only_in_the_end_is_noticed(tmp_path: Path) -> None:
    # It is open to others until the watcher had time to look, and no longer.
    script = """
import os, sys
os.umask(0)
handle = os.open("key", os.O_CREAT | os.O_WRONLY, 0o644)
sys.stdin.readline()
os.fchmod(handle, 0o600)
"""
    modes = Modes(tmp_path)
    tmp_path.chmod(0o700)
    with modes.watched(), subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path, stdin=subprocess.PIPE) as late:
        assert wait_until(lambda: modes.seen > 0, 60)
        late.communicate(b"\n")
    assert late.returncode == 0
    assert open_to_others(tmp_path) == []
    assert modes.open == {"key 0644"}


def test_without_the_call_that_sets_modes_a_late_one_is_found_in_the_end(tmp_path: Path) -> None:
    breaking = Path(__file__).with_name("breaking")
    script = "import os; os.umask(0); handle = os.open('key', os.O_CREAT | os.O_WRONLY, 0o644); os.fchmod(handle, 0o600)"
    tmp_path.chmod(0o700)
    for taken, found in (({}, 0), ({"ONBOARDING_TEST_NO_CHMOD": "yes"}, 1)):
        (tmp_path / "key").unlink(missing_ok=True)
        # The last argument makes it one of the processes that carry out steps.
        command = [sys.executable, "-c", script, "AnsiballZ"]
        subprocess.run(command, cwd=tmp_path, check=True, env={**os.environ, "PYTHONPATH": str(breaking), **taken})
        assert len(open_to_others(tmp_path)) == found
