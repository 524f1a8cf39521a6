# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the hub's ledger is to have of the hub and of each participant, and what it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID, uuid5

from ..description.model import Ledger, Participant, SettlementModel, State
from .endpoints import callbacks, notifications

POSITION, SETTLEMENT = "POSITION", "SETTLEMENT"
HUB_ACCOUNTS = ("HUB_MULTILATERAL_SETTLEMENT", "HUB_RECONCILIATION")
"""The hub's accounts for each currency."""
_OPENING = UUID("6a1e5bb3-6d2c-5b0e-9d2f-4f2e0c5b7d11")
"""Namespace of the transfer ids of opening funds: another value would book every participant's funds a second time."""


@dataclass(frozen=True)
class Account:
    """An account as the ledger lists it."""

    number: int
    kind: str
    currency: str
    active: bool


@dataclass(frozen=True)
class Limit:
    """A net debit cap, and at how many per cent of it the alarm is raised."""

    cap: Decimal
    alarm: Decimal


@dataclass(frozen=True)
class Observed:
    """A participant (or the hub) as the ledger has it. ``limits`` and ``balances`` (of settlement accounts) are by currency."""

    exists: bool = False
    active: bool = False
    proxy: bool = False
    accounts: tuple[Account, ...] = ()
    limits: Mapping[str, Limit] = field(default_factory=dict)
    endpoints: Mapping[str, str] = field(default_factory=dict)
    balances: Mapping[str, Decimal] = field(default_factory=dict)

    def account(self, kind: str, currency: str) -> Account | None:
        """The account of this kind and currency."""
        return next((each for each in self.accounts if (each.kind, each.currency) == (kind, currency)), None)


@dataclass(frozen=True)
class DesiredParticipant:
    """A participant as the description wants it in the ledger. ``alarm`` None: as the ledger has it."""

    name: str
    active: bool
    proxy: bool = False
    currencies: tuple[str, ...] = ()
    caps: Mapping[str, Decimal] = field(default_factory=dict)
    alarm: Decimal | None = None
    callbacks: Mapping[str, str] = field(default_factory=dict)
    notifications: Mapping[str, str] = field(default_factory=dict)
    funds: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True)
class DesiredHub:
    """The hub as the description wants it in the ledger."""

    name: str
    currencies: tuple[str, ...]
    notifications: Mapping[str, str]
    models: tuple[SettlementModel, ...]


def desired_participant(ledger: Ledger, participant: Participant) -> DesiredParticipant:
    """What the ledger is to have of a participant with an endpoint."""
    own = participant.endpoint.url if participant.endpoint else ""
    return DesiredParticipant(
        name=participant.fspiop_id,
        active=participant.state is State.ACTIVE,
        proxy=participant.proxy,
        currencies=participant.currencies,
        caps={currency: Decimal(amount) for currency, amount in participant.net_debit_cap},
        alarm=None if participant.alarm_percentage is None else Decimal(participant.alarm_percentage),
        callbacks=callbacks(ledger.callback_url or own),
        notifications=notifications(participant.notification_addresses),
        funds={currency: Decimal(amount) for currency, amount in participant.opening_funds},
    )


def desired_hub(ledger: Ledger) -> DesiredHub:
    """What the ledger is to have of the hub."""
    return DesiredHub(ledger.hub_name, ledger.currencies, notifications(ledger.notification_addresses), ledger.settlement_models)


def opening_transfer(name: str, currency: str) -> str:
    """The id of the one transfer that books a participant's opening funds: the same in every run, so the ledger books it once."""
    return str(uuid5(_OPENING, f"{name}/{currency}/opening-funds"))
