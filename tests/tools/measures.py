# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Measures of Python source: lines of code without blanks, comments, docstrings and Ansible's documentation strings."""

from __future__ import annotations

import ast
import io
import tokenize
from dataclasses import dataclass
from functools import cache
from pathlib import Path

Function = ast.FunctionDef | ast.AsyncFunctionDef
ANSIBLE_DOCUMENTS = {"DOCUMENTATION", "EXAMPLES", "RETURN"}
NOT_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING, tokenize.ENDMARKER}


@dataclass(frozen=True)
class Measured:
    """One function of a source file."""

    where: str
    node: Function
    lines: int
    public: bool


@dataclass(frozen=True)
class Source:
    """One source file: its count of code lines and its functions, nested ones and methods included."""

    lines: int
    functions: tuple[Measured, ...]


@cache
def measure(path: Path) -> Source:
    """Measure one file; SyntaxError where it does not parse."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text, str(path))
    code = _token_lines(text) - _documentation_lines(tree)
    return Source(len(code), tuple(_functions(tree, path.name, code, public=True)))


def _token_lines(text: str) -> set[int]:
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in NOT_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    return lines


def _documentation_lines(tree: ast.Module) -> set[int]:
    lines: set[int] = set()
    for node in ast.walk(tree):
        for statement in getattr(node, "body", []) if not isinstance(node, ast.Lambda | ast.IfExp) else []:
            if _is_string(statement) or _is_document(statement):
                lines.update(range(statement.lineno, statement.end_lineno + 1))
    return lines


def _is_string(statement: ast.stmt) -> bool:
    # Docstrings, and the strings under an attribute or constant that document it.
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant) and isinstance(statement.value.value, str)


def _is_document(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Assign) and any(isinstance(x, ast.Name) and x.id in ANSIBLE_DOCUMENTS for x in statement.targets)


def _functions(node: ast.AST, where: str, code: set[int], *, public: bool) -> list[Measured]:
    found: list[Measured] = []
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, Function | ast.ClassDef):
            found += _functions(child, where, code, public=public)
            continue
        inner, seen = f"{where}:{child.name}", public and not child.name.startswith("_")
        if isinstance(child, Function):
            lines = len(code & set(range(child.lineno, (child.end_lineno or child.lineno) + 1)))
            found.append(Measured(inner, child, lines, seen))
        # A function inside a function is no one's interface.
        found += _functions(child, inner, code, public=seen and isinstance(child, ast.ClassDef))
    return found
