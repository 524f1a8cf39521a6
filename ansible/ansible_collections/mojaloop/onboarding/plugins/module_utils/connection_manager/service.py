# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Requests to Connection Manager's API, its answers as plain values, and its errors as text that people may see.

Its errors have three shapes: JSON of the service, JSON of a validator, and pages of HTML. What they quote is SQL with data, the output
of child processes, and once a private key; so that only the last part of a message is shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from ..errors import RemoteError
from ..redaction import redacted
from ..remote.changes import Changes
from ..remote.http import Answer, json_body

Json = dict[str, Any]
_ABSENT = re.compile(r"DFSP with id .* not found")
_REMEDY = "Check that url is the base of Connection Manager's API, and see its log."


class Service:
    """One server; ``changes.dry_run``: what would change something is noted and not sent."""

    def __init__(self, changes: Changes, base: str) -> None:
        self.changes = changes
        self._base = base.rstrip("/")

    @property
    def dry_run(self) -> bool:
        """Whether nothing is sent that changes anything."""
        return self.changes.dry_run

    def read(self, path: str, why: str) -> object | None:
        """The value of an answer; None where there is no such object. Refused for any other status, RemoteError for what is no JSON."""
        answer = self.changes.read(self._base + path, why, also={HTTPStatus.NOT_FOUND, HTTPStatus.UNAUTHORIZED})
        if answer.status == HTTPStatus.NOT_FOUND or _is_absent(answer):
            return None
        if answer.status == HTTPStatus.UNAUTHORIZED:
            # Asked again to have it reported as every other refusal is.
            self.changes.read(self._base + path, why)
        found: object = answer.parsed()
        if found is None:
            raise self.unusable(why)
        return found

    def record(self, path: str, why: str) -> Json | None:
        """An object, or None where there is none."""
        found = self.read(path, why)
        if found is not None and not isinstance(found, dict):
            raise self.unusable(why)
        return found

    def records(self, path: str, why: str) -> list[Json]:
        """A list of objects by rising id (some lists come in the order of texts); empty where its place does not exist."""
        found = self.read(path, why) or []
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise self.unusable(why)
        return sorted(found, key=_number)

    def send(self, method: str, path: str, why: str, body: object = None) -> None:
        """Change something. Raises Refused, or Unknown when it may have been carried out: what is there is read before it is repeated."""
        self.changes.write(method, self._base + path, why, None if body is None else json_body(body))

    def unusable(self, why: str) -> RemoteError:
        """The error of an answer that is not of this API."""
        return RemoteError(f"{why} was answered with something else than Connection Manager's API", where=self._base, remedy=_REMEDY)


def reported(answer: Answer) -> str:
    """What people may see of an answer of an error: the last part of its message, and nothing of a page."""
    value = answer.json()
    message = value.get("message")
    if not isinstance(message, str):
        return answer.headers.get("x-auth-error", "")[:200]
    # Everything before the last dash of a database's error is the statement, with data.
    last = message.rpartition(" - ")[2]
    return redacted(last if last != message or not re.match(r"(?i)\s*(insert|update|select|delete)\b", message) else "a database error")


def is_duplicate(text: str) -> bool:
    """Whether an error says that there is one already: the status is 500."""
    return "Duplicate entry" in text or "ER_DUP_ENTRY" in text


def text_of(found: Mapping[str, Any] | None, name: str) -> str:
    """A member that is a text; empty for anything else, such as null."""
    value = (found or {}).get(name)
    if isinstance(value, list):
        return "\n".join(one for one in value if isinstance(one, str))
    return value if isinstance(value, str) else ""


def each_text(found: Mapping[str, Any] | None, *names: str) -> Iterator[str]:
    """The members that are texts and not empty."""
    yield from (text for name in names if (text := text_of(found, name)))


def _number(found: Json) -> int:
    text = str(found.get("id", ""))
    return int(text) if text.isdigit() and text.isascii() else 0


def _is_absent(answer: Answer) -> bool:
    """The later era says 401 of a participant that it does not know."""
    return answer.status == HTTPStatus.UNAUTHORIZED and bool(_ABSENT.fullmatch(str(answer.json().get("message", ""))))
