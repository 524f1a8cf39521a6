# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What counterparts hand in: size limits, one PEM block of one kind, and never a private key."""

from __future__ import annotations

from ..errors import ExchangeError


class InputRefused(ExchangeError):
    """A counterpart's file is refused; ``reason`` is the stable code (``private-key-received``, ``too-large`` …)."""

    def __init__(self, reason: str, what: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.reason = reason
