# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Findings: what is described against what a host tells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tools.firewall_cases import changed, lab, names, observation, without

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import Description, EnvironmentKind, State
from ansible_collections.mojaloop.onboarding.plugins.module_utils.findings import Disposition, Finding
from ansible_collections.mojaloop.onboarding.plugins.module_utils.firewall.comparison import plan_firewall, readable
from ansible_collections.mojaloop.onboarding.plugins.module_utils.firewall.model import FirewallModel, firewall_model
from ansible_collections.mojaloop.onboarding.plugins.module_utils.firewall.nftables import desired_content
from ansible_collections.mojaloop.onboarding.plugins.module_utils.firewall.sharing import assigned
from ansible_collections.mojaloop.onboarding.plugins.module_utils.host.firewall_content import Content


@pytest.fixture(scope="module")
def description() -> Description:
    return lab()


def found(description: Description, reported: dict[str, Any], *chosen: str, side: str = "hub") -> tuple[Finding, ...]:
    return plan_firewall(description, side, "gw", reported, chosen or names(description)).findings


def brief(findings: tuple[Finding, ...]) -> set[tuple[str, str, str]]:
    return {(finding.participant, finding.artefact, finding.reason) for finding in findings}


def installed(description: Description, side: str = "hub") -> FirewallModel:
    return firewall_model(description, side)


def test_nothing_differs_where_all_is_as_described(description: Description) -> None:
    for side in ("hub", "greenbank"):
        assert found(description, observation(installed(description, side)), side=side) == ()


def test_an_empty_host_lacks_the_table_and_everybodys_addresses(description: Description) -> None:
    lacking = brief(found(description, observation(None)))
    assert {("hub", "firewall/gw", "firewall-not-installed"), ("redbank", "firewall/gw/inbound", "address-missing")} < lacking


def test_addresses_are_reported_for_whom_they_concern(description: Description) -> None:
    reported = observation(installed(changed(description, "greenbank", egress_addresses=description.hub.egress_addresses[:1])))
    assert brief(found(description, reported)) - {("hub", "firewall/gw", "not-persisted")} == {
        ("greenbank", "firewall/gw/inbound", "address-missing"),
        ("greenbank", "firewall/gw/inbound", "address-unwanted"),
    }


def test_suspending_takes_both_directions_away(description: Description) -> None:
    asleep = changed(description, "greenbank", state=State.SUSPENDED)
    assert {each for each in brief(found(asleep, observation(installed(description)))) if each[0] == "greenbank"} == {
        ("greenbank", "firewall/gw/inbound", "address-unwanted"),
        ("greenbank", "firewall/gw/outbound", "address-unwanted"),
    }


def test_a_narrowed_run_reports_its_own_participants_only(description: Description) -> None:
    asleep = changed(changed(description, "greenbank", state=State.SUSPENDED), "bluebank", state=State.SUSPENDED)
    whom = {finding.participant for finding in found(asleep, observation(installed(description)), "greenbank")}
    assert whom == {"greenbank", "hub"}


def test_a_vanished_participant_is_a_fault_of_a_full_run_and_keeps_its_addresses(description: Description) -> None:
    reported = observation(installed(description))
    (fault,) = found(without(description, "redbank"), reported)
    assert (fault.participant, fault.reason, fault.disposition) == ("redbank", "participant-unknown", Disposition.FAULT)
    assert "state: offboarded" in fault.detail
    assert found(without(description, "redbank"), reported, "greenbank") == ()


def test_a_participant_whose_file_is_broken_is_not_taken_for_vanished(description: Description) -> None:
    broken = replace(without(description, "redbank"), broken=(("participants/redbank.yml", ("unreadable",)),))
    assert found(broken, observation(installed(description))) == ()


def test_an_offboarded_participant_is_taken_away_without_a_fault(description: Description) -> None:
    gone = changed(description, "redbank", state=State.OFFBOARDED)
    assert {finding.reason for finding in found(gone, observation(installed(description)))} == {"address-unwanted", "not-persisted"}


def test_a_stranger_in_the_kernel_of_a_participant_is_removed(description: Description) -> None:
    with_stranger = replace(installed(description, "greenbank"), allowed_in={**installed(description, "greenbank").allowed_in, "else": ()})
    reported = observation(replace(with_stranger, allowed_in={**with_stranger.allowed_in, "else": description.hub.egress_addresses[:1]}))
    assert {finding.participant for finding in found(description, reported, side="greenbank")} == {"greenbank"}
    plan = plan_firewall(description, "greenbank", "gw", reported, names(description))
    assert plan.content == desired_content(assigned(installed(description, "greenbank")))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda content: content["chains"]["inbound"]["rules"].pop(), "rule-missing"),
        (lambda content: content["chains"]["input"]["rules"].insert(0, [{"accept": None}]), "rules-differ"),
        (lambda content: content["chains"]["input"].update(hook=["filter", "input", 10, "accept"]), "rules-differ"),
        (lambda content: content["chains"].update(more={"hook": [], "rules": []}), "rules-differ"),
        (lambda content: content["sets"]["inbound_ports"]["elements"].clear(), "rules-differ"),
        (lambda content: content["maps"].pop("outbound_v6"), "rules-differ"),
        (lambda content: content["flags"].append("set"), "rules-differ"),
        (lambda content: content["counters"].append("in_more"), "rules-differ"),
        (lambda content: content["unknown"].append("quota q"), "rules-differ"),
    ],
)
def test_rules_that_are_not_the_packs_are_found(description: Description, change: Callable[[Content], object], reason: str) -> None:
    reported = observation(installed(description))
    assert found(description, reported) == ()
    change(reported["content"])
    assert reason in {finding.reason for finding in found(description, reported)}


def test_a_file_that_is_not_the_table_is_written_without_a_transaction(description: Description) -> None:
    plan = plan_firewall(description, "hub", "gw", observation(installed(description), persisted="0" * 64), names(description))
    assert [(finding.reason, finding.disposition) for finding in plan.findings] == [("not-persisted", Disposition.CHANGE)]
    assert plan.in_force


def test_a_file_that_is_not_included_at_boot_waits_for_a_person_but_not_in_a_lab(description: Description) -> None:
    reported = observation(installed(description), loaded_at_boot=False)
    assert found(description, reported) == ()
    (waiting,) = found(replace(description, kind=EnvironmentKind.PRODUCTION), reported)
    assert (waiting.reason, waiting.disposition, waiting.pending_on) == ("not-loaded-at-boot", Disposition.PENDING, "operator of gw")


def test_other_tables_in_the_way_wait_for_a_person_one_finding_a_table(description: Description) -> None:
    reported = observation(
        installed(description),
        neighbours=[{"reason": "other-table-may-drop", "table": "inet filter", "detail": detail} for detail in ("one", "two")],
    )
    (waiting,) = found(description, reported)
    assert (waiting.artefact, waiting.disposition, waiting.detail) == ("firewall/gw/inet filter", Disposition.PENDING, "one; two")


def test_the_diff_has_a_line_for_each_address_port_and_chain(description: Description) -> None:
    lines = readable(desired_content(assigned(installed(description)))).splitlines()
    assert "inbound_ports 8443" in lines
    assert "inbound_v4 in_greenbank 203.0.113.21/32" in lines
    assert readable(None) == ""
