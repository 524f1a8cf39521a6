# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which handshakes can be tried by an installation that acts for one side alone, and what an echoed subject must be."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from support.trust_framework import StandInDirectory
from unit.steps.conftest import Site

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps.run import make_run
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.campaign import all_cases
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.elsewhere import Elsewhere
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.material import Material
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.model import Case


class Here(Elsewhere):
    """Every side's machine, none of which is ever used."""

    obstacle = ""

    def machine_of(self, side: str, source: str = "") -> str | None:  # noqa: ARG002 -- as the protocol has it
        return side


def cases(site: Site, *sides: str) -> list[Case]:
    description = load_description(site.root / "description", state=str(site.state))
    run = make_run(description, DiskTree(site.state), sides=list(sides), participants=[], now=datetime.now(UTC), dry_run=False)
    return list(all_cases(Material(run, Here())))


@pytest.mark.parametrize(("sides", "provable"), [(("hub", "oasis"), {"to the hub", "from the hub"}), (("oasis",), {"to the hub"})])
def test_what_a_side_alone_cannot_try_is_said_and_no_error(
    oasis: Site, directory: StandInDirectory, sides: tuple[str, ...], provable: set[str]
) -> None:
    oasis.run()
    directory.carry(oasis.state)
    oasis.run()
    found = cases(oasis, *sides)
    assert {case.direction for case in found if not case.obstacle} == provable
    (other,) = [case for case in found if case.key == "other-organisation" and case.direction == "to the hub"]
    assert bool(other.obstacle) is (len(sides) == 1)
    refusals = [case for case in found if not case.expected.acceptance]
    assert all(case.control for case in refusals)
