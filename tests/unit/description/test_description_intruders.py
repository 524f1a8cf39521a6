# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A participant's file is someone else's text: it takes no other side's name or listener, and reads and writes nothing of others."""

# ruff: noqa: E501, S108 -- expected lines are written as they are printed; nothing is made there
from __future__ import annotations

import json
from pathlib import Path

import pytest
from tools.description_files import Folder

from ansible_collections.mojaloop.onboarding.plugins.module_utils.command.main import main
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.checking import check_description

GREENBANK = "participants/greenbank.yml"
REDBANK = "participants/redbank.yml"
NAMES = "allowed: a host name that belongs to one side only"
LISTENERS = "allowed: listeners that belong to one side only"


def own(folder: Folder, name: str = REDBANK) -> list[str]:
    return [problem.removeprefix(f"{name}:") for problem in folder.problems() if problem.startswith(f"{name}:")]


# Names and listeners of others


@pytest.mark.parametrize(
    ("host", "holder"),
    [("api.switch.example", "hub.yml"), ("auth.switch.example", "hub.yml"), ("fspiop.greenbank.example", GREENBANK)],
)
def test_a_listener_has_no_other_sides_name(folder: Folder, host: str, holder: str) -> None:
    folder.edit(REDBANK, "https://fspiop.redbank.example", f"https://{host}:9443/another")
    assert own(folder) == [f"5: endpoint.url: found '{host}', a host of {holder} too; {NAMES}"]
    assert bool(own(folder, GREENBANK)) == (holder == GREENBANK), "of two participants neither passes as the other"
    folder.edit(REDBANK, host, f"other.{host}")
    assert folder.problems() == []


@pytest.mark.parametrize("spelling", ["API.switch.example", "api.switch.example."])
def test_a_name_has_one_spelling(folder: Folder, spelling: str) -> None:
    folder.edit(REDBANK, "fspiop.redbank.example", spelling)
    assert len(own(folder)) == 1
    assert f"found the host '{spelling}'" in own(folder)[0]


@pytest.mark.parametrize(
    ("address", "port", "holder"), [("45.60.1.10", 443, "hub.yml"), ("45.60.2.20", 8443, GREENBANK), ("45.60.1.9", 444, "hub.yml")]
)
def test_a_listener_is_no_other_sides_listener(folder: Folder, address: str, port: int, holder: str) -> None:
    folder.edit("hub.yml", "https://auth.switch.example/jwks", "https://45.60.1.9:444/jwks")
    assert folder.problems() == []
    folder.edit(REDBANK, "https://fspiop.redbank.example", f"https://fspiop.redbank.example:{port}")
    folder.edit(REDBANK, "addresses: [45.60.3.20]", f"addresses: [45.60.3.20, {address}]")
    assert own(folder) == [f"6: endpoint.addresses: found an address and port of {holder} too; {LISTENERS}"]
    folder.edit(REDBANK, f"example:{port}", "example:7443")
    assert folder.problems() == []


def test_what_an_offboarded_participant_had_is_free(folder: Folder) -> None:
    folder.edit(REDBANK, "fspiop.redbank.example", "fspiop.greenbank.example")
    assert own(folder)
    folder.edit(GREENBANK, "state: active", "state: offboarded")
    assert folder.problems() == []


# Files that are links, or none of ours


def test_a_link_is_not_followed(folder: Folder, tmp_path: Path) -> None:
    secret = tmp_path / "ca.passphrase"
    secret.write_text("correct-horse-battery-staple")
    (folder.path / "participants/evil.yml").symlink_to(secret)
    assert folder.problems() == ["participants/evil.yml:1: file: found a link; allowed: a file of its own (links are not followed)"]


def test_the_folder_of_participants_is_no_link(folder: Folder, tmp_path: Path) -> None:
    (folder.path / "participants").rename(tmp_path / "elsewhere")
    (folder.path / "participants").symlink_to(tmp_path / "elsewhere")
    assert "participants:1: file: found a link; allowed: a folder of its own (links are not followed)" in folder.problems()
    assert folder.load().participants == ()


@pytest.mark.parametrize(
    "content", ["correct-horse", "123456789", "'correct-horse'", "correct horse: 1", "{correct.horse: 2}", "c" * 42 + ": 3"]
)
def test_what_is_none_of_our_files_is_not_quoted(folder: Folder, content: str) -> None:
    folder.write("participants/evil.yml", content)
    reported = "".join(own(folder, "participants/evil.yml"))
    assert reported
    assert not any(word in reported for word in ("correct", "horse", "123456789", "c" * 41))


def test_an_unknown_key_that_is_a_plain_word_is_named(folder: Folder) -> None:
    folder.edit(REDBANK, "id: redbank", "id: redbank\nstates: active")
    assert "3: states: found an unknown key" in own(folder)[0]


# Files of this machine


OUTSIDE = [
    "/etc/shadow",
    "../hub/key.pem",
    "a/../../b",
    "{state}/store/hub/ca/key.pem",
    ".git/config",
    "a//b",
    "./a",
    "~/key.pem",
    "/dev/zero",
    "a/.b",
]


@pytest.mark.parametrize("path", OUTSIDE)
@pytest.mark.parametrize("key", ["certificate_file", "chain_file", "key_file"])
def test_a_participants_ca_is_in_no_other_folder_than_its_own(folder: Folder, key: str, path: str) -> None:
    files = {"certificate_file": "ca.pem", "chain_file": "chain.pem", "key_file": "keys/key.pem"}
    folder.edit(GREENBANK, "ca: {kind: internal}", f"ca: {json.dumps({'kind': 'imported', **files})}")
    assert folder.problems() == []
    assert folder.load().participant("greenbank").ca.key_file == str(folder.path / "participants-files/greenbank/keys/key.pem")
    folder.edit(GREENBANK, json.dumps(files[key]), json.dumps(path))
    assert len(own(folder, GREENBANK)) == 1
    assert own(folder, GREENBANK)[0].startswith(f"10: ca.{key}: found {path!r}; allowed: a path relative to participants-files/<id>/")


@pytest.mark.parametrize("path", OUTSIDE)
def test_a_participants_desk_is_in_no_other_folder_than_its_own(folder: Folder, path: str) -> None:
    folder.edit(GREENBANK, "ca: {kind: internal}", "ca: {kind: offline, offline_folder: desk}")
    assert folder.load().participant("greenbank").ca.offline_folder == str(folder.path / "participants-files/greenbank/desk")
    folder.edit(GREENBANK, "offline_folder: desk", f"offline_folder: '{path}'")
    assert len(own(folder, GREENBANK)) == 1


def test_the_hubs_ca_is_where_the_operator_says(folder: Folder) -> None:
    folder.edit("hub.yml", "ca: {kind: internal}", "ca: {kind: offline, offline_folder: /media/desk}")
    assert folder.load().hub.ca.offline_folder == "/media/desk"


# Hosts, and places on them


PLACES = [
    ("folder", "/etc/haproxy/mojaloop-2", ["/etc/cron.d", "/etc/haproxy", "/etc/haproxy/mojaloop/x", "/etc/haproxy/errors"]),
    ("master_socket", "/run/haproxy/m.sock", ["/run/docker.sock", "/etc/passwd", "/run/haproxy/x/m.sock"]),
    ("stats_socket", "/run/haproxy/s.sock", ["/run/systemd/private.sock", "/run/haproxy/s"]),
    ("log", "192.0.2.1:514", ["/etc/shadow", "/dev/../etc/shadow"]),
    (
        "persist_file",
        "/etc/nftables.d/green-onboarding.nft",
        ["/etc/passwd", "/etc/nftables.d/main.nft", "/etc/nftables.d/x/onboarding.nft"],
    ),
]


def say(folder: Folder, name: str, key: str, value: str) -> None:
    """Let a side say where something is on its hosts."""
    if key == "persist_file":
        folder.edit(name, "firewall: {kind: nftables}", f"firewall: {{kind: nftables, persist_file: {value}}}")
    else:
        folder.edit(name, "-gateway\n", f"-gateway\n{'    ' if name == GREENBANK else '      '}{key}: {value}\n")


@pytest.mark.parametrize(("key", "right", "wrong"), PLACES, ids=lambda each: each if isinstance(each, str) else "")
def test_what_root_writes_for_a_participant_is_in_its_place(folder: Folder, key: str, right: str, wrong: list[str]) -> None:
    say(folder, GREENBANK, key, right)
    assert folder.problems() == []
    before = right
    for path in wrong:
        folder.edit(GREENBANK, f"{key}: {before}", f"{key}: {path}")
        before = path
        (found,) = own(folder, GREENBANK)
        assert f"{key}: found '{path}'; allowed: " in found
    say(folder, "hub.yml", key, wrong[0])
    assert len(folder.problems()) == 1, "hub.yml is the operator's"


def test_a_lab_may_have_its_places_elsewhere_for_the_time_being_only(folder: Folder) -> None:
    say(folder, GREENBANK, "folder", "/tmp/lab/haproxy")
    assert len(own(folder, GREENBANK)) == 1
    folder.edit("hub.yml", "kind: production", "kind: lab")
    assert folder.problems() == []
    folder.edit(GREENBANK, "/tmp/lab/haproxy", "/etc/cron.d")
    assert len(own(folder, GREENBANK)) == 1


@pytest.mark.parametrize("host", ["ip6-localhost", "localhost4", "green.localhost", "localhost.localdomain"])
def test_a_gateway_host_is_not_the_controller(folder: Folder, host: str) -> None:
    folder.edit(GREENBANK, "host: greenbank-gateway", f"host: {host}")
    assert own(folder, GREENBANK) == [f"13: gateways[0].host: found '{host}', which is the controller itself; allowed: another host name"]


@pytest.mark.parametrize("listed", ["", "hosts: {all: {}, hub-gateway: {}}"])
def test_a_gateway_host_is_one_that_the_operator_has_listed(folder: Folder, listed: str) -> None:
    folder.write("hosts.yml", f"plugin: mojaloop.onboarding.hub\ninstallation: [hub, greenbank]\n{listed}")
    assert folder.problems() == [
        f"{GREENBANK}:13: gateways[0].host: found 'greenbank-gateway'; allowed: a host that the operator has listed in hosts.yml (below hosts:)"
    ]
    folder.edit("hub.yml", "kind: production", "kind: lab")
    assert folder.problems() == []
    folder.edit("hub.yml", "kind: lab", "kind: production")
    given = "hosts:\n  greenbank-gateway: {ansible_password: !vault secret, ansible_host: '{{ x }}'}\n"
    folder.write("hosts.yml", f"plugin: mojaloop.onboarding.hub\ninstallation: [hub, greenbank]\n{given}")
    assert folder.problems() == []


# The description as a whole


def test_an_environment_is_in_the_folder_of_its_name(tmp_path: Path) -> None:
    copied = Folder.made(tmp_path / "inventories/pilot")
    assert copied.problems() == ["hub.yml:2: environment: found 'live' in the folder inventories/pilot; allowed: the name of the folder"]
    copied.edit("hub.yml", "environment: live", "environment: pilot")
    assert copied.problems() == []


def test_a_hub_whose_listener_no_one_keeps_is_noted(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    assert "the hub has no" not in "".join(check_description(folder.path).notes)
    folder.edit("hub.yml", "  firewall: {kind: nftables}\n", "  firewall: {kind: none}\n")
    assert "the hub has no firewall" in check_description(folder.path).notes[0]
    text = (folder.path / "hub.yml").read_text()
    start, end = text.index("  gateways:\n"), text.index("  authorization_server:\n")
    folder.write("hub.yml", text[:start] + text[end:])
    verdict = check_description(folder.path)
    assert (verdict.right, sum("the hub has no" in note for note in verdict.notes)) == (True, 1)
    assert main(["check", "-i", str(folder.path)]) == 0
    assert f"{folder.path}/hub.yml: note: the hub has no gateways" in capsys.readouterr().out


def test_what_a_run_would_miss_is_noted(folder: Folder) -> None:
    said = "\n".join(check_description(folder.path).notes)
    assert "endpoint.url: no gateway listens on port 443 (8443): something must translate it" in said
    named = next(line for line in said.splitlines() if "ca_file" in line)
    file = Path(named.rpartition("ca_file: ")[2].removesuffix(" is not there"))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    assert named not in check_description(folder.path).notes
