# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""hosts.yml, and the sides that an installation acts for."""

from __future__ import annotations

from pathlib import Path

import pytest
from tools.description_files import Folder

from ansible_collections.mojaloop.onboarding.plugins.module_utils.command.main import main
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.checking import check_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.inventory import gateway_hosts
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import DescriptionError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps.run import select_sides

HOSTS = """\
plugin: mojaloop.onboarding.hub
installation: [{}]
hosts: {{hub-gateway: {{}}, greenbank-gateway: {{ansible_host: 10.0.0.1}}}}
"""
NAMED = "hub, and ids of participants with hosting: managed"


def test_without_hosts_file_the_installation_acts_for_everybody_managed(folder: Folder) -> None:
    description = folder.load()
    assert select_sides(description, []) == ("hub", "greenbank", "probe-one", "probe-two")
    assert description.for_the_hub


@pytest.mark.parametrize(
    ("sides", "own", "gateways"),
    [
        ("hub", ("hub", "probe-one", "probe-two"), ["hub-gateway"]),
        ("greenbank", ("greenbank",), ["greenbank-gateway"]),
        ("greenbank, hub", ("hub", "greenbank", "probe-one", "probe-two"), ["hub-gateway", "greenbank-gateway"]),
    ],
)
def test_an_installation_acts_for_its_own_sides(folder: Folder, sides: str, own: tuple[str, ...], gateways: list[str]) -> None:
    folder.write("hosts.yml", HOSTS.format(sides))
    description = folder.load(strict=True)
    assert select_sides(description, ["all"]) == own
    assert [host.name for host in gateway_hosts(description)] == gateways
    for other in {"hub", "greenbank", "redbank"} - set(own):
        with pytest.raises(DescriptionError, match=rf"sides: {other}: found a side that this installation does not act for"):
            select_sides(description, [other])


def test_the_installation_of_a_bank_needs_no_probes_and_no_gateways_of_the_hub(folder: Folder) -> None:
    for name in ("one", "two"):
        (folder.path / f"participants/probe-{name}.yml").unlink()
    text = (folder.path / "hub.yml").read_text()
    folder.write("hub.yml", text[: text.index("  gateways:\n")] + text[text.index("defaults:") :])
    folder.write("hosts.yml", HOSTS.format("greenbank"))
    assert check_description(folder.path).right
    assert check_description(folder.path).notes == ()
    folder.write("hosts.yml", HOSTS.format("hub"))
    assert [problem.partition(": found")[0] for problem in folder.problems()] == ["participants:1: probe"]
    assert "the hub has no gateways" in check_description(folder.path).notes[0]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (
            "plugin: mojaloop.onboarding.hub\n",
            f"1: installation: found no such key; allowed: it is required outside labs: a list of {NAMED}",
        ),
        (HOSTS.format("hub, redbank"), f"2: installation[1]: found 'redbank'; allowed: {NAMED}"),
        (HOSTS.format("nobank"), f"2: installation[0]: found 'nobank'; allowed: {NAMED}"),
        (HOSTS.format("probe-one"), f"2: installation[0]: found 'probe-one'; allowed: {NAMED}"),
        (HOSTS.format(""), "2: installation: found 0 entries; allowed: 1 to 1000 entries"),
        (HOSTS.format("hub") + "installations: [hub]\n", "4: installations: found an unknown key"),
        (HOSTS.format("hub") + "state: [a]\n", "4: state: found a list"),
        ("installation: [hub]\n", "1: plugin: found no such key"),
        ("plugin: other\ninstallation: [hub]\n", "1: plugin: found 'other'; allowed: mojaloop.onboarding.hub"),
        ("plugin: mojaloop.onboarding.hub\ninstallation: [hub]\nhosts: [a]\n", "3: hosts: found a list"),
        ("plugin: mojaloop.onboarding.hub\ninstallation: [hub]\nhosts:\n  hub-gateway: here\n", "4: hosts.hub-gateway: found 'here'"),
        ("plugin: [\n", "2: file: found no YAML"),
        ("- hosts\n", "1: file: found a list"),
    ],
)
def test_faults_of_the_hosts_file(folder: Folder, content: str, problem: str) -> None:
    folder.write("hosts.yml", content)
    assert any(found.startswith(f"hosts.yml:{problem}") for found in folder.problems()), folder.problems()


def test_a_participant_whose_file_is_broken_is_still_of_the_installation(folder: Folder) -> None:
    folder.write("hosts.yml", HOSTS.format("hub, greenbank"))
    folder.edit("participants/greenbank.yml", "state: active", "state: gone")
    assert [problem.partition(":")[0] for problem in folder.problems()] == ["participants/greenbank.yml"]


@pytest.mark.parametrize("name", ["example-hub", "example-bank", "lab", "lab-envoy"])
def test_the_shipped_inventories_are_right(repository: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "-i", str(repository / "inventories" / name / "hosts.yml")]) == 0
    noted = [line for line in capsys.readouterr().out.splitlines() if "note:" in line]
    # An example's own files are its reader's to write.
    assert [line for line in noted if not line.endswith("is not there")] == []
