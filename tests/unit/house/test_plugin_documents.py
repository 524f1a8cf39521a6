# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every module and plugin is documented, in the form that ansible-doc prints."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from tools import repository

MODULES = repository.python_files(repository.PLUGINS / "modules")
KINDS = [
    kind for kind in ("module", "inventory", "connection", "lookup", "filter", "callback") if (repository.PLUGINS / f"{kind}s").is_dir()
]
KINDS += [
    kind for kind in ("inventory", "connection", "lookup", "filter", "callback") if repository.python_files(repository.PLUGINS / kind)
]


def _assigned(path: Path) -> dict[str, str]:
    statements = [node for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.Assign)]
    return {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in statements
        if isinstance(node.targets[0], ast.Name) and _text(node.value)
    }


def _text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


@pytest.mark.parametrize("path", MODULES, ids=repository.name)
def test_a_module_documents_itself_with_examples_and_results(path: Path) -> None:
    documents = _assigned(path)
    assert {name for name in ("DOCUMENTATION", "EXAMPLES", "RETURN") if documents.get(name, "").strip()} == {
        "DOCUMENTATION",
        "EXAMPLES",
        "RETURN",
    }
    assert f"mojaloop.onboarding.{path.stem}:" in documents["EXAMPLES"]


@pytest.mark.parametrize("kind", sorted(set(KINDS)))
def test_ansible_doc_prints_every_plugin_of_a_kind(kind: str) -> None:
    folder = repository.PLUGINS / ("modules" if kind == "module" else kind)
    names = [f"mojaloop.onboarding.{path.stem}" for path in repository.python_files(folder)]
    command = [str(Path(sys.executable).with_name("ansible-doc")), "-t", kind, *names]
    printed = subprocess.run(command, capture_output=True, text=True, check=False, cwd=repository.ROOT)
    assert (printed.returncode, printed.stderr) == (0, "")
    assert [name for name in names if name not in printed.stdout] == []
