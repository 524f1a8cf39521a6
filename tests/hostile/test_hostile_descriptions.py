# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# ruff: noqa: E501, PTH -- one case a line; calls that pathlib has no words for
"""Hostile text in every field of a participant's file: a clear line for each, or text that nothing interprets; the others go on."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hostile.fuzzing import huge
from hostile.texts import ADDRESSES, CANARY, PATHS, SHELL, TEMPLATES, TEXTS, URLS
from support.counting import record_count
from support.depth import sample
from tools.description_files import Folder, places, replaced

from ansible_collections.mojaloop.onboarding.plugins.module_utils.command.main import main
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.checking import check_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description

RIGHT: dict[str, Any] = {
    "format": 1,
    "id": "greenbank",
    "organisation": "Green Bank",
    "state": "active",
    "hosting": "managed",
    "connector": "direct",
    "transport": "local",
    "manifest": "signed",
    "currencies": ["USD"],
    "endpoint": {"url": "https://fspiop.greenbank.example:8443/fspiop", "addresses": ["45.60.2.20"]},
    "egress_addresses": ["45.60.2.21/32"],
    "ca": {"kind": "imported", "certificate_file": "ca/green.pem", "chain_file": "ca/chain.pem", "key_file": "ca/key.pem"},
    "keys": {"tls": "ec-p256", "jws": "rsa-2048", "exchange": "rsa-3072"},
    "gateways": [
        {
            "host": "greenbank-gateway",
            "kind": "haproxy",
            "inbound": [{"address": "10.2.0.10", "port": 8443}],
            "inbound_backend": {"address": "127.0.0.1", "port": 3000},
            "outbound": {"address": "127.0.0.1", "port": 3100},
            "source_address": "direct",
            "folder": "/etc/haproxy/onboarding",
            "master_socket": "/run/haproxy/master.sock",
            "stats_socket": "/run/haproxy/stats.sock",
            "log": "stdout",
        }
    ],
    "firewall": {"kind": "nftables", "persist_file": "/etc/nftables.d/onboarding.nft"},
    "net_debit_cap": {"USD": "10000"},
    "notification_addresses": ["operations@greenbank.example"],
    "first_publication": "sha256:" + "00" * 32,
    "roles": ["quotes"],
}  # fmt: skip
NAME = "participants/greenbank.yml"


def value_at(place: tuple[Any, ...]) -> object:
    found: Any = RIGHT
    for step in place:
        found = found[step]
    return found


def entries() -> list[tuple[tuple[Any, ...], str]]:
    """Every place that holds text with every text, besides URLs and addresses where those belong."""
    found: list[tuple[tuple[Any, ...], str]] = []
    for place in places(RIGHT):
        if place and isinstance(value_at(place), str):
            texts: tuple[str, ...] = TEXTS
            texts += URLS if place[-1] == "url" else ()
            texts += ADDRESSES if {"address", "addresses", "egress_addresses"} & set(map(str, place)) else ()
            found += [(place, text) for text in texts]
    return found


ENTRIES = entries()
PLACES = sorted({place for place, _text in ENTRIES}, key=str)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    made = Folder.made(tmp_path_factory.mktemp("hostile") / "live")
    made.write(NAME, json.dumps(RIGHT))
    assert made.problems() == []
    return made


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "executed"
    yield place
    assert not place.exists()


def inert(place: tuple[Any, ...], found: str) -> bool:
    """What is accepted is plain: letters, digits and a few marks; the organisation's name is free, but has nothing that hides or templates."""
    if place[0] == "organisation":
        return found.isprintable() and not any(mark in found for mark in ("{{", "{%", "{#")) and len(found) <= 64
    return not set(found) & set(" \t\r\n\0\"'`$;{}()<>|&\\#,%!*?\u202e") and found.isascii()


@pytest.mark.parametrize("place", PLACES, ids=lambda place: ".".join(map(str, place)))
def test_every_text_in_every_field(folder: Folder, canary: Path, place: tuple[Any, ...]) -> None:
    texts = [text for each, text in ENTRIES if each == place]
    for text in sample(texts, 2, start=PLACES.index(place)):
        hostile = text.replace(CANARY, str(canary))
        folder.write(NAME, yaml.safe_dump(replaced(RIGHT, place, hostile), allow_unicode=True))
        description = load_description(folder.path)
        names = [participant.name for participant in description.participants]
        assert {"redbank", "probe-one", "probe-two"} <= set(names), "the others did not go on"
        problems = [problem for _file, several in description.broken for problem in several]
        if problems:
            assert_clear(problems, folder.path / NAME, place)
            assert "greenbank" not in names
        else:
            # YAML reads some line ends as spaces.
            read = description.participant("greenbank").organisation if place == ("organisation",) else hostile
            assert inert(place, read), f"{place}: {read!r} went through"
    record_count("hostile descriptions", len(sample(texts, 2, start=PLACES.index(place))), of=len(texts))
    folder.write(NAME, json.dumps(RIGHT))


def assert_clear(problems: list[str], file: Path, place: tuple[Any, ...]) -> None:
    for problem in problems:
        assert problem.startswith(f"{file}:"), problem
        assert ": found " in problem
        assert "; allowed: " in problem
        assert problem.isprintable()
        assert len(problem) < 1000
        assert str(place[0]) in problem, problem


@pytest.mark.parametrize(
    "name", [*PATHS, *TEMPLATES, *SHELL, "Green.yml", "greenbank.yaml", "greenbank.yml~", ".greenbank.yml.swp", "hub.yml", "\udcff.yml"]
)
def test_every_name_of_a_file(tmp_path: Path, canary: Path, name: str) -> None:
    made = Folder.made(tmp_path / "live")
    name = name.replace(CANARY, str(canary)).replace("/", "_")
    target = made.path / "participants" / (name if name not in {".", ".."} else f"{name}.yml")
    target.write_text(json.dumps(RIGHT | {"id": "extra"}), encoding="utf-8")
    found = load_description(made.path)
    assert {"redbank", "greenbank"} <= {participant.name for participant in found.participants}
    assert "extra" not in {participant.name for participant in found.participants}
    reported = [problem for _file, several in found.broken for problem in several]
    assert reported or target.name.startswith("."), "a file that someone may take for a participant's is passed over in silence"
    record_count("hostile descriptions", 1)


SPECIAL: dict[str, Callable[[Path], object]] = {
    "a link to a secret": lambda path: path.symlink_to("/etc/shadow"),
    "a link to a device": lambda path: path.symlink_to("/dev/zero"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a pipe": os.mkfifo,
    "a folder": Path.mkdir,
    "a gigabyte": huge,
    "a bomb": lambda path: path.write_text("a: &a [x,x,x,x,x]\nb: &b [*a,*a,*a]\nc: [*b,*b]\n"),
    "an object": lambda path: path.write_text("!!python/object/apply:os.system ['id']\n"),
    "deep nesting": lambda path: path.write_text("[" * 100_000),
    "100,000 keys": lambda path: path.write_text("".join(f"k{n}: 1\n" for n in range(20_000))),
    "a private key": lambda path: path.write_text("id: |\n  -----BEGIN PRIVATE KEY-----\n  c2VjcmV0\n"),
    "a key twice": lambda path: path.write_text("id: greenbank\nid: hub\n"),
}


@pytest.mark.parametrize("case", SPECIAL)
def test_what_is_no_file_of_a_participant(tmp_path: Path, case: str, capsys: pytest.CaptureFixture[str]) -> None:
    made = Folder.made(tmp_path / "live")
    SPECIAL[case](made.path / "participants/evil.yml")
    verdict = check_description(made.path)
    assert not verdict.right
    assert {each["id"] for each in verdict.participants} == {"greenbank", "redbank", "probe-one", "probe-two"}
    reported = [problem for problem in verdict.problems if "/evil.yml" in problem]
    assert reported
    assert len(verdict.problems) < 20_100
    assert all(problem.isprintable() and len(problem) < 1000 for problem in reported)
    assert "c2VjcmV0" not in "".join(reported)
    assert main(["check", "-i", str(made.path / "hosts.yml"), "--participants", "redbank"]) == 0
    assert main(["check", "-i", str(made.path / "hosts.yml")]) == 1
    assert "/evil.yml:" in capsys.readouterr().out
    record_count("hostile descriptions", 1)


# --- the real programs on all of it at once


LOOKUP = "{{ lookup('pipe', 'touch @CANARY@') }}"


def everywhere(value: object, text: str) -> object:
    """The same file with this text in every place, as key and as value."""
    if isinstance(value, dict):
        return {**{key: everywhere(inner, text) for key, inner in value.items()}, text: text}
    if isinstance(value, list):
        return [everywhere(inner, text) for inner in value] + [text]
    return text


def inventory_of(text: str) -> object:
    """A participant's file that is an inventory as well."""
    host = {"ansible_connection": "local", "evil": text, "ansible_host": text}
    group = {"hosts": {"evil": host, "localhost": host, text: host}, "vars": {"evil": text, "ansible_python_interpreter": text}}
    return {
        **RIGHT,
        "organisation": text,
        "all": group,
        "gateways": group,
        "plugin": "ansible.builtin.constructed",
        "compose": {"evil": text},
    }


@pytest.fixture
def attacked(tmp_path: Path) -> tuple[Folder, Path]:
    made, canary = Folder.made(tmp_path / "inventories" / "live"), tmp_path / "executed"
    made.write("hosts.yml", "plugin: mojaloop.onboarding.hub\n")
    made.write("hub.yml", (made.path / "hub.yml").read_text().replace("kind: production", "kind: lab"))
    number = 0
    for text in (
        *TEMPLATES,
        *SHELL,
        "{{ query('pipe', 'touch @CANARY@') }}",
        "{{ cycler.__init__.__globals__.os.system('touch @CANARY@') }}",
    ):
        hostile = text.replace(CANARY, str(canary))
        for content in (
            everywhere(RIGHT, hostile),
            inventory_of(hostile),
            copy.deepcopy(RIGHT) | {"organisation": hostile, "id": f"bank{number}"},
        ):
            number += 1
            made.write(f"participants/bank{number}.yml", yaml.safe_dump(content, allow_unicode=True))
    record_count("hostile descriptions", number)
    return made, canary


def program(name: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / name), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, timeout=300, stdin=subprocess.DEVNULL)


def test_the_inventory_executes_nothing(attacked: tuple[Folder, Path], tmp_path: Path) -> None:
    made, canary = attacked
    done = program("ansible-inventory", "-i", str(made.path / "hosts.yml"), "--list", cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-500:]
    assert "evil" not in done.stdout
    assert {"hub-gateway", "controller"} <= set(json.loads(done.stdout)["_meta"]["hostvars"])
    refused = program("ansible-inventory", "-i", str(made.path), "--list", cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (4, "")
    assert "was given as inventory" in refused.stderr
    assert not canary.exists()


def test_the_command_executes_nothing(attacked: tuple[Folder, Path], tmp_path: Path) -> None:
    made, canary = attacked
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    done = program("mojaloop-onboarding", "check", "-i", str(made.path / "hosts.yml"), cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == ""
    assert "Traceback" not in done.stdout
    assert all(line.isprintable() for line in done.stdout.splitlines())
    narrowed = program(
        "mojaloop-onboarding", "check", "-i", str(made.path / "hosts.yml"), "--participants", "redbank,greenbank", cwd=tmp_path
    )
    assert narrowed.returncode == 0
    assert sorted(str(path) for path in tmp_path.rglob("*")) == before
    assert not canary.exists()


def test_the_control_the_same_lookup_in_a_plain_file_of_variables_executes(tmp_path: Path) -> None:
    canary = tmp_path / "executed"
    (tmp_path / "hosts.yml").write_text("all: {hosts: {one: {ansible_connection: local}}}\n", encoding="utf-8")
    (tmp_path / "variables.yml").write_text(yaml.safe_dump({"evil": LOOKUP.replace(CANARY, str(canary))}), encoding="utf-8")
    play = "- hosts: all\n  gather_facts: false\n  vars_files: [variables.yml]\n  tasks: [{ansible.builtin.debug: {var: evil}}]\n"
    (tmp_path / "play.yml").write_text(play, encoding="utf-8")
    program("ansible-playbook", "-i", "hosts.yml", "play.yml", cwd=tmp_path)
    assert canary.exists()
