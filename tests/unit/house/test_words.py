# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The project speaks with the field's words, and its messages are short enough to be read in a terminal."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tools import repository

# In pieces, so that this file does not find itself. Say inbound listener, dry run, reported, no one, someone, waits for, as described.
WORDS = ["do" + "ors?", "rehears" + "(?:als?|e[ds]?|ing)", "to" + "ld", "(?:no|some)" + "body", "awaited" + " from", "as it" + " must be"]
PATTERN = re.compile(rf"(?<![A-Za-z])(?:{'|'.join(WORDS)})(?![a-z])", re.IGNORECASE)
CAMEL = re.compile(r"(?<![A-Z])(?:Do" + r"ors?|Rehears" + r"als?|To" + r"ld|No" + r"body|Some" + r"body)(?![a-z])")
PASS = re.compile(r"(?:in|of) (?:this|one|each) " + r"turn\b|lab_state[=:] ?" + r"turn\b", re.IGNORECASE)
FOREIGN = re.compile(r"(?:LICENSE|package-lock\.json|npm-shrinkwrap\.json|go\.(?:sum|mod)|\.(?:lock|txt)|vectors\.json)$|/published/")
ALLOWED: dict[str, str] = {}
"""Lines that must keep such a word -> why: only names that others have given."""

LONGEST = 120
MESSAGES = re.compile(r"Error|Refused|Unavailable|Finding|Fault|Problem|_stop$|_fail$|^note$")
PARTS = {"where", "what", "why", "reason", "detail", "remedy", "msg", "message"}


def hits(text: str) -> Iterator[tuple[int, str]]:
    """Line number and word of every hit that no exception permits."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() not in ALLOWED:
            yield from ((number, hit.group()) for pattern in (PATTERN, CAMEL, PASS) for hit in pattern.finditer(line))


def own_files() -> list[Path]:
    return [path for path in repository.files() if not FOREIGN.search(repository.name(path))]


def test_no_file_uses_a_private_word() -> None:
    found = []
    for path in own_files():
        name, text = repository.name(path), path.read_bytes().decode("utf-8", "replace")
        found += [f"{name}: {word}" for _, word in hits(name)] + [f"{name}:{number}: {word}" for number, word in hits(text)]
    assert found == []


PRIVATE = ["a do" + "or", "HubDo" + "or", "with_do" + "ors", "is to" + "ld", "SOME" + "BODY", "Rehears" + "alKeys", "in one tu" + "rn"]


@pytest.mark.parametrize("text", PRIVATE)
def test_the_search_sees_a_private_word(text: str) -> None:
    assert [word for _, word in hits(text)]


@pytest.mark.parametrize("text", ["indoors", "outdoor", "in turn", "returns", "customers", "turn it off", "untold"])
def test_the_search_lets_other_words_pass(text: str) -> None:
    assert not [word for _, word in hits(text)]


def names(tree: ast.AST) -> Iterator[str]:
    """The names of a module's variables, parameters and functions."""
    for node in ast.walk(tree):
        yield from (getattr(node, field) for field in ("id", "arg", "name") if isinstance(getattr(node, field, None), str))


def test_nothing_is_named_for_a_pass_of_a_run() -> None:
    unwanted = re.compile(r"\btu" + r"rns?\b", re.IGNORECASE)
    texts = {path: path.read_text(encoding="utf-8") for path in repository.python_files(repository.ROOT)}
    trees = {repository.name(path): ast.parse(text) for path, text in texts.items() if unwanted.search(text)}
    assert [path for path, tree in trees.items() if any(unwanted.fullmatch(name) for name in names(tree))] == []


def literal(node: ast.expr) -> str:
    """The text of a string without the values that are filled in; empty for anything else."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(literal(part) for part in node.values)
    if isinstance(node, ast.BinOp):
        return literal(node.left) + (literal(node.right) if isinstance(node.op, ast.Add) else "")
    return ""


def messages(tree: ast.Module) -> Iterator[ast.expr]:
    """Every text that an error or a finding is made with, that is named as part of a message, or that such a function returns."""
    constants = {getattr(node.targets[0], "id", ""): node.value for node in tree.body if isinstance(node, ast.Assign)}
    for node in ast.walk(tree):
        found: list[ast.expr] = []
        if isinstance(node, ast.Call) and MESSAGES.search(getattr(node.func, "id", getattr(node.func, "attr", ""))):
            given = (*node.args, *(keyword.value for keyword in node.keywords))
            found = [constants.get(value.id, value) if isinstance(value, ast.Name) else value for value in given]
        elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in PARTS:
            found = [node.value]
        elif isinstance(node, ast.FunctionDef) and re.search("remedy|restore|detail|message", node.name):
            found = [part.value for part in ast.walk(node) if isinstance(part, ast.Return) and part.value]
        yield from (part for value in found for part in ast.walk(value) if isinstance(part, ast.Constant | ast.JoinedStr | ast.BinOp))


def test_messages_are_short() -> None:
    found = []
    for path in repository.python_files(repository.PLUGINS, repository.ROOT / "pulumi"):
        long = {node.lineno for node in messages(ast.parse(path.read_text(encoding="utf-8"))) if len(literal(node)) > LONGEST}
        found += [f"{repository.name(path)}:{line}" for line in sorted(long)]
    assert found == []


def test_the_search_sees_a_long_message() -> None:
    text = f"raise OnboardingError('{'x' * 121}')\nraise OnboardingError('{'x' * 120}')\nremedy = f'{'y' * 121}{{z}}'"
    assert {node.lineno for node in messages(ast.parse(text)) if len(literal(node)) > LONGEST} == {1, 3}
