# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a file may hold, as values: kinds, and the walk that holds a document against them.

The walk reports every fault at once and returns plain values with defaults filled in, parsed where a text kind has a
parser; wrong values are left out (in lists: None), so that the rules which follow can go on with the right ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cached_property
from typing import Any

from ..errors import Problem
from .documents import WHOLE_FILE, Node, key_name, shown


class Refused(ValueError):
    """A parser's no: what was found and what is allowed, both in words."""

    def __init__(self, found: str, allowed: str) -> None:
        super().__init__(f"found {found}; allowed: {allowed}")
        self.found = found
        self.allowed = allowed


@dataclass(frozen=True)
class Text:
    """Text: of ``choices``, or of the whole ``pattern``, and as ``parse`` understands it; ``allowed`` says it in words."""

    allowed: str = ""
    pattern: str = ""
    choices: tuple[str, ...] = ()
    longest: int = 255
    parse: Callable[[str], object] | None = None


@dataclass(frozen=True)
class Whole:
    """A whole number between two bounds, both included."""

    least: int
    most: int


@dataclass(frozen=True)
class Flag:
    """``true`` or ``false``."""


@dataclass(frozen=True)
class Many:
    """A list without repetitions."""

    item: Kind
    least: int = 0
    most: int = 1000


@dataclass(frozen=True)
class Table:
    """A mapping with keys of one's own."""

    key: Text
    value: Kind


@dataclass(frozen=True)
class Variables:
    """A mapping of Ansible variables, or nothing; what they hold is not looked at."""


@dataclass(frozen=True)
class Field:
    """One key of a record. ``default`` None: the key may be absent, and then is absent from the values too."""

    name: str
    kind: Kind
    description: str
    required: bool = False
    default: Any = None


@dataclass(frozen=True)
class Record:
    """A mapping with known keys only."""

    description: str
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Variant:
    """A tagged union: a mapping whose key ``by`` names one of several kinds, each with keys of its own beside ``common``.

    ``short``: the word of a kind that needs no other key may stand for the whole mapping.
    """

    description: str
    by: str
    of: Mapping[str, Record]
    common: tuple[Field, ...] = ()
    short: bool = False

    @cached_property
    def records(self) -> Mapping[str, Record]:
        """The whole record of each kind: its tag, the common keys and its own."""
        tag = Field(self.by, Text(choices=tuple(self.of)), self.meanings, required=True)
        return {kind: Record(own.description, (tag, *self.common, *own.fields)) for kind, own in self.of.items()}

    @cached_property
    def any_kind(self) -> Record:
        """Every key of every kind, none required: what can be said of a mapping whose kind is not known."""
        fields = {each.name: replace(each, required=False) for record in self.records.values() for each in record.fields}
        return Record(self.description, tuple(fields.values()))

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The kinds whose word alone may stand for them."""
        bare = (kind for kind, own in self.of.items() if not any(each.required for each in (*self.common, *own.fields)))
        return tuple(bare) if self.short else ()

    @property
    def meanings(self) -> str:
        """Every kind with its meaning."""
        return " ".join(f"{kind}: {record.description}" for kind, record in self.of.items())

    def owners(self, key: str) -> tuple[str, ...]:
        """The kinds that have this key."""
        return tuple(kind for kind, own in self.of.items() if any(each.name == key for each in own.fields))


Kind = Text | Whole | Flag | Many | Table | Record | Variant | Variables


@dataclass(frozen=True)
class Checked:
    """A file held against its record: right values by key, the line of every key path, and the faults."""

    file: str
    values: dict[str, Any]
    lines: Mapping[str, int]
    problems: tuple[Problem, ...]

    def problem(self, key: str, found: str, allowed: str) -> Problem:
        """A fault at this key path, or at the nearest key above it that the file has."""
        place = key
        while place and place not in self.lines:
            place = place[: max(place.rfind("."), place.rfind("["), 0)]
        return Problem(self.file, self.lines.get(place, 1), key or WHOLE_FILE, found, allowed)


def check(root: Node, record: Record, *, file: str) -> Checked:
    """Hold a document's root against its record."""
    walk = _Walk(file)
    values = walk.visit(root, record, "")
    return Checked(file, values if isinstance(values, dict) else {}, walk.lines, tuple(walk.problems))


MOST_COMPARED = 100
"""Faults of one file for which the word that was probably meant is looked for; no more are shown."""
_WRONG = object()
"""Stands for a value that was refused."""


@dataclass
class _Walk:
    file: str
    lines: dict[str, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def refuse(self, line: int, path: str, found: str, allowed: str) -> object:
        self.problems.append(Problem(self.file, line, path or WHOLE_FILE, found, allowed))
        return _WRONG

    def meant(self, word: str, words: list[str]) -> str:
        """Threat: 24,000 unknown keys in one file, each compared with every known one, take seconds of every process."""
        return nearest(word, words) if len(self.problems) < MOST_COMPARED else " | ".join(words)

    def visit(self, node: Node, kind: Kind, path: str) -> Any:  # noqa: ANN401
        self.lines[path] = node.line
        walks: dict[type, Callable[..., object]] = {
            Variant: self.variant,
            Record: self.record,
            Many: self.many,
            Table: self.table,
            Text: self.text,
        }
        if walk := walks.get(type(kind)):
            return walk(node, kind, path)
        return node.value if _right(node.value, kind) else self.refuse(node.line, path, shown(node.value), allowed(kind))

    def variant(self, node: Node, kind: Variant, path: str) -> object:
        if kind.words and not isinstance(node.value, dict):
            word = self.text(node, Text(allowed(kind), choices=kind.words), path)
            return word if word is _WRONG else defaults_of(kind, str(word))
        tag = node.value.get(kind.by) if isinstance(node.value, dict) else None
        known = tag.value if tag and isinstance(tag.value, str) and tag.value in kind.of else ""
        values = self.record(node, kind.records[known] if known else kind.any_kind, path, kind)
        if isinstance(node.value, dict) and not tag:
            self.refuse(node.line, _join(path, kind.by), "no such key", f"it is required: {' | '.join(kind.of)}")
        return values

    def record(self, node: Node, kind: Record, path: str, union: Variant | None = None) -> object:
        if not isinstance(node.value, dict):
            # A file that is but one text is none of ours: what stands in it is not for reports.
            found = shown(node.value) if path or isinstance(node.value, list) else "a single value (not shown)"
            return self.refuse(node.line, path, found, allowed(union or kind))
        known = {each.name: each for each in kind.fields}
        values: dict[str, Any] = {}
        for name, inner in node.value.items():
            place = _join(path, key_name(name))
            if name in known:
                values[name] = self.visit(inner, known[name].kind, place)
            else:
                owners = union.owners(name) if union else ()
                found = f"a key of kind {' and '.join(owners)}" if owners else "an unknown key"
                self.refuse(inner.line, place, found, self.meant(name, list(known)))
        for each in kind.fields:
            if each.required and each.name not in values:
                owners = union.owners(each.name) if union else ()
                why = f" with {union.by} {' and '.join(owners)}" if union and owners else ""
                self.refuse(node.line, _join(path, each.name), "no such key", f"it is required{why}: {allowed(each.kind)}")
        right = {name: value for name, value in values.items() if value is not _WRONG}
        return {**{name: value for name, value in defaults(kind).items() if name not in values}, **right}

    def many(self, node: Node, kind: Many, path: str) -> object:
        if not isinstance(node.value, list):
            return self.refuse(node.line, path, shown(node.value), allowed(kind))
        if not kind.least <= len(node.value) <= kind.most:
            return self.refuse(node.line, path, f"{len(node.value)} entries", f"{kind.least} to {kind.most} entries")
        right: list[Any] = []
        first: dict[str, int] = {}
        for index, inner in enumerate(node.value):
            value = self.visit(inner, kind.item, f"{path}[{index}]")
            same = repr(value)
            if value is not _WRONG and same in first:
                found = f"{shown(inner.value)} a second time (first on line {first[same]})"
                value = self.refuse(inner.line, f"{path}[{index}]", found, "each entry once")
            first.setdefault(same, inner.line)
            right.append(None if value is _WRONG else value)
        return right

    def table(self, node: Node, kind: Table, path: str) -> object:
        if not isinstance(node.value, dict):
            return self.refuse(node.line, path, shown(node.value), allowed(kind))
        values: dict[str, Any] = {}
        for name, inner in node.value.items():
            place = _join(path, key_name(name))
            key = self.text(Node(name, inner.line), kind.key, place)
            value = self.visit(inner, kind.value, place)
            if key is not _WRONG and value is not _WRONG:
                values[name] = value
        return values

    def text(self, node: Node, kind: Text, path: str) -> object:
        value = node.value
        if not isinstance(value, str):
            found = f"{shown(value)} instead of text" if isinstance(value, (int, float)) else shown(value)
            return self.refuse(node.line, path, found, f"{allowed(kind)}{_quoting(value)}")
        if kind.choices and value not in kind.choices:
            return self.refuse(node.line, path, shown(value), kind.allowed or self.meant(value, list(kind.choices)))
        if len(value) > kind.longest:
            return self.refuse(node.line, path, f"{len(value)} characters", f"at most {kind.longest} characters")
        if kind.pattern and not matcher(kind.pattern).fullmatch(value):
            return self.refuse(node.line, path, shown(value), allowed(kind))
        try:
            return kind.parse(value) if kind.parse else value
        except Refused as refused:
            return self.refuse(node.line, path, refused.found, refused.allowed)


def defaults(record: Record) -> dict[str, Any]:
    """The values of the keys that a file leaves out; records have theirs filled in."""
    return {each.name: _default(each) for each in record.fields if each.default is not None}


def defaults_of(union: Variant, kind: str) -> dict[str, Any]:
    """The values of a kind of which nothing but its word is given."""
    return {union.by: kind, **defaults(union.records[kind])}


def _default(each: Field) -> Any:  # noqa: ANN401
    if isinstance(each.kind, Record):
        return defaults(each.kind)
    return defaults_of(each.kind, each.default) if isinstance(each.kind, Variant) else each.default


def allowed(kind: Kind) -> str:
    """What a kind allows, in words."""
    if isinstance(kind, Text):
        return kind.allowed or " | ".join(kind.choices)
    if isinstance(kind, Whole):
        return f"a whole number from {kind.least} to {kind.most}" if kind.least < kind.most else str(kind.least)
    if isinstance(kind, Flag):
        return "true | false"
    if isinstance(kind, Variables):
        return "a mapping of variables"
    if isinstance(kind, Variant):
        more = f"a mapping of keys with {kind.by}: {' | '.join(kind.of)}" if set(kind.words) != set(kind.of) else ""
        return " | ".join([*kind.words, *([more] if more else [])])
    return f"a list of: {allowed(kind.item)}" if isinstance(kind, Many) else "a mapping of keys"


_MATCHERS: dict[str, re.Pattern[str]] = {}


def matcher(pattern: str) -> re.Pattern[str]:
    """The compiled pattern, compiled once."""
    if pattern not in _MATCHERS:
        _MATCHERS[pattern] = re.compile(pattern)
    return _MATCHERS[pattern]


def _right(value: object, kind: Kind) -> bool:
    if isinstance(kind, Variables):
        return value is None or isinstance(value, dict)
    if isinstance(kind, Flag) or isinstance(value, bool):
        return isinstance(kind, Flag) and isinstance(value, bool)
    return isinstance(value, int) and isinstance(kind, Whole) and kind.least <= value <= kind.most


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _quoting(value: object) -> str:
    return " (write it in quotes)" if isinstance(value, (int, float)) and not isinstance(value, bool) else ""


def nearest(word: str, words: list[str]) -> str:
    """The allowed words, and the one that was probably meant."""
    near = get_close_matches(word[:60], words, n=1)
    return " | ".join(words) + (f" (did you mean {near[0]}?)" if near else "")
