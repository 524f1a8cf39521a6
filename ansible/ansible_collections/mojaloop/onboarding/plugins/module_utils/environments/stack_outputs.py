# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the Pulumi programs of this pack hand on: read from an exported file or from Pulumi itself, and judged before it is used."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from ..description.model import HUB
from ..errors import OnboardingError
from ..formats import read_json, refuse_newer

LIMIT = 1 << 20
TIMEOUT = 120.0
"""Seconds for one call of Pulumi."""
_ID = re.compile(r"[A-Za-z][A-Za-z0-9_-]{1,29}")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_PORTS = range(1, 1 << 16)
Rule = Callable[[object], bool]


@dataclass(frozen=True)
class StackOutputs:
    """The outputs of one stack: of the hub's side or of a participant's, in an environment."""

    side: str
    environment: str
    values: Mapping[str, Any]
    """As Pulumi has them; every text in it is a name, a host or an address."""


def stack_outputs(content: bytes, *, where: str) -> StackOutputs:
    """Judged outputs (JSON, as ``pulumi stack output --json`` prints them); OnboardingError for anything else."""
    try:
        found = read_json(content)
    except ValueError as error:
        raise OnboardingError(f"is no JSON ({error})", where=where, remedy=_EXPORT) from error
    refuse_newer(found, where=where)
    if not isinstance(found, dict) or found.get("format") != 1:
        raise OnboardingError("holds no outputs of a stack of this pack", where=where, remedy=_EXPORT)
    side = found.get("participant", HUB)
    expected = _OF_THE_HUB if side == HUB else _OF_A_PARTICIPANT
    wrong = sorted(_wrong(found, expected, ""))
    if wrong:
        raise OnboardingError(f"holds wrong outputs: {', '.join(wrong)[:500]}", where=where, remedy=_EXPORT)
    return StackOutputs(side, found["environment"], {name: found[name] for name in expected})


def exported_outputs(path: str) -> StackOutputs:
    """The outputs in a file that ``pulumi stack output --json`` wrote."""
    try:
        with open(path, "rb") as stream:  # noqa: PTH123 -- a plain read with a bound
            content = stream.read(LIMIT + 1)
    except OSError as error:
        raise OnboardingError(f"cannot be read ({error.strerror})", where=path, remedy=_EXPORT) from error
    if len(content) > LIMIT:
        raise OnboardingError(f"has more than {LIMIT} bytes", where=path, remedy=_EXPORT)
    return stack_outputs(content, where=path)


def outputs_of_stack(project: str, stack: str, backend: str = "", program: str = "pulumi") -> StackOutputs:
    """The outputs of a stack, asked of Pulumi in its project's folder. ``backend``: the URL of its state, if not the usual one."""
    where = f"{project}, stack {stack}"
    command = [program, "stack", "output", "--json", "--non-interactive", "--stack", stack, "--cwd", project]
    environment = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true", **({"PULUMI_BACKEND_URL": backend} if backend else {})}
    try:
        ended = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=TIMEOUT, stdin=subprocess.DEVNULL)
    except FileNotFoundError as error:
        raise OnboardingError("Pulumi is not on the PATH", where=where, remedy="Install it, or name exported files.") from error
    except subprocess.TimeoutExpired as error:
        raise OnboardingError(f"Pulumi did not answer within {TIMEOUT:.0f} s", where=where, remedy="Name exported files.") from error
    if ended.returncode:
        said = ended.stderr.decode("utf-8", "replace").strip()[:500]
        raise OnboardingError(f"Pulumi refused: {said}", where=where, remedy="Name the stack as `pulumi stack ls` does.")
    return stack_outputs(ended.stdout[:LIMIT], where=where)


def _matching(pattern: re.Pattern[str]) -> Rule:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def _port(value: object) -> bool:
    return type(value) is int and value in _PORTS


def _addresses(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) and (_is_address(each) or _HOST.fullmatch(each)) for each in value)


def _is_address(text: str) -> bool:
    try:
        return bool(ip_address(text))
    except ValueError:
        return False


def _names(value: object) -> bool:
    return isinstance(value, dict) and all(_LABEL.fullmatch(each) for each in value.values() if isinstance(each, str))


def _is_one(value: object) -> bool:
    return value == 1


_NAME, _PARTICIPANT = _matching(_LABEL), _matching(_ID)
_GATEWAY = {
    "namespace": _NAME,
    "gateway": _NAME,
    "listener": _NAME,
    "host": _matching(_HOST),
    "port": _port,
    "certificate": _NAME,
    "addresses": _addresses,
}
_OF_THE_HUB: dict[str, Any] = {
    "format": _is_one,
    "environment": _NAME,
    "servicesNamespace": _NAME,
    "fspiopGateway": _GATEWAY,
    "internalGateway": _GATEWAY,
    "egressGateway": {"namespace": _NAME, "gateway": _NAME},
}
_OF_A_PARTICIPANT: dict[str, Any] = {
    "format": _is_one,
    "environment": _NAME,
    "participant": _PARTICIPANT,
    "namespace": _NAME,
    "callbackGateway": _GATEWAY,
    "connectorService": _NAME,
    "secrets": _names,
}
_EXPORT = "Write it with: pulumi stack output --json"


def _wrong(found: object, expected: Mapping[str, Any], place: str) -> list[str]:
    """The names of the values that lack or break their rule. Further ones are of a later release, and no one's here."""
    if not isinstance(found, dict):
        return [place.rstrip(".")]
    wrong = []
    for name, rule in expected.items():
        if isinstance(rule, Mapping):
            wrong += _wrong(found.get(name), rule, f"{place}{name}.")
        elif not rule(found.get(name)):
            wrong.append(f"{place}{name}")
    return wrong
