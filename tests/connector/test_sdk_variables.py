# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The schema of version 18 against the program itself: no variable is left out, none is invented, and the types are its own."""

from __future__ import annotations

import re
from pathlib import Path

from ansible_collections.mojaloop.onboarding.plugins.module_utils.connector.schema import REQUIRED, variables

PROGRAM = Path(__file__).parents[1] / "lab" / "sdk" / "node_modules" / "@mojaloop" / "sdk-scheme-adapter"
READS = re.compile(r"env\.get\('([A-Z0-9_]+)'\)((?:\.\w+\([^)]*\))+)")
KINDS = {
    "asBool": {"flag"},
    "asPortNumber": {"port"},
    "asIntPositive": {"number"},
    "asString": {"text", "endpoint", "url"},
    "asUrlString": {"url"},
    "asFileContent": {"file"},
    "asFileListContent": {"files"},
    "asYamlConfig": {"file"},
    "asResourceVersions": {"versions"},
}


def _source() -> str:
    """Without what is commented out."""
    lines = (PROGRAM / "src" / "config.js").read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith("//"))


def _read() -> dict[str, str]:
    text = _source()
    return {name: re.findall(r"\.(\w+)\(", calls)[-1] for name, calls in READS.findall(text)}


def test_the_schema_has_exactly_the_variables_that_the_program_reads() -> None:
    found = _read()
    assert len(found) > 50
    assert set(variables("18")) == set(found)


def test_each_type_is_the_programs() -> None:
    known = variables("18")
    assert {name: known[name] for name, call in _read().items() if known[name] not in KINDS[call]} == {}


def test_the_same_variables_are_required() -> None:
    assert sorted(name for name, calls in READS.findall(_source()) if "required()" in calls) == sorted(REQUIRED)
