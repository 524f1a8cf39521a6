# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What WSO2 has published about its APIs, reduced (tests/tools/reduce_openapi.py): requests and answers are held against it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

Json = dict[str, Any]
FOLDER = Path(__file__).parent
LOOSE = {"ConsumerSecret", "ConsumerSecretCreationRequest", "ConsumerSecretDeletionRequest"}
"""Schemas whose additional properties are objects, while the examples beside them are texts and numbers: those count."""


@dataclass
class Published:
    """One API."""

    name: str
    base: str
    """Path before those of the file."""
    content: Json = field(init=False)
    patterns: list[tuple[str, re.Pattern[str], str]] = field(init=False)

    def __post_init__(self) -> None:
        self.content = json.loads((FOLDER / f"{self.name}.json").read_text())
        for name, schema in self.content["schemas"].items():
            if name in LOOSE:
                schema["properties"]["additionalProperties"] = {"type": "object"}
            if name == "BlockingCondition" and schema["properties"]["conditionValue"]["type"] == "object":
                schema["properties"]["conditionValue"] = {}  # an object for addresses, a text for all else
            if "properties" in schema:
                schema.setdefault("additionalProperties", False)  # a name with a slip is none of these
        self.patterns = [(*_pattern(name, self.base), name) for name in self.content["operations"]]

    def operation(self, method: str, path: str) -> tuple[str, dict[str, str]] | None:
        """The published operation of a request, and the parts of its path."""
        for verb, pattern, name in self.patterns:
            if verb == method and (found := pattern.fullmatch(path)):
                return name, found.groupdict()
        return None

    def wrong_body(self, name: str, body: object) -> str:
        """Why a request's body is not as published; empty when it is."""
        schema = self.content["operations"][name]["body"]
        if schema is None:
            return f"{name} takes no body" if body is not None else ""
        return self._wrong(name, schema, body)

    def wrong_answer(self, name: str, status: int, body: object) -> str:
        """Why an answer is not as published; empty when it is."""
        answers = self.content["operations"][name]["answers"]
        if str(status) not in answers and status < 400:
            return f"{name} is not answered with {status}"
        schema = answers.get(str(status), {"$ref": "#/schemas/Error"} if "Error" in self.content["schemas"] else None)
        return self._wrong(f"the answer {status} to {name}", schema, body) if schema and body is not None else ""

    def _wrong(self, what: str, schema: Json, body: object) -> str:
        validator = Draft202012Validator({**schema, "schemas": self.content["schemas"]})
        return "; ".join(f"{what}: {'.'.join(map(str, error.path))} {error.message}"[:300] for error in validator.iter_errors(body))


def _pattern(name: str, base: str) -> tuple[str, re.Pattern[str]]:
    method, _, path = name.partition(" ")
    return method, re.compile(re.escape(base) + re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(path)))
