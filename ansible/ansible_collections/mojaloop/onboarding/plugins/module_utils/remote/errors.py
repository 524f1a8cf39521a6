# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What went wrong between the pack and a remote system, by what to do about it.

::

    RemoteError            correct the description or the files that it names
    ├── Unreachable        nothing was changed: try again later
    ├── Refused            nothing was changed: correct what was asked, or the permission
    └── Unknown            a change may have been made: read before it is repeated
"""

from __future__ import annotations

from ..errors import RemoteError

QUOTED = 300
"""Characters of an answer that an error quotes."""


class Unreachable(RemoteError):
    """No connection, no valid certificate, or no answer to a request that only reads."""


class Refused(RemoteError):
    """The system answered with another status than success; ``status`` is that of HTTP, ``body`` is cut and holds no secret."""

    def __init__(self, what: str, status: int, body: str = "", *, where: str = "", remedy: str = "") -> None:
        super().__init__(f"{what} was answered with {status}{_quoted(body)}", where=where, remedy=remedy)
        self.status = status
        self.body = body


class Unknown(RemoteError):
    """A request that changes something was sent, and its answer is missing or 5xx (``status``, 0 when there was none)."""

    def __init__(self, what: str, status: int = 0, *, where: str = "", remedy: str = "") -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.status = status


def _quoted(body: str) -> str:
    return f" ({' '.join(body.split())})" if body.strip() else ""
