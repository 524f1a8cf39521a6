# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reduce a published OpenAPI 3 or Swagger 2 file to what a stand-in is held to: bodies and answers of some operations.

``python tests/tools/reduce_openapi.py FILE.yaml "where it is from" TARGET.json "GET /applications" …``. What people read (descriptions,
examples) is left out, and so are schemas that no operation named here needs.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]
PROSE = {"description", "example", "examples", "title", "x-examples", "externalDocs", "xml", "x-otherScopes", "x-scopes", "deprecated"}
NAMES = {"properties", "schemas"}


class _Loader(yaml.SafeLoader):
    """As it is, without moments: an example of the publisher's file names a day that is none."""


_Loader.add_constructor("tag:yaml.org,2002:timestamp", lambda _loader, node: str(node.value))


def plain(value: object, *, names: bool = False) -> object:
    """A schema without prose; the keys of ``properties`` are names, whatever they are called."""
    if isinstance(value, list):
        return [plain(one) for one in value]
    if not isinstance(value, dict):
        return value
    kept = {key: one for key, one in value.items() if names or key not in PROSE}
    return {key: _reference(one) if key == "$ref" else plain(one, names=key in NAMES and not names) for key, one in kept.items()}


def _reference(text: str) -> str:
    return f"#/schemas/{text.rpartition('/')[2]}"


def references(value: object) -> set[str]:
    """The names of the schemas that a schema needs."""
    if isinstance(value, dict):
        found = {str(value["$ref"]).rpartition("/")[2]} if isinstance(value.get("$ref"), str) else set()
        return found.union(*(references(one) for one in value.values()))
    return set().union(*(references(one) for one in value)) if isinstance(value, list) else set()


def schema_of(whole: Json, part: Json) -> object:
    """The schema of a body or an answer, by reference or in place; None where there is none."""
    if "$ref" in part:
        kind, name = part["$ref"].split("/")[-2:]
        part = (whole.get(kind) or whole["components"][kind])[name]
    if "schema" in part:
        return part["schema"]
    return next((one.get("schema") for one in (part.get("content") or {}).values()), None)


def operation(whole: Json, name: str) -> Json:
    """Body and answers of one operation."""
    method, _, path = name.partition(" ")
    found = whole["paths"][path][method.lower()]
    bodies = [one for one in found.get("parameters", []) if one.get("in") == "body"]
    given = found.get("requestBody") or (bodies[0] if bodies else None)
    answers = {str(status): plain(schema_of(whole, answer)) for status, answer in found["responses"].items()}
    return {"body": plain(schema_of(whole, given)) if given else None, "answers": answers}


def reduced(whole: Json, source: str, names: list[str]) -> Json:
    """What is kept of a file."""
    operations = {name: operation(whole, name) for name in names}
    schemas = whole.get("definitions") or whole["components"]["schemas"]
    needed: set[str] = set()
    waiting = references(operations)
    while waiting - needed:
        needed |= waiting
        waiting = references([schemas[name] for name in waiting])
    return {
        "license": "Apache-2.0",
        "source": source,
        "version": str(whole["info"]["version"]),
        "operations": operations,
        "schemas": {name: plain(schemas[name]) for name in sorted(needed)},
    }


if __name__ == "__main__":
    file, where, target, *wanted = sys.argv[1:]
    whole = yaml.load(Path(file).read_text(encoding="utf-8"), _Loader)  # noqa: S506 -- see there
    made = reduced(whole, where, wanted)
    Path(target).write_text(json.dumps(made, indent=1, sort_keys=True) + "\n", encoding="utf-8")
