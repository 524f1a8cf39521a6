# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the firewall does on its host: changes whole or not at all, undone unless confirmed, drift found and repaired."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tools.firewall_cases import lab, model, names
from tools.firewall_network import Machine, network, why_not

from ansible_collections.mojaloop.onboarding.plugins.module_utils.firewall.comparison import FirewallPlan, plan_firewall
from ansible_collections.mojaloop.onboarding.plugins.module_utils.firewall.model import FirewallModel
from ansible_collections.mojaloop.onboarding.plugins.module_utils.firewall.nftables import desired_content, observed_model, render
from ansible_collections.mojaloop.onboarding.plugins.module_utils.firewall.sharing import assigned
from ansible_collections.mojaloop.onboarding.plugins.module_utils.host import firewall_nftables as host

pytestmark = [pytest.mark.root, pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")]

SOON = 4.0
"""Seconds until an unconfirmed change is undone: enough for the change itself on a machine that does much else."""
TABLE = "inet mojaloop_onboarding"
NEIGHBOUR = """
table ip someone {
	set mine { type ipv4_addr; flags interval; elements = { 192.0.2.0/24, 198.51.100.7 } }
	counter seen { packets 5 bytes 300 }
	chain input { type filter hook input priority 0; policy accept; tcp dport 22 ct state established accept; }
}
"""


@pytest.fixture
def machine() -> Iterator[Machine]:
    with network("203.0.113.10/24") as made:
        yield made.guarded


@pytest.fixture
def file(tmp_path: Path) -> str:
    return str(tmp_path / "nftables.d" / "onboarding.nft")


def observe(machine: Machine, file: str, ports: tuple[int, ...] = (8443,)) -> dict[str, Any]:
    return machine.call(lambda: host.observe(file, ports))


def begin(machine: Machine, wanted: FirewallModel, file: str, seconds: float = 20) -> str:
    final = assigned(wanted)
    return machine.call(lambda: host.apply(render(final), desired_content(final), file, seconds))


def put(machine: Machine, wanted: FirewallModel, file: str) -> None:
    final, ticket = assigned(wanted), begin(machine, wanted, file)
    machine.call(lambda: host.confirm(ticket, render(final), desired_content(final), file))


def planned(machine: Machine, file: str) -> FirewallPlan:
    description = lab()
    return plan_firewall(description, "hub", "hub-gateway", observe(machine, file), names(description))


def carry_out(machine: Machine, file: str) -> FirewallPlan:
    """One run of the hub's side: compare, change, confirm."""
    plan = planned(machine, file)
    ticket = machine.call(lambda: host.apply(plan.rules, plan.content, file, 20))
    machine.call(lambda: host.confirm(ticket, plan.rules, plan.content, file))
    return plan


def test_the_second_run_finds_nothing(machine: Machine, file: str) -> None:
    first = carry_out(machine, file)
    assert {"firewall-not-installed", "address-missing", "not-persisted"} == {finding.reason for finding in first.findings}
    assert planned(machine, file).findings == ()


def test_the_kernel_tells_the_model_that_was_loaded(machine: Machine, file: str) -> None:
    wanted = assigned(
        model({"greenbank": ["203.0.113.20/31", "2001:db8::/48"]}, {"greenbank": [("203.0.113.20", 443), ("2001:db8::1", 8443)]})
    )
    put(machine, wanted, file)
    assert observed_model("hub", observe(machine, file)["content"]) == wanted


def test_ids_of_every_permitted_form_are_names_for_the_kernel(machine: Machine, file: str) -> None:
    ids = ["a1", "Bank-One_2", "accept", "b" + "x" * 29]
    wanted = model(
        {name: [f"192.0.2.{number}/32"] for number, name in enumerate(ids)}, {name: [("192.0.2.9", 1 + len(name))] for name in ids}
    )
    put(machine, wanted, file)
    assert observed_model("hub", observe(machine, file)["content"]) == assigned(wanted)


@pytest.mark.parametrize(
    ("drift", "reason"),
    [
        ("delete element inet mojaloop_onboarding inbound_v4 {{ 203.0.113.21 }}", "address-missing"),
        ("delete element inet mojaloop_onboarding outbound_v4 {{ 203.0.113.20 . 8443 }}", "address-missing"),
        ('add element inet mojaloop_onboarding inbound_v4 {{ 192.0.2.0/24 : "in_greenbank" }}', "address-unwanted"),
        ("flush chain inet mojaloop_onboarding input", "rule-missing"),
        ("delete rule inet mojaloop_onboarding inbound handle {drop}", "rule-missing"),
        ("insert rule inet mojaloop_onboarding input accept", "rules-differ"),
        ("add element inet mojaloop_onboarding inbound_ports {{ 443 }}", "rules-differ"),
        ("flush set inet mojaloop_onboarding egress_v4", "rules-differ"),
        ("add table inet mojaloop_onboarding {{ flags dormant; }}", "rules-differ"),
        ("add chain inet mojaloop_onboarding more {{ type filter hook input priority -20; policy drop; }}", "rules-differ"),
        ("add counter inet mojaloop_onboarding in_no_one", "rules-differ"),
        ("delete table inet mojaloop_onboarding", "firewall-not-installed"),
    ],
)
def test_what_someone_changed_by_hand_is_found_and_repaired(machine: Machine, file: str, drift: str, reason: str) -> None:
    carry_out(machine, file)
    assert planned(machine, file).findings == ()
    machine.nft("-f", "-", given=drift.format(drop=_handle_of_drop(machine)))
    found = planned(machine, file)
    assert reason in {finding.reason for finding in found.findings}
    carry_out(machine, file)
    assert planned(machine, file).findings == ()


def test_a_participant_that_vanished_is_a_fault_and_keeps_its_addresses(machine: Machine, file: str) -> None:
    carry_out(machine, file)
    machine.nft("add", "counter", *TABLE.split(), "in_oldbank")
    machine.nft("add", "element", *TABLE.split(), "inbound_v4", '{ 192.0.2.7 : "in_oldbank" }')
    carry_out(machine, file)
    found = planned(machine, file).findings
    assert [(finding.participant, finding.reason, finding.disposition.value) for finding in found] == [
        ("oldbank", "participant-unknown", "fault")
    ]
    assert "state: offboarded" in found[0].detail
    assert "192.0.2.7" in machine.nft("list", "map", *TABLE.split(), "inbound_v4")


def test_other_tables_stay_as_they_are_byte_for_byte(machine: Machine, file: str) -> None:
    machine.nft("-f", "-", given=NEIGHBOUR)
    before = machine.nft("-a", "list", "ruleset")
    carry_out(machine, file)
    put(machine, model({"greenbank": ["203.0.113.21/32"]}), file)
    machine.nft("delete", "table", *TABLE.split())
    assert machine.nft("-a", "list", "ruleset") == before


@pytest.mark.parametrize("fault", ["rules are no rules", "overlap"])
def test_a_bad_transaction_leaves_the_old_table_whole(machine: Machine, file: str, fault: str) -> None:
    put(machine, model({"greenbank": ["203.0.113.21/32"]}), file)
    before, persisted = machine.nft("-a", "list", "ruleset"), Path(file).read_bytes()
    final = assigned(model({"bluebank": ["192.0.2.0/24"], "greenbank": ["203.0.113.21/32"]}))
    rules = render(final)
    bad = (
        rules + "nonsense\n"
        if fault == "rules are no rules"
        else rules.replace("{ 192.0.2.0/24", '{ 192.0.0.0/16 : "in_greenbank", 192.0.2.0/24')
    )
    with pytest.raises(host.FirewallRefused, match="nft -c"):
        machine.call(lambda: host.apply(bad, desired_content(final), file, 20))
    assert (machine.nft("-a", "list", "ruleset"), Path(file).read_bytes()) == (before, persisted)
    ticket = machine.call(lambda: host.apply(rules, desired_content(final), file, 20))
    machine.call(lambda: host.confirm(ticket, rules, desired_content(final), file))


def test_rules_that_read_back_differently_are_undone(machine: Machine, file: str) -> None:
    put(machine, model({"greenbank": ["203.0.113.21/32"]}), file)
    before = machine.nft("list", "ruleset")
    other = assigned(model({"bluebank": ["192.0.2.0/24"]}))
    with pytest.raises(host.FirewallRefused, match="does not hold what was loaded"):
        machine.call(lambda: host.apply(render(other), desired_content(assigned(model())), file, 20))
    assert machine.nft("list", "ruleset") == before


def test_the_host_undoes_a_change_that_no_one_confirms(machine: Machine, file: str) -> None:
    put(machine, model({"greenbank": ["203.0.113.21/32"]}), file)
    before, persisted = observe(machine, file)["content"], Path(file).read_bytes()
    wanted = assigned(model({"bluebank": ["192.0.2.0/24"]}))
    ticket = begin(machine, wanted, file, seconds=SOON)
    assert observe(machine, file)["content"] == desired_content(wanted)
    _until(lambda: observe(machine, file)["content"] == before)
    with pytest.raises(host.FirewallRefused, match="rolled back"):
        _until_fired(machine, ticket, wanted, file)
    assert Path(file).read_bytes() == persisted


def test_the_host_takes_away_a_first_table_that_no_one_confirms(machine: Machine, file: str) -> None:
    begin(machine, model({"bluebank": ["192.0.2.0/24"]}), file, seconds=SOON)
    _until(lambda: observe(machine, file)["content"] is None)
    assert not Path(file).exists()


def test_a_confirmed_change_stays(machine: Machine, file: str) -> None:
    wanted = assigned(model({"bluebank": ["192.0.2.0/24"]}))
    ticket = begin(machine, wanted, file, seconds=SOON)
    machine.call(lambda: host.confirm(ticket, render(wanted), desired_content(wanted), file))
    time.sleep(SOON + 1)
    assert observe(machine, file)["content"] == desired_content(wanted)


def test_a_confirmed_change_that_the_disk_has_no_room_for_is_reported_as_what_it_is(
    machine: Machine, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = assigned(model())
    ticket = begin(machine, wanted, file)

    def full(path: str, _text: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", path)

    def confirm() -> None:
        host.confirm(ticket, render(wanted), desired_content(wanted), file)

    monkeypatch.setattr(host, "_write", full)
    with pytest.raises(host.FirewallRefused, match="in force, and the next boot would bring"):
        machine.call(confirm)
    assert observe(machine, file)["content"] == desired_content(wanted)
    assert observe(machine, file)["persisted"] == ""


def test_the_next_change_waits_for_one_that_is_still_to_be_undone(machine: Machine, file: str) -> None:
    begin(machine, model({"bluebank": ["192.0.2.0/24"]}), file, seconds=SOON)
    wanted = assigned(model({"greenbank": ["203.0.113.21/32"]}))
    put(machine, wanted, file)
    time.sleep(SOON + 1)
    assert observe(machine, file)["content"] == desired_content(wanted)


def test_the_file_loads_the_same_table_again_after_a_boot(machine: Machine, file: str) -> None:
    carry_out(machine, file)
    before = observe(machine, file)["content"]
    machine.nft("flush", "ruleset")
    assert observe(machine, file)["content"] is None
    machine.nft("-f", file)
    assert observe(machine, file)["content"] == before
    assert planned(machine, file).findings == ()


def test_a_narrowed_run_after_the_table_was_lost_keeps_everybody_elses_addresses(machine: Machine, file: str) -> None:
    carry_out(machine, file)
    whole = observe(machine, file)["content"]
    machine.run("nft", "flush", "ruleset")
    plan = plan_firewall(lab(), "hub", "hub-gateway", observe(machine, file), {"greenbank"})
    assert {finding.participant for finding in plan.findings} == {"hub", "greenbank"}
    ticket = machine.call(lambda: host.apply(plan.rules, plan.content, file, 20))
    machine.call(lambda: host.confirm(ticket, plan.rules, plan.content, file))
    assert observe(machine, file)["content"] == whole
    assert planned(machine, file).findings == ()


def test_files_are_private_and_nothing_is_left_beside_them(machine: Machine, file: str) -> None:
    carry_out(machine, file)
    folder = Path(file).parent
    assert Path(file).stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in folder.iterdir()) == [".onboarding", "onboarding.nft"]
    assert (folder / ".onboarding").stat().st_mode & 0o777 == 0o700
    assert not list((folder / ".onboarding").iterdir())


def test_a_lost_file_is_written_again_without_a_transaction(machine: Machine, file: str) -> None:
    carry_out(machine, file)
    Path(file).unlink()
    plan = planned(machine, file)
    assert [finding.reason for finding in plan.findings] == ["not-persisted"]
    assert plan.in_force
    host.persist(plan.rules, file)
    assert planned(machine, file).findings == ()


def test_what_a_killed_run_left_is_swept(machine: Machine, file: str) -> None:
    carry_out(machine, file)
    stray = Path(file).with_name(".onboarding.nft.stage-00112233")
    stray.write_text("half of a table")
    put(machine, model(), file)
    assert not stray.exists()


DROP, BYPASS = "other-table-may-drop", "other-table-may-bypass"
INPUT = "type filter hook input priority 0;"
PREROUTING = "type nat hook prerouting priority dstnat;"
RAW = "type filter hook prerouting priority raw;"


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (f"inet strict {{ chain in {{ {INPUT} policy drop; tcp dport 22 accept; }}; }}", DROP),
        (f"inet fair {{ chain in {{ {INPUT} policy drop; tcp dport {{ 22, 8443 }} accept; }}; }}", ""),
        (f"inet named {{ set p {{ type inet_service; }}; chain in {{ {INPUT} policy drop; tcp dport @p accept; }}; }}", ""),
        (f"ip blunt {{ chain in {{ {INPUT} tcp dport 8000-9000 drop; }}; }}", DROP),
        (f"ip blunt {{ flags dormant; chain in {{ {INPUT} tcp dport 8000-9000 drop; }}; }}", ""),
        (f"ip way {{ chain pre {{ {PREROUTING} tcp dport 8443 dnat to 192.0.2.1; }}; }}", BYPASS),
        (f"ip way {{ chain pre {{ {PREROUTING} tcp dport 443 redirect to 9000; }}; }}", ""),
        (f"ip forge {{ chain pre {{ {RAW} ip saddr set 192.0.2.1; }}; }}", BYPASS),
        (f"inet raw {{ chain pre {{ {RAW} tcp dport 8443 notrack; }}; }}", ""),
    ],
)
def test_other_tables_in_the_way_are_reported(machine: Machine, file: str, table: str, reason: str) -> None:
    carry_out(machine, file)
    machine.nft("-f", "-", given=f"table {table}")
    before = machine.nft("-a", "list", "ruleset")
    found = planned(machine, file).findings
    assert [finding.reason for finding in found] == ([reason] if reason else [])
    assert all(finding.disposition.value == "pending" for finding in found)
    assert machine.nft("-a", "list", "ruleset") == before


def test_a_thousand_participants_are_quick(machine: Machine, file: str) -> None:
    ids = [f"bank-{number:04d}" for number in range(1000)]
    sources = {name: [f"10.{i // 250}.{i % 250}.{8 * k}/30" for k in range(4)] for i, name in enumerate(ids)}
    destinations = {name: [(f"10.9.{i // 250}.{i % 250}", 8443)] for i, name in enumerate(ids)}
    wanted = model(sources, destinations)
    begun = _processor_seconds()
    put(machine, wanted, file)
    assert observe(machine, file)["content"] == desired_content(assigned(wanted))
    assert _processor_seconds() - begun < 10  # about one second


def _processor_seconds() -> float:
    """CPU time of this process and of the calls of nft that have ended."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def _handle_of_drop(machine: Machine) -> str:
    lines = machine.nft("-a", "list", "chain", *TABLE.split(), "inbound").splitlines()
    return next(line.split("handle ")[1] for line in lines if "drop" in line)


def _until(reached: Callable[[], bool], limit: float = 60) -> None:
    deadline = time.monotonic() + limit
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _until_fired(machine: Machine, ticket: str, wanted: FirewallModel, file: str) -> None:
    folder = Path(file).parent / ".onboarding"
    _until((folder / f"fired-{ticket}").exists)
    machine.call(lambda: host.confirm(ticket, render(wanted), desired_content(wanted), file))
