# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The format of every file the pack writes: ``format: 1``.

The rule of migration: a release reads the formats up to its own and writes its own; what a newer release wrote is refused,
because acting on half of it could roll back what it says. Nothing older than format 1 exists. The release that brings
format 2 reads format 1 where the files are read (the callers of ``refuse_newer``), and rewrites a file when it next changes it.
"""

from __future__ import annotations

from .errors import OnboardingError

FORMAT = 1


class NewerFormat(OnboardingError):
    """A newer release of the pack wrote this file."""

    reason = "format-newer"

    def __init__(self, found: int, where: str) -> None:
        what = f"is of format {found}, written by a newer release; this one knows formats up to {FORMAT}"
        super().__init__(what, where=where, remedy="Use that release or a later one; nothing was changed.")


def refuse_newer(document: object, *, where: str) -> None:
    """NewerFormat when a document (parsed JSON) says that it is of a newer format; anything else is the caller's to judge."""
    found = document.get("format") if isinstance(document, dict) else None
    if type(found) is int and found > FORMAT:
        raise NewerFormat(found, where)
