# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is written twice is written by a tool: the READMEs of roles. What people write has the form their tools read: change notes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from tools import repository, role_readmes

ROLES = sorted(path for path in (repository.ROOT / "roles").iterdir() if path.is_dir())
CHANGELOGS = repository.COLLECTION / "changelogs"
FRAGMENTS = repository.yaml_files(CHANGELOGS / "fragments")


@pytest.mark.parametrize("role", ROLES, ids=repository.name)
def test_a_role_specifies_its_arguments_and_its_readme_says_the_same(role: Path) -> None:
    assert (role / "README.md").read_text(encoding="utf-8") == role_readmes.readme(role)


@pytest.mark.parametrize("role", ROLES, ids=repository.name)
def test_every_default_of_a_role_is_specified_and_carries_its_name(role: Path) -> None:
    specs = yaml.safe_load((role / "meta/argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]
    specified = {name for spec in specs.values() for name in spec.get("options", {})}
    defaults = role / "defaults/main.yml"
    given = set(yaml.safe_load(defaults.read_text(encoding="utf-8")) or {}) if defaults.exists() else set()
    assert given - specified == set()


def _role(folder: Path, default: str) -> Path:
    (folder / "meta").mkdir(parents=True)
    (folder / "defaults").mkdir()
    option = {"type": "str", "description": "a | b", "default": "one"}
    specs: dict[str, Any] = {"argument_specs": {"main": {"short_description": "Does it", "options": {"role_x": option}}}}
    (folder / "meta/argument_specs.yml").write_text(yaml.safe_dump(specs), encoding="utf-8")
    (folder / "defaults/main.yml").write_text(yaml.safe_dump({"role_x": default}), encoding="utf-8")
    return folder


def test_the_readme_holds_the_words_of_the_specification(tmp_path: Path) -> None:
    assert "| `role_x` | str | `one` | a \\| b. |" in role_readmes.readme(_role(tmp_path / "role", "one"))


def test_two_different_defaults_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="role_x"):
        role_readmes.readme(_role(tmp_path / "role", "two"))


def test_there_are_change_notes() -> None:
    assert FRAGMENTS


@pytest.mark.parametrize("path", FRAGMENTS, ids=repository.name)
def test_a_change_note_has_known_sections_of_sentences(path: Path) -> None:
    config = yaml.safe_load((CHANGELOGS / "config.yaml").read_text(encoding="utf-8"))
    known = {name for name, _title in config["sections"]} | {config["trivial_section_name"]}
    note = yaml.safe_load(path.read_text(encoding="utf-8"))
    summary = note.pop(config["prelude_section_name"], "")
    assert isinstance(summary, str)
    assert set(note) <= known
    assert [entry for entries in note.values() for entry in entries if not (isinstance(entry, str) and entry.endswith("."))] == []


def test_the_versions_agree() -> None:
    galaxy = yaml.safe_load((repository.COLLECTION / "galaxy.yml").read_text(encoding="utf-8"))
    assert f'version = "{galaxy["version"]}"' in (repository.ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f"## {galaxy['version']}" in (repository.COLLECTION / "CHANGELOG.md").read_text(encoding="utf-8")
