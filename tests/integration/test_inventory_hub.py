# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The inventory of a description under the real programs: hosts, refusals, and hostile files that execute nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tools.description_files import Folder

PROGRAMS = Path(sys.executable).parent
INVENTORY = str(PROGRAMS / "ansible-inventory")
PLAYBOOK = str(PROGRAMS / "ansible-playbook")

HOSTS = """\
plugin: mojaloop.onboarding.hub
installation: [hub, greenbank]
hosts:
  all:
    ansible_user: onboarding
  hub-gateway:
    ansible_host: 10.1.0.10
  greenbank-gateway: {}
  controller:
    on_the_controller: "{{ 1 + 1 }}"
"""

PLAY = """\
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.debug:
        var: hostvars[inventory_hostname]
"""

Command = subprocess.CompletedProcess[str]


class Runs:
    """Real runs of Ansible on one description."""

    def __init__(self, folder: Folder, base: Path) -> None:
        self.folder = folder
        self.base = base
        self.marker = base / "executed"
        (base / "play.yml").write_text(PLAY, encoding="utf-8")
        folder.write("hosts.yml", HOSTS)

    @property
    def file(self) -> str:
        return str(self.folder.path / "hosts.yml")

    def lookup(self) -> str:
        """A template that leaves a mark where it is evaluated."""
        return "{{ lookup('pipe', 'touch " + str(self.marker) + "') }}"

    def program(self, *command: str, cwd: Path | None = None) -> Command:
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd or self.base, timeout=120)

    def listed(self) -> dict[str, Any]:
        done = self.program(INVENTORY, "-i", self.file, "--list", "--export")
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def play(self, *arguments: str) -> Command:
        return self.program(PLAYBOOK, *arguments, str(self.base / "play.yml"))


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(Folder.made(tmp_path / "inventories" / "live"), tmp_path)


def unsafe(value: object) -> object:
    """The text of a value that Ansible will not evaluate; a template's text fails here."""
    return value["__ansible_unsafe"] if isinstance(value, dict) else ("trusted", value)


def test_hosts_groups_and_variables(runs: Runs) -> None:
    found = runs.listed()
    variables = found["_meta"]["hostvars"]
    common = {
        "onboarding_description": str(runs.folder.path),
        "onboarding_environment": "live",
        "onboarding_state": str(runs.base / ".state" / "live"),
    }
    assert set(variables) == {"controller", "hub-gateway", "greenbank-gateway"}
    assert {name: unsafe(variables["controller"][name]) for name in common} == common
    assert variables["controller"]["on_the_controller"] == "{{ 1 + 1 }}"
    assert unsafe(variables["controller"]["ansible_connection"]) == "local"
    assert {name: unsafe(value) for name, value in variables["hub-gateway"].items()} == {
        **common,
        "onboarding_side": "hub",
        "ansible_user": ("trusted", "onboarding"),
        "ansible_host": ("trusted", "10.1.0.10"),
    }
    assert {name: unsafe(value) for name, value in variables["greenbank-gateway"].items()} == {
        **common,
        "onboarding_side": "greenbank",
        "ansible_user": ("trusted", "onboarding"),
    }
    assert {name: group["hosts"] for name, group in found.items() if "hosts" in group} == {
        "ungrouped": ["controller"],
        "gateways": ["hub-gateway", "greenbank-gateway"],
        "firewalls": ["hub-gateway", "greenbank-gateway"],
        "gateways_hub": ["hub-gateway"],
        "gateways_greenbank": ["greenbank-gateway"],
    }


def test_a_gateway_of_another_name_has_the_variables_of_its_host(runs: Runs) -> None:
    runs.folder.edit("hub.yml", "host: hub-gateway", "host: hub-gateway\n      name: edge")
    runs.folder.write("hosts.yml", HOSTS + "  edge: {mine: 2}\n")
    found = runs.listed()["_meta"]["hostvars"]["edge"]
    assert (found["ansible_host"], found["mine"], unsafe(found["onboarding_side"])) == ("10.1.0.10", 2, "hub")
    runs.folder.write("hosts.yml", "plugin: mojaloop.onboarding.hub\ninstallation: [hub]\nhosts: {greenbank-gateway: {}}\n")
    assert unsafe(runs.listed()["_meta"]["hostvars"]["edge"]["ansible_host"]) == "hub-gateway"


def test_the_state_folder_can_be_named(runs: Runs) -> None:
    runs.folder.write("hosts.yml", HOSTS + "state: ../../elsewhere\n")
    states = {unsafe(variables["onboarding_state"]) for variables in runs.listed()["_meta"]["hostvars"].values()}
    assert states == {str(runs.base / "elsewhere")}


def test_the_lab_is_an_inventory(repository: Path, runs: Runs) -> None:
    done = runs.program(INVENTORY, "-i", str(repository / "inventories/lab/hosts.yml"), "--graph")
    assert (done.returncode, done.stderr) == (0, "")
    assert [name for name in ("controller", "hub-gateway", "greenbank-gateway", "bluebank-gateway") if name not in done.stdout] == []


def test_a_broken_participant_is_skipped_with_a_warning(runs: Runs) -> None:
    runs.folder.edit("participants/greenbank.yml", "format: 1", "format: one")
    done = runs.program(INVENTORY, "-i", runs.file, "--list")
    assert done.returncode == 0
    assert set(json.loads(done.stdout)["_meta"]["hostvars"]) == {"controller", "hub-gateway"}
    assert "participants/greenbank.yml:1: format: found 'one'; allowed: 1" in done.stderr


def test_a_broken_hub_stops_the_run_with_all_its_problems(runs: Runs) -> None:
    assert runs.play("-i", runs.file, "--list-hosts").returncode == 0
    runs.folder.edit("hub.yml", "format: 1", "format: two")
    runs.folder.edit("hub.yml", "profile: mojaloop", "profile: other")
    done = runs.play("-i", runs.file, "--list-hosts")
    assert (done.returncode, done.stdout) == (4, "")
    assert "hub.yml:1: format: found 'two'; allowed: 1" in done.stderr
    assert "hub.yml:4: profile: found 'other'" in done.stderr


@pytest.mark.parametrize("wrong", ["hosts: [hub-gateway]", "host: {}", "installation: [redbank]"])
def test_a_wrong_hosts_file_stops_the_run(runs: Runs, wrong: str) -> None:
    runs.folder.write("hosts.yml", f"plugin: mojaloop.onboarding.hub\n{wrong}\n")
    done = runs.play("-i", runs.file, "--list-hosts")
    assert (done.returncode, "hosts" in done.stderr, done.stdout) == (4, True, "")


def test_only_the_gateways_of_the_installation_are_hosts(runs: Runs) -> None:
    runs.folder.write("hosts.yml", HOSTS.replace("[hub, greenbank]", "[greenbank]"))
    found = runs.listed()
    assert set(found["_meta"]["hostvars"]) == {"controller", "greenbank-gateway"}
    assert "gateways_hub" not in found


def hostile_participant(runs: Runs) -> str:
    """Every field a template that leaves a mark, and the file an inventory as well."""
    lookup = json.dumps(runs.lookup())
    fields = (
        "format", "id", "organisation", "hosting", "state", "connector", "transport", "manifest", "first_publication", "wide_addresses",
    )  # fmt: skip
    lists = ("currencies", "egress_addresses", "roles", "notification_addresses")
    lines = [f"{name}: {lookup}" for name in fields] + [f"{name}: [{lookup}]" for name in lists]
    lines += [f"endpoint: {{url: {lookup}, addresses: [{lookup}]}}", f"ca: {{kind: {lookup}}}", f"gateways: [{{host: {lookup}}}]"]
    lines += [f"net_debit_cap: {{USD: {lookup}}}", f"{lookup}: {lookup}", "all:", "  hosts:", "    evil:", f"      evil: {lookup}"]
    lines += [
        "  vars:",
        f"    ansible_connection: {lookup}",
        f"    onboarding_description: {lookup}",
        "    ansible_python_interpreter: /bin/false",
    ]
    return "\n".join(lines) + "\n"


INVENTORY_ONLY = """\
all:
  hosts:
    evil:
      ansible_connection: local
      evil: {lookup}
  vars:
    evil_everywhere: {lookup}
"""


@pytest.fixture
def hostile(runs: Runs) -> Runs:
    lookup = json.dumps(runs.lookup())
    runs.folder.write("participants/greenbank.yml", hostile_participant(runs))
    runs.folder.write("participants/evil.yml", INVENTORY_ONLY.format(lookup=lookup))
    runs.folder.edit("participants/redbank.yml", "organisation: Red Bank", f"organisation: {lookup}")
    return runs


def test_hostile_files_execute_nothing(hostile: Runs) -> None:
    done = hostile.play("-i", hostile.file)
    assert done.returncode == 0
    assert "evil" not in done.stdout
    assert "'{{ lookup('" in done.stderr or '"{{ lookup(' in done.stderr
    assert hostile.program(INVENTORY, "-i", hostile.file, "--list").returncode == 0
    assert not hostile.marker.exists()


SOURCES = ["{folder}", "{folder}/", "inventories/live", "inventories", "{folder}/../live", "{folder}/hosts.yml -i {folder}", "link"]


@pytest.mark.parametrize("source", SOURCES)
def test_a_run_that_is_given_the_folder_stops_before_the_description_is_evaluated(hostile: Runs, source: str) -> None:
    (hostile.base / "link").symlink_to(hostile.folder.path)
    arguments = f"-i {source}".format(folder=hostile.folder.path).split()
    for done in (hostile.play(*arguments), hostile.program(INVENTORY, *arguments, "--list")):
        assert (done.returncode, done.stdout) == (4, "")
        assert "was given as inventory: Ansible would evaluate templates in it" in done.stderr
        assert f"-i {hostile.folder.path}/hosts.yml" in done.stderr.replace("/link/", "/inventories/live/")
    assert not hostile.marker.exists()


def test_the_folder_in_the_settings_stops_the_run_too(hostile: Runs) -> None:
    (hostile.base / "ansible.cfg").write_text("[defaults]\ninventory = inventories/live\n", encoding="utf-8")
    hostile.base.chmod(0o700)
    done = hostile.play()
    assert (done.returncode, done.stdout) == (4, "")
    assert "was given as inventory" in done.stderr
    assert not hostile.marker.exists()


def test_the_same_lookup_in_the_operators_file_does_execute(hostile: Runs) -> None:
    text = HOSTS.replace("  greenbank-gateway: {}\n", "") + f"  greenbank-gateway:\n    evil: {json.dumps(hostile.lookup())}\n"
    hostile.folder.write(
        "hosts.yml", text.replace('on_the_controller: "{{ 1 + 1 }}"', f"on_the_controller: {json.dumps(hostile.lookup())}")
    )
    hostile.play("-i", hostile.file)
    assert hostile.marker.exists()


def test_the_same_files_would_execute_as_an_inventory_of_their_own(hostile: Runs) -> None:
    copy = hostile.base / "copy" / "evil.yml"
    copy.parent.mkdir()
    copy.write_text((hostile.folder.path / "participants/evil.yml").read_text(encoding="utf-8"), encoding="utf-8")
    hostile.play("-i", str(copy.parent))
    assert hostile.marker.exists()
