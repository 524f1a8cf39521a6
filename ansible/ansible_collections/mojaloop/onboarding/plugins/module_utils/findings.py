# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Findings: the differences between what is described and what is there, each with a reason code."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from .errors import printable

OPERATOR = "the hub operator"
"""Whom a finding waits for that a person of the hub has to decide."""


class Disposition(StrEnum):
    """What becomes of a finding: the run acts, someone is awaited, or a person must decide."""

    CHANGE = "change"
    PENDING = "pending"
    FAULT = "fault"


@dataclass(frozen=True, order=True)
class Finding:
    """One difference. Two findings are equal when a run in check mode and a real run report the same thing.

    ``participant`` is whom it concerns, ``side`` whose state differs (``hub`` or a participant's id), ``step`` the
    key of the document step (see ``document_steps``), ``artefact`` what it is about (``server``, ``client/hub`` …),
    ``reason`` a stable code. ``detail`` is for people and takes no part in comparisons.
    """

    participant: str
    step: str
    side: str
    artefact: str
    reason: str
    disposition: Disposition = Disposition.CHANGE
    pending_on: str = ""
    detail: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        """Names that others give their files may be of any bytes; a result with half a character is refused as a whole."""
        object.__setattr__(self, "artefact", printable(self.artefact))
        object.__setattr__(self, "detail", printable(self.detail))

    def as_dict(self) -> dict[str, str]:
        """Plain data for results, journals and reports."""
        return {
            "participant": self.participant,
            "step": self.step,
            "side": self.side,
            "artefact": self.artefact,
            "reason": self.reason,
            "disposition": self.disposition.value,
            "pending_on": self.pending_on,
            "detail": self.detail,
        }

    @classmethod
    def from_dict(cls, data: dict[str, str]) -> Finding:
        """The inverse of ``as_dict``."""
        return cls(**{**data, "disposition": Disposition(data["disposition"])})  # type: ignore[arg-type]

    def __str__(self) -> str:
        who = f" (pending on {self.pending_on})" if self.pending_on else ""
        detail = f": {self.detail}" if self.detail else ""
        return f"{self.participant} {self.step} {self.side}/{self.artefact} {self.reason} -> {self.disposition.value}{who}{detail}"


def changes(findings: Iterable[Finding]) -> list[Finding]:
    """The findings on which a run acts."""
    return [finding for finding in findings if finding.disposition is Disposition.CHANGE]


def faults(findings: Iterable[Finding]) -> list[Finding]:
    """The findings that need a person's decision."""
    return [finding for finding in findings if finding.disposition is Disposition.FAULT]
