# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One attempt over a real connection, and an honest word on how it ended."""

from __future__ import annotations

import errno
import http.client
import socket
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .model import Answer, Attempt, Identity, Kind, Site, printable

CONNECT_SECONDS = 2.0
"""A packet filter that drops says nothing; on one machine silence of two seconds is a drop."""
ANSWER_SECONDS = 10.0
_LIMIT = 65_536
_ENDED_BY_PEER = (ConnectionResetError, BrokenPipeError, ConnectionAbortedError, http.client.RemoteDisconnected)


def perform(site: Site, attempt: Attempt) -> Answer:
    """Carry out the attempt. A handshake that the peer ends is ``tls-refused``, silence ``dropped``, the rest ``unreachable``."""
    door = attempt.door
    try:
        connection = site.connect(attempt.machine, attempt.source, door.address, door.port, CONNECT_SECONDS)
    except TimeoutError:
        return Answer(Kind.DROPPED, reason="no answer to the connection request")
    except OSError as error:
        return Answer(Kind.UNREACHABLE, reason=errno.errorcode.get(error.errno or 0, str(error)))
    with connection:
        connection.settimeout(ANSWER_SECONDS)
        return _converse(connection, attempt)


def _converse(connection: socket.socket, attempt: Attempt) -> Answer:
    try:
        return _talk(connection, attempt)
    except ssl.SSLCertVerificationError as error:
        return Answer(Kind.UNREACHABLE, reason=f"the door's own certificate is wrong: {error.verify_message}")
    except ssl.SSLError as error:
        return _handshake_ended(error)
    except TimeoutError:
        return Answer(Kind.DROPPED, reason="silence after the connection was made")
    except _ENDED_BY_PEER:
        return Answer(Kind.TLS_REFUSED, reason="closed by the peer before any answer")
    except http.client.HTTPException as error:
        return Answer(Kind.UNREACHABLE, reason=f"what answered does not speak HTTP: {type(error).__name__}")


def _handshake_ended(error: ssl.SSLError) -> Answer:
    """Only the peer can refuse: by an alert (RFC 8446 section 6.2) or by closing. Anything else proves nothing about it."""
    reason = printable(error.reason or str(error)).lower().replace("_", " ")
    by_peer = isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)) or "alert" in reason
    return Answer(Kind.TLS_REFUSED if by_peer else Kind.UNREACHABLE, reason=reason)


def _talk(connection: socket.socket, attempt: Attempt) -> Answer:
    with client_context(attempt.door.trust, attempt.identity) as context:
        secured = context.wrap_socket(connection, server_hostname=attempt.door.name)
    with secured:
        stream = http.client.HTTPConnection(attempt.door.name)
        stream.sock = secured
        path = attempt.door.base_path + attempt.path
        stream.putrequest(attempt.method, path, skip_host=True, skip_accept_encoding=True)
        headers = [("host", attempt.door.name), *attempt.headers, ("connection", "close")]
        if attempt.body or attempt.method in {"POST", "PUT"}:
            headers.append(("content-length", str(len(attempt.body))))
        for name, value in headers:
            stream.putheader(name, value)
        stream.endheaders(attempt.body or None)
        response = stream.getresponse()
        content = response.read(_LIMIT)
    head = f"{response.status} {response.reason}\n{response.headers}"
    return Answer(
        Kind.ANSWERED,
        response.status,
        printable(response.getheader("x-refused-by", "")),
        printable(response.getheader("x-refused-because", "")),
        _without_tokens(attempt, f"{attempt.method} {path} -> {head}{_shown(attempt, content)}")[:4000],
        content,
    )


@contextmanager
def client_context(trust: bytes, identity: Identity | None) -> Iterator[ssl.SSLContext]:
    """A TLS client that trusts only this CA; the key is in a 0700 folder for the time of loading, as OpenSSL reads files only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=trust.decode())
    if identity is None:
        yield context
        return
    with tempfile.TemporaryDirectory(prefix="verification-") as folder:
        file = Path(folder, "identity.pem")
        file.touch(mode=0o600)
        file.write_bytes(identity.chain + identity.key)
        context.load_cert_chain(file)
        file.unlink()
        yield context


def _shown(attempt: Attempt, content: bytes) -> str:
    """The body for the transcript; an answer to a token request holds a token and is never shown."""
    return "" if "/oauth2/" in attempt.path else content.decode(errors="replace")


def _without_tokens(attempt: Attempt, text: str) -> str:
    """The text without this attempt's credentials, which a service behind the door may echo."""
    for name, value in attempt.headers:
        if name.lower() == "authorization":
            text = text.replace(value.split()[-1], "***")
    return text
