# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Roles and playbooks call modules: no shell, nothing ignored, no retry without a bound, no switch that turns TLS checks off."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tools import repository

PATHS = repository.yaml_files(repository.ROOT / "roles", repository.ROOT / "playbooks")
SHELLS = {"shell", "command", "raw", "script", "expect"}
FORBIDDEN = SHELLS | {f"ansible.builtin.{name}" for name in SHELLS} | {f"ansible.legacy.{name}" for name in SHELLS}
FORBIDDEN |= {"ignore_errors", "ignore_unreachable", "local_action"}

REPORTED = {"ignore_unreachable"}


class _Loader(yaml.SafeLoader):
    """Reads Ansible's own tags (!unsafe, !vault) as what they stand before."""


_Loader.add_multi_constructor("!", lambda loader, _tag, node: loader.construct_scalar(node))


def _mappings(value: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401  any YAML value
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _mappings(inner)


def faults(text: str) -> list[str]:
    """What a file of tasks or plays does that none may do."""
    found: list[str] = []
    read = yaml.load(text, _Loader)  # noqa: S506  a subclass of the safe loader
    reported = "onboarding_status" in str(read[-1]) if isinstance(read, list) and read else False
    for mapping in _mappings(read):
        # A play may go on without its hosts where the last one, the summary, names them and fails.
        found += sorted((FORBIDDEN & set(mapping)) - (REPORTED if reported and "hosts" in mapping else set()))
        found += ["until without retries"] if "until" in mapping and "retries" not in mapping else []
        found += ["validate_certs off"] if mapping.get("validate_certs") in (False, "no") else []
    return found


@pytest.mark.parametrize("path", [path for path in PATHS if path.parent.name != "meta"], ids=repository.name)
def test_tasks_keep_the_rules(path: Path) -> None:
    assert faults(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("- block:\n  - shell: ls", ["shell"]),
        ("- ansible.builtin.command: {cmd: ls}", ["ansible.builtin.command"]),
        ("- {mojaloop.onboarding.gateway: {}, ignore_errors: true}", ["ignore_errors"]),
        ("- {hosts: gateways, ignore_unreachable: true}", ["ignore_unreachable"]),
        ("- {hosts: gateways, ignore_unreachable: true}\n- {hosts: controller, roles: [{role: onboarding_status}]}", []),
        ("- {hosts: gateways, ignore_errors: true}", ["ignore_errors"]),
        ("- {hosts: gateways, ignore_errors: true}\n- {hosts: controller, roles: [{role: onboarding_status}]}", ["ignore_errors"]),
        ("- {ansible.builtin.uri: {validate_certs: false}, until: done}", ["until without retries", "validate_certs off"]),
        ("- {ansible.builtin.uri: {url: !unsafe x}, until: done, retries: 3}", []),
    ],
)
def test_the_rules_are_seen(text: str, found: list[str]) -> None:
    assert faults(text) == found
