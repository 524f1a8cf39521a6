# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ledger's steps: a defect met with one participant ends nothing for the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import Ledger, Participant
from ansible_collections.mojaloop.onboarding.plugins.module_utils.ledger.model import DesiredParticipant, desired_participant
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps import ledger

from .conftest import site


def test_a_defect_with_one_participant_is_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(described: Ledger, participant: Participant) -> DesiredParticipant:
        if participant.name == "bluebank":
            raise TypeError("secret-7")
        return desired_participant(described, participant)

    monkeypatch.setattr(ledger, "desired_participant", broken)
    place = site(tmp_path, "bluebank", "greenbank")
    # Port 9 of this machine: nothing listens there.
    place.hub["hub"]["ledger"] = {"kind": "central-ledger", "url": "http://127.0.0.1:9", "currencies": ["USD"]}
    for each in place.participants.values():
        each["net_debit_cap"] = {"USD": "1000"}
    found = [finding for finding in place.describe().step("ledger_participants") if finding.artefact == "ledger"]
    assert [(finding.participant, finding.reason) for finding in found] == [("bluebank", "unexpected"), ("greenbank", "ledger-unreachable")]
    assert found[0].detail.startswith("TypeError at ledger.py:")
    assert "secret-7" not in found[0].detail
