# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What was said between an attempt and an inbound listener, line by line: ``*`` the connection, ``>`` sent, ``<`` received."""

from __future__ import annotations

from collections.abc import Sequence
from http.client import HTTPResponse

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import load_pem_x509_certificate

from .model import Attempt, Identity

_BODY_CHARACTERS = 2_000
Headers = Sequence[tuple[str, str]]


def beginning(attempt: Attempt) -> str:
    """Who knocks where, with which certificate."""
    listener, place = attempt.listener, f" on {attempt.machine}" if attempt.machine else ""
    return (
        f"* from {attempt.source}{place} to {listener.address} port {listener.port}, as {listener.name}\n{_certificate(attempt.identity)}\n"
    )


def request_headers(attempt: Attempt) -> list[tuple[str, str]]:
    """All headers that are sent, in their order."""
    headers = [("host", attempt.listener.name), *attempt.headers, ("connection", "close")]
    if attempt.body or attempt.method in {"POST", "PUT"}:
        headers.append(("content-length", str(len(attempt.body))))
    return headers


def conversation(spoken: str, attempt: Attempt, headers: Headers, response: HTTPResponse, content: bytes) -> str:
    """Request and answer after ``spoken``, without the attempt's credentials, which a service behind the listener may echo.

    Bodies of token requests and of their answers are secrets and are never shown.
    """
    secret = "/oauth2/" in attempt.path
    request = [f"{attempt.method} {attempt.listener.base_path}{attempt.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    answered = [f"{response.status} {response.reason}", *(f"{name}: {value}" for name, value in response.headers.items())]
    lines = [
        spoken,
        *_marked(">", request, b"" if secret else attempt.body),
        *_marked("<", answered, b"" if secret else content),
    ]
    return _without_credentials(attempt, "\n".join(lines))


def _marked(mark: str, head: Sequence[str], body: bytes) -> list[str]:
    shown = body.decode(errors="replace")[:_BODY_CHARACTERS].splitlines()
    return [f"{mark} {line}" for line in [*head, *(["", *shown] if shown else [])]]


def _certificate(identity: Identity | None) -> str:
    if identity is None:
        return "* no client certificate"
    digest = load_pem_x509_certificate(identity.chain).fingerprint(SHA256()).hex()
    return f"* client certificate: {identity.name}, SHA-256 {digest}"


def _without_credentials(attempt: Attempt, text: str) -> str:
    for name, value in attempt.headers:
        if name.lower() == "authorization":
            text = text.replace(value.split()[-1], "***")
    return text
