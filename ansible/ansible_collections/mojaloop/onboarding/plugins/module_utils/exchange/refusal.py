# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Why a publication is refused: an error with a stable reason code."""

from __future__ import annotations

from ..errors import ExchangeError, Refusal


class PublicationRefused(Refusal, ExchangeError):
    """A publication cannot be trusted; ``reason`` is the stable code (``file-altered``, ``manifest-signature`` …)."""
