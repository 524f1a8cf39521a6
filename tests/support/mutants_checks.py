# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Mutants of the signing policy and of the verifiers of artefacts: each check taken away.

Two kinds, both found by reading the product: an entry of an ordered list of checks (``POLICY``, ``OWN`` …), and a place in
a function of ``pki`` where a fault is reported or something is refused. Lists are changed in every module of the product that
has them, functions by their code; the tests' own names for them stay whole. Which cases meet a check that objects is seen
in one run of all of them; only those are tried when it is taken away.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from types import CodeType, FunctionType, ModuleType
from typing import Any

from support.mutation import Bench, Mutant

PRODUCT = "ansible_collections.mojaloop.onboarding.plugins.module_utils."
MODULES = (
    "pki.policy", "pki.requests", "pki.inputs", "pki.issuing", "pki.signers", "pki.certificates", "pki.certificate_checks",
    "pki.chains", "pki.verification", "pki.artefacts", "pki.authority", "pki.keys", "pki.keystore",
)  # fmt: skip
CASES = ("tests/unit/pki", "tests/faults")
MOST = 40
DEAR: tuple[str, ...] = ("test_faults_",)
SURVIVORS = {
    r"pki\.signers\.OfflineSigner\.sign: raise AwaitingSignature.*request\.json'\)": "what was not asked for has no answer yet, and the "
    "next line awaits that",
    r"pki\.signers\.OfflineSigner\._comparison: \('(key-does-not-match|subject|lifetime-too-long)'.*": "issuing inspects what any signer "
    "returned and refuses it for the same reason",
}


HIT = "_a_check_objects"
"""The name by which instrumented code tells that it was met."""


def mutants(bench: Bench | None) -> Iterator[Mutant]:
    """Every check of every module; without a bench no one knows which cases meet it."""
    made, marks = _all()
    if bench:  # what the dear cases share for a whole session must not be made by mutated code
        bench.control({name.partition("::")[0]: name for name in bench.items if any(part in name for part in DEAR)}.values())
    met = _met(bench, marks) if bench else {}
    for mutant in made:
        yield replace(mutant, exact=tuple(met.get(mutant.name, ())) if bench else None)


def _all() -> tuple[list[Mutant], list[Mark]]:
    counted: Counter[str] = Counter()
    made: list[Mutant] = []
    marks: list[Mark] = []
    for name in MODULES:
        module = importlib.import_module(PRODUCT + name)
        for mutant, mark in (*_of_lists(name, module), *_of_functions(name, module)):
            counted[mutant.name] += 1
            number = counted[mutant.name]
            unique = mutant if number == 1 else replace(mutant, name=f"{mutant.name} #{number}")
            made.append(replace(unique, origin=inspect.getsource(module)))
            marks.append(replace(mark, name=unique.name))
    return made, marks


def _met(bench: Bench, marks: list[Mark]) -> dict[str, list[str]]:
    """Which cases make which check object, those first that make the fewest do so: they are about it.

    A case that fails without any mutant is of no use here; the other tests tell of it.
    """
    by_case: dict[str, set[str]] = {}
    with ExitStack() as stack:
        reported: set[str] = set()
        for mark in marks:
            mark.entered(stack, reported.add)
        for module in {mark.module.__name__: mark.module for mark in marks}.values():
            _instrument(module, [mark for mark in marks if mark.module is module and mark.place], reported.add, stack)
        for name in [name for name in bench.items if not any(part in name for part in DEAR)]:
            reported.clear()
            if wrong := bench.run(name):
                print(f"\nLEFT OUT {name}: {wrong}", flush=True)  # noqa: T201 -- into the log of the run
                del bench.items[name]
            else:
                by_case[name] = set(reported)
    met: defaultdict[str, list[str]] = defaultdict(list)
    for name in sorted(by_case, key=lambda name: len(by_case[name])):
        for one in by_case[name]:
            met[one].append(name)
    return met


@dataclass(frozen=True)
class Mark:
    """Where to see that a check objects: an entry of a list (by its index), or a place in a function."""

    module: ModuleType
    listed: str = ""
    entry: int = 0
    place: _Place | None = None
    name: str = ""

    def entered(self, stack: ExitStack, tell: Callable[[str], None]) -> None:
        """Instrument an entry of a list; later entries of the same list find this one in its place."""
        if self.listed:
            old = getattr(self.module, self.listed)
            reason, check = old[self.entry]

            def asked(case: object) -> object:
                answer = check(case)
                if answer:
                    tell(self.name)
                return answer

            stack.enter_context(_replaced(old, (*old[: self.entry], (reason, asked), *old[self.entry + 1 :])))


def _instrument(module: ModuleType, marks: list[Mark], tell: Callable[[str], None], stack: ExitStack) -> None:
    """All places of a module's functions at once."""

    def hit(name: str, value: Any = True) -> Any:  # noqa: ANN401, FBT002 -- whatever stands in the code
        if value and not (isinstance(value, tuple) and (value[-1] is None or value[-1] is True)):
            tell(name)
        return value

    tree = ast.parse(inspect.getsource(module))
    nodes = list(ast.walk(tree))
    for mark in marks:
        assert mark.place
        mark.place.change(nodes[mark.place.number], mark.name)
    vars(module)[HIT] = hit
    stack.callback(vars(module).pop, HIT)
    code = compile(ast.fix_missing_locations(tree), str(module.__file__), "exec")
    for path in {mark.place.function for mark in marks if mark.place}:
        stack.enter_context(_with_code(_function(module, path), code))


def _of_lists(name: str, module: ModuleType) -> Iterator[tuple[Mutant, Mark]]:
    """The entries ``(reason code, function)`` of tuples that the module itself assigns; private ones are parts of those."""
    for target in _assigned(module):
        if target.startswith("_"):
            continue
        listed = getattr(module, target)
        if isinstance(listed, tuple) and listed and all(isinstance(one, tuple) and len(one) == 2 and callable(one[1]) for one in listed):
            for place, (reason, check) in enumerate(listed):
                shorter = listed[:place] + listed[place + 1 :]
                words = f"{reason} {inspect.getsource(check)}"
                made = Mutant(f"{name}.{target}: {reason} ({check.__name__})", words, partial(_replaced, listed, shorter))
                yield made, Mark(module, target, place)


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
    change: Callable[[ast.AST, str], None]
    """Takes it away, or marks it with a name."""


def _of_functions(name: str, module: ModuleType) -> Iterator[tuple[Mutant, Mark]]:
    source = inspect.getsource(module)
    for place in _places(ast.parse(source)):
        text = " ".join(place.text.split())[:110]
        made = Mutant(f"{name}.{place.function}: {text}", text, partial(_recoded, module, source, place))
        yield made, Mark(module, place=place)


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
    place.change(list(ast.walk(tree))[place.number], "")
    with _with_code(_function(module, place.function), compile(ast.fix_missing_locations(tree), str(module.__file__), "exec")):
        yield


@contextmanager
def _with_code(function: FunctionType, module: CodeType) -> Iterator[None]:
    whole = function.__code__
    function.__code__ = _code(module, whole.co_qualname)
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
    """Where a fault is reported or something is refused, outside of the handling of errors (those pass on what another found)."""
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


Change = tuple[ast.AST, Callable[[ast.AST, str], None], str]


def _reported(name: str, *value: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(HIT, ast.Load()), [ast.Constant(name), *value], [])


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

            def change(found: ast.AST, name: str, field: str = field, place: int = place) -> None:
                statement = getattr(found, field)[place]
                getattr(found, field)[place] = ast.If(_reported(name), [statement], []) if name else ast.Pass()

            yield parent, change, ast.unparse(child)


def _returns_none(found: ast.AST, name: str) -> None:
    """The list of faults is empty."""
    assert isinstance(found, ast.Return)
    assert found.value
    found.value = _reported(name, found.value) if name else ast.List([], ast.Load())


def _of_list(child: ast.Tuple | ast.List, function: ast.FunctionDef) -> Iterator[Change]:
    """An element that is a fault, a list of faults, a check, or a reason with its wording."""
    for place, element in enumerate(child.elts):
        named = isinstance(element, ast.Name) and element.id.endswith("_faults")
        worded = isinstance(element, ast.Tuple) and bool(element.elts) and isinstance(element.elts[0], ast.Constant)
        starred = isinstance(element, ast.Starred) and function.returns is not None and "Fault" in ast.unparse(function.returns)
        if named or worded or starred or (isinstance(element, ast.Call) and _names_fault(element)):

            def change(found: ast.AST, name: str, place: int = place) -> None:
                assert isinstance(found, ast.Tuple | ast.List)
                if name:
                    found.elts[place] = _marked(name, found.elts[place])
                else:
                    del found.elts[place]

            yield child, change, ast.unparse(element)


def _marked(name: str, element: ast.expr) -> ast.expr:
    if isinstance(element, ast.Starred):
        every = ast.List([ast.Starred(element.value, ast.Load())], ast.Load())
        return ast.Starred(_reported(name, every), ast.Load())
    return _reported(name, element)


def _names_fault(node: ast.AST) -> bool:
    return any(isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name) and inner.func.id == "Fault" for inner in ast.walk(node))
