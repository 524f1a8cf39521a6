# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lab as people use it: the playbook, and tasks on its machines."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(shutil.which("haproxy") is None or shutil.which("node") is None, reason="needs haproxy and node")

ROOT = Path(__file__).resolve().parents[2]
TASKS = """\
- name: Tasks on machines
  hosts: controller, hub-gateway
  gather_facts: false
  tasks:
    - name: Run a module where it is
      ansible.builtin.command: ip -oneline address
      register: addresses
      changed_when: false
    - name: Judge where that was
      ansible.builtin.assert:
        that: "('198.18.0.1/24' if inventory_hostname == 'controller' else '203.0.113.10/24') in addresses.stdout"
    - name: Copy a file to a private folder
      ansible.builtin.copy: {content: "of {{ inventory_hostname }}", dest: /run/copied, mode: "0600"}
    - name: Fetch it again
      ansible.builtin.fetch: {src: /run/copied, dest: "{{ fetched }}/{{ inventory_hostname }}", flat: true}
"""


class Playbooks:
    """The lab's inventory in a place of its own, so that its state folder is its own as well."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(ROOT / "inventories" / "lab", folder / "inventories" / "lab")

    @property
    def state(self) -> Path:
        return self.folder / ".state" / "lab"

    def run(self, playbook: Path, *options: str) -> str:
        program = str(Path(sys.executable).with_name("ansible-playbook"))
        inventory = str(self.folder / "inventories" / "lab" / "hosts.yml")
        done = subprocess.run([program, str(playbook), "-i", inventory, *options], capture_output=True, text=True, timeout=200, check=False)
        return f"{done.stdout}\n{done.stderr}\nexit status {done.returncode}"

    def lab(self, *options: str) -> str:
        return self.run(ROOT / "playbooks" / "lab.yml", *options)


@pytest.fixture
def playbooks(tmp_path: Path) -> Iterator[Playbooks]:
    made = Playbooks(tmp_path)
    yield made
    made.lab("-e", "lab_state=absent", "-e", "lab_purge=true")


def test_raised_used_and_removed_by_playbook(playbooks: Playbooks, tmp_path: Path) -> None:
    tasks = tmp_path / "tasks.yml"
    tasks.write_text(TASKS)

    down = playbooks.run(tasks, "-e", f"fetched={tmp_path}")
    assert "the lab is not up" in down
    assert "Run playbooks/lab.yml" in down

    first = playbooks.lab()
    assert "exit status 0" in first, first
    assert "changed=1" in first
    again = playbooks.lab("--check", "--diff")
    assert "changed=0" in again

    used = playbooks.run(tasks, "-e", f"fetched={tmp_path}")
    assert "exit status 0" in used, used
    assert [(tmp_path / name).read_text() for name in ("controller", "hub-gateway")] == ["of controller", "of hub-gateway"]
    assert not Path("/run/copied").exists()

    gone = playbooks.lab("-e", "lab_state=absent", "-e", "lab_purge=true")
    assert "the lab is removed" in gone
    assert not playbooks.state.exists()
    assert "there is no lab" in playbooks.lab("-e", "lab_state=absent")
