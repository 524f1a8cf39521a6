# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every area of tests says in tests/README.md what it proves."""

from __future__ import annotations

import re
from pathlib import Path

from support.areas import TESTS, area_of
from tools.areas import rewritten

README = (TESTS / "README.md").read_text(encoding="utf-8")


def test_every_area_has_a_row_and_every_row_an_area() -> None:
    areas = {area_of(path.relative_to(TESTS)) for path in TESTS.rglob("test_*.py") if "node_modules" not in path.parts}
    assert areas == set(re.findall(r"^\| `([a-z-]+)` \|", README, re.MULTILINE))


def test_every_area_that_is_prepared_exists() -> None:
    makefile = (Path(TESTS).parent / "Makefile").read_text(encoding="utf-8")
    prepared = re.findall(r"^prepare-([a-z-]+):", makefile, re.MULTILINE)
    assert prepared
    assert {area for area in prepared if not any((TESTS / kind / area).is_dir() for kind in ("", "contract", "integration"))} == set()


def test_figures_of_a_run_go_into_the_table_and_others_stay() -> None:
    table = "| `unit` | Rules. | 7 |\n| `lab` | All. | 9 |\n"
    assert rewritten(table, {"lab": 12}) == "| `unit` | Rules. | 7 |\n| `lab` | All. | 12 |\n"
