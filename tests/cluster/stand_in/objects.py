# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the stand-in provider compares: values of two objects, path by path in Pulumi's notation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""Pulumi's sign for a value that a preview does not know yet."""
OF_THE_SERVER = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink")
IDENTITY = ("apiVersion", "kind", "metadata.name", "metadata.namespace")
FIXED = {"Deployment": ("spec.selector",), "RoleBinding": ("roleRef",), "PodDisruptionBudget": ()}
"""What the API server lets no one change in an object that exists."""
_MISSING = object()


def holds_unknown(value: Any) -> bool:  # noqa: ANN401 -- JSON
    if isinstance(value, dict):
        return any(map(holds_unknown, value.values()))
    if isinstance(value, list):
        return any(map(holds_unknown, value))
    return bool(value == UNKNOWN)


def differences(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, str]]:  # noqa: ANN401 -- JSON
    """Path and kind (ADD, DELETE, UPDATE) of every leaf that differs."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            yield from differences(old.get(key, _MISSING), new.get(key, _MISSING), _joined(path, key))
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            before, after = (each[index] if index < len(each) else _MISSING for each in (old, new))
            yield from differences(before, after, f"{path}[{index}]")
    elif old is _MISSING:
        yield path, "ADD"
    elif new is _MISSING:
        yield path, "DELETE"
    elif old != new:
        yield path, "UPDATE"


def replaces(kind: str, path: str) -> bool:
    """Whether a change here asks for another object in place of this one."""
    return any(path == fixed or path.startswith((f"{fixed}.", f"{fixed}[")) for fixed in (*IDENTITY, *FIXED.get(kind, ())))


def drifted(inputs: Any, normal: Any, live: Any) -> Any:  # noqa: ANN401 -- JSON
    """The inputs with what is otherwise on the live object than the server would have it by these inputs.

    ``normal`` is the server's answer to a dry run of the inputs: with it, another spelling of a value is no difference.
    """
    if isinstance(inputs, dict) and isinstance(live, dict) and isinstance(normal, dict):
        kept = {key: drifted(value, normal.get(key), live.get(key, _MISSING)) for key, value in inputs.items()}
        return {key: value for key, value in kept.items() if value is not _MISSING}
    if isinstance(inputs, list) and isinstance(live, list) and isinstance(normal, list) and len(inputs) == len(live) == len(normal):
        return [drifted(*each) for each in zip(inputs, normal, live, strict=True)]
    return inputs if live == normal or (live is _MISSING and normal is None) else live


def outputs(live: dict[str, Any]) -> dict[str, Any]:
    """What Pulumi keeps of a live object: what stays the same while no one changes it."""
    kept = {**live, "metadata": {key: value for key, value in live["metadata"].items() if key not in OF_THE_SERVER}}
    if live["kind"] != "Service":
        kept.pop("status", None)
    return kept


def _joined(path: str, key: str) -> str:
    if not key.replace("_", "").replace("-", "").isalnum():
        return f'{path}["{key}"]'
    return f"{path}.{key}" if path else key
