# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hub and participants on the real ledger, judged by its database: what is there after a run, and that a second one changes nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.between import Between
from support.ledger import RealLedger, real_ledger
from support.ledger_database import BALANCES, ENDPOINTS, LIMITS, MODELS, everything

from .conftest import Site, changed, reasons


@pytest.fixture(scope="module")
def ledger() -> Iterator[RealLedger]:
    """One of its own, in which no hub was set up yet."""
    with tempfile.TemporaryDirectory(prefix="ledger-") as folder, real_ledger(Path(folder)) as running:
        yield running


def test_a_hub_and_three_participants_in_two_currencies_and_then_again(ledger: RealLedger, proxy: Between, site: Site) -> None:
    site.describe("bluebank", "USD", "KES", opening_funds={"USD": "5000", "KES": "250000.5"}, alarm_percentage=80)
    site.describe("greenbank", "USD")
    site.describe("red_bank", "KES", net_debit_cap={"KES": "0"}, notification_addresses=["a@red.example", "b@red.example"])

    planned = [*site.run_hub(check=True), *site.run(check=True)]
    assert not proxy.changing()
    done = [*site.run_hub(), *site.run()]
    assert done == planned

    assert reasons(done, "hub") == changed(
        "ledger-account/USD/HUB_MULTILATERAL_SETTLEMENT ledger-account-missing",
        "ledger-account/USD/HUB_RECONCILIATION ledger-account-missing",
        "ledger-account/KES/HUB_MULTILATERAL_SETTLEMENT ledger-account-missing",
        "ledger-account/KES/HUB_RECONCILIATION ledger-account-missing",
        "notification-addresses notification-addresses-missing",
        "settlement-model/DEFERREDNET settlement-model-missing",
    )
    assert reasons(done, "bluebank") == changed(
        "ledger-account/USD ledger-account-missing",
        "ledger-account/KES ledger-account-missing",
        "net-debit-cap/USD net-debit-cap-missing",
        "net-debit-cap/KES net-debit-cap-missing",
        "callback-urls callback-urls-missing",
        "notification-addresses notification-addresses-missing",
        "opening-funds/KES opening-funds-missing",
        "opening-funds/USD opening-funds-missing",
    )
    balances = [row for row in ledger.rows(BALANCES) if row[0] in site.participants]
    assert balances == [
        ("bluebank", "KES", "POSITION", "1", "0.0000"),
        ("bluebank", "KES", "SETTLEMENT", "1", "-250000.5000"),
        ("bluebank", "USD", "POSITION", "1", "0.0000"),
        ("bluebank", "USD", "SETTLEMENT", "1", "-5000.0000"),
        ("greenbank", "USD", "POSITION", "1", "0.0000"),
        ("greenbank", "USD", "SETTLEMENT", "1", "0.0000"),
        ("red_bank", "KES", "POSITION", "1", "0.0000"),
        ("red_bank", "KES", "SETTLEMENT", "1", "0.0000"),
    ]
    assert {row for row in ledger.rows(LIMITS) if row[4] == "1"} == {
        ("bluebank", "USD", "10000.0000", "80.00", "1"),
        ("bluebank", "KES", "10000.0000", "80.00", "1"),
        ("greenbank", "USD", "10000.0000", "10.00", "1"),
        ("red_bank", "KES", "0.0000", "10.00", "1"),
    }
    assert ("DEFERREDNET", "NET", "MULTILATERAL", "DEFERRED", "NULL", "1", "1", "POSITION", "SETTLEMENT", "1") in ledger.rows(MODELS)
    values = {(name, kind): value for name, kind, value, _active in ledger.rows(ENDPOINTS)}
    known = {row[0] for row in ledger.rows("SELECT name FROM endpointType WHERE name LIKE 'FSPIOP%'")}
    assert {kind for name, kind in values if name == "greenbank" and kind.startswith("FSPIOP")} == known
    party = "/participants/{{partyIdType}}/{{partyIdentifier}}/{{partySubIdOrType}}/error"
    assert values["red_bank", "FSPIOP_CALLBACK_URL_PARTICIPANT_SUB_ID_PUT_ERROR"] == f"https://red-bank.example:443/fspiop{party}"
    assert values["red_bank", "NET_DEBIT_CAP_ADJUSTMENT_EMAIL"] == "a@red.example,b@red.example"
    assert values["Hub", "SETTLEMENT_TRANSFER_POSITION_CHANGE_EMAIL"] == "settlement@switch.example"

    before = everything(ledger)
    proxy.forget()
    assert [*site.run_hub(), *site.run()] == []
    assert [*site.run_hub(check=True), *site.run(check=True)] == []
    assert not proxy.changing()
    assert proxy.seen
    assert everything(ledger) == before
