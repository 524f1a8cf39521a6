# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What differs between description and ledger, and how a run converges: pure, and so tried in every corner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal

import pytest

from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import RemoteError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.findings import Disposition
from ansible_collections.mojaloop.onboarding.plugins.module_utils.ledger import comparison
from ansible_collections.mojaloop.onboarding.plugins.module_utils.ledger.convergence import Convergence, Difference, NoAnswer, Order
from ansible_collections.mojaloop.onboarding.plugins.module_utils.ledger.endpoints import callbacks, notifications
from ansible_collections.mojaloop.onboarding.plugins.module_utils.ledger.model import (
    Account,
    DesiredParticipant,
    Limit,
    Observed,
    opening_transfer,
)
from ansible_collections.mojaloop.onboarding.plugins.module_utils.remote.errors import Refused, Unknown, Unreachable

BANK = DesiredParticipant(
    "bank",
    active=True,
    currencies=("USD",),
    caps={"USD": Decimal("10000.5")},
    callbacks=callbacks("https://bank.example:443"),
    notifications=notifications(["a@bank.example", "b@bank.example"]),
)
THERE = Observed(
    exists=True,
    active=True,
    accounts=(Account(5, "POSITION", "USD", active=True), Account(6, "SETTLEMENT", "USD", active=True)),
    limits={"USD": Limit(Decimal("10000.50"), Decimal(10))},
    endpoints={**BANK.callbacks, **BANK.notifications},
)
STAGES = (comparison.accounts, comparison.limits, comparison.endpoints, comparison.states)


def found(desired: DesiredParticipant, observed: Observed) -> list[tuple[str, str]]:
    return [(each.artefact, each.reason) for stage in STAGES for each in stage(desired, observed)]


def orders(desired: DesiredParticipant, observed: Observed) -> list[tuple[str, str, object]]:
    return [
        (each.method, each.path, each.body) for stage in STAGES for difference in stage(desired, observed) for each in difference.orders
    ]


def test_what_is_as_described_is_no_difference() -> None:
    assert found(BANK, THERE) == []
    # An alarm that is not described is as the ledger has it, and endpoints of other types are others' matter.
    changed = replace(
        THERE, limits={"USD": Limit(Decimal("10000.5"), Decimal("33.5"))}, endpoints={**THERE.endpoints, "ALARM_NOTIFICATION_URL": "x"}
    )
    assert found(BANK, changed) == []


@pytest.mark.parametrize(
    ("desired", "observed", "differences"),
    [
        (BANK, replace(THERE, accounts=THERE.accounts[:1]), [("ledger-account/USD", "ledger-account-incomplete")]),
        (BANK, replace(THERE, limits={}), [("net-debit-cap/USD", "net-debit-cap-missing")]),
        (BANK, replace(THERE, limits={"USD": Limit(Decimal(1), Decimal(10))}), [("net-debit-cap/USD", "net-debit-cap-differs")]),
        (replace(BANK, alarm=Decimal(80)), THERE, [("net-debit-cap/USD", "alarm-differs")]),
        (replace(BANK, caps={}), THERE, []),
        (replace(BANK, notifications={}), replace(THERE, endpoints={}), [("callback-urls", "callback-urls-missing")]),
        (replace(BANK, notifications={}), THERE, []),
        (BANK, replace(THERE, active=False), [("ledger-participant", "ledger-participant-inactive")]),
        (replace(BANK, active=False), THERE, [("ledger-participant", "ledger-participant-active")]),
        (BANK, replace(THERE, proxy=True), [("ledger-participant", "ledger-proxy-differs")]),
        (
            BANK,
            replace(THERE, accounts=(replace(THERE.accounts[0], active=False), THERE.accounts[1])),
            [("ledger-account/USD", "ledger-account-inactive")],
        ),
    ],
)  # fmt: skip
def test_each_difference_has_its_reason(desired: DesiredParticipant, observed: Observed, differences: list[tuple[str, str]]) -> None:
    assert found(desired, observed) == differences


def test_numbers_reach_the_ledger_as_they_are_described() -> None:
    wanted = replace(BANK, alarm=Decimal(75))
    first, second = orders(wanted, replace(THERE, limits={}))
    assert first[2] == {"currency": "USD", "limit": {"type": "NET_DEBIT_CAP", "value": 10000.5}, "initialPosition": 0}
    assert second == (
        "PUT",
        "/participants/bank/limits",
        {"currency": "USD", "limit": {"type": "NET_DEBIT_CAP", "value": 10000.5, "alarmPercentage": 75}},
    )


def test_only_endpoints_that_differ_are_sent_and_braces_stay() -> None:
    changed = {**THERE.endpoints, "FSPIOP_CALLBACK_URL_TRANSFER_PUT": "https://bank.example/else"}
    value = "https://bank.example:443/transfers/{{transferId}}"
    sent = ("POST", "/participants/bank/endpoints", {"type": "FSPIOP_CALLBACK_URL_TRANSFER_PUT", "value": value})
    assert orders(BANK, replace(THERE, endpoints=changed)) == [sent]


def test_the_transfer_of_opening_funds_has_one_id_for_ever() -> None:
    """A release with another id would book every participant's opening funds once more."""
    assert opening_transfer("greenbank", "USD") == "13d4f43f-d8c5-5782-8643-c4f8625177c1"
    assert len({opening_transfer(name, currency) for name in ("greenbank", "bluebank") for currency in ("USD", "KES")}) == 4


@dataclass
class Store:
    """A system of numbered things: what it does with each order is said in ``fates``."""

    has: set[str] = field(default_factory=set)
    fates: dict[str, RemoteError | None] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    loses: frozenset[str] = frozenset()

    def observe(self) -> frozenset[str]:
        return frozenset(self.has)

    def send(self, order: Order) -> None:
        self.sent.append(order.path)
        if order.path not in self.loses:
            self.has.add(order.path)
        if error := self.fates.get(order.path):
            raise error

    def run(self, *stages: str, dry_run: bool = False) -> list[tuple[str, str]]:
        convergence = Convergence(self.observe, self.send, [_stage(names) for names in stages])
        return [(each.artefact, each.reason) for each in convergence.differences(dry_run=dry_run)]


def _stage(names: str) -> Callable[[frozenset[str]], list[Difference]]:
    return lambda has: [Difference(name, "missing", (Order("POST", name, {}, name),)) for name in names if name not in has]


ANSWERED, SILENT = Unknown("was answered with 500", 500), Unknown("no answer")


def test_a_dry_run_sends_nothing_and_finds_the_same() -> None:
    store = Store()
    assert store.run("ab", "c", dry_run=True) == [("a", "missing"), ("b", "missing"), ("c", "missing")]
    assert store.sent == []
    assert store.run("ab", "c") == [("a", "missing"), ("b", "missing"), ("c", "missing")]
    assert store.run("ab", "c") == []


@pytest.mark.parametrize("error", [ANSWERED, SILENT, Refused("was refused", 400)])
def test_what_is_there_afterwards_counts_whatever_was_answered(error: RemoteError) -> None:
    store = Store(fates={"a": error})
    assert store.run("a", "b") == [("a", "missing"), ("b", "missing")]


@pytest.mark.parametrize("error", [ANSWERED, None])
def test_what_is_not_there_is_a_fault_and_ends_the_stages(error: RemoteError | None) -> None:
    store = Store(fates={"a": error}, loses=frozenset("a"))
    assert store.run("ab", "c") == [("b", "missing"), ("a", "not-taken-over")]
    assert store.sent == ["a", "b"]


def test_no_answer_ends_the_run_about_everything_else() -> None:
    store = Store(fates={"a": SILENT}, loses=frozenset("a"))
    with pytest.raises(NoAnswer):
        store.run("a", "b")
    assert store.sent == ["a"]


def test_a_system_that_cannot_be_read_again_is_unreachable() -> None:
    def observe() -> frozenset[str]:
        if store.sent:
            raise Unreachable("no answer")
        return frozenset()

    store = Store()
    with pytest.raises(Unreachable):
        list(Convergence(observe, store.send, [_stage("a")]).differences(dry_run=False))


def test_a_fault_keeps_later_stages_from_being_asked() -> None:
    fault = Difference("x", "broken", disposition=Disposition.FAULT)
    store = Store()
    stages = [lambda _has: [fault], _stage("a")]
    for dry_run in (True, False):
        assert list(Convergence(store.observe, store.send, stages).differences(dry_run=dry_run)) == [fault]
    assert store.sent == []
