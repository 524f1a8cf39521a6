# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who may import what: the core knows no Ansible, the code for managed hosts needs nothing but an old Python."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tools import repository

CORE = [path for path in repository.python_files(repository.MODULE_UTILS) if path != repository.MODULE_UTILS / "adapter.py"]
HOST_FOLDER = repository.MODULE_UTILS / "host"
ERRORS = repository.MODULE_UTILS / "errors.py"
# The errors go to managed hosts with the host code, so they keep its rules.
HOST = [*repository.python_files(HOST_FOLDER), ERRORS]


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    """Level (0: absolute) and dotted name of every import, wherever in the file it stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from ((0, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.level, node.module or ""


@pytest.mark.parametrize("path", CORE, ids=repository.name)
def test_the_core_imports_no_ansible(path: Path) -> None:
    tops = {name.partition(".")[0] for level, name in _imports(path) if level == 0}
    assert tops & {"ansible", "ansible_collections"} == set()


@pytest.mark.parametrize("path", CORE, ids=repository.name)
def test_the_core_imports_statically(path: Path) -> None:
    # What is imported by a computed name is not shipped with a module.
    names = {node.id for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))) if isinstance(node, ast.Name)}
    assert names & {"importlib", "__import__"} == set()


@pytest.mark.parametrize("path", HOST, ids=repository.name)
def test_host_code_imports_the_standard_library_and_its_neighbours_only(path: Path) -> None:
    depth = len(path.parent.relative_to(repository.MODULE_UTILS).parts)
    foreign = [name for level, name in _imports(path) if level == 0 and name.partition(".")[0] not in sys.stdlib_module_names]
    outside = [name for level, name in _imports(path) if level > depth and (level, name) != (depth + 1, "errors")]
    assert (foreign, outside) == ([], [])


@pytest.mark.parametrize("path", HOST, ids=repository.name)
def test_host_code_is_python_3_8(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path), feature_version=(3, 8))
    assert any(isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in tree.body), "annotations must not be evaluated"


def test_host_code_calls_nothing_newer_than_python_3_8() -> None:
    command = [
        str(Path(sys.executable).with_name("vermin")),
        "--target=3.8-",
        "--violations",
        "--no-tips",
        str(repository.MODULE_UTILS / "host"),
    ]
    judged = subprocess.run(command, capture_output=True, text=True, check=False)
    assert judged.returncode == 0, judged.stdout


@pytest.mark.parametrize(
    "path", [path for path in CORE if "lab" not in path.relative_to(repository.MODULE_UTILS).parts], ids=repository.name
)
def test_production_code_imports_nothing_of_the_lab(path: Path) -> None:
    depth = len(path.parent.relative_to(repository.MODULE_UTILS).parts)
    assert [name for level, name in _imports(path) if level == depth + 1 and name.partition(".")[0] == "lab"] == []
