# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The format of every file the pack writes: ``format: 1``; and JSON as it is read everywhere, whoever wrote it.

The rule of migration: a release reads the formats up to its own and writes its own; what a newer release wrote is refused,
because acting on half of it could roll back what it says. Nothing older than format 1 exists. The release that brings
format 2 reads format 1 where the files are read (the callers of ``refuse_newer``), and rewrites a file when it next changes it.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from .errors import OnboardingError

FORMAT = 1
_HALF = re.compile(r"\\u[dD][89a-fA-F]")


class NewerFormat(OnboardingError):
    """A newer release of the pack wrote this file."""

    def __init__(self, found: int, where: str) -> None:
        what = f"is of format {found}, written by a newer release; this one knows formats up to {FORMAT}"
        super().__init__(what, where=where, remedy="Use that release or a later one; nothing was changed.", reason="format-newer")


def refuse_newer(document: object, *, where: str) -> None:
    """NewerFormat when a document (parsed JSON) says that it is of a newer format; anything else is the caller's to judge."""
    found = document.get("format") if isinstance(document, dict) else None
    if type(found) is int and found > FORMAT:
        raise NewerFormat(found, where)


def read_json(content: bytes | str) -> Any:  # noqa: ANN401 -- what stands in it is the caller's to judge
    """Parsed JSON in UTF-8; ValueError for anything else.

    That includes what readers disagree on: a key twice, half a surrogate pair (RFC 8259 sections 4 and 8.2), NaN, deep nesting.
    """
    text = content.decode("utf-8") if isinstance(content, bytes) else content
    try:
        found = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_number)
        if _HALF.search(text):
            # Half a character alone is a ValueError here, and would be one wherever it is written or printed.
            json.dumps(found, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return found


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key twice")
    return found


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"the number {text}")
