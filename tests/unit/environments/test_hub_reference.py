# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where one organisation runs both, the hub's stack stands in for its publication, and is believed no more than that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pulumi
import pytest
from support.hosted_participants import hub_outputs
from support.pulumi_mocks import Recording

from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import OnboardingError
from environments.dfsp_facts import DfspFacts, read_dfsp_facts
from environments.hub_reference import compare

from .conftest import Run

STACK = "organization/mojaloop-hub/lab"


@pytest.fixture(scope="module")
def facts(repository: Path) -> DfspFacts:
    """The participant's."""
    return read_dfsp_facts(repository / "inventories/lab", None, "greenbank")


def _names(found: Recording) -> set[tuple[str, str]]:
    return {(each["kind"], each["metadata"]["name"]) for each in found.objects}


def test_the_same_is_made_by_the_stack_as_by_the_exchange(run_dfsp: Run, dfsp: Recording, tmp_path: Path) -> None:
    found = run_dfsp(stacks={STACK: hub_outputs()}, hubStack=STACK, exchange=str(tmp_path / "nothing"))
    assert _names(found) == _names(dfsp)


@pytest.mark.parametrize(
    ("outputs", "says"),
    [
        (hub_outputs(host="api.elsewhere.example"), r"awaiting approval: the hub's stack is of lab at api\.elsewhere\.example:8443"),
        (hub_outputs(port=443), r"approved: lab at api\.hub\.lab:8443"),
        ({**hub_outputs(), "environment": "live"}, r"is of live at api\.hub\.lab:8443"),
        ({"format": 1}, "holds wrong outputs"),
        ({}, "holds no outputs of a stack of this pack"),
    ],
)
def test_what_no_one_approved_does_not_count(facts: DfspFacts, outputs: dict[str, Any], says: str) -> None:
    compare(STACK, facts, hub_outputs())  # the control
    with pytest.raises(OnboardingError, match=says):
        compare(STACK, facts, outputs)


def test_the_program_ends_with_the_difference(run_dfsp: Run) -> None:
    with pytest.raises(pulumi.RunError, match=r"the stack organization/mojaloop-hub/lab: awaiting approval"):
        run_dfsp(stacks={STACK: hub_outputs(port=443)}, hubStack=STACK)


def test_the_name_of_a_stack_is_judged(run_dfsp: Run) -> None:
    with pytest.raises(pulumi.RunError, match="hubStack: "):
        run_dfsp(hubStack="a/b/c/d")
