# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which cases a verification has: where nothing can be tried, and for participants that are shut out."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from unit.steps.conftest import site

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import HUB, EnvironmentKind, State
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import OnboardingError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.lab.site import LabSite
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps.run import Run, make_run
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps.sequence import Request
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.campaign import all_cases, verify
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.elsewhere import WHY, Elsewhere
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.evidence import latest_verdicts
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.material import Material
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.model import Case, Expected, Kind, Verdict
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.proving import prove
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.text import render

LAB = load_description(Path(__file__).parents[3] / "inventories" / "lab", state="/nowhere")
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class Raised(LabSite):
    """A lab of which every side has a machine."""

    def machine_of(self, side: str, source: str = "") -> str | None:  # noqa: ARG002
        return f"{side}-gateway"


def run_of(folder: Path, **states: State) -> Run:
    """A run of the lab's description with some participants in other states, whose material is all there."""
    known = tuple(replace(one, state=states.get(one.name.replace("-", "_"), one.state)) for one in LAB.participants)
    tree = DiskTree(folder)
    for one in known:
        tree.write(f"store/{one.name}/client/{HUB}/key.pem", b"x")
    return make_run(replace(LAB, participants=known), tree, sides=["all"], participants=[], now=NOW, dry_run=True)


def shut_out(folder: Path, **states: State) -> list[Case]:
    run = run_of(folder, **states)
    return [case for case in all_cases(Material(run, Raised(run.description, folder))) if case.key.startswith("shut-out")]


@pytest.mark.parametrize("state", [State.SUSPENDED, State.OFFBOARDED])
def test_who_is_shut_out_is_refused_by_firewall_and_gateway_beside_an_active_ones_right_call(tmp_path: Path, state: State) -> None:
    dropped, unknown = shut_out(tmp_path, greenbank=state)
    assert {case.participant for case in (dropped, unknown)} == {"greenbank"}
    assert all(case.title.startswith(f"{state.value}:") for case in (dropped, unknown))
    assert (dropped.expected, dropped.witness.name if dropped.witness else "") == (
        Expected(Kind.DROPPED),
        "greenbank-gateway's firewall counter or hub-gateway's firewall counter",
    )
    assert unknown.expected == Expected(Kind.ANSWERED, (403,), "gateway", ("certificate-unknown",))
    assert {case.control_key for case in (dropped, unknown)} == {"bluebank right"}
    assert all(case.control and not case.obstacle for case in (dropped, unknown))


def test_without_an_active_one_nothing_shows_that_the_listener_is_open(tmp_path: Path) -> None:
    everybody = dict.fromkeys(("bluebank", "greenbank", "probe_one", "probe_two"), State.SUSPENDED)
    cases = shut_out(tmp_path, **everybody)
    assert len(cases) == 8
    assert {case.obstacle for case in cases} == {
        "needs an active participant whose material is here, to show that the listener is open to others"
    }


def test_every_described_address_is_come_from_and_every_address_of_a_listener_is_called(tmp_path: Path) -> None:
    run = run_of(tmp_path)
    cases = [case for case in all_cases(Material(run, Raised(run.description, tmp_path))) if case.participant == "greenbank"]
    reported = {(case.key, case.direction): case.title for case in cases}
    assert reported["way-2", "to the hub"] == "the same from 203.0.113.22 at 203.0.113.10"
    assert reported["way-3", "to the hub"] == "the same from 2001:db8:6d6f::21 at 2001:db8:6d6f::10"
    assert reported["way-2", "from the hub"] == "the same from 2001:db8:6d6f::11 at 2001:db8:6d6f::20"
    assert {direction for key, direction in reported if key == "stranger-ipv6"} == {"to the hub", "from the hub"}


def test_who_has_ipv6_only_is_met_over_ipv6(tmp_path: Path) -> None:
    material, hub = Material(run_of(tmp_path), Raised(LAB, tmp_path)), LAB.hub
    green = next(one for one in LAB.participants if one.name == "greenbank")
    wide = replace(green, egress_addresses=tuple(one for one in green.egress_addresses if one.version == 6))
    assert material.routes(wide, hub) == [("2001:db8:6d6f::21", "2001:db8:6d6f::10")]
    assert hub.endpoint
    narrow = replace(hub, endpoint=replace(hub.endpoint, addresses=hub.endpoint.addresses[:1]))
    assert material.routes(wide, narrow) == []
    with pytest.raises(OnboardingError, match="no egress address of an IP version"):
        material.way(wide, narrow)


def test_outside_a_lab_every_case_is_named_and_none_is_tried(tmp_path: Path) -> None:
    run = run_of(tmp_path, bluebank=State.SUSPENDED)
    results = verify(replace(run, description=replace(run.description, kind=EnvironmentKind.PRE_PRODUCTION)), Elsewhere())
    assert {(result.verdict, result.detail) for result in results} == {(Verdict.NOT_PROVABLE, WHY)}
    assert {result.participant for result in results} == {one.name for one in LAB.participants}
    assert {result.direction for result in results} == {"to the hub", "from the hub", "end to end"}
    assert "greenbank, to the hub (" in render(results)


def test_outside_a_lab_the_evidence_is_written_and_shows_nothing(tmp_path: Path) -> None:
    made = site(tmp_path, "greenbank", kind="pre-production", approval="manual")
    made.hub["hub"]["endpoint"]["addresses"], made.hub["hub"]["egress_addresses"] = ["192.88.100.10"], ["192.88.100.11/32"]
    for number, each in enumerate(made.participants.values()):
        each["egress_addresses"] = [f"192.88.100.{20 + number}/32"]
        each["endpoint"]["addresses"] = [f"192.88.100.{30 + number}"]
    made.describe()
    request = Request(str(tmp_path / "description"), str(made.state))
    results = prove(request, junit_file=str(tmp_path / "cases.xml"), page_file=str(tmp_path / "page.html"))
    assert {result.verdict for result in results} == {Verdict.NOT_PROVABLE}
    kept = json.loads((made.state / "evidence" / "verification.json").read_text())
    assert (kept["counts"], kept["verdicts"]) == ({"not-provable-from-here": len(results)}, {"greenbank": None})
    assert latest_verdicts(DiskTree(made.state), request.load()) == {}
    suite = ET.parse(tmp_path / "cases.xml").getroot()  # noqa: S314 -- our own text
    assert (suite.attrib["skipped"], suite.attrib["failures"], suite.attrib["errors"]) == (str(len(results)), "0", "0")
    page = (tmp_path / "page.html").read_text()
    assert f"Nothing was proved: {len(results)} cases are not provable" in page
    assert "nothing could be tried" in page
