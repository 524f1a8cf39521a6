# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Requests with one thing wrong in their headers or path, as tables: what is wrong, who must say so, and the change itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from .model import Attempt, Expected, Kind

Change = Callable[[Attempt], Attempt]


@dataclass(frozen=True)
class Wrong:
    """One change to a right attempt that makes it one to refuse."""

    key: str
    title: str
    expected: Expected
    change: Change


GATEWAY = "gateway"
"""Who refuses, as the gateways of this pack say it."""


def by_gateway(status: int, *reasons: str) -> Expected:
    """A refusal that the gateway itself puts its name and reason under."""
    return Expected(Kind.ANSWERED, (status,), GATEWAY, reasons)


BY_BACKEND = Expected(Kind.ANSWERED, (400,), "backend")
"""A refusal by the service behind the listener: FSPIOP error 3105, invalid signature."""


def with_header(name: str, change: Callable[[str], str]) -> Change:
    """The header's value changed; ValueError when it is not there, because then nothing would be wrong."""

    def changed(attempt: Attempt) -> Attempt:
        if name not in dict(attempt.headers):
            raise ValueError(f"no header {name}")
        return replace(attempt, headers=tuple((key, change(value) if key == name else value) for key, value in attempt.headers))

    return changed


def without_header(name: str) -> Change:
    """The header left out."""
    return lambda attempt: replace(attempt, headers=tuple(pair for pair in attempt.headers if pair[0] != name))


def and_header(name: str, value: Callable[[Attempt], str]) -> Change:
    """One more header, after all others."""
    return lambda attempt: replace(attempt, headers=(*attempt.headers, (name, value(attempt))))


def with_path(change: Callable[[str], str]) -> Change:
    """The path below the base path changed."""
    return lambda attempt: replace(attempt, path=change(attempt.path))


def identity_header(name: str, reason: str) -> tuple[Wrong, ...]:
    """What can be wrong with the one header that says whose message it is, apart from another one's name."""
    expected = by_gateway(403, reason)
    changes: tuple[tuple[str, str, Change], ...] = (
        ("missing", "missing", without_header(name)),
        ("doubled", "twice", and_header(name, lambda attempt: dict(attempt.headers)[name])),
        ("joined", "twice in one line, joined by a comma", with_header(name, lambda value: f"{value},{value}")),
        ("other-case", "in other case", with_header(name, str.swapcase)),
        ("folded", "folded in two lines", with_header(name, lambda value: f"{value[:2]}\r\n {value[2:]}")),
        ("longer", "with one letter more", with_header(name, lambda value: f"{value}x")),
    )
    title = "FSPIOP-" + name.removeprefix("fspiop-").title()
    missing = by_gateway(400, reason.replace("-header", "-missing"))
    return tuple(
        Wrong(f"{reason}-{key}", f"{title} {words}", missing if key == "missing" else expected, change) for key, words, change in changes
    )


def _another_amount(attempt: Attempt) -> Attempt:
    return replace(attempt, body=attempt.body.replace(b'"amount":"1"', b'"amount":"9"'))


TAMPERED = Wrong("tampered-body", "body changed after signing", BY_BACKEND, _another_amount)
LEFT_FOR = "participants"
"""The resource for which a path leaves its own."""
PATHS = tuple(
    Wrong(f"path-{key}", f"path with {title}", by_gateway(404, "path-suspicious"), with_path(change))
    for key, title, change in (
        ("dots", "two dots that leave the resource", lambda path: f"{path}/../../../{LEFT_FOR}/1"),
        ("encoded-dots", "encoded dots that leave the resource", lambda path: f"{path}/%2e%2E/%2e%2E/%2e%2E/{LEFT_FOR}/1"),
        ("encoded-slash", "an encoded slash", lambda path: f"{path}%2Fx"),
        ("double-slash", "a doubled slash", lambda path: f"/{path}"),
        ("twice-encoded", "a dot encoded twice", lambda path: f"{path}/%252e%252e/1"),
    )
)
"""Paths that gateway and service may read differently (CWE-22)."""
METHOD = Wrong("method", "a method that no API has", by_gateway(405, "method-unknown"), lambda attempt: replace(attempt, method="OPTIONS"))
NO_TOKEN = Wrong("no-token", "no token", by_gateway(401, "token-missing"), without_header("authorization"))
STATED = tuple(
    Wrong(f"{key}-header", title, by_gateway(400, f"{key}-header"), change)
    for key, title, change in (
        ("uri", "FSPIOP-URI of another path", and_header("fspiop-uri", lambda attempt: f"{attempt.path}0")),
        ("method", "FSPIOP-HTTP-Method of another method", and_header("fspiop-http-method", lambda _: "PUT")),
    )
)
"""What the message says of itself and is not so (FSPIOP Signature 1.1, section 3.2.1)."""
