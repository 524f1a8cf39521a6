# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever stands in a file, loading ends with a description or with clear lines, never with another error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tools.description_files import Folder, places, replaced

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import DescriptionError

SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

WORDS = st.sampled_from([
    "", "::/0", "0.0.0.0/0", "::ffff:1.2.3.4/96", "1.2.3.4%eth0", "[::1]", "https://", "https://[",
    "https://[]:1", "https://a:999999",
    "https://x@y", "https://\u0131.example", "{{ lookup('pipe', 'id') }}", "{state}/../x",
    "9" * 30, "1e999", ".inf", "\u202e", "\x85", "\ufeff", "true", "sha256:",
    "internal", "managed", "USD", "hub", "greenbank", "::1/129", "1.2.3.4/99", "٣.1.1.1", "1.2.3.4/٣", "https://a.example:٣",
])  # fmt: skip
SCALARS = st.one_of(WORDS, st.text(max_size=20), st.integers(), st.floats(), st.booleans(), st.none())
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3), max_leaves=6
)


def assert_clear(folder: Path) -> None:
    try:
        lines = [line for _, problems in load_description(folder).broken for line in problems]
    except DescriptionError as error:
        lines = [str(problem) for problem in error.problems]
        assert lines
    for line in lines:
        assert line.isprintable()
        assert line.startswith(str(folder))
        assert len(line) < 1000


@pytest.mark.parametrize("name", ["hub.yml", "participants/greenbank.yml"])
@SETTINGS
@given(data=st.data())
def test_any_value_in_any_place(folder: Folder, name: str, data: st.DataObject) -> None:
    text = (folder.path / name).read_text(encoding="utf-8")
    right = yaml.safe_load(text)
    place = data.draw(st.sampled_from(places(right)))
    wrong = replaced(right, place, data.draw(VALUES))
    try:
        folder.write(name, json.dumps(wrong))
        assert_clear(folder.path)
    finally:
        folder.write(name, text)


@pytest.mark.parametrize("name", ["hub.yml", "participants/greenbank.yml"])
@SETTINGS
@given(content=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))))
def test_any_bytes_in_a_file(folder: Folder, name: str, content: bytes) -> None:
    text = (folder.path / name).read_text(encoding="utf-8")
    try:
        folder.write(name, content)
        assert_clear(folder.path)
    finally:
        folder.write(name, text)


@SETTINGS
@given(start=st.integers(0, 500), length=st.integers(0, 60), new=st.text(st.sampled_from("ab:-{}[]\n \t&*!|>'\"#%@`,?~0"), max_size=6))
def test_any_edit_of_a_right_file(folder: Folder, start: int, length: int, new: str) -> None:
    name = "participants/greenbank.yml"
    text = (folder.path / name).read_text(encoding="utf-8")
    try:
        folder.write(name, text[:start] + new + text[start + length :])
        assert_clear(folder.path)
    finally:
        folder.write(name, text)
