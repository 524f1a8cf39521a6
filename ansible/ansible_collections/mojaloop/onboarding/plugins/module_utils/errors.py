# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Errors of the core. Each says where, what was found, and what to do.

::

    OnboardingError
    ├── DescriptionError     the description is wrong: one Problem per fault, all at once
    ├── StoreError           private material is lost, damaged, or readable by others
    ├── ExchangeError        a publication cannot be trusted or read
    ├── SigningRefused       the signing policy says no, with a reason code
    ├── LeaseHeld            another run works on the same state folder
    ├── HostError            a managed host did not take a change
    │   ├── GatewayError     a gateway refused, did not switch, or was rolled back
    │   └── ConnectorError   a connector's settings or files are wrong, or its host could not be changed
    ├── FirewallError        a firewall refused, did not switch, or was rolled back
    ├── RemoteError          a remote system cannot be asked, or answered something unusable (``remote/errors.py`` says what to do)
    │   └── AuthorizationServerError   the authorization server did so
    └── LabError             the lab could not be raised or removed
"""

from __future__ import annotations

from dataclasses import dataclass


def printable(text: str) -> str:
    """A text for people and results: characters that no terminal and no UTF-8 should get are escaped, lines stay lines."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(each if each.isprintable() or each in "\n\t" else each.encode("unicode_escape").decode() for each in text)


class OnboardingError(Exception):
    """A failure a person can act on: ``where`` it is, ``what`` was found, the ``remedy``; ``reason`` is a stable code, or empty."""

    def __init__(self, what: str, *, where: str = "", remedy: str = "", reason: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = remedy
        self.reason = reason

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        remedy = f" {self.remedy}" if self.remedy else ""
        return printable(f"{place}{self.what}.{remedy}" if remedy else f"{place}{self.what}")


@dataclass(frozen=True, order=True)
class Problem:
    """One fault of a description: file, line (1-based), the key, what was found, what is allowed."""

    file: str
    line: int
    key: str
    found: str
    allowed: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.key}: found {self.found}; allowed: {self.allowed}"


class DescriptionError(OnboardingError):
    """The description is wrong; ``problems`` holds every fault found, sorted by file and line."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = sorted(problems)
        count = len(self.problems)
        super().__init__(
            f"{count} problem{'s' if count != 1 else ''} in the description:\n" + "\n".join(f"  {problem}" for problem in self.problems)
        )


class StoreError(OnboardingError):
    """Private material is missing where it must exist, damaged, or open to others."""


class ExchangeError(OnboardingError):
    """A publication is unreadable, out of sequence, or not signed by whom it should be."""


class Refusal(OnboardingError):
    """An error that always has a reason code, which comes first."""

    def __init__(self, reason: str, what: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(what, where=where, remedy=remedy, reason=reason)


class SigningRefused(Refusal):
    """The signing policy refuses a request; ``reason`` is the stable code."""


class LeaseHeld(OnboardingError):
    """Another run holds the lease of this state folder."""


class HostError(OnboardingError):
    """A managed host did not take a change, or undid it."""


class GatewayError(HostError):
    """A gateway refused a configuration, did not switch to it, or rolled it back."""


class FirewallError(OnboardingError):
    """A firewall refused a rule set, did not switch to it, or rolled it back."""


class ConnectorError(HostError):
    """A connector's settings or files cannot be used, or its host could not be changed; ``reason`` is the stable code."""


class RemoteError(OnboardingError):
    """A remote system cannot be asked, or answered something unusable."""


class AuthorizationServerError(RemoteError):
    """The authorization server answered something unusable."""


class LabError(OnboardingError):
    """The lab could not be raised, entered or removed."""
