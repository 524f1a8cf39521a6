# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Cases whose listener is one of Istio's: refusals count by their status, and paths that Istio normalises prove nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from unit.verification.test_verification_campaign import LAB, Raised, run_of

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.kubernetes_gateway import KubernetesGateway
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import Description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.campaign import all_cases
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.material import Material
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.model import Case
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.on_clusters import NORMALISED

BY_STATUS = (400, 401, 403, 404, 405)


def on_a_cluster(*roles: str) -> Description:
    """The lab with the gateways of hub and greenbank on a cluster; greenbank with further roles."""
    inbound = LAB.hub.gateways[0].inbound
    gateways = (KubernetesGateway(kind="kubernetes", name="hub-gateway", host="", inbound=inbound),)
    known = tuple(
        replace(one, gateways=gateways, roles=tuple(dict.fromkeys((*one.roles, *roles)))) if one.name == "greenbank" else one
        for one in LAB.participants
    )
    return replace(LAB, hub=replace(LAB.hub, gateways=gateways), participants=known)


def cases(folder: Path, description: Description) -> list[Case]:
    run = replace(run_of(folder), description=description)
    run = replace(run, chosen=description.participants)
    found = all_cases(Material(run, Raised(LAB, folder)))
    return [case for case in found if case.participant == "greenbank"]


def normalised(found: list[Case]) -> set[tuple[str, str]]:
    return {(case.direction, case.key) for case in found if case.obstacle == NORMALISED}


EVERYWHERE = {("to the hub", "path-double-slash"), ("from the hub", "path-double-slash")}


def test_refusals_of_the_gateway_count_by_their_status(tmp_path: Path) -> None:
    found = cases(tmp_path, on_a_cluster())
    refused = {case.key: case.expected for case in found if case.direction == "to the hub"}
    assert (refused["other-source"].statuses, refused["other-source"].refused_by) == (BY_STATUS, "")
    assert not any(case.expected.refused_by == "gateway" for case in found if not case.obstacle)
    assert any(case.expected.refused_by == "gateway" for case in cases(tmp_path, LAB)), "elsewhere by name and reason"


@pytest.mark.parametrize(
    ("roles", "more"),
    [((), set()), (("participants",), {("to the hub", "path-dots"), ("to the hub", "path-encoded-dots")})],
)
def test_a_path_whose_normal_form_the_caller_may_ask_for_proves_nothing(
    tmp_path: Path, roles: tuple[str, ...], more: set[tuple[str, str]]
) -> None:
    assert normalised(cases(tmp_path, on_a_cluster(*roles))) == EVERYWHERE | more
    assert normalised(cases(tmp_path, LAB)) == set()
