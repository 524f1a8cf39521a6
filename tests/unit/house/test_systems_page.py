# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The page of systems is written from results: nothing is called tried that was not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.systems import SYSTEMS, Tried, key
from tools.systems import kinds, read, rows, written


def test_figures_are_those_of_the_last_run_and_rows_not_run_keep_theirs() -> None:
    first, second = (row for row in SYSTEMS if row.kind == "wso2")
    made = rows({key(first): [7, 1]}, {("wso2", second.system): "5"})
    found = {system: (how, figure) for _job, _kind, system, how, figure in made}
    assert found[first.system] == ("stand-in", "7, 1 failed")
    assert found[second.system] == ("stand-in", "5")
    assert found["Keycloak 26"] == ("real", "none yet")
    assert read(written(made)) == made


def test_every_kind_of_a_description_has_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {("authorization server", "wso2"), ("gateway", "haproxy"), ("transport", "bundle"), ("connector", "sdk")} <= set(kinds())
    monkeypatch.setattr("tools.systems.SYSTEMS", tuple(row for row in SYSTEMS if row.kind != "keycloak"))
    assert ("authorization server", "keycloak", "", "not tried", "") in rows({}, {})


@pytest.mark.parametrize("row", SYSTEMS, ids=key)
def test_the_tests_of_a_row_are_there(row: Tried, repository: Path) -> None:
    for pattern in row.tests.split("|tests/"):
        folder = re.match(r"(?:tests/)?([a-z_/]+/)", pattern)
        assert folder is not None
        assert (repository / "tests" / folder.group(1).removeprefix("tests/")).is_dir()
