# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The hub in its own ledger: accounts for each currency, the recipients of its e-mails, settlement models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..description.model import SettlementModel
from ..findings import Disposition
from .client import LedgerClient
from .comparison import endpoint_difference
from .convergence import Convergence, Difference, Order
from .model import HUB_ACCOUNTS, DesiredHub, Observed

_NET = {"settlementGranularity": "NET", "settlementInterchange": "MULTILATERAL", "settlementDelay": "DEFERRED"}
_GROSS = {"settlementGranularity": "GROSS", "settlementInterchange": "BILATERAL", "settlementDelay": "IMMEDIATE"}
_POSITIONS = {"ledgerAccountType": "POSITION", "settlementAccountType": "SETTLEMENT"}
_FEES = {"ledgerAccountType": "INTERCHANGE_FEE", "settlementAccountType": "INTERCHANGE_FEE_SETTLEMENT"}
KINDS: Mapping[str, Mapping[str, object]] = {
    "deferred-net": {**_NET, **_POSITIONS, "autoPositionReset": True},
    "gross": {**_GROSS, **_POSITIONS, "autoPositionReset": False},
    "interchange-fee": {**_NET, **_FEES, "autoPositionReset": True},
}
"""The settlement models of the Mojaloop Testing Toolkit's hub set-up, as the ledger takes them."""
_LISTED = {"ledgerAccountType": "ledgerAccountTypeId"}
"""Keys that the ledger lists under another name than it takes them."""
_NOT_LISTED = frozenset({"name", "settlementAccountType"})


@dataclass(frozen=True)
class ObservedHub:
    """The hub as the ledger has it; ``models`` by name."""

    participant: Observed
    models: Mapping[str, Mapping[str, Any]]


def hub_in_ledger(desired: DesiredHub, client: LedgerClient, *, dry_run: bool) -> Iterator[Difference]:
    """Make it so, or (dry run) say what would be done."""

    def observe() -> ObservedHub:
        return ObservedHub(client.participant(desired.name), {str(each.get("name")): each for each in client.settlement_models()})

    stages = [partial(stage, desired) for stage in (accounts, emails, models)]
    return Convergence(observe, client.send, stages).differences(dry_run=dry_run)


def accounts(desired: DesiredHub, observed: ObservedHub) -> list[Difference]:
    """Accounts that the hub lacks."""
    if not observed.participant.exists:
        detail = f"the ledger has no {desired.name}; name its hub (HUB_PARTICIPANT of its configuration) as ledger.hub_name in hub.yml"
        return [Difference("ledger-hub", "ledger-hub-unknown", detail=detail, disposition=Disposition.FAULT)]
    wanted = ((currency, kind) for currency in desired.currencies for kind in HUB_ACCOUNTS)
    return [_account(desired.name, currency, kind) for currency, kind in wanted if not observed.participant.account(kind, currency)]


def _account(name: str, currency: str, kind: str) -> Difference:
    order = Order("POST", f"/participants/{name}/accounts", {"type": kind, "currency": currency}, f"adding {kind} in {currency}")
    return Difference(f"ledger-account/{currency}/{kind}", "ledger-account-missing", (order,))


def emails(desired: DesiredHub, observed: ObservedHub) -> list[Difference]:
    """Recipients of the hub's e-mails that differ."""
    if not observed.participant.exists:
        return []
    found = endpoint_difference(desired.name, "notification-addresses", desired.notifications, observed.participant.endpoints)
    return [found] if found else []


def models(desired: DesiredHub, observed: ObservedHub) -> list[Difference]:
    """Settlement models that are missing, inactive, or (which the ledger cannot change) of another kind."""
    return [each for model in desired.models for each in _model(model, observed.models.get(model.name))]


def _model(model: SettlementModel, has: Mapping[str, Any] | None) -> Iterator[Difference]:
    artefact, wanted = f"settlement-model/{model.name}", settlement_model(model)
    if has is None:
        yield Difference(artefact, "settlement-model-missing", (Order("POST", "/settlementModels", wanted, f"adding {model.name}"),))
        return
    listed = {_LISTED.get(key, key): value for key, value in wanted.items() if key not in _NOT_LISTED}
    differing = [key for key, value in {"currency": None, **listed}.items() if has.get(key) != value]
    if differing:
        detail = f"{', '.join(sorted(differing))} differ, and the ledger cannot change them; describe a model with another name"
        yield Difference(artefact, "settlement-model-differs", detail=detail, disposition=Disposition.FAULT)
    elif not has.get("isActive"):
        order = Order("PUT", f"/settlementModels/{model.name}", {"isActive": True}, f"activating {model.name}")
        yield Difference(artefact, "settlement-model-inactive", (order,))


def settlement_model(model: SettlementModel) -> dict[str, object]:
    """A settlement model as the ledger takes it."""
    currency = {"currency": model.currency} if model.currency else {}
    return {"name": model.name, "requireLiquidityCheck": model.liquidity_check, **KINDS[model.kind], **currency}
