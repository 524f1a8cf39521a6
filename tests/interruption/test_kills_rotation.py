# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A rotation of server and client certificates, killed at every system call that changes files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support.kills import kill_at_every_call
from support.state_world import ROTATION, Scenario, World, private_keys

pytestmark = [pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"), pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def scenario(fresh_world: World) -> Scenario:
    fresh_world.run()
    made = Scenario.made(replace(fresh_world, now=ROTATION), fresh_world.state.parent)
    before, after = private_keys(made.before), private_keys(made.after)
    assert {place.split("/")[2] for place in after if after[place] != before[place]} == {"server", "client"}
    return made


def test_a_rotation_killed_anywhere_is_finished_by_the_next_run(scenario: Scenario, folder: Path) -> None:
    kill_at_every_call(scenario, folder, every=41)
