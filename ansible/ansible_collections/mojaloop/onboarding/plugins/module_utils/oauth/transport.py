# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""HTTPS with JSON: always verified, always bounded in time, size and number of attempts."""

from __future__ import annotations

import http.client
import math
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from ..bounded_socket import BoundedSocket
from ..errors import AuthorizationServerError
from ..formats import read_json

TIMEOUT = 10.0
"""Seconds for connecting and for each read."""
LONGEST = 60.0
"""Seconds for a whole answer: one that comes a byte at a time ends too."""
ATTEMPTS = 3
"""How often a GET is tried; nothing else is repeated, because the first attempt may have worked."""
PAUSE = 0.3
LIMIT = 1_000_000
BUSY = frozenset({502, 503, 504})


class Unreachable(AuthorizationServerError):
    """No connection, no valid certificate, or no answer: what was asked may or may not have been done."""


@dataclass(frozen=True)
class Answer:
    """A status, header fields (names in lower case) and the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, object]:
        """The body as a JSON object; empty when it is none."""
        try:
            found = read_json(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


class Http(Protocol):
    """Whatever can carry a request to the authorization server."""

    def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """One exchange; raises Unreachable when there is no answer."""

    def close(self) -> None:
        """Close what is kept open."""


@dataclass(frozen=True)
class Route:
    """How to get there: trust, own certificate, and addresses where names are not to be resolved."""

    ca_file: str
    certificate_file: str = ""
    key_file: str = ""
    connect_address: str = ""
    source_address: str = ""


class HttpsClient:
    """HTTPS to one or more origins; connections for reading are kept, anything else gets a fresh one."""

    def __init__(self, route: Route, *, timeout: float = TIMEOUT, longest: float = LONGEST) -> None:
        self._route = route
        self._timeout = timeout
        self._longest = longest
        self._context = _context(route)
        self._kept: dict[tuple[str, int], _Connection] = {}

    def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """See ``Http``. GETs are tried up to three times, also when the server says it is busy."""
        attempts = ATTEMPTS if method == "GET" else 1
        for attempt in range(1, attempts + 1):
            try:
                answer = self._exchange(method, url, headers, body)
            except (OSError, http.client.HTTPException) as error:
                if attempt == attempts or isinstance(error, ssl.SSLError):
                    raise _unreachable(url, error) from error
            else:
                if answer.status not in BUSY or attempt == attempts:
                    return answer
            time.sleep(PAUSE * attempt)
        msg = "no attempt was made"
        raise AssertionError(msg)

    def close(self) -> None:
        """Close what is kept open."""
        for connection in self._kept.values():
            connection.close()
        self._kept.clear()

    def _exchange(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        parts = urlsplit(url)
        if parts.scheme != "https" or not parts.hostname:
            raise AuthorizationServerError(
                "is not an https URL", where=url, remedy="Describe the authorization server with https URLs only."
            )
        origin = (parts.hostname, parts.port or 443)
        connection = self._kept.pop(origin, None) if method == "GET" else None
        connection = connection or _Connection(origin, self._route, self._context, self._timeout)
        try:
            connection.answer_within(self._longest)
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request(method, target, body=body or None, headers=dict(headers))
            response = connection.getresponse()
            content = response.read(LIMIT + 1)
        except BaseException:
            connection.close()
            raise
        self._keep(origin, connection, reusable=method == "GET" and not response.will_close and len(content) <= LIMIT)
        if len(content) > LIMIT:
            raise AuthorizationServerError(f"answered with more than {LIMIT} bytes", where=_origin(url), remedy="Check the URL.")
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, content)

    def _keep(self, origin: tuple[str, int], connection: _Connection, *, reusable: bool) -> None:
        if reusable:
            self._kept[origin] = connection
        else:
            connection.close()


class _Connection(http.client.HTTPSConnection):
    """Connects to a given address while the certificate is checked against the name of the URL."""

    def __init__(self, origin: tuple[str, int], route: Route, context: ssl.SSLContext, timeout: float) -> None:
        super().__init__(*origin, timeout=timeout, context=context)
        self._route = route
        self._tls = context
        self._until = math.inf

    def answer_within(self, seconds: float) -> None:
        """The next answer must be there by then."""
        self._until = time.monotonic() + seconds
        self._bound()

    def connect(self) -> None:
        source = (self._route.source_address, 0) if self._route.source_address else None
        plain = socket.create_connection((self._route.connect_address or self.host, self.port), self.timeout, source)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)
        self._bound()

    def _bound(self) -> None:
        if isinstance(self.sock, BoundedSocket):
            self.sock.until = self._until


def _context(route: Route) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=route.ca_file)
        if route.certificate_file:
            context.load_cert_chain(route.certificate_file, route.key_file)
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(name for name in (route.ca_file, route.certificate_file, route.key_file) if name)
        remedy = "Put readable PEM files there."
        raise AuthorizationServerError(f"cannot be used for TLS ({_reason(error)})", where=files, remedy=remedy) from error
    context.sslsocket_class = BoundedSocket
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _unreachable(url: str, error: Exception) -> Unreachable:
    if isinstance(error, ssl.SSLCertVerificationError):
        remedy = "Compare its certificate with the CA file of the description; verification cannot be turned off."
        return Unreachable(f"its certificate is refused ({error.verify_message})", where=_origin(url), remedy=remedy)
    return Unreachable(f"no answer ({_reason(error)})", where=_origin(url), remedy="Check that it runs and can be reached from here.")


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
