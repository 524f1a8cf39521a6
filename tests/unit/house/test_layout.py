# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The tree has the shape that its tools rely on."""

from __future__ import annotations

import re
from collections import Counter

from tools import repository

ALLOWED = {"README.md", "LICENSE", "Makefile", "pyproject.toml", "ansible", "pulumi", "roles", "inventories", "playbooks", "tests"}
LICENCE = "# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)"


def test_the_top_level_holds_what_is_agreed_and_nothing_else() -> None:
    names = {path.relative_to(repository.ROOT).parts[0] for path in repository.files()}
    extra = {name for name in names - ALLOWED if not name.startswith(".") and not re.fullmatch(r"requirements.*\.(lock|txt)", name)}
    assert extra == set()


def test_no_folder_hides_the_libraries_of_the_same_name() -> None:
    # ansible/__init__.py or pulumi/__init__.py would be imported instead of ansible-core or the Pulumi SDK.
    traps = ["ansible/__init__.py", "pulumi/__init__.py", "pulumi/pulumi.py", "tests/ansible", "tests/pulumi"]
    assert [trap for trap in traps if (repository.ROOT / trap).exists()] == []


def test_the_collection_and_the_tests_are_namespace_packages() -> None:
    folders = [repository.ROOT / "ansible", repository.ROOT / "tests"]
    assert [repository.name(path) for path in repository.python_files(*folders) if path.name == "__init__.py"] == []


def test_names_of_test_files_are_unique() -> None:
    counted = Counter(path.name for path in repository.python_files(repository.ROOT / "tests") if path.name.startswith("test_"))
    assert [name for name, count in counted.items() if count > 1] == []


def test_every_python_file_names_its_licence_first() -> None:
    assert [
        repository.name(path) for path in repository.python_files(repository.ROOT) if not _licensed(path.read_text(encoding="utf-8"))
    ] == []


def _licensed(text: str) -> bool:
    return text.removeprefix("#!/usr/bin/python\n").startswith(LICENCE)


def test_symbolic_links_stay_inside_and_point_somewhere() -> None:
    links = [path for path in repository.ROOT.glob("playbooks/*") if path.is_symlink()]
    assert [repository.name(path) for path in links if not path.resolve().is_relative_to(repository.ROOT) or not path.exists()] == []
