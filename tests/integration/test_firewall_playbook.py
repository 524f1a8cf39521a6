# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The firewall module as playbooks run it: checked, applied, confirmed, run again, narrowed."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from tools import repository
from tools.firewall_network import Machine, network, why_not

pytestmark = [pytest.mark.root, pytest.mark.slow, pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")]

TABLE = ("inet", "mojaloop_onboarding")


@dataclass(frozen=True)
class House:
    """A copy of the lab's description, and the machine that stands for its gateway hosts."""

    folder: Path
    machine: Machine

    @property
    def file(self) -> Path:
        """What the host loads at boot."""
        return self.folder / "etc" / "onboarding.nft"

    def run(self, *options: str, side: str = "hub", host: str = "hub-gateway", participants: tuple[str, ...] = ()) -> dict[str, Any]:
        """One run of the module on a host; its result."""
        arguments = {"description": str(self.folder / "lab"), "side": side, "participants": list(participants)}
        keep = {"content": "{{ answer | to_json }}", "dest": str(self.folder / "answer.json"), "mode": "0600"}
        tasks = [
            {"name": "Filter", "mojaloop.onboarding.firewall": arguments, "register": "answer"},
            {"name": "Keep", "ansible.builtin.copy": keep, "check_mode": False},
        ]
        play = self.folder / "play.json"
        play.write_text(json.dumps([{"name": "Test", "hosts": host, "gather_facts": False, "tasks": tasks}]))
        local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        (self.folder / "inventory.yml").write_text(json.dumps({"all": {"hosts": {host: local}}}))
        self.machine.run(
            str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(self.folder / "inventory.yml"), str(play), *options
        )
        return dict(json.loads((self.folder / "answer.json").read_text()))

    def describe(self, name: str, **values: Any) -> None:  # noqa: ANN401 -- any key of a participant's file
        """Change a participant's file."""
        path = self.folder / "lab" / "participants" / f"{name}.yml"
        path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **values}))

    def addresses(self) -> str:
        """The kernel's IPv4 addresses."""
        return self.machine.nft("list", "map", *TABLE, "inbound_v4")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    shutil.copytree(repository.ROOT / "inventories" / "lab", tmp_path / "lab")
    hub = tmp_path / "lab" / "hub.yml"
    file = tmp_path / "etc" / "onboarding.nft"
    hub.write_text(hub.read_text().replace("firewall: {kind: nftables}", f"firewall: {{kind: nftables, persist_file: {file}}}"))
    with network("203.0.113.10/24") as made:
        yield House(tmp_path, made.guarded)


def reasons(answer: dict[str, Any]) -> set[tuple[str, str]]:
    return {(finding["participant"], finding["reason"]) for finding in answer["findings"]}


def without_details(answer: dict[str, Any]) -> list[dict[str, str]]:
    return [{**finding, "detail": ""} for finding in answer["findings"]]


def test_check_run_and_second_run(house: House) -> None:
    checked = house.run("--check", "--diff")
    assert checked["changed"]
    assert ("greenbank", "address-missing") in reasons(checked)
    assert "inbound_v4 in_greenbank 203.0.113.21/32" in checked["diff"]["after"]
    assert house.machine.nft("list", "ruleset") == ""
    assert not house.file.exists()

    done = house.run()
    assert (done["changed"], done["transactions"], without_details(done)) == (True, 1, without_details(checked))
    listed, kept = house.machine.nft("-a", "list", "ruleset"), house.file.stat()

    again = house.run("--check"), house.run()
    assert [(answer["changed"], answer["transactions"], answer["findings"]) for answer in again] == [(False, 0, [])] * 2
    assert house.machine.nft("-a", "list", "ruleset") == listed
    assert (house.file.stat().st_mtime_ns, house.file.stat().st_ino) == (kept.st_mtime_ns, kept.st_ino)


def test_a_narrowed_run_leaves_the_others_as_the_kernel_has_them(house: House) -> None:
    house.run()
    house.describe("bluebank", egress_addresses=["203.0.113.32/32"])
    house.describe("greenbank", state="suspended")
    house.machine.nft("delete", "element", *TABLE, "inbound_v4", "{ 203.0.113.41 }")
    answer = house.run(participants=("greenbank",))
    assert reasons(answer) == {("greenbank", "address-unwanted"), ("hub", "not-persisted")}
    assert "203.0.113.31" in house.addresses()
    assert "203.0.113.21" not in house.addresses()
    assert "203.0.113.41" not in house.addresses()
    assert house.run(participants=("greenbank",))["findings"] == []
    house.run()
    assert "203.0.113.32" in house.addresses()
    assert "203.0.113.31" not in house.addresses()
    assert "203.0.113.41" in house.addresses()


def test_a_broken_file_keeps_its_participant_open_and_a_vanished_one_is_a_fault(house: House) -> None:
    house.run()
    house.describe("bluebank", egress_addresses=["anything"])
    assert house.run()["findings"] == []
    (house.folder / "lab" / "participants" / "bluebank.yml").unlink()
    answer = house.run()
    assert (answer["changed"], answer["faults"], reasons(answer)) == (False, 1, {("bluebank", "participant-unknown")})
    assert "203.0.113.31" in house.addresses()


def test_a_participants_side_admits_the_hub_alone(house: House) -> None:
    house.describe("greenbank", firewall={"kind": "nftables", "persist_file": str(house.file)})
    assert reasons(house.run(side="greenbank", host="greenbank-gateway")) >= {
        ("greenbank", "firewall-not-installed"),
        ("greenbank", "address-missing"),
    }
    assert "in_hub" in house.addresses()
    assert "203.0.113.11" in house.addresses()
    assert "203.0.113.31" not in house.addresses()
    assert house.run(side="greenbank", host="greenbank-gateway")["findings"] == []
    assert house.run(side="greenbank", host="greenbank-gateway", participants=("bluebank",))["findings"] == []
