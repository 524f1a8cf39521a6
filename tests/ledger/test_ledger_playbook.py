# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The playbooks with a described ledger: onboard, again, and what the summary says of the documents' back-end steps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.between import Between
from support.ledger import RealLedger
from support.ledger_database import all_of, settlement
from support.playbooks import play

from .conftest import Site

MINE = {"backend-3", "backend-5"}
pytestmark = pytest.mark.usefixtures("hub")


def test_a_playbook_onboards_into_the_ledger_once(ledger: RealLedger, proxy: Between, site: Site, tmp_path: Path) -> None:
    site.describe("playbank", "USD", "KES", opening_funds={"USD": "300"})
    site.write()
    inventory = tmp_path / "description" / "hosts.yml"
    inventory.write_text("plugin: mojaloop.onboarding.hub\n", encoding="utf-8")
    report = tmp_path / "report.json"
    asked = ("-e", f"onboarding_state={tmp_path / 'state'}", "-e", f"report={report}")

    first = play("onboard.yml", inventory, *asked, record=tmp_path / "record")
    assert settlement(ledger, "playbank") == "-300.0000", first.output
    assert {finding[:2] for finding in first.findings if finding[1] in MINE} == {("playbank", "backend-5")}
    before = all_of(ledger, "playbank")
    proxy.forget()
    again = play("onboard.yml", inventory, *asked, record=tmp_path / "record")
    assert [finding for finding in again.findings if finding[1] in MINE] == []
    assert proxy.seen
    assert not proxy.changing()
    assert all_of(ledger, "playbank") == before
    steps = {name: row["steps"] for name, row in json.loads(report.read_text(encoding="utf-8"))["participants"].items()}
    assert (steps["hub"]["backend-3"], steps["hub"]["backend-5"]) == ("done", "not-applicable")
    assert (steps["playbank"]["backend-3"], steps["playbank"]["backend-5"]) == ("not-applicable", "done")
    assert "in the ledger: currencies, callbacks, cap, e-mails" in again.output
