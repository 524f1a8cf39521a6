# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write which systems were tried, and how far, into tests/SYSTEMS.md: `python tests/tools/systems.py`, after a run of the tests.

The rows are ``support/systems.py``'s and one for each further kind that a description can name; the figures are those of the last run of
each row's tests. A row without figures keeps those of the page. ``--check`` says whether the page has these rows.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "ansible")]

from support.systems import KEPT, SYSTEMS, key  # noqa: E402

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.json_schema import rendered  # noqa: E402

PAGE = ROOT / "tests" / "SYSTEMS.md"
FIGURES = ROOT / ".pytest_cache" / "v" / KEPT
HEAD = """# Which systems, how far tried

Written by `python tests/tools/systems.py` from the results of the tests. *real*: the system itself runs in the tests. *stand-in*: a program
that answers as the system's published API files say; nothing tells whether the system itself does. *not tried*: no test.

| what for | `kind` | system and version | how | tests that passed |
| --- | --- | --- | --- | --- |
"""
JOBS = {
    "gateways": "gateway",
    "firewall": "firewall",
    "authorization_server": "authorization server",
    "ledger": "ledger",
    "account_lookup": "account lookup",
    "connector": "connector",
    "transport": "transport",
}
"""The job of each key whose kinds are systems."""
NO_SYSTEM = {"none", "direct"}
"""Kinds that stand for no system."""
Row = tuple[str, str, str, str, str]


def kinds() -> list[tuple[str, str]]:
    """Every job and kind that the schemas of the description have."""
    found: set[tuple[str, str]] = set()
    for name in ("hub.schema.json", "participant.schema.json"):
        _collect(json.loads(rendered(name)), "", found)
    return sorted(found)


def _collect(value: object, job: str, found: set[tuple[str, str]]) -> None:
    if isinstance(value, list):
        for one in value:
            _collect(one, job, found)
    elif isinstance(value, dict):
        kind = value.get("properties", {}).get("kind") if isinstance(value.get("properties"), dict) else None
        if job and isinstance(kind, dict):
            names = [kind["const"]] if "const" in kind else kind.get("enum", [])
            found |= {(job, name) for name in names if name not in NO_SYSTEM}
        for name, one in value.items():
            inner = JOBS.get(name, "" if name in {"ca", "authentication", "settlement_models"} else job)
            _collect(one, inner, found)


def rows(figures: dict[str, list[int]], before: dict[tuple[str, str], str]) -> list[Row]:
    """The page's rows; ``before``: what the page has, by kind and system."""
    made: list[Row] = []
    described = kinds()
    for row in (row for row in SYSTEMS if (row.job, row.kind) in described):
        passed, failed = figures.get(key(row), [0, 0])
        figure = f"{passed}, {failed} failed" if failed else str(passed) if passed else before.get((row.kind, row.system), "none yet")
        made.append((row.job, row.kind, row.system, row.how, figure))
    known = {(row.job, row.kind) for row in SYSTEMS}
    made += [(job, kind, "", "not tried", "") for job, kind in described if (job, kind) not in known]
    return sorted(made, key=lambda row: (list(JOBS.values()).index(row[0]), row[1]))


def read(text: str) -> list[Row]:
    """The rows of a page."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    return [(one[0], one[1].strip("`"), one[2], one[3], one[4]) for one in cells[2:]]


def written(made: list[Row]) -> str:
    """A page."""
    return HEAD + "".join(f"| {job} | `{kind}` | {system} | {how} | {figure} |\n" for job, kind, system, how, figure in made)


def main() -> None:
    """Write the page, or with ``--check`` compare its rows."""
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    figures = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.exists() else {}
    made = rows(figures, {(kind, system): figure for _job, kind, system, _how, figure in read(text)})
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(written(made), encoding="utf-8")
    elif [row[:4] for row in read(text)] != [row[:4] for row in made]:
        sys.exit("tests/SYSTEMS.md has other rows than the description and tests/support/systems.py: run python tests/tools/systems.py")


if __name__ == "__main__":
    main()
