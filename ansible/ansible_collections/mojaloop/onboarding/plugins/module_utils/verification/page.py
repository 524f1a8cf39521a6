# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Evidence as one HTML page for people: it loads nothing, runs nothing, and says no more than the evidence does."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .model import Verdict, counted
from .page_template import STYLE, TEMPLATE
from .plot import plot

Shown = Mapping[str, Any]
"""A case as evidence holds it, with its number on the page."""


@dataclass(frozen=True)
class Row:
    """One case for everybody; a cell is empty where a participant has no such case."""

    title: str
    cells: tuple[Shown | None, ...]


@dataclass(frozen=True)
class Table:
    """All cases of one direction."""

    direction: str
    participants: tuple[str, ...]
    rows: tuple[Row, ...]
    cases: tuple[Shown, ...]


def page(kept: Mapping[str, Any]) -> str:
    """The HTML page of one evidence document, ``format`` 1. Whatever a counterpart said stands in it as text (autoescape)."""
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415 -- dear to read, and only those who prove need it
    from markupsafe import Markup  # noqa: PLC0415

    cases = [{**case, "number": number} for number, case in enumerate(kept["cases"], 1)]
    numbers = _numbers(cases)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"visible": visible, "plot": plot}
    made: str = environment.from_string(TEMPLATE).render(
        kept=kept,
        when=f"{datetime.fromisoformat(kept['at']):%d %B %Y, %H:%M:%S %Z}",
        numbers=numbers,
        verdict=_verdict(numbers),
        sentence=_sentence(numbers),
        tables=_tables(cases),
        open=Counter(case["participant"] for case in cases if case["verdict"] == Verdict.NOT_PROVABLE.value),
        style=Markup(STYLE),  # noqa: S704 -- a constant of ours
        policy=_policy(),
    )
    return made


def _policy() -> str:
    """Content Security Policy, level 2: nothing but the one style that has this digest."""
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def visible(text: str) -> str:
    """The text with its lines, control characters replaced: a counterpart's answer must not steer what shows it."""
    return "".join(character if character.isprintable() or character == "\n" else "\N{REPLACEMENT CHARACTER}" for character in text)


def _numbers(cases: Sequence[Shown]) -> dict[str, Any]:
    seen = [case["verdict"] for case in cases]
    return {
        "passed": seen.count(Verdict.PASSED.value),
        "failed": seen.count(Verdict.FAILED.value),
        "error": seen.count(Verdict.ERROR.value),
        "open": seen.count(Verdict.NOT_PROVABLE.value),
        "sent": sum(1 for case in cases if case["transcript"] or case["control_transcript"]),
        "pairs": sum(1 for case in cases if case["control"] and case["verdict"] == Verdict.PASSED.value),
        "seconds": sum(case["seconds"] for case in cases),
    }


def _verdict(numbers: Mapping[str, Any]) -> str:
    if numbers["failed"]:
        return "failed"
    if numbers["error"]:
        return "error"
    return "passed" if numbers["passed"] else "open"


def _sentence(numbers: Mapping[str, Any]) -> str:
    wrong = numbers["failed"] + numbers["error"]
    proved = f"{counted(numbers['passed'], 'case')} proved with real traffic"
    remainder = f", {numbers['open']} not provable from where this run stood" if numbers["open"] else ""
    if wrong:
        return f"{counted(wrong, 'case')} {'does not behave' if wrong == 1 else 'do not behave'} as described; {proved}{remainder}."
    if not numbers["passed"]:
        is_open = f"{counted(numbers['open'], 'case')} {'is' if numbers['open'] == 1 else 'are'}"
        return f"Nothing was proved: {is_open} not provable from where this run stood."
    return f"Everything that could be tried behaves as described: {proved}{remainder}."


def _tables(cases: Sequence[Shown]) -> list[Table]:
    return [_table(direction, [case for case in cases if case["direction"] == direction]) for direction in _once(cases, "direction")]


def _table(direction: str, cases: Sequence[Shown]) -> Table:
    participants = _once(cases, "participant")
    by_place = {(case["key"], case["participant"]): case for case in cases}
    rows = (Row(_title(key, cases), tuple(by_place.get((key, name)) for name in participants)) for key in _once(cases, "key"))
    return Table(direction, participants, tuple(rows), tuple(cases))


def _title(key: str, cases: Sequence[Shown]) -> str:
    """What the case is called; where participants' titles differ, without their names."""
    titles = {str(case["title"]): str(case["participant"]) for case in cases if case["key"] == key}
    title, participant = next(iter(titles.items()))
    return title.replace(participant, "the participant") if len(titles) > 1 else title


def _once(cases: Iterable[Shown], field: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(case[field] for case in cases))
