# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write each role's README.md from its meta/argument_specs.yml and defaults/main.yml; with --check, only tell which are stale.

The argument specification is the source: its words are written once, and Ansible enforces what it says.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

ROLES = Path(__file__).resolve().parents[2] / "roles"
HEAD = "<!-- Written by `make docs` from meta/argument_specs.yml: change that file instead. -->"


def readme(role: Path) -> str:
    """The README of one role; raises ValueError where its specification and its defaults disagree."""
    specs = yaml.safe_load((role / "meta/argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]
    defaults = _defaults(role)
    parts = [f"# {role.name}", HEAD]
    for entry, spec in specs.items():
        parts += _entry(role.name, entry, spec, defaults)
    return "\n\n".join(parts) + "\n"


def _defaults(role: Path) -> dict[str, Any]:
    path = role / "defaults/main.yml"
    return (yaml.safe_load(path.read_text(encoding="utf-8")) or {}) if path.exists() else {}


def _entry(role: str, entry: str, spec: dict[str, Any], defaults: dict[str, Any]) -> list[str]:
    options = spec.get("options") or {}
    parts = [] if entry == "main" else [f"## Entry point `{entry}`"]
    parts += [_sentence(spec["short_description"]), *_paragraphs(spec.get("description"))]
    if not options:
        return [*parts, "No variables."]
    rows = ["| variable | type | default | meaning |", "| --- | --- | --- | --- |"]
    rows += [_row(role, name, option, defaults) for name, option in options.items()]
    return [*parts, "\n".join(rows)]


def _row(role: str, name: str, option: dict[str, Any], defaults: dict[str, Any]) -> str:
    words = " ".join(_paragraphs(option.get("description")))
    if choices := option.get("choices"):
        words += f" One of {', '.join(f'`{choice}`' for choice in choices)}."
    cells = (f"`{name}`", _type(option), _default(role, name, option, defaults), words)
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _type(option: dict[str, Any]) -> str:
    kind = str(option.get("type", "str"))
    return f"{kind} of {option['elements']}" if "elements" in option else kind


def _default(role: str, name: str, option: dict[str, Any], defaults: dict[str, Any]) -> str:
    if name in defaults and "default" in option and defaults[name] != option["default"]:
        raise ValueError(
            f"roles/{role}: {name} is {option['default']!r} in meta/argument_specs.yml, {defaults[name]!r} in defaults/main.yml"
        )
    if name in defaults or "default" in option:
        value = defaults.get(name, option.get("default"))
        return f"`{value}`" if isinstance(value, str) and value else f"`{json.dumps(value)}`"
    return "required" if option.get("required") else "none"


def _paragraphs(text: str | list[str] | None) -> list[str]:
    return [_sentence(part) for part in ([text] if isinstance(text, str) else text or [])]


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return text if text.endswith((".", ":", "!", "?")) else f"{text}."


def main() -> int:
    """Write the stale READMEs, or name them with --check; returns 1 when --check found some."""
    check = "--check" in sys.argv[1:]
    stale = [role for role in _roles() if _current(role) != readme(role)]
    for role in stale:
        if check:
            sys.stderr.write(f"roles/{role.name}/README.md is not what `make docs` writes\n")
        else:
            (role / "README.md").write_text(readme(role), encoding="utf-8")
    return int(check and bool(stale))


def _roles() -> list[Path]:
    return sorted(path.parent.parent for path in ROLES.glob("*/meta/argument_specs.yml"))


def _current(role: Path) -> str:
    path = role / "README.md"
    return path.read_text(encoding="utf-8") if path.exists() else ""


if __name__ == "__main__":
    raise SystemExit(main())
