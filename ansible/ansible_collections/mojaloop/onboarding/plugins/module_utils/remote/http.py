# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""HTTP to remote systems: verified by TLS, bounded in time, size and number of attempts, through no proxy.

Of the libraries, httpx 0.28 comes nearest. It is not used: it has no bound for a whole answer (a server that sends a byte at a time
keeps a run for ever), none for the size of a body unless each caller streams, and reaches a given address under another name only by
an extension of its transport. What it would save is the little below; it costs six packages and about 0.06 CPU seconds in each task.
"""

from __future__ import annotations

import base64
import http.client
import json
import math
import os
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Protocol
from urllib.parse import urlencode, urlsplit

from ..bounded_socket import BoundedPlainSocket, BoundedSocket
from ..errors import RemoteError
from ..formats import read_json
from .errors import Unknown, Unreachable

TIMEOUT = 10.0
"""Seconds for connecting and for each read."""
LONGEST = 60.0
"""Seconds for a whole answer: one that comes a byte at a time ends too."""
ATTEMPTS = 3
"""How often a GET is tried; nothing else is repeated, because the first attempt may have worked."""
PAUSE = 0.3
LIMIT = 1_000_000
"""Bytes of an answer's body."""
BUSY = frozenset({502, 503, 504})
PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True)
class Answer:
    """A status, header fields (names in lower case) and the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def parsed(self) -> object:
        """The body as JSON; None when it is none."""
        try:
            return read_json(self.body)
        except ValueError:
            return None

    def json(self) -> dict[str, object]:
        """The body as a JSON object; empty when it is none."""
        found = self.parsed()
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True)
class Body:
    """What is sent, and of which media type."""

    kind: str
    content: bytes


def json_body(value: object) -> Body:
    """A body of JSON."""
    return Body("application/json", json.dumps(value).encode())


def form_body(fields: Mapping[str, str]) -> Body:
    """A body of form fields."""
    return Body("application/x-www-form-urlencoded", urlencode(fields).encode())


def bearer(token: str) -> dict[str, str]:
    """The header that presents a token (RFC 6750 section 2.1)."""
    return {"Authorization": f"Bearer {token}"}


def basic(name: str, secret: str) -> dict[str, str]:
    """The header that presents a name and a password (RFC 7617); OAuth clients quote both first (RFC 6749 section 2.3.1)."""
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()}


def origin(url: str) -> str:
    """Scheme, host and port: neither a password before the host nor what follows it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


class Http(Protocol):
    """Whatever can carry a request to a remote system."""

    def request(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """One exchange, whatever its status; raises Unreachable or, for anything but a GET, Unknown when there is no answer."""

    def close(self) -> None:
        """Close what is kept open."""


@dataclass(frozen=True)
class Route:
    """How to get there: trust, own certificate, and addresses where names are not to be resolved.

    Without TLS only this machine is asked, or with ``internal`` what the description names an internal address.
    """

    ca_file: str
    certificate_file: str = ""
    key_file: str = ""
    connect_address: str = ""
    source_address: str = ""
    internal: bool = False
    ca: str = ""
    """Trust as PEM text, in place of ``ca_file``."""
    identity: bytes = field(default=b"", repr=False)
    """Own certificate and key as PEM, in place of their files."""


class HttpClient:
    """HTTP to one or more origins; connections for reading are kept, anything else gets a fresh one. No redirect is followed."""

    def __init__(self, route: Route, *, timeout: float = TIMEOUT, longest: float = LONGEST) -> None:
        self._route = route
        self._timeout = timeout
        self._longest = longest
        self._context = _context(route) if route.ca_file or route.ca else None
        self._kept: dict[tuple[str, str, int], _Connection] = {}

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
        place, target = self._checked(url)
        reads = method == "GET"
        connection = self._kept.pop(place, None) if reads else None
        connection = connection or _Connection(place, self._route, self._context, self._timeout)
        try:
            connection.answer_within(self._longest)
            if connection.sock is None:
                connection.connect()
            answer, goes_on = _spoken(connection, (method, target, headers, body), url)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            if reads or connection.unused or _refused_certificate(error):
                raise
            raise _unknown(f"was asked to {method}, and gave no answer ({_reason(error)})", url) from error
        except BaseException:
            connection.close()
            raise
        if reads and goes_on:
            self._kept[place] = connection
        else:
            connection.close()
        return answer

    def _checked(self, url: str) -> tuple[tuple[str, str, int], str]:
        """Origin and target of a URL that may be asked; RemoteError for any other."""
        parts = urlsplit(url)
        if parts.scheme not in PORTS or not parts.hostname:
            raise RemoteError("is not an https URL", where=origin(url), remedy="Describe remote systems with https URLs.")
        if parts.scheme == "http" and not (self._route.internal or _is_loopback(parts.hostname)):
            remedy = "Use https; plain http goes to this machine, or to an address that the description names internal."
            raise RemoteError("is not an https URL", where=origin(url), remedy=remedy)
        if parts.scheme == "https" and self._context is None:
            raise RemoteError("cannot be verified", where=origin(url), remedy="Name the file of its CA in the description.")
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return (parts.scheme, parts.hostname, parts.port or PORTS[parts.scheme]), target


class _Connection(http.client.HTTPConnection):
    """Connects to a given address while the certificate is checked against the name of the URL."""

    def __init__(self, place: tuple[str, str, int], route: Route, context: ssl.SSLContext | None, timeout: float) -> None:
        scheme, host, port = place
        super().__init__(host, port, timeout=timeout)
        self.default_port = PORTS[scheme]
        self._route = route
        self._tls = context if scheme == "https" else None
        self._until = math.inf
        self.unused = True
        """Whether nothing was sent yet."""

    def answer_within(self, seconds: float) -> None:
        """The next answer must be there by then."""
        self._until = time.monotonic() + seconds
        self._bound()

    def connect(self) -> None:
        source = (self._route.source_address, 0) if self._route.source_address else None
        plain = socket.create_connection((self._route.connect_address or self.host, self.port), self.timeout, source)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls:
            self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)
        else:
            self.sock = BoundedPlainSocket(plain.family, plain.type, plain.proto, plain.detach())
            self.sock.settimeout(self.timeout)
        self._bound()

    def _bound(self) -> None:
        if isinstance(self.sock, BoundedSocket | BoundedPlainSocket):
            self.sock.until = self._until


def _spoken(connection: _Connection, asked: tuple[str, str, Mapping[str, str], bytes], url: str) -> tuple[Answer, bool]:
    """The answer, and whether the connection can be used again."""
    method, target, headers, body = asked
    connection.unused = False
    try:
        connection.request(method, target, body=body or None, headers=dict(headers))
    except ValueError as error:
        raise RemoteError("cannot be asked for what was given", where=origin(url), remedy="Look for line ends in it.") from error
    response = connection.getresponse()
    content = response.read(LIMIT + 1)
    if len(content) > LIMIT:
        what = f"answered with more than {LIMIT} bytes"
        raise RemoteError(what, where=origin(url), remedy="Check the URL.") if method == "GET" else _unknown(what, url)
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, headers, content), not response.will_close


def _context(route: Route) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=route.ca_file or None, cadata=route.ca or None)
        if route.certificate_file:
            context.load_cert_chain(route.certificate_file, route.key_file)
        if route.identity:
            _load_from_memory(context, route.identity)
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(name for name in (route.ca_file, route.certificate_file, route.key_file) if name)
        raise RemoteError(f"cannot be used for TLS ({_reason(error)})", where=files, remedy="Put readable PEM files there.") from error
    context.sslsocket_class = BoundedSocket
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _load_from_memory(context: ssl.SSLContext, identity: bytes) -> None:
    """Python's ssl reads files only: this one has no name that another process could open, and is gone when it is closed."""
    with os.fdopen(os.memfd_create("identity"), "wb", buffering=0) as file:
        file.write(identity)
        context.load_cert_chain(f"/proc/self/fd/{file.fileno()}")


def _unreachable(url: str, error: Exception) -> Unreachable:
    if isinstance(error, ssl.SSLCertVerificationError):
        remedy = "Compare its certificate with the CA file of the description; verification cannot be turned off."
        return Unreachable(f"its certificate is refused ({error.verify_message})", where=origin(url), remedy=remedy)
    return Unreachable(f"no answer ({_reason(error)})", where=origin(url), remedy="Check that it runs and can be reached from here.")


def _unknown(what: str, url: str) -> Unknown:
    return Unknown(what, where=origin(url), remedy="Run again: what the system has is read before anything is repeated.")


def _refused_certificate(error: Exception) -> bool:
    """Whether the server ended the handshake over the client's certificate: with TLS 1.3 that is read after the request was sent."""
    reason = getattr(error, "reason", None) if isinstance(error, ssl.SSLError) else None
    return isinstance(reason, str) and "ALERT" in reason and ("CERT" in reason or "UNKNOWN_CA" in reason)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__
