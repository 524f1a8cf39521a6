# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How the configuration of a stack is read: value by value, by rule, and with all its problems at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from enum import StrEnum
from ipaddress import ip_network
from typing import TypeVar

from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import OnboardingError

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
"""A label of RFC 1123, as Kubernetes asks of most names."""
DOMAIN = re.compile(r"(?=.{1,200}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+")
IMAGE = re.compile(r"[a-z0-9]+([._:/-]+[a-z0-9]+)*(:[\w][\w.-]{0,127})?@sha256:[0-9a-f]{64}")
SERVICE = r"[a-z0-9-]+\.[a-z0-9-]+\.svc(\.[a-z0-9.-]+)?"
"""A service in the cluster, by the name that its DNS gives it."""
WIDEST = {4: 8, 6: 32}
"""The shortest prefix of a network that may be let in, by the version of IP."""

Values = Mapping[str, str | None]
"""A stack's configuration as it stands, by key."""
_Choice = TypeVar("_Choice", bound=StrEnum)
_Value = TypeVar("_Value")


class SettingsError(OnboardingError):
    """The configuration of a stack is wrong: every problem, one a line."""

    def __init__(self, problems: Iterable[str], *, where: str) -> None:
        listed = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(f"the configuration of the stack is wrong:\n{listed}", where=where)


def keys(settings: type) -> list[str]:
    """The configuration keys of a class of settings, as ``Pulumi.yaml`` spells them."""
    return [re.sub(r"_(.)", lambda hit: hit.group(1).upper(), field.name) for field in fields(settings)]


class Reader:
    """Reads values by rule. A wrong value is noted and stood in for, so that the others are judged too."""

    def __init__(self, values: Values, known: Iterable[str], place: str = "") -> None:
        self.values, self._place = values, place
        strangers = sorted(values.keys() - {*known})
        self.problems = [f"{place}{key}: is no key of this program; allowed: {', '.join(known)}" for key in strangers]

    def matching(self, key: str, pattern: re.Pattern[str], allowed: str) -> str:
        """A text of a pattern, which ``allowed`` says in words."""
        text = self.values.get(key) or ""
        return text if pattern.fullmatch(text) else self._refuse(key, allowed, "")

    def image(self, key: str, *, optional: bool = False) -> str:
        """An image by its digest; empty where it is optional and not given."""
        if optional and not self.values.get(key):
            return ""
        return self.matching(key, IMAGE, "an image with its digest: registry/name@sha256:<64 hexadecimal digits>")

    def service(self, key: str, scheme: str = "") -> str:
        """``<service>.<namespace>.svc:<port>``, or a URL of one where ``scheme`` is a pattern for it."""
        allowed = f"{'http(s)://' if scheme else ''}<service>.<namespace>.svc:<port>"
        return self.matching(key, re.compile(rf"{f'{scheme}://' if scheme else ''}{SERVICE}:[0-9]{{1,5}}"), allowed)

    def number(self, key: str, least: int, most: int) -> int:
        """A whole number within bounds."""
        text = self.values.get(key) or ""
        right = re.fullmatch(r"[0-9]{1,9}", text) and least <= int(text) <= most
        return int(text) if right else self._refuse(key, f"{least} to {most}", least)

    def choice(self, key: str, choices: type[_Choice]) -> _Choice:
        """One of the values of an enumeration."""
        text = self.values.get(key) or ""
        first = next(iter(choices))
        return choices(text) if text in {*choices} else self._refuse(key, ", ".join(choices), first)

    def networks(self, key: str, *, least: int = 0) -> tuple[str, ...]:
        """Networks, at least as many of them."""
        allowed = f"a list of{' some' if least else ''} networks, at least /{WIDEST[4]} (IPv6: /{WIDEST[6]}) long"
        try:
            listed = json.loads(self.values.get(key) or "[]")
            networks = [ip_network(text) for text in listed if isinstance(text, str)]
        except (ValueError, TypeError):
            return self._refuse(key, allowed, ())
        narrow = all(network.prefixlen >= WIDEST[network.version] for network in networks)
        right = narrow and len(networks) == len(listed) and len(networks) >= least
        return tuple(map(str, networks)) if right else self._refuse(key, allowed, ())

    def mapping(self, key: str) -> dict[str, str]:
        """The texts of an object, by name; other values as JSON."""
        try:
            found = json.loads(self.values.get(key) or "{}")
        except ValueError:
            found = None
        if not isinstance(found, dict):
            return self._refuse(key, "an object", {})
        return {name: value if isinstance(value, str) else json.dumps(value) for name, value in found.items()}

    def inside(self, key: str, values: Values, known: Iterable[str]) -> Reader:
        """A reader of what an object holds; its problems are this one's."""
        reader = Reader(values, known, f"{self._place}{key}.")
        self.problems += reader.problems
        reader.problems = self.problems
        return reader

    def end(self, where: str) -> None:
        """SettingsError with every problem so far; nothing where there is none."""
        if self.problems:
            raise SettingsError(self.problems, where=where)

    def _refuse(self, key: str, allowed: str, instead: _Value) -> _Value:
        found = self.values.get(key)
        self.problems.append(f"{self._place}{key}: found {'nothing' if found is None else repr(found)}; allowed: {allowed}")
        return instead
