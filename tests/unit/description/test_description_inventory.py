# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which hosts a description names, and which inventory sources would read the description itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tools.description_files import Folder

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.inventory import (
    GatewayHost,
    folder_given_as_source,
    gateway_hosts,
    group_name,
)


def test_gateways_of_the_hub_and_of_managed_participants_are_hosts(folder: Folder) -> None:
    assert gateway_hosts(folder.load()) == (
        GatewayHost("hub-gateway", "hub", ("gateways", "gateways_hub", "firewalls"), "hub-gateway"),
        GatewayHost("greenbank-gateway", "greenbank", ("gateways", "gateways_greenbank", "firewalls"), "greenbank-gateway"),
    )


def test_a_side_without_firewall_is_in_no_firewall_group(folder: Folder) -> None:
    folder.edit("participants/greenbank.yml", "firewall: {kind: nftables}", "firewall: {kind: none}")
    assert gateway_hosts(folder.load())[1].groups == ("gateways", "gateways_greenbank")


def test_an_entry_has_the_gateways_name_and_finds_its_host(folder: Folder) -> None:
    folder.edit("hub.yml", "host: hub-gateway", "host: hub-gateway\n      name: edge")
    edge, other = gateway_hosts(folder.load())
    assert (edge.name, edge.host, edge.place) == ("edge", "hub-gateway", {"ansible_host": "hub-gateway"})
    assert (edge.groups, other.place) == (("gateways", "gateways_hub", "firewalls"), {})


def test_a_gateway_without_a_host_has_an_entry_and_no_firewall(folder: Folder) -> None:
    description = folder.load()
    gateway = replace(description.hub.gateways[0], name="cluster", host="")
    hub = replace(description.hub, gateways=(gateway,), firewall=replace(description.hub.firewall, hosts=()))
    assert gateway_hosts(replace(description, hub=hub))[0] == GatewayHost("cluster", "hub", ("gateways", "gateways_hub"), "")


def test_groups_have_names_that_ansible_allows() -> None:
    assert group_name("Blue-Bank_1") == "gateways_blue_bank_1"


@pytest.mark.parametrize(
    "source",
    ["{0}", "{0}/", "{0}/../lab", "{0}/..", "/", "{0}/hosts.yml,{0}", "link", "lab", "./lab/", "."],
)
def test_folders_above_the_description_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    lab = tmp_path / "lab"
    lab.mkdir()
    (tmp_path / "link").symlink_to(lab)
    (lab / "hosts.yml").touch()
    monkeypatch.chdir(tmp_path)
    assert folder_given_as_source(lab, ["/etc/ansible/hosts", source.format(lab)])


@pytest.mark.parametrize("source", ["{0}/hosts.yml", "lab/hosts.yml", "{0}/hosts.yml,other", "localhost,", "other", "{0}/participants", ""])
def test_files_and_other_folders_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    lab = tmp_path / "lab"
    (lab / "participants").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    (lab / "hosts.yml").touch()
    monkeypatch.chdir(tmp_path)
    assert folder_given_as_source(lab, [source.format(lab)]) == ""
