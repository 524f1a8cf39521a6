# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A permitted re-key of lost and damaged keys, killed at every system call that changes files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support.kills import kill_at_every_call
from support.state_world import Scenario, World, private_keys

from ansible_collections.mojaloop.onboarding.plugins.module_utils.findings import Disposition

pytestmark = [pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"), pytest.mark.timeout(3600)]

LOST = ("greenbank/server", "hub/jws", "bluebank/client/hub", "hub/client/redbank")


@pytest.fixture(scope="module")
def scenario(fresh_world: World) -> Scenario:
    fresh_world.run()
    for number, name in enumerate(LOST):
        key = fresh_world.state / "store" / name / "key.pem"
        if number % 2:
            key.write_bytes(key.read_bytes()[:-60])
        else:
            key.unlink()
    refused = [finding for finding in fresh_world.run() if finding.disposition is Disposition.FAULT]
    assert sorted(f"{finding.side}/{finding.artefact}" for finding in refused) == sorted(LOST)
    made = Scenario.made(replace(fresh_world, rekey=LOST), fresh_world.state.parent)
    before, after = private_keys(made.before), private_keys(made.after)
    changed = {place.removeprefix("store/").removesuffix("/key.pem") for place in after if after[place] != before.get(place)}
    assert changed == set(LOST)
    return made


def test_a_permitted_rekey_killed_anywhere_is_finished_by_the_next_run(scenario: Scenario, folder: Path) -> None:
    kill_at_every_call(scenario, folder, every=41)
