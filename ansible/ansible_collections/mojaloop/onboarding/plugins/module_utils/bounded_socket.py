# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A bound in time for a whole answer: a timeout of a socket bounds one read only, and a peer that sends a byte at a time never meets it."""

from __future__ import annotations

import math
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any


class TooSlowError(TimeoutError):
    """Something came, but the whole not in time."""


class BoundedSocket(ssl.SSLSocket):
    """Reads until the moment ``until`` of the monotonic clock; its timeout goes on to bound each read (TimeoutError: silence)."""

    until = math.inf

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:  # noqa: ANN401 -- as above it
        """As above it; TooSlowError when ``until`` has come."""
        return _received(self, super().recv_into, buffer, nbytes, flags)


class BoundedPlainSocket(socket.socket):
    """The same without TLS."""

    until = math.inf

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:  # noqa: ANN401 -- as above it
        """As above it; TooSlowError when ``until`` has come."""
        return _received(self, super().recv_into, buffer, nbytes or 0, flags)


def _received(bounded: BoundedSocket | BoundedPlainSocket, receive: Callable[..., int], *arguments: Any) -> int:  # noqa: ANN401 -- as above it
    left, patience = bounded.until - time.monotonic(), bounded.timeout
    if patience is not None and left >= patience:
        return receive(*arguments)
    if left <= 0:
        raise TooSlowError("the answer takes too long")
    bounded.settimeout(left if left < math.inf else None)
    try:
        return receive(*arguments)
    except TimeoutError as error:
        raise TooSlowError("the answer takes too long") from error
    finally:
        bounded.settimeout(patience)
