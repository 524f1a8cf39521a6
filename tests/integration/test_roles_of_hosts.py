# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The roles firewall and gateway as playbooks use them: what is given with ``-e`` reaches them, and no one else's host is touched."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tools import repository

Play = Callable[..., subprocess.CompletedProcess[str]]
# No one listens there: whoever asks the host fails.
NOWHERE = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1, "ansible_ssh_timeout": 2}


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Carries out one of the roles on a host of the lab's description that cannot be reached."""

    def run(role: str, host: str, *options: str, **variables: object) -> subprocess.CompletedProcess[str]:
        file = tmp_path / "play.json"
        file.write_text(json.dumps([{"name": "Role", "hosts": host, "gather_facts": False, "roles": [role]}]))
        program = [str(Path(sys.executable).with_name("ansible-playbook")), str(file), "-i", "inventories/lab/hosts.yml", *options]
        program += ["-e", json.dumps({"onboarding_state": str(tmp_path / "state"), **NOWHERE, **variables})]
        roles = {"ANSIBLE_ROLES_PATH": str(repository.ROOT / "roles")}
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(tmp_path), "LC_ALL": "C.UTF-8", **roles}
        return subprocess.run(program, cwd=repository.ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)

    return run


@pytest.mark.parametrize("role", ["firewall", "gateway"])
def test_only_the_hubs_half_leaves_the_hosts_of_participants_alone(play: Play, role: str) -> None:
    left = play(role, "greenbank-gateway", "-e", "sides=hub", "-v")
    assert left.returncode == 0, left.stdout
    assert "greenbank is not among the sides carried out here: hub" in left.stdout
    assert "changed=0" in left.stdout
    asked = play("firewall", "greenbank-gateway", "-e", "sides=managed")
    assert "unreachable=1" in asked.stdout


@pytest.mark.parametrize("options", [(), ("--check",)])
def test_a_gateway_with_privilege_escalation_is_refused_before_it_is_asked(play: Play, options: tuple[str, ...]) -> None:
    refused = play("gateway", "hub-gateway", *options, ansible_become=True)
    assert "keys are not sent with privilege escalation" in refused.stdout
    assert "failed=1" in refused.stdout
    # Control: without it there is only no certificate yet.
    control = play("gateway", "hub-gateway", *options)
    assert "privilege escalation" not in control.stdout
    assert "failed=0" in control.stdout


@pytest.mark.parametrize("role", ["firewall", "gateway"])
@pytest.mark.parametrize("given", ["soon", 0])
def test_a_wrong_time_to_confirm_within_is_refused_in_words(play: Play, role: str, given: object) -> None:
    refused = play(role, "hub-gateway", **{f"{role}_confirm_within": given})
    assert "failed=1" in refused.stdout
    assert "confirm_within" in refused.stdout
    assert "Traceback" not in refused.stdout + refused.stderr
