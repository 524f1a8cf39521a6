# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Allowlists end to end: what a description says of addresses is what gateway and firewall let in, and nothing else."""

from __future__ import annotations

import json
import subprocess
import tracemalloc
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from hostile.texts import ADDRESSES
from support.counting import record_count
from tools.description_files import Folder
from unit.steps.conftest import Site, faults

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.addresses import parse_network
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.spec import Refused
from ansible_collections.mojaloop.onboarding.plugins.module_utils.firewall.model import firewall_model
from ansible_collections.mojaloop.onboarding.plugins.module_utils.firewall.nftables import desired_content, observed_model, render
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.tables import address_maps

RED, GREEN = "participants/redbank.yml", "participants/greenbank.yml"
DENIED = {
    "a duplicate": ["45.60.3.21/32", "45.60.3.21"],
    "a duplicate in another form": ["45.60.3.21", "::ffff:45.60.3.21"],
    "an overlap": ["45.60.3.0/24", "45.60.3.21/32"],
    "the half of everything": ["0.0.0.0/1"],
    "the other half": ["128.0.0.0/1"],
    "everything": ["0.0.0.0/0"],
    "everything of IPv6": ["::/0"],
    "half of IPv6": ["8000::/1"],
    "IPv4 in its IPv6 form": ["::ffff:0:0/96"],
    "around IPv4 in its IPv6 form": ["::/64"],
    "a /15": ["46.0.0.0/15"],
    "a /31 of IPv6": ["2c0e::/31"],
    "host bits": ["45.60.3.21/24"],
    "host bits of IPv6": ["2c0f:fe38::1/64"],
    "a zone": ["fe80::1%eth0"],
    "leading zeros": ["045.060.003.021"],
    "a number": ["761004565"],
    "hexadecimal": ["0x2d.0x3c.3.21"],
    "a host name": ["redbank.example"],
    "a port": ["45.60.3.21:443"],
    "a range": ["45.60.3.21-45.60.3.30"],
    "a mask": ["45.60.3.0/255.255.255.0"],
    "the hub's own": ["45.60.1.11"],
    "around the hub's own": ["45.60.1.0/24"],
    "greenbank's": ["45.60.2.21"],
    "around greenbank's": ["45.60.2.0/24"],
    "within greenbank's": ["2c0f:fe38:2::7/128"],
    "greenbank's in another form": ["::ffff:45.60.2.21"],
    "201 entries": [f"46.1.{n // 256}.{n % 256}" for n in range(201)],
}


def written(folder: Folder, networks: list[str]) -> list[str]:
    kept = (folder.path / RED).read_text(encoding="utf-8").partition("egress_addresses:")[0]
    folder.write(RED, kept + "egress_addresses: " + json.dumps(networks) + "\n")
    return [problem for problem in folder.problems() if problem.startswith(RED)]


@pytest.mark.parametrize("case", DENIED)
def test_it_is_refused_and_no_one_else_is_let_in(tmp_path: Path, case: str) -> None:
    folder = Folder.made(tmp_path / "live")
    assert written(folder, ["45.60.3.21/32"]) == []
    let_in = firewall_model(folder.load(), "hub").allowed_in
    problems = written(folder, DENIED[case])
    assert problems
    assert all("egress_addresses" in problem and "; allowed: " in problem for problem in problems)
    after = firewall_model(folder.load(), "hub").allowed_in
    assert "redbank" not in after
    # A collision skips both: which of the two is right is a person's decision. Everybody else is let in as before.
    assert {name: after.get(name) for name in ("probe-one", "probe-two")} == {name: let_in[name] for name in ("probe-one", "probe-two")}
    assert after.get("greenbank", let_in["greenbank"]) == let_in["greenbank"]
    assert written(folder, ["45.60.3.21/32"]) == []
    assert firewall_model(folder.load(), "hub").allowed_in == let_in
    record_count("allowlist cases", 1)


@pytest.mark.parametrize("text", ADDRESSES, ids=ascii)
def test_no_spelling_means_more_than_it_says(text: str) -> None:
    try:
        found = parse_network(text)
    except Refused as refused:
        reported = str(refused)
    else:
        reported = ""
        assert str(found) in {text, f"{text}/32", f"{text}/128", "0.0.0.0/0"}
        assert found == ip_network(str(found))
    assert reported.isprintable() or not reported
    record_count("allowlist cases", 1)


def test_an_empty_list_admits_no_one(hub: Site, tmp_path: Path) -> None:
    description = described(hub, [])
    model = firewall_model(description, "hub")
    assert model.allowed_in["redbank"] == ()
    content = desired_content(model)
    assert observed_model("hub", content).allowed_in.get("redbank", ()) == ()
    assert not any("redbank" in str(part) for part in address_maps({"redbank": ()}))
    (tmp_path / "rules.nft").write_text(render(model), encoding="utf-8")
    done = subprocess.run(["unshare", "-n", "nft", "-c", "-f", str(tmp_path / "rules.nft")], capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert faults(hub.run()) == []
    record_count("allowlist cases", 1)


def described(hub: Site, networks: list[str]) -> Any:  # noqa: ANN401 -- a description
    from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description  # noqa: PLC0415

    hub.participants["redbank"]["egress_addresses"] = networks
    hub.describe()
    return load_description(hub.root / "description", state=str(hub.state))


def test_an_address_of_both_forms_is_one_address(hub: Site) -> None:
    plain, mapped = (firewall_model(described(hub, [text]), "hub") for text in ("203.0.113.41", "::ffff:203.0.113.41"))
    assert plain == mapped
    assert render(plain) == render(mapped)
    assert "::ffff" not in render(mapped)


@pytest.mark.parametrize("count", [2_000, pytest.param(100_000, marks=pytest.mark.deep)])
def test_very_many_entries_are_exact_in_bounded_memory(count: int) -> None:
    owners = {f"bank{n}": [ip_network((0x2D000000 + (n * 100 + each) * 256, 24)) for each in range(100)] for n in range(count // 100)}
    tracemalloc.start()
    prefixes, allowed = address_maps(owners)
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(prefixes) == len(allowed) == count
    assert peak < 1500 * count
    for name, networks in list(owners.items())[::10]:
        assert f"{name}|{networks[7]}" in allowed
        assert f"{name}|{ip_network((int(networks[-1].broadcast_address) + 1, 24))}" not in allowed
    assert ip_address("45.0.0.1") in owners["bank0"][0]
    record_count("allowlist entries", count)


def test_the_largest_file_of_addresses_is_refused_in_one_line(tmp_path: Path) -> None:
    folder = Folder.made(tmp_path / "live")
    (problem,) = written(folder, [f"46.{n // 65536}.{n // 256 % 256}.{n % 256}/32" for n in range(100_000)])
    assert problem == f"{RED}:1: file: found more than 256 KiB; allowed: at most 256 KiB"
    (problem,) = written(folder, [f"46.{n // 65536}.{n // 256 % 256}.{n % 256}" for n in range(10_000)])
    assert problem == f"{RED}:7: egress_addresses: found 10000 entries; allowed: 0 to 200 entries"
    record_count("allowlist cases", 2)
