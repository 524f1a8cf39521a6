# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""JSON schemas (draft 2020-12) of the description's files, for editors: derived from ``schema``, never written by hand.

They hold what one key can say of itself. Rules between keys and files are reported by ``description_check``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from .profile_schema import PROFILE_FILE
from .schema import HOSTS_FILE, HUB_FILE, PARTICIPANT_FILE
from .spec import Kind, Many, Record, Table, Text, Variables, Variant, Whole

SCHEMAS: dict[str, Record] = {
    "hosts.schema.json": HOSTS_FILE,
    "hub.schema.json": HUB_FILE,
    "participant.schema.json": PARTICIPANT_FILE,
    "profile.schema.json": PROFILE_FILE,
}
"""File name to the record it is made of."""


def json_schema(kind: Kind) -> dict[str, Any]:
    """The JSON schema of one kind."""
    if isinstance(kind, Record):
        return {"type": "object", "additionalProperties": False, **_keys(kind)}
    if isinstance(kind, Variant):
        return _variant(kind)
    if isinstance(kind, Many):
        return {"type": "array", "items": json_schema(kind.item), "minItems": kind.least, "maxItems": kind.most, "uniqueItems": True}
    if isinstance(kind, Table):
        return {"type": "object", "propertyNames": json_schema(kind.key), "additionalProperties": json_schema(kind.value)}
    return _scalar(kind)


def _scalar(kind: Kind) -> dict[str, Any]:
    if isinstance(kind, Variables):
        return {"type": ["object", "null"]}
    if isinstance(kind, Whole):
        return {"type": "integer", "minimum": kind.least, "maximum": kind.most}
    return _text(kind) if isinstance(kind, Text) else {"type": "boolean"}


def _keys(kind: Record) -> dict[str, Any]:
    return {
        "required": [field.name for field in kind.fields if field.required],
        "properties": {
            field.name: {**json_schema(field.kind), "description": field.description, **_default(field.default)} for field in kind.fields
        },
    }


def _variant(union: Variant) -> dict[str, Any]:
    """The kind first; the keys follow from it, so that an editor offers and judges those of the kind that is written."""
    kinds = [
        {
            "if": {"required": [union.by], "properties": {union.by: {"const": kind}}},
            "then": {"additionalProperties": False, **_keys(union.records[kind])},
        }
        for kind in union.of
    ]
    tag = {"enum": list(union.of), "description": union.meanings}
    mapping = {"type": "object", "required": [union.by], "properties": {union.by: tag}, "allOf": kinds}
    return {"if": {"type": "object"}, "then": mapping, "else": {"enum": list(union.words)}} if union.words else mapping


def rendered(name: str) -> str:
    """The content of the schema file with this name."""
    record = SCHEMAS[name]
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": record.description}
    return json.dumps({**head, **json_schema(record)}, indent=2, ensure_ascii=True) + "\n"


def write_schemas(folder: Path) -> None:
    """Write every schema file into a folder that exists."""
    for name in SCHEMAS:
        (folder / name).write_text(rendered(name), encoding="utf-8")


def _default(value: object) -> dict[str, object]:
    return {} if value is None or value == {} else {"default": value}


def _text(kind: Text) -> dict[str, Any]:
    if kind.choices:
        return {"enum": list(kind.choices)}
    pattern = {"pattern": f"^({kind.pattern})$"} if kind.pattern else {}
    return {"type": "string", "maxLength": kind.longest, **pattern}


if __name__ == "__main__":
    write_schemas(Path(sys.argv[1]))
