# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How participants are tested and let into production, as the description says it; and the service that settles what they paid."""

from __future__ import annotations

from dataclasses import dataclass, field

from .profiles import ServiceLevel

SUITE_NAMES = ("security", "end-to-end", "sla", "performance", "settlement")
"""The suites of verification, in their order (``verification.suites`` has them)."""


@dataclass(frozen=True)
class Party:
    """One customer: the type of its identifier (``MSISDN`` …) and the identifier."""

    identifier: str
    value: str


@dataclass(frozen=True)
class Load:
    """The extent of the performance suite: payments, and how many are under way at a time."""

    requests: int = 50
    parallel: int = 5


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
    load: Load = field(default_factory=Load)


@dataclass(frozen=True)
class Gate:
    """What production takes for evidence. ``kind``: ``evidence``, or ``none`` with a ``reason``.

    ``signers`` are fingerprints (``sha256:<hex>``) of pre-production hubs' exchange certificates; ``suites`` those demanded (none: those
    of the profile); ``days`` for how many evidence counts (0: for ever).
    """

    kind: str = "evidence"
    reason: str = ""
    signers: tuple[str, ...] = ()
    suites: tuple[str, ...] = ()
    days: int = 0


@dataclass(frozen=True)
class SettlementService:
    """The hub's settlement service. ``url`` is its API, with its version; it knows no callers either."""

    kind: str
    url: str
    ca_file: str = ""
    token_file: str = ""
