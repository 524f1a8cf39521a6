# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keys are never made for a side that another installation acts for."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from unit.steps.conftest import Site, changes, faults, marks

KEPT = "kept-elsewhere"


@pytest.fixture
def apart(finished: Site, tmp_path: Path) -> Site:
    """Greenbank's own installation: its store and journal, and the exchange as the hub has filled it."""
    made = Site(tmp_path / "apart", finished.hub, {"greenbank": finished.participants["greenbank"]}).describe()
    shutil.copytree(finished.path("exchange"), made.path("exchange"))
    return made


def installation(made: Site, *sides: str) -> None:
    text = f"plugin: mojaloop.onboarding.hub\ninstallation: [{', '.join(sides)}]\n"
    (made.root / "description" / "hosts.yml").write_text(text, encoding="utf-8")


def test_a_wrong_command_destroys_no_publication_of_another_installation(apart: Site) -> None:
    before = marks(apart.path("exchange"))
    found = apart.run()
    assert faults(found) == [("hub", "exchange", KEPT), ("greenbank", "exchange", KEPT)]
    assert changes(found) == []
    assert marks(apart.path("exchange")) == before
    assert not apart.path("store").exists()


def test_check_mode_says_the_same(apart: Site) -> None:
    assert faults(apart.run(check=True)) == [("hub", "exchange", KEPT), ("greenbank", "exchange", KEPT)]


def test_an_installation_makes_keys_for_its_own_sides_alone(apart: Site) -> None:
    shutil.rmtree(apart.path("exchange/greenbank/participant"))
    installation(apart, "greenbank")
    before = marks(apart.path("exchange/greenbank/hub"))
    assert faults(apart.run()) == []
    assert [path.name for path in apart.path("store").iterdir()] == ["greenbank"]
    assert marks(apart.path("exchange/greenbank/hub")) == before


def test_a_side_whose_key_is_here_goes_on(finished: Site) -> None:
    assert finished.run() == []


def test_a_person_may_permit_new_keys(apart: Site) -> None:
    rekey = ("hub/exchange", "greenbank/exchange")
    assert not any(reason == KEPT for _side, _artefact, reason in faults(apart.run(rekey=rekey)))
