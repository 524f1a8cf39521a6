# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Changes of the description after the onboarding, and endings: only what differs is sent to the real ledger."""

from __future__ import annotations

import pytest
from support.between import Between
from support.ledger import RealLedger
from support.ledger_database import BALANCES, ENDPOINTS, LIMITS, everything, is_active, of, set_settlement, settlement, whose

from ansible_collections.mojaloop.onboarding.plugins.module_utils.findings import Disposition

from .conftest import Site, changed, faults, reasons

pytestmark = pytest.mark.usefixtures("hub")


def sent(proxy: Between) -> list[str]:
    """The changing requests of the last run, without the numbers of accounts."""
    return [f"{each.method} {'/'.join('n' if part.isdigit() else part for part in each.path.split('/'))}" for each in proxy.changing()]


def test_a_cap_and_an_alarm_are_updated_only_when_they_differ(ledger: RealLedger, proxy: Between, site: Site) -> None:
    bank = site.describe("capbank", "USD", alarm_percentage=70)
    site.run()
    bank["net_debit_cap"] = {"USD": "12500.75"}
    proxy.forget()
    assert reasons(site.run(check=True), "capbank") == changed("net-debit-cap/USD net-debit-cap-differs")
    assert not proxy.changing()
    assert reasons(site.run(), "capbank") == changed("net-debit-cap/USD net-debit-cap-differs")
    assert sent(proxy) == ["PUT /participants/capbank/limits"]
    bank["alarm_percentage"] = 100
    assert reasons(site.run(), "capbank") == changed("net-debit-cap/USD alarm-differs")
    del bank["alarm_percentage"]
    proxy.forget()
    assert site.run() == []
    assert sent(proxy) == []
    rows = of(ledger, LIMITS, "capbank")
    assert rows[-1] == ("USD", "12500.7500", "100.00", "1")
    assert [row[-1] for row in rows] == ["0"] * (len(rows) - 1) + ["1"]


def test_callback_urls_follow_the_endpoint_and_only_what_differs_gets_a_row(ledger: RealLedger, proxy: Between, site: Site) -> None:
    bank = site.describe("urlbank", "USD")
    site.run()
    before = of(ledger, ENDPOINTS, "urlbank")
    bank["notification_addresses"] = ["treasury@urlbank.example"]
    proxy.forget()
    assert reasons(site.run(), "urlbank") == changed("notification-addresses notification-addresses-differ")
    assert sent(proxy) == ["POST /participants/urlbank/endpoints"] * 3
    assert len(of(ledger, ENDPOINTS, "urlbank")) == len(before) + 3
    site.hub["hub"]["ledger"]["callback_url"] = "http://10.0.0.5:3100"
    assert reasons(site.run(), "urlbank") == changed("callback-urls callback-urls-differ")
    values = {kind: value for kind, value, active in of(ledger, ENDPOINTS, "urlbank") if active == "1"}
    assert values["FSPIOP_CALLBACK_URL_TRANSFER_PUT"] == "http://10.0.0.5:3100/transfers/{{transferId}}"
    assert len(values) == 28 + 3


def test_a_currency_that_is_added_gets_accounts_and_the_other_stays(ledger: RealLedger, proxy: Between, site: Site) -> None:
    bank = site.describe("newbank", "USD", opening_funds={"USD": "100"})
    site.run()
    usd = [row for row in of(ledger, BALANCES, "newbank") if row[0] == "USD"]
    bank |= {"currencies": ["USD", "KES"], "net_debit_cap": {"USD": "10000", "KES": "1"}}
    proxy.forget()
    assert reasons(site.run(), "newbank") == changed("ledger-account/KES ledger-account-missing", "net-debit-cap/KES net-debit-cap-missing")
    assert sent(proxy) == ["POST /participants", "POST /participants/newbank/initialPositionAndLimits"]
    assert [row for row in of(ledger, BALANCES, "newbank") if row[0] == "USD"] == usd


def test_a_proxy_is_one_from_the_start(ledger: RealLedger, site: Site) -> None:
    bank = site.describe("proxybank", "USD", "KES", proxy=True)
    site.run()
    assert ledger.rows("SELECT isProxy FROM participant WHERE name = 'proxybank'") == [("1",)]
    assert site.run() == []
    bank["proxy"] = False
    assert faults(site.run()) == [("proxybank", "ledger-participant", "ledger-proxy-differs")]


def test_a_currency_without_a_cap_waits_for_one(ledger: RealLedger, site: Site) -> None:
    bank = site.describe("uncapped", "USD", net_debit_cap={})
    waits = ("net-debit-cap/USD", "net-debit-cap-not-described", Disposition.PENDING)
    assert waits in reasons(site.run(), "uncapped")
    assert reasons(site.run(), "uncapped") == [waits]
    assert ("USD", "POSITION", "0", "NULL") in of(ledger, BALANCES, "uncapped")
    bank["net_debit_cap"] = {"USD": "5"}
    assert reasons(site.run(), "uncapped") == changed("net-debit-cap/USD net-debit-cap-missing")


def test_suspended_active_again_offboarded(ledger: RealLedger, proxy: Between, site: Site) -> None:
    bank = site.describe("endbank", "USD", opening_funds={"USD": "700"})
    site.run()
    assert is_active(ledger, "endbank")
    bank |= {"state": "suspended", "net_debit_cap": {"USD": "1"}}
    proxy.forget()
    assert reasons(site.run(), "endbank") == changed("ledger-participant ledger-participant-active")
    assert sent(proxy) == ["PUT /participants/endbank"]
    assert not is_active(ledger, "endbank")
    assert site.run() == []
    bank |= {"state": "active", "net_debit_cap": {"USD": "10000"}}
    assert reasons(site.run(), "endbank") == changed("ledger-participant ledger-participant-inactive")
    assert is_active(ledger, "endbank")
    bank["state"] = "offboarded"
    left = ("ledger-funds", "funds-remain", Disposition.PENDING)
    assert reasons(site.run(), "endbank") == [*changed("ledger-participant ledger-participant-active"), left]
    assert not is_active(ledger, "endbank")
    assert reasons(site.run(), "endbank") == [left]
    assert settlement(ledger, "endbank") == "-700.0000"


def test_a_suspension_counts_even_in_a_file_that_is_wrong_otherwise(ledger: RealLedger, proxy: Between, site: Site) -> None:
    bank = site.describe("brokenbank", "USD")
    site.run()
    bank |= {"state": "suspended", "net_debit_cap": {"USD": "-1"}}
    proxy.forget()
    assert reasons(site.run(right=False), "brokenbank") == changed("ledger-participant ledger-participant-active")
    assert sent(proxy) == ["PUT /participants/brokenbank"]
    assert not is_active(ledger, "brokenbank")
    assert site.run(right=False) == []


def test_whoever_is_not_active_is_not_added(ledger: RealLedger, site: Site) -> None:
    site.describe("latebank", "USD", state="suspended")
    site.describe("gonebank", "USD", state="offboarded")
    assert site.run() == []
    assert of(ledger, BALANCES, "latebank") == of(ledger, BALANCES, "gonebank") == []


def test_an_account_that_was_deactivated_by_hand_is_activated(ledger: RealLedger, proxy: Between, site: Site) -> None:
    site.describe("handbank", "USD")
    site.run()
    ledger.rows(f"UPDATE participantCurrency SET isActive = 0 WHERE {whose('handbank')} AND ledgerAccountTypeId = 1")  # noqa: S608
    proxy.forget()
    assert reasons(site.run(), "handbank") == changed("ledger-account/USD ledger-account-inactive")
    assert sent(proxy) == ["PUT /participants/handbank/accounts/n"]
    assert site.run() == []


def test_a_run_for_one_participant_asks_about_that_one_alone(proxy: Between, site: Site) -> None:
    site.describe("onebank", "USD")
    site.describe("twobank", "USD")
    site.run("onebank")
    assert {each.path.split("/")[2] for each in proxy.seen if each.path.count("/") > 1} == {"onebank"}


def test_another_amount_of_opening_funds_is_an_error_and_books_nothing(ledger: RealLedger, proxy: Between, site: Site) -> None:
    bank = site.describe("fundbank", "USD", opening_funds={"USD": "5000"})
    site.run()
    before = everything(ledger)
    bank["opening_funds"] = {"USD": "6000"}
    proxy.forget()
    assert faults(site.run()) == [("fundbank", "opening-funds/USD", "opening-funds-changed")]
    assert faults(site.run(check=True)) == [("fundbank", "opening-funds/USD", "opening-funds-changed")]
    assert sent(proxy) == []
    bank["opening_funds"] = {"USD": "5000"}
    assert site.run() == []
    bank["opening_funds"] = {}
    assert site.run() == []
    assert everything(ledger) == before


def test_opening_funds_go_only_into_an_empty_account(ledger: RealLedger, proxy: Between, site: Site) -> None:
    bank = site.describe("richbank", "USD")
    site.run()
    set_settlement(ledger, "richbank", -7)
    bank["opening_funds"] = {"USD": "5"}
    proxy.forget()
    assert faults(site.run()) == [("richbank", "opening-funds/USD", "opening-funds-unclear")]
    assert sent(proxy) == []
    bank["opening_funds"] = {"USD": "7"}
    assert site.run() == []
    assert sent(proxy) == []
    assert settlement(ledger, "richbank") == "-7.0000"


def test_a_name_that_the_ledger_takes_for_another_is_refused(
    ledger: RealLedger, tmp_path_factory: pytest.TempPathFactory, proxy: Between, site: Site
) -> None:
    site.describe("casebank", "USD")
    site.run()
    other = Site(tmp_path_factory.mktemp("other"), site.hub)
    other.describe("CaseBank", "USD")
    before = everything(ledger)
    assert faults(other.run()) == [("CaseBank", "ledger-account/USD", "ledger-name-taken")]
    assert everything(ledger) == before
