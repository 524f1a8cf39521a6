# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One rule of dry run for every write to a remote system.

A client of a system reads with ``read`` and changes with ``write``. In a dry run a change is noted and not sent, and ``write``
answers None: the caller goes on with what it wanted. Whatever asks for a token stands before it, in ``headers``: it changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from ..redaction import HIDDEN, redacted
from .errors import QUOTED, Refused, Unknown
from .http import Answer, Body, Http, origin

_SECRETS = re.compile(r"[\w.~+/=%-]{8,}")
Headers = Callable[[], Mapping[str, str]]
Reported = Callable[[Answer], str]


@dataclass(frozen=True)
class Change:
    """A request that changes something, and what for."""

    method: str
    path: str
    why: str


class Changes:
    """Requests to one system; ``changes`` holds those that change something, in their order, sent or (dry run) only noted."""

    def __init__(self, http: Http, *, dry_run: bool, headers: Headers = dict, reported: Reported | None = None) -> None:
        """``headers`` is asked before every request: tokens end while a run goes on. ``reported``: what errors may quote of an answer."""
        self._http = http
        self._headers = headers
        self._reported = reported or _text
        self.dry_run = dry_run
        self.changes: list[Change] = []

    def read(self, url: str, why: str, *, also: Collection[int] = ()) -> Answer:
        """GET; raises Unreachable, or Refused unless the status is of success or in ``also``."""
        return self._answered("GET", url, why, None, also)

    def query(self, url: str, why: str, body: Body) -> Answer:
        """A POST that only reads, as SOAP does; raises as ``write``."""
        return self._answered("POST", url, why, body, ())

    def write(self, method: str, url: str, why: str, body: Body | None = None, *, also: Collection[int] = ()) -> Answer | None:
        """Any other method; None in a dry run. Raises Unreachable, Refused as above, or Unknown when it may have been carried out."""
        self.changes.append(Change(method, urlsplit(url).path, why))
        return None if self.dry_run else self._answered(method, url, why, body, also)

    def inquire(self, method: str, url: str, why: str, body: Body, *, also: Collection[int] = ()) -> Answer:
        """A request that by its own words changes nothing (``dryRun=All`` of Kubernetes): no change, and sent in a dry run too."""
        return self._answered(method, url, why, body, also)

    def _answered(self, method: str, url: str, why: str, body: Body | None, also: Collection[int]) -> Answer:
        headers = {"Accept": "application/json", **self._headers()}
        if body:
            headers["Content-Type"] = body.kind
        answer = self._http.request(method, url, headers, body.content if body else b"")
        if answer.status // 100 == HTTPStatus.OK // 100 or answer.status in also:
            return answer
        where = origin(url) + urlsplit(url).path
        if method != "GET" and answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            remedy = "Look into its log, and run again: what the system has is read before anything is repeated."
            raise Unknown(f"{why} was answered with {answer.status}", answer.status, where=where, remedy=remedy)
        raise Refused(why, answer.status, _quotable(self._reported(answer), headers), where=where, remedy=_remedy(answer.status))


def _text(answer: Answer) -> str:
    return answer.body.decode("utf-8", "replace")


def _quotable(text: str, headers: Mapping[str, str]) -> str:
    """The start of an answer, without secrets: those with a known form, and whatever was presented with the request."""
    text = redacted(text)
    for secret in _SECRETS.findall(f"{headers.get('Authorization', '').partition(' ')[2]} {headers.get('Cookie', '')}"):
        text = text.replace(secret, HIDDEN)
    return text[:QUOTED]


def _remedy(status: int) -> str:
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return "Check the credentials that the description names for it, and what they allow."
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        return "Look into its log, and run again later."
    return "Compare what was asked with what the system supports."
