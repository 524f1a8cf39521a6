# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A first run, killed at every system call that changes files: the next run converges, the third changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.kills import kill_at_every_call
from support.state_world import Scenario, World

pytestmark = [pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"), pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def scenario(fresh_world: World) -> Scenario:
    return Scenario.made(fresh_world, fresh_world.state.parent)


def test_a_first_run_killed_anywhere_is_finished_by_the_next(scenario: Scenario, folder: Path) -> None:
    kill_at_every_call(scenario, folder, every=61)
