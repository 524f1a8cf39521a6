# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A bound in time for a whole answer: a timeout of a socket bounds one read only, and who sends a byte at a time never meets it."""

from __future__ import annotations

import math
import ssl
import time
from typing import Any


class TooSlowError(TimeoutError):
    """Something came, but the whole not in time."""


class BoundedSocket(ssl.SSLSocket):
    """Reads until the moment ``until`` of the monotonic clock; its timeout goes on to bound each read (TimeoutError: silence)."""

    until = math.inf

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:  # noqa: ANN401 -- as above it
        """As above it; TooSlowError when ``until`` has come."""
        left, patience = self.until - time.monotonic(), self.timeout
        if patience is not None and left >= patience:
            return super().recv_into(buffer, nbytes, flags)
        if left <= 0:
            raise TooSlowError("the answer takes too long")
        self.settimeout(left if left < math.inf else None)
        try:
            return super().recv_into(buffer, nbytes, flags)
        except TimeoutError as error:
            raise TooSlowError("the answer takes too long") from error
        finally:
            self.settimeout(patience)
