# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The steps as tasks: in the playbook's own process or in a module's, with the same result."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from unit.steps.conftest import site

PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  vars: {ansible_python_interpreter: "{{ ansible_playbook_python }}"}
  %(play)s
  tasks:
    - mojaloop.onboarding.certificates: {description: %(description)s, state: %(state)s}
      register: done
    - mojaloop.onboarding.certificates: {description: %(description)s, state: %(state)s, steps: [generate]}
      register: again
    - ansible.builtin.copy:
        dest: %(results)s
        mode: "0600"
        content: "{{ {'done': done, 'again': again} | to_json }}"
      check_mode: false
"""


def run(folder: Path, play: str = "", *options: str) -> tuple[dict[str, Any], str]:
    site(folder, "greenbank")
    results = folder / "results.json"
    text = PLAY % {"play": play, "description": folder / "description", "state": folder / "state", "results": results}
    (folder / "play.yml").write_text(text, encoding="utf-8")
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", "-vvv", *options, str(folder / "play.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240, env={**os.environ, "ANSIBLE_NOCOLOR": "1"})
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(results.read_text(encoding="utf-8")), done.stdout


@pytest.mark.parametrize(("play", "in_module"), [("", False), ("environment: {A_VARIABLE: x}", True)])
def test_both_ways_do_the_same(tmp_path: Path, play: str, *, in_module: bool) -> None:
    planned, _ = run(tmp_path, play, "--check", "--diff")
    assert not (tmp_path / "state").exists()
    found, output = run(tmp_path, play)
    # Only a module has a process that Ansible starts and shows.
    assert ("AnsiballZ_certificates.py" in output) == in_module
    assert (found["done"]["changed"], found["done"]["faults"], found["again"]["changed"]) == (True, 0, False)
    assert [plain(finding) for finding in planned["done"]["findings"]] == [plain(finding) for finding in found["done"]["findings"]]
    assert "server missing -> change" in planned["done"]["diff"]["prepared"]


def plain(finding: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in finding.items() if name != "detail"}


@pytest.mark.parametrize("play", ["", "environment: {A_VARIABLE: x}"])
def test_both_ways_fail_alike(tmp_path: Path, play: str) -> None:
    (tmp_path / "state").write_text("not a folder", encoding="utf-8")
    with pytest.raises(AssertionError, match="FAILED") as failed:
        run(tmp_path, play)
    assert "Traceback" not in str(failed.value)
    assert str(tmp_path / "state") in str(failed.value)
