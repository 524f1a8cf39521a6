# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How participants are tested, as the description says it."""

from __future__ import annotations

from dataclasses import dataclass, field

from .profiles import ServiceLevel


@dataclass(frozen=True)
class Party:
    """One customer: the type of its identifier (``MSISDN`` …) and the identifier."""

    identifier: str
    value: str


@dataclass(frozen=True)
class Testing:
    """How participants are tested. ``counterpart`` plays the other part: a simulator, or a friendly DFSP (empty: the next participant).

    ``wrong_fulfilment`` and ``abort`` are amounts at which the counterpart's systems misbehave on purpose; empty: it does not.
    """

    counterpart: str = ""
    amount: str = "1"
    wrong_fulfilment: str = ""
    abort: str = ""
    service_level: ServiceLevel = field(default_factory=ServiceLevel)
