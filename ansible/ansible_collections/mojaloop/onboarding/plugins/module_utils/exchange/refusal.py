# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Why a publication is refused: an error with a stable reason code."""

from __future__ import annotations

from ..errors import ExchangeError


class PublicationRefused(ExchangeError):
    """A publication cannot be trusted; ``reason`` is the stable code (``file-altered``, ``manifest-signature`` …)."""

    def __init__(self, reason: str, what: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.reason = reason
