# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Mutants of the signing policy and of the verifiers of artefacts: each check taken away.

Two kinds, both found by reading the product: an entry of an ordered list of checks (``POLICY``, ``OWN`` …), and a place in
a function of ``pki`` where a fault is told or something is refused. Lists are changed in every module of the product that
has them, functions by their code; the tests' own names for them stay whole.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import CodeType, FunctionType, ModuleType
from typing import Any

from support.mutation import Bench, Mutant

PRODUCT = "ansible_collections.mojaloop.onboarding.plugins.module_utils."
MODULES = (
    "pki.policy", "pki.requests", "pki.inputs", "pki.issuing", "pki.signers", "pki.certificates", "pki.certificate_checks",
    "pki.chains", "pki.verification", "pki.artefacts", "pki.authority", "pki.keys", "pki.keystore",
)  # fmt: skip
CASES = ("tests/unit/pki", "tests/faults")
MOST = 450
DEAR: tuple[str, ...] = ("test_faults_",)
SURVIVORS: dict[str, str] = {}


def mutants(_bench: Bench) -> Iterator[Mutant]:
    """Every check of every module."""
    counted: Counter[str] = Counter()
    for name in MODULES:
        module = importlib.import_module(PRODUCT + name)
        for mutant in (*_of_lists(name, module), *_of_functions(name, module)):
            counted[mutant.name] += 1
            number = counted[mutant.name]
            yield mutant if number == 1 else Mutant(f"{mutant.name} #{number}", mutant.words, mutant.applied)


def _of_lists(name: str, module: ModuleType) -> Iterator[Mutant]:
    """The entries ``(reason code, function)`` of tuples that the module itself assigns; private ones are parts of those."""
    for target in _assigned(module):
        if target.startswith("_"):
            continue
        listed = getattr(module, target)
        if isinstance(listed, tuple) and listed and all(isinstance(one, tuple) and len(one) == 2 and callable(one[1]) for one in listed):
            for place, (reason, check) in enumerate(listed):
                shorter = listed[:place] + listed[place + 1 :]
                words = f"{reason} {inspect.getsource(check)}"
                yield Mutant(f"{name}.{target}: {reason} ({check.__name__})", words, lambda old=listed, new=shorter: _replaced(old, new))  # type: ignore[misc]


def _assigned(module: ModuleType) -> list[str]:
    found = []
    for node in ast.parse(inspect.getsource(module)).body:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        found += [target.id for target in targets if isinstance(target, ast.Name)]
    return found


@contextmanager
def _replaced(old: object, new: object) -> Iterator[None]:
    """The one object in the place of the other in every module of the product."""
    places = [
        (module, name)
        for key, module in list(sys.modules.items())
        if key.startswith(PRODUCT)
        for name, value in list(vars(module).items())
        if value is old
    ]
    for module, name in places:
        setattr(module, name, new)
    _forget()
    try:
        yield
    finally:
        for module, name in places:
            setattr(module, name, old)
        _forget()


def _forget() -> None:
    """What was found before is found again: the product remembers answers of pure functions."""
    for key, module in list(sys.modules.items()):
        if key.startswith(PRODUCT):
            for value in list(vars(module).values()):
                if callable(clear := getattr(value, "cache_clear", None)):
                    clear()


@dataclass(frozen=True)
class _Place:
    """A node of a module's syntax tree (by its number in a walk), what stands in its stead, and the function around it."""

    number: int
    function: str
    text: str
    change: Callable[[ast.AST], None]


def _of_functions(name: str, module: ModuleType) -> Iterator[Mutant]:
    source = inspect.getsource(module)
    for place in _places(ast.parse(source)):
        text = " ".join(place.text.split())[:110]
        around = inspect.getsource(_function(module, place.function))
        words = f"{text} {around}"
        yield Mutant(f"{name}.{place.function}: {text}", words, lambda place=place: _recoded(module, source, place))  # type: ignore[misc]


def _function(module: ModuleType, path: str) -> FunctionType:
    found: Any = module
    for name in path.split("."):
        found = inspect.getattr_static(found, name)
        found = getattr(found, "__func__", getattr(found, "fget", found))
    made = inspect.unwrap(found)
    assert isinstance(made, FunctionType)
    return made


@contextmanager
def _recoded(module: ModuleType, source: str, place: _Place) -> Iterator[None]:
    """The function with other code, wherever it has been imported to."""
    tree = ast.parse(source)
    place.change(list(ast.walk(tree))[place.number])
    function = _function(module, place.function)
    code = _code(compile(ast.fix_missing_locations(tree), str(module.__file__), "exec"), function.__code__.co_qualname)
    whole, function.__code__ = function.__code__, code
    _forget()
    try:
        yield
    finally:
        function.__code__ = whole
        _forget()


def _code(outer: CodeType, name: str) -> CodeType:
    inner = [constant for constant in outer.co_consts if isinstance(constant, CodeType)]
    found = [code for code in inner if code.co_qualname == name] or [
        _code(code, name) for code in inner if name.startswith(code.co_name + ".")
    ]
    return found[0]


def _places(tree: ast.Module) -> Iterator[_Place]:
    """Where a fault is told or something is refused, outside of the handling of errors (those pass on what another found)."""
    numbers = {id(node): number for number, node in enumerate(ast.walk(tree))}
    for path, function in _functions(tree):
        for node, change, text in _changes(function, function):
            yield _Place(numbers[id(node)], path, text, change)


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from ((f"{node.name}.{inner.name}", inner) for inner in node.body if isinstance(inner, ast.FunctionDef))


Change = tuple[ast.AST, Callable[[ast.AST], None], str]


def _changes(node: ast.AST, function: ast.FunctionDef) -> Iterator[Change]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ExceptHandler):
            continue
        if isinstance(child, ast.stmt):
            yield from _of_statement(node, child)
        if isinstance(child, ast.Tuple | ast.List) and isinstance(child.ctx, ast.Load):
            yield from _of_list(child, function)
        yield from _changes(child, function)


def _of_statement(parent: ast.AST, child: ast.stmt) -> Iterator[Change]:
    """A statement that refuses or tells: ``raise``, ``yield Fault(…)``, ``faults.append(Fault(…))``, ``return [Fault(…) for …]``."""
    if isinstance(child, ast.Return) and isinstance(child.value, ast.ListComp) and _names_fault(child):
        yield child, _returns_none, ast.unparse(child)
    tells = isinstance(child, ast.Expr | ast.AugAssign) or (isinstance(child, ast.Return) and isinstance(parent, ast.If))
    if not (tells and _names_fault(child)) and not (isinstance(child, ast.Raise) and child.exc):
        return
    if isinstance(child, ast.Return) and not isinstance(child.value, ast.Call):
        return
    for field, body in ast.iter_fields(parent):
        if isinstance(body, list) and child in body:
            place = body.index(child)

            def drop(found: ast.AST, field: str = field, place: int = place) -> None:
                getattr(found, field)[place] = ast.Pass()

            yield parent, drop, ast.unparse(child)


def _returns_none(found: ast.AST) -> None:
    """The list of faults is empty."""
    assert isinstance(found, ast.Return)
    found.value = ast.List([], ast.Load())


def _of_list(child: ast.Tuple | ast.List, function: ast.FunctionDef) -> Iterator[Change]:
    """An element that is a fault, a list of faults, a check, or a reason with its wording."""
    for place, element in enumerate(child.elts):
        named = isinstance(element, ast.Name) and element.id.endswith("_faults")
        worded = isinstance(element, ast.Tuple) and bool(element.elts) and isinstance(element.elts[0], ast.Constant)
        starred = isinstance(element, ast.Starred) and function.returns is not None and "Fault" in ast.unparse(function.returns)
        if named or worded or starred or (isinstance(element, ast.Call) and _names_fault(element)):

            def drop(found: ast.AST, place: int = place) -> None:
                del found.elts[place]  # type: ignore[attr-defined]

            yield child, drop, ast.unparse(element)


def _names_fault(node: ast.AST) -> bool:
    return any(isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name) and inner.func.id == "Fault" for inner in ast.walk(node))
