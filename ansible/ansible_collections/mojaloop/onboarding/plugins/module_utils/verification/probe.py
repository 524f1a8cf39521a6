# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One attempt over a real connection, and an honest word on how it ended."""

from __future__ import annotations

import errno
import http.client
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from ..bounded_socket import BoundedSocket, TooSlowError
from ..nameless import nameless_file
from .model import Answer, Attempt, Identity, Kind, Offer, Site, printable
from .offers import NORMAL, offering
from .relaying import way_broken
from .transcript import beginning, conversation, request_headers

CONNECT_SECONDS = 2.0
"""A packet filter that drops says nothing; on one machine silence of two seconds is a drop."""
ANSWER_SECONDS = 10.0
"""For each read: silence."""
LONGEST_SECONDS = 30.0
"""For the whole answer."""
_LIMIT = 65_536
_ENDED_BY_PEER = (ConnectionResetError, BrokenPipeError, ConnectionAbortedError, http.client.RemoteDisconnected)


def perform(site: Site, attempt: Attempt) -> Answer:
    """Carry out the attempt. A handshake that the peer ends is ``tls-refused``, silence ``dropped``, the rest ``unreachable``."""
    answer = _attempted(site, attempt)
    return replace(answer, transcript=beginning(attempt) + (answer.transcript or f"* {answer}"))


def _attempted(site: Site, attempt: Attempt) -> Answer:
    listener = attempt.listener
    try:
        connection = site.connect(attempt.machine, attempt.source, listener.address, listener.port, CONNECT_SECONDS)
    except TimeoutError:
        return Answer(Kind.DROPPED, reason="no answer to the connection request")
    except OSError as error:
        return Answer(Kind.UNREACHABLE, reason=errno.errorcode.get(error.errno or 0, str(error)))
    with connection:
        connection.settimeout(ANSWER_SECONDS)
        answer = _converse(connection, attempt)
    broken = way_broken(connection)
    return Answer(Kind.UNREACHABLE, reason=printable(broken)) if broken else answer


def _converse(connection: socket.socket, attempt: Attempt) -> Answer:
    try:
        return _talk(connection, attempt)
    except ssl.SSLCertVerificationError as error:
        return Answer(Kind.UNREACHABLE, reason=f"the listener's own certificate is wrong: {error.verify_message}")
    except ssl.SSLError as error:
        return _handshake_ended(error)
    except TimeoutError as error:
        return _out_of_time(error)
    except _ENDED_BY_PEER:
        return Answer(Kind.TLS_REFUSED, reason="closed by the peer before any answer")
    except http.client.HTTPException as error:
        return Answer(Kind.UNREACHABLE, reason=f"what answered does not speak HTTP: {type(error).__name__}")


def _out_of_time(error: TimeoutError) -> Answer:
    """Silence is a drop; who says something, however slowly, has dropped nothing."""
    if isinstance(error, TooSlowError):
        return Answer(Kind.UNREACHABLE, reason=f"the answer takes longer than {LONGEST_SECONDS:g} seconds")
    return Answer(Kind.DROPPED, reason="silence after the connection was made")


def _handshake_ended(error: ssl.SSLError) -> Answer:
    """Only the peer can refuse: by an alert (RFC 8446 section 6.2) or by closing. Anything else proves nothing about it."""
    reason = printable(error.reason or str(error)).lower().replace("_", " ")
    by_peer = isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)) or "alert" in reason
    return Answer(Kind.TLS_REFUSED if by_peer else Kind.UNREACHABLE, reason=reason)


def _talk(connection: socket.socket, attempt: Attempt) -> Answer:
    with client_context(attempt.listener.trust, attempt.identity, attempt.offer) as context:
        secured = context.wrap_socket(connection, server_hostname=attempt.listener.name)
    with secured:
        spoken = f"* {secured.version()}, {(secured.cipher() or ('unknown suite',))[0]}"
        if isinstance(secured, BoundedSocket):
            secured.until = time.monotonic() + LONGEST_SECONDS
        stream = http.client.HTTPConnection(attempt.listener.name)
        stream.sock = secured
        headers = request_headers(attempt)
        stream.putrequest(attempt.method, attempt.listener.base_path + attempt.path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers:
            stream.putheader(name, value)
        stream.endheaders(attempt.body or None)
        response = stream.getresponse()
        content = response.read(_LIMIT)
    return Answer(
        Kind.ANSWERED,
        response.status,
        printable(response.getheader("x-refused-by", "")),
        printable(response.getheader("x-refused-because", "")),
        conversation(spoken, attempt, headers, response, content),
        content,
    )


@contextmanager
def client_context(trust: bytes, identity: Identity | None, offer: Offer = NORMAL) -> Iterator[ssl.SSLContext]:
    """A TLS client that trusts only this CA; the key is in a file without a name, as OpenSSL reads files only."""
    context = offering(offer)
    context.sslsocket_class = BoundedSocket
    context.load_verify_locations(cadata=trust.decode())
    if identity is not None:
        with nameless_file(identity.chain + identity.key) as file:
            context.load_cert_chain(file)
    yield context
