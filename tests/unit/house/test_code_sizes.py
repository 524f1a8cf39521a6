# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The code stays small, annotated and documented."""

from __future__ import annotations

import ast
from pathlib import Path
from statistics import median, quantiles

import pytest
from tools import measures, repository

PATHS = repository.python_files(repository.PLUGINS, repository.ROOT / "pulumi", repository.ROOT / "tests/tools")
FUNCTIONS = [function for path in PATHS for function in measures.measure(path).functions]
IMPLICIT = {"self", "cls"}


def _lengths() -> list[int]:
    return [function.lines for function in FUNCTIONS]


def test_half_of_all_functions_have_ten_lines_or_fewer() -> None:
    assert median(_lengths()) <= 10


def test_nine_of_ten_functions_have_35_lines_or_fewer() -> None:
    assert quantiles(_lengths(), n=10)[-1] <= 35


def test_no_function_has_more_than_60_lines() -> None:
    assert [f"{function.where}: {function.lines}" for function in FUNCTIONS if function.lines > 60] == []


@pytest.mark.parametrize("path", PATHS, ids=repository.name)
def test_a_file_has_300_lines_of_code_or_fewer(path: Path) -> None:
    assert measures.measure(path).lines <= 300


def test_every_function_is_annotated() -> None:
    assert [function.where for function in FUNCTIONS if not _annotated(function.node)] == []


def test_every_public_function_has_a_docstring() -> None:
    public = [function for function in FUNCTIONS if function.public]
    assert [function.where for function in public if ast.get_docstring(function.node) is None and not _overload(function.node)] == []


def _annotated(node: measures.Function) -> bool:
    named = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    named += [argument for argument in (node.args.vararg, node.args.kwarg) if argument]
    return node.returns is not None and all(argument.annotation or argument.arg in IMPLICIT for argument in named)


def _overload(node: measures.Function) -> bool:
    return any(isinstance(decorator, ast.Name) and decorator.id == "overload" for decorator in node.decorator_list)


SAMPLE = '''DOCUMENTATION = """
a
"""


def one(a: int) -> int:
    """Say
    more."""
    # why

    b = f"""x
{a}"""
    return b
'''


def test_the_measure_leaves_out_blanks_comments_and_documentation(tmp_path: Path) -> None:
    source = tmp_path / "sample.py"
    source.write_text(SAMPLE, encoding="utf-8")
    measured = measures.measure(source)
    assert (measured.lines, [function.lines for function in measured.functions]) == (4, [4])
