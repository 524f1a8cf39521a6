# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""YAML text to located values: every scalar, list and mapping knows its line, and every fault is found at once.

A small, predictable part of YAML: one document of mappings, lists and scalars. Anchors, aliases (a few bytes can
expand to gigabytes), tags, duplicate keys, other encodings and large files are refused. Plain scalars are read as in
the core schema of YAML 1.2: ``no``, ``0x1f`` and ``12:30`` are text, ``true`` and ``false`` are the only flags.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from ..errors import Problem

LARGEST_FILE = 256 * 1024
"""Bytes. The longest sensible file is a hundredth of it."""
DEEPEST = 12
"""Levels of nesting; the schema needs six."""
LONGEST_SHOWN = 60
WHOLE_FILE = "file"
"""The key of problems that concern a file and no key in it."""

_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(r"[-+]?(\.[0-9]{1,99}|[0-9]{1,99}(\.[0-9]{0,99})?)([eE][-+]?[0-9]{1,3})?")
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,40}")
_SECRET = re.compile(r"PRIVATE KEY|://[^/]*@")

Scalar = str | int | float | bool | None
Event = Any
"""An event of the C parser; always with its marks."""


@dataclass(frozen=True, slots=True)
class Node:
    """A value and the 1-based line where it stands (for a value in a mapping: the line of its key)."""

    value: Scalar | list[Node] | dict[str, Node]
    line: int


def plain(node: Node) -> object:
    """The value without lines, as a JSON parser would give it."""
    if isinstance(node.value, list):
        return [plain(item) for item in node.value]
    if isinstance(node.value, dict):
        return {key: plain(item) for key, item in node.value.items()}
    return node.value


def shown(value: object) -> str:
    """What was found, in one line for people: quoted, escaped, shortened, and never a secret."""
    if isinstance(value, (list, dict)):
        return "a list" if isinstance(value, list) else "a mapping"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return f"the number {value}"
    text = str(value)
    if _SECRET.search(text):
        return "text that may hold a secret (not shown)"
    return repr(text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "...")


def read_document(path: Path) -> tuple[Node | None, list[Problem]]:
    """Read one file; returns its root (None when it cannot be read at all) and every fault of its YAML."""
    content = read_content(path)
    return (None, [content]) if isinstance(content, Problem) else parse_document(content, file=str(path))


def read_content(path: Path, *, largest: int = LARGEST_FILE) -> bytes | Problem:
    """The bytes of one file, or why it cannot be read."""
    try:
        content = _read_regular(path, largest)
    except OSError as error:
        if path.is_symlink():
            return Problem(str(path), 1, WHOLE_FILE, "a link", "a file of its own (links are not followed)")
        return Problem(str(path), 1, WHOLE_FILE, f"a file that cannot be read ({error.strerror or error})", "a readable YAML file")
    if len(content) > largest:
        found = f"more than {largest // 1024} KiB"
        return Problem(str(path), 1, WHOLE_FILE, found, f"at most {largest // 1024} KiB")
    return content


def parse_document(content: bytes, *, file: str) -> tuple[Node | None, list[Problem]]:
    """Parse the bytes of one file; see ``read_document``."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return None, [Problem(file, line, WHOLE_FILE, f"the byte 0x{content[error.start]:02x}, which is not UTF-8", "UTF-8 text")]
    composer = _Composer(file, text)
    try:
        return composer.document(), composer.problems
    except _Abandoned:
        pass
    except yaml.reader.ReaderError as error:
        line = text.encode().count(b"\n", 0, error.position) + 1
        composer.report(line, WHOLE_FILE, "a control character", "printable text")
    except yaml.YAMLError as error:
        composer.report(*_explained(error))
    return None, composer.problems


def _read_regular(path: Path, largest: int) -> bytes:
    """A FIFO or a device in a description must not block or flood the run, and a link must not lead it to a secret."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    with os.fdopen(handle, "rb") as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise OSError("not a regular file")
        return stream.read(largest + 1)


def _explained(error: yaml.YAMLError) -> tuple[int, str, str, str]:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    said = getattr(error, "problem", None) or "something unreadable"
    return (mark.line + 1 if mark else 1), WHOLE_FILE, f"broken YAML ({said})", "valid YAML"


class _Abandoned(Exception):
    """Reading on would follow what was refused."""


class _Composer:
    """Builds nodes from the C parser's events, so that refusals happen before anything is expanded."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        loader = yaml.CSafeLoader(text)
        self._next: Callable[[], Event] = loader.get_event

    def report(self, line: int, key: str, found: str, allowed: str) -> None:
        self.problems.append(Problem(self.file, line, key, found, allowed))

    def document(self) -> Node | None:
        self._next()
        start = self._next()
        if isinstance(start, yaml.StreamEndEvent):
            self.report(1, WHOLE_FILE, "an empty file", "a mapping of keys")
            return None
        root = self._node(self._next(), "", 0)
        self._next()
        following = self._next()
        if not isinstance(following, yaml.StreamEndEvent):
            self.report(following.start_mark.line + 1, WHOLE_FILE, "a second document", "one document")
        return root

    def _node(self, event: Event, path: str, depth: int, line: int = 0) -> Node:
        line = line or event.start_mark.line + 1
        self._refuse_devices(event, path or WHOLE_FILE, line)
        if depth > DEEPEST:
            self.report(line, path or WHOLE_FILE, f"more than {DEEPEST} levels of nesting", f"at most {DEEPEST} levels")
            raise _Abandoned
        if isinstance(event, yaml.ScalarEvent):
            return Node(event.value if event.style or not event.implicit[0] else _scalar(event.value), line)
        if isinstance(event, yaml.SequenceStartEvent):
            return Node(self._sequence(path, depth), line)
        return Node(self._mapping(path, depth), line)

    def _refuse_devices(self, event: Event, key: str, line: int) -> None:
        if isinstance(event, yaml.AliasEvent):
            self.report(line, key, f"the alias *{key_name(event.anchor)}", "the value itself (anchors and aliases are not read)")
            raise _Abandoned
        if event.anchor is not None:
            self.report(line, key, f"the anchor &{key_name(event.anchor)}", "values without anchors")
        if event.tag is not None:
            self.report(line, key, f"the tag {shown(event.tag)}", "values without tags")

    def _sequence(self, path: str, depth: int) -> list[Node]:
        items: list[Node] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self._node(event, f"{path}[{len(items)}]", depth + 1))
        return items

    def _mapping(self, path: str, depth: int) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = self._key(event, path)
            line = event.start_mark.line + 1
            inner = f"{path}.{key_name(key)}" if path else key_name(key)
            value = self._node(self._next(), inner, depth + 1, line)
            if key in entries:
                self.report(line, inner, f"the key a second time (first on line {entries[key].line})", "each key once")
            else:
                entries[key] = value
        return entries

    def _key(self, event: Event, path: str) -> str:
        line = event.start_mark.line + 1
        if not isinstance(event, yaml.ScalarEvent):
            self.report(line, path or WHOLE_FILE, "a key that is not text", "text as keys")
            raise _Abandoned
        self._refuse_devices(event, path or WHOLE_FILE, line)
        return str(event.value)


@lru_cache(maxsize=1024)
def key_name(key: str) -> str:
    """A key as it stands in problems: as it is when it is a plain word, else not shown: no file of ours has it, but a secret may."""
    return key if _WORD.fullmatch(key) else "<no plain word>"


def _scalar(text: str) -> Scalar:
    """A plain scalar by the core schema of YAML 1.2."""
    if text.lower() in _WORDS and text in {text.lower(), text.title(), text.upper()}:
        return _WORDS[text.lower()]
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text
