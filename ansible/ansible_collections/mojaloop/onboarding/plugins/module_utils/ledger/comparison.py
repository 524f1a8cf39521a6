# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Differences between what a participant is to have in the ledger and what it has: pure, one function for each stage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from ..findings import OPERATOR, Disposition
from .client import CAP
from .convergence import Difference, Order
from .model import POSITION, SETTLEMENT, DesiredParticipant, Observed

_FIRST_ALARM = Decimal(10)
"""Per cent at which the ledger raises the alarm where it was given no other."""


def accounts(desired: DesiredParticipant, observed: Observed) -> list[Difference]:
    """Currencies without accounts; and whether it is a proxy, which the ledger cannot change."""
    found = [each for currency in desired.currencies for each in _account(desired, currency, observed)]
    if observed.exists and observed.proxy != desired.proxy:
        word = "a proxy" if observed.proxy else "no proxy"
        detail = f"the ledger has it as {word}, and cannot change that; describe it so, or onboard it with another id"
        found.append(Difference("ledger-participant", "ledger-proxy-differs", detail=detail, disposition=Disposition.FAULT))
    return found


def _account(desired: DesiredParticipant, currency: str, observed: Observed) -> Iterator[Difference]:
    name = desired.name
    artefact = f"ledger-account/{currency}"
    there = [kind for kind in (POSITION, SETTLEMENT) if observed.account(kind, currency)]
    if not there:
        order = Order(
            "POST",
            "/participants",
            {"name": name, "currency": currency, **({"isProxy": True} if desired.proxy else {})},
            f"adding {name} with {currency}",
        )
        yield Difference(artefact, "ledger-account-missing", (order,))
    elif len(there) == 1:
        detail = f"the ledger has made the {there[0]} account alone, and cannot be asked for the other one; have its database repaired"
        yield Difference(artefact, "ledger-account-incomplete", detail=detail, disposition=Disposition.FAULT)


def limits(desired: DesiredParticipant, observed: Observed) -> list[Difference]:
    """Net debit caps and alarms that are missing or differ; a currency without a described cap waits for one."""
    return [each for currency in desired.currencies for each in _limit(desired, currency, observed)]


def _limit(desired: DesiredParticipant, currency: str, observed: Observed) -> Iterator[Difference]:
    artefact, path = f"net-debit-cap/{currency}", f"/participants/{desired.name}"
    cap, has = desired.caps.get(currency), observed.limits.get(currency)
    if cap is None:
        if has is None:
            detail = f"no net_debit_cap.{currency} in its file: its account stays inactive"
            yield Difference(artefact, "net-debit-cap-not-described", (), detail, Disposition.PENDING, OPERATOR)
        return
    alarm = desired.alarm if desired.alarm is not None else (has.alarm if has else _FIRST_ALARM)
    limit: dict[str, object] = {"type": CAP, "value": _number(cap)}
    changed = {"currency": currency, "limit": {**limit, "alarmPercentage": _number(alarm)}}
    adjust = Order("PUT", f"{path}/limits", changed, f"changing the net debit cap of {desired.name} in {currency}")
    if has is None:
        body = {"currency": currency, "limit": limit, "initialPosition": 0}
        first = Order("POST", f"{path}/initialPositionAndLimits", body, f"setting the net debit cap of {desired.name} in {currency}")
        yield Difference(artefact, "net-debit-cap-missing", (first,) if alarm == _FIRST_ALARM else (first, adjust))
    elif (has.cap, has.alarm) != (cap, alarm):
        reason = "net-debit-cap-differs" if has.cap != cap else "alarm-differs"
        detail = f"{_plain(has.cap)} with an alarm at {_plain(has.alarm)} %, to be {_plain(cap)} at {_plain(alarm)} %"
        yield Difference(artefact, reason, (adjust,), detail)


def endpoints(desired: DesiredParticipant, observed: Observed) -> list[Difference]:
    """Callback URLs and notification addresses."""
    found = (
        endpoint_difference(desired.name, "callback-urls", desired.callbacks, observed.endpoints),
        endpoint_difference(desired.name, "notification-addresses", desired.notifications, observed.endpoints),
    )
    return [each for each in found if each]


def endpoint_difference(name: str, artefact: str, wanted: Mapping[str, str], has: Mapping[str, str]) -> Difference | None:
    """One finding for all endpoints of a kind; only those that differ are sent, because each request makes a new row."""
    differing = {kind: value for kind, value in wanted.items() if has.get(kind) != value}
    if not differing:
        return None
    path = f"/participants/{name}/endpoints"
    orders = tuple(Order("POST", path, {"type": kind, "value": value}, f"setting {kind} of {name}") for kind, value in differing.items())
    reason = f"{artefact}-{'missing' if has.keys().isdisjoint(differing) else 'differ'}"
    return Difference(artefact, reason, orders, f"{len(differing)} of {len(wanted)}")


def states(desired: DesiredParticipant, observed: Observed) -> list[Difference]:
    """Whether the participant, and each position account with a cap, is active as described."""
    found = []
    for currency in desired.currencies:
        account = observed.account(POSITION, currency)
        if desired.active and account and not account.active and currency in observed.limits:
            path = f"/participants/{desired.name}/accounts/{account.number}"
            order = Order("PUT", path, {"isActive": True}, f"activating the account of {desired.name} in {currency}")
            found.append(Difference(f"ledger-account/{currency}", "ledger-account-inactive", (order,)))
    if observed.exists and observed.active != desired.active:
        word = "activating" if desired.active else "deactivating"
        order = Order("PUT", f"/participants/{desired.name}", {"isActive": desired.active}, f"{word} {desired.name}")
        found.append(Difference("ledger-participant", f"ledger-participant-{'inactive' if desired.active else 'active'}", (order,)))
    return found


def remaining_funds(observed: Observed) -> list[Difference]:
    """Funds that an offboarded participant still has in the ledger: withdrawing them is a person's decision."""
    left = [f"{_plain(-balance)} {currency}" for currency, balance in sorted(observed.balances.items()) if balance]
    detail = f"settlement balance of {', '.join(left)}; settle it by the scheme's procedure"
    return [Difference("ledger-funds", "funds-remain", (), detail, Disposition.PENDING, OPERATOR)] if left else []


def _number(amount: Decimal) -> int | float:
    """As JSON carries it; the description admits no amount that a double would round."""
    return int(amount) if amount == amount.to_integral_value() else float(amount)


def _plain(amount: Decimal) -> str:
    return f"{amount.normalize():f}"
