# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever one participant describes, the end of another's access, and of its own, is carried out."""

from __future__ import annotations

import pytest
import yaml
from unit.steps.conftest import Site

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.firewall.comparison import plan_firewall
from ansible_collections.mojaloop.onboarding.plugins.module_utils.firewall.model import firewall_model
from ansible_collections.mojaloop.onboarding.plugins.module_utils.firewall.nftables import desired_content

BLUE_KEY = "store/hub/jws-keys/bluebank.pem"


@pytest.mark.parametrize("state", ["suspended", "active"])
def test_a_file_that_collides_with_everybody_holds_no_suspension_up(hub: Site, state: str) -> None:
    hub.participants["redbank"]["egress_addresses"] = ["203.0.113.0/24"]
    hub.participants["bluebank"]["state"] = state
    hub.describe()
    hub.run(sides=["hub"])
    assert hub.path(BLUE_KEY).exists() == (state == "active")


@pytest.mark.parametrize("state", ["suspended", "offboarded", "active"])
def test_what_is_wrong_in_a_file_keeps_no_ones_listeners_open(hub: Site, state: str) -> None:
    before = load_description(hub.root / "description")
    observed = desired_content(firewall_model(before, "hub"))
    values = hub.participants["bluebank"] | {"state": state, "organisation": 5}
    (hub.root / "description/participants/bluebank.yml").write_text(yaml.safe_dump(values), encoding="utf-8")
    description = load_description(hub.root / "description")
    assert "bluebank" in description.broken_names
    hub.run(sides=["hub"])
    assert hub.path(BLUE_KEY).exists() == (state == "active")
    chosen = {each.name for each in description.participants} | description.closed_names
    observation = {"content": observed, "persisted": "", "lost": "", "loaded_at_boot": True, "neighbours": []}
    plan = plan_firewall(description, "hub", "hub-gateway", observation, chosen)
    gone = {finding.participant for finding in plan.findings if finding.reason == "address-unwanted"}
    assert gone == (set() if state == "active" else {"bluebank"})
