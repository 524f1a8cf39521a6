# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The published API files of Connection Manager, reduced to paths and fields: what every request and answer is held against."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator

FOLDER = Path(__file__).parents[2] / "contract" / "manager"

WIDER: dict[str, Any] = {"ValidInvalidState": {"type": "string"}, "ValidationCodes": {}}
"""Definitions of the later era that its own answers never keep."""


def _open(schema: Any) -> Any:  # noqa: ANN401 -- JSON
    """The same without ``additionalProperties``: in an ``allOf`` it lets nothing pass."""
    if isinstance(schema, dict):
        return {name: _open(value) for name, value in schema.items() if name != "additionalProperties"}
    return [_open(each) for each in schema] if isinstance(schema, list) else schema


@dataclass
class Contract:
    """The API of one era (``era1``: 1.7.8, ``era3``: 3.4.0)."""

    era: str
    known: frozenset[tuple[str, int]] = frozenset()
    """Operations and statuses whose real answer differs from the published file."""
    violations: list[str] = field(default_factory=list)

    @cached_property
    def _document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((FOLDER / f"{self.era}.json").read_text(encoding="utf-8"))
        return found

    @cached_property
    def _paths(self) -> list[tuple[re.Pattern[str], str]]:
        templates = {operation.partition(" ")[2] for operation in self._document["operations"]}
        by_literal = sorted(templates, key=lambda template: (template.count("{"), -len(template)))
        return [(re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", each)), each) for each in by_literal]

    def template(self, path: str) -> tuple[str, dict[str, str]] | None:
        """The path as it is published, and its parameters."""
        matches = ((pattern.fullmatch(path), template) for pattern, template in self._paths)
        return next(((template, found.groupdict()) for found, template in matches if found), None)

    def operation(self, method: str, template: str) -> dict[str, Any] | None:
        """What is published of an operation."""
        found: dict[str, Any] | None = self._document["operations"].get(f"{method} {template}")
        return found

    @cached_property
    def _lenient(self) -> dict[str, Any]:
        found: dict[str, Any] = _open(self._document["definitions"]) | WIDER
        return found

    def faults(self, schema: dict[str, Any], value: object, *, answer: bool = False) -> list[str]:
        """Why a value is not of a schema. Of an answer, only what is published counts: the servers look at requests alone."""
        validator = Draft7Validator({**schema, "definitions": self._lenient if answer else self._document["definitions"]})
        return [f"{'.'.join(map(str, error.absolute_path))}: {error.message}"[:200] for error in validator.iter_errors(value)]

    def check_answer(self, method: str, template: str, status: int, value: object) -> None:
        """Note an answer of success that is not as published."""
        operation = self.operation(method, template)
        if operation is None or status >= 400 or (f"{method} {template}", status) in self.known:
            return
        if str(status) not in operation["answers"]:
            self.violations.append(f"{method} {template} answered {status}")
            return
        schema = operation["answers"][str(status)]
        found = self.faults(schema, value, answer=True) if schema else []
        self.violations += [f"{method} {template} answered {fault}" for fault in found]

    def check_request(self, method: str, template: str, body: object) -> list[str]:
        """What is wrong with a request's body, by what is published."""
        schema = (self.operation(method, template) or {}).get("body")
        return self.faults(schema, body) if schema else ([] if body is None else [f"has a body: {type(body).__name__}"])
