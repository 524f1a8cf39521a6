# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Cases that judge for themselves: what must come out, and what came out, in words."""

from __future__ import annotations

from dataclasses import dataclass

from .model import Answer, Expected, Kind

_HOLDS, _FAILS = 200, 500


@dataclass(frozen=True)
class Outcome(Expected):
    """What must come out, in words. ``refusal``: something is to be refused, so the case needs a control."""

    words: str = ""
    refusal: bool = False

    @property
    def acceptance(self) -> bool:
        """See the base."""
        return not self.refusal

    def __str__(self) -> str:
        return self.words


@dataclass(frozen=True)
class Found(Answer):
    """What came out, in words."""

    def __str__(self) -> str:
        return self.reason


def outcome(words: str, *, refusal: bool = False) -> Outcome:
    """What must come out."""
    return Outcome(Kind.ANSWERED, (_HOLDS,), words=words, refusal=refusal)


def found(words: str, transcript: str = "", *, holds: bool, series: tuple[float, ...] = ()) -> Found:
    """What came out, and whether that is what must; ``series``: what was measured, in milliseconds."""
    return Found(Kind.ANSWERED, _HOLDS if holds else _FAILS, reason=words, transcript=transcript, series=series)
