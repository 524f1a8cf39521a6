# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Faults of the real ledger, of the way to it and of the run itself: one clear error, or convergence; never a second booking."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from support.between import AFTER, BEFORE, DROPPED, PAGE, PASS, SILENT, TWICE, Between, Seen, between
from support.depth import sample
from support.ledger import RealLedger
from support.ledger_database import BALANCES, FUNDS, all_of, of, set_settlement, settlement, whose
from support.ports import free_port

from ansible_collections.mojaloop.onboarding.plugins.module_utils.ledger import participants as ledger_participants
from ansible_collections.mojaloop.onboarding.plugins.module_utils.ledger.model import opening_transfer
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps import ledger as steps

from .conftest import Site, changed, faults, hub_file, reasons

pytestmark = pytest.mark.usefixtures("hub")
ALL = changed(
    "ledger-account/USD ledger-account-missing",
    "net-debit-cap/USD net-debit-cap-missing",
    "callback-urls callback-urls-missing",
    "notification-addresses notification-addresses-missing",
    "opening-funds/USD opening-funds-missing",
)

KINDS: tuple[Callable[[Seen], bool], ...] = (
    lambda seen: seen.path == "/participants",
    lambda seen: seen.path.endswith("/initialPositionAndLimits"),
    lambda seen: seen.path.endswith("/endpoints"),
    lambda seen: seen.path.rpartition("/")[0].endswith("/accounts"),
)
"""The requests of an onboarding, by kind: account, cap, endpoint, opening funds."""


def booked_once(ledger: RealLedger, site: Site, name: str) -> None:
    """The funds are there once, and another run has nothing to do."""
    assert settlement(ledger, name) == "-5000.0000"
    assert ledger.rows(FUNDS).count((opening_transfer(name, "USD"), "5000.0000", "USD")) == 1
    before = all_of(ledger, name)
    assert site.run() == []
    assert all_of(ledger, name) == before


def funded(site: Site, name: str) -> None:
    site.describe(name, "USD", opening_funds={"USD": "5000"})


def _until_right(site: Site, patience: float = 90) -> None:
    """Run again until nothing fails, as whoever runs the pack would: a ledger that is busy books later."""
    end = time.monotonic() + patience
    while found := faults(site.run()):
        assert time.monotonic() < end, found


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds of patience with an answer instead of ten of them."""
    monkeypatch.setattr(steps, "TIMEOUT", 4.0)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds of patience with a booking instead of thirty of them: where it comes later, the next run finds it."""
    monkeypatch.setattr(ledger_participants, "BOOKING", 3.0)


def test_a_ledger_that_is_down_is_one_error_for_all(site: Site) -> None:
    for name in ("downbank", "downbank2", "downbank3"):
        funded(site, name)
    site.hub["hub"]["ledger"]["url"] = f"http://127.0.0.1:{free_port()}"
    assert [(each.artefact, each.reason) for each in site.run()] == [("ledger", "ledger-unreachable")]
    assert [(each.artefact, each.reason) for each in site.run(check=True)] == [("ledger", "ledger-unreachable")]


@pytest.mark.timeout(400)
@pytest.mark.usefixtures("short", "impatient")
def test_a_ledger_whose_broker_hangs_is_one_error_and_the_next_run_goes_on(own_ledger: RealLedger, tmp_path: Path) -> None:
    with between(own_ledger.url) as proxy:
        site = Site(tmp_path, hub_file(proxy.url))
        site.run_hub()
        proxy.seen.clear()
        funded(site, "hangbank")
        funded(site, "hangbank2")
        with own_ledger.hanging_broker():
            found = site.run()
            asked = {each.path.split("/")[2] for each in proxy.seen if each.path.count("/") > 1}
        assert reasons(found, "hangbank")[:1] == changed("ledger-account/USD ledger-account-missing")
        assert faults(found) == [("hangbank", "net-debit-cap/USD", "not-taken-over"), ("hangbank", "ledger", "ledger-silent")]
        assert asked == {"hangbank"}
        _until_right(site, patience=300)
        for name in ("hangbank", "hangbank2"):
            booked_once(own_ledger, site, name)


def test_what_the_ledger_did_counts_and_not_what_it_answers(ledger: RealLedger, proxy: Between, site: Site) -> None:
    funded(site, "afterbank")
    proxy.misbehave = lambda seen: AFTER if seen.method != "GET" else PASS
    assert reasons(site.run(), "afterbank") == ALL
    booked_once(ledger, site, "afterbank")


@pytest.mark.usefixtures("short")
def test_funds_that_were_booked_without_an_answer_are_not_booked_again(ledger: RealLedger, proxy: Between, site: Site) -> None:
    funded(site, "silentbank")
    proxy.misbehave = lambda seen: SILENT if seen.method == "POST" and KINDS[-1](seen) else PASS
    assert reasons(site.run(), "silentbank") == ALL
    booked_once(ledger, site, "silentbank")


@pytest.mark.parametrize("kind", [1, 3])
@pytest.mark.usefixtures("impatient")
def test_a_request_that_failed_is_reported_and_made_good_by_the_next_run(ledger: RealLedger, proxy: Between, site: Site, kind: int) -> None:
    name = f"before{kind}"
    funded(site, name)
    proxy.misbehave = lambda seen: BEFORE if seen.method == "POST" and KINDS[kind](seen) else PASS
    failed = faults(site.run())
    assert [(who, reason) for who, _artefact, reason in failed] == [(name, "not-taken-over")] * len(failed)
    assert failed
    proxy.forget()
    _until_right(site)
    booked_once(ledger, site, name)


def test_a_rival_that_was_faster_each_time_is_no_error(ledger: RealLedger, proxy: Between, site: Site) -> None:
    """The same requests arrive twice: the ledger answers 400 and 500, and has what was wanted."""
    funded(site, "rivalbank")
    proxy.misbehave = lambda seen: TWICE if seen.method != "GET" else PASS
    assert reasons(site.run(), "rivalbank") == ALL
    proxy.forget()
    booked_once(ledger, site, "rivalbank")


def test_two_installations_at_once_book_once(ledger: RealLedger, site: Site, tmp_path_factory: pytest.TempPathFactory) -> None:
    site.describe("twinbank", "USD")
    assert faults(site.run()) == []  # two first caps at once leave the ledger with two balances
    site.participants.clear()
    funded(site, "twinbank")
    other = Site(tmp_path_factory.mktemp("other"), site.hub, site.participants)
    threads = [threading.Thread(target=each.run) for each in (site, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each in (site, other):
        _until_right(each)
        booked_once(ledger, each, "twinbank")


@pytest.mark.parametrize("read", range(1, 6))
def test_a_rival_that_books_between_two_reads_is_no_error(
    ledger: RealLedger, proxy: Between, site: Site, tmp_path: Path, read: int
) -> None:
    name = f"between{read}"
    funded(site, name)
    rival = Site(tmp_path / "rival", hub_file(ledger.url), site.participants)
    reads = itertools.count(1)

    def books(seen: Seen) -> str:
        if seen.path.endswith("/accounts") and seen.method == "GET" and next(reads) == read:
            assert faults(rival.run()) == []
        return PASS

    proxy.misbehave = books
    assert faults(site.run()) == []
    assert next(reads) > read, "the rival never ran"
    proxy.forget()
    booked_once(ledger, site, name)


def test_an_account_with_two_balances_is_one_fault_and_nothing_is_booked(ledger: RealLedger, site: Site) -> None:
    """Two first caps at once leave the ledger so."""
    site.describe("doubled", "USD")
    site.describe("single", "USD")
    assert faults(site.run()) == []
    columns = "participantCurrencyId, value, reservedValue, changedDate"
    ledger.rows(
        f"INSERT INTO participantPosition ({columns}) SELECT {columns.replace('changedDate', 'p.changedDate')} "  # noqa: S608
        f"FROM participantPosition p JOIN participantCurrency USING (participantCurrencyId) WHERE {whose('doubled')}"
    )
    site.participants.clear()
    for name in ("doubled", "single"):
        funded(site, name)
    assert faults(site.run()) == [("doubled", "ledger", "ledger-unusable")]
    assert settlement(ledger, "doubled") == "0.0000"
    assert settlement(ledger, "single") == "-5000.0000"


POINTS = [(kind, passed_on) for kind in range(len(KINDS)) for passed_on in (False, True)]


@pytest.mark.parametrize(("kind", "passed_on"), [*sample(POINTS[:-2], 3), *POINTS[-2:]])
def test_a_run_that_is_killed_at_a_request_is_finished_by_the_next(
    ledger: RealLedger, proxy: Between, site: Site, kind: int, *, passed_on: bool
) -> None:
    name = f"kill{kind}{passed_on}"
    funded(site, name)
    site.write()
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            site.run()
        os._exit(1)

    def kills(seen: Seen) -> str:
        if seen.method != "POST" or not KINDS[kind](seen):
            return PASS
        os.kill(child, signal.SIGKILL)
        return DROPPED

    if passed_on:
        proxy.done = kills
    else:
        proxy.misbehave = kills
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    proxy.forget()
    assert not faults(site.run())
    booked_once(ledger, site, name)


@pytest.mark.usefixtures("impatient")
def test_a_state_folder_that_is_lost_books_nothing_again(
    ledger: RealLedger, proxy: Between, site: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    funded(site, "lostbank")
    _until_right(site)
    anew = Site(tmp_path_factory.mktemp("anew"), site.hub, site.participants)
    proxy.forget()
    assert anew.run() == []
    assert not proxy.changing()
    booked_once(ledger, anew, "lostbank")
    # Settlements have moved the balance since: the balance shows no more what was booked.
    set_settlement(ledger, "lostbank", -4000)
    moved = Site(tmp_path_factory.mktemp("moved"), site.hub, site.participants)
    assert faults(moved.run()) == [("lostbank", "opening-funds/USD", "opening-funds-unclear")]
    assert anew.run() == []
    # And where all of it was withdrawn, the ledger knows the transfer id, and books nothing.
    set_settlement(ledger, "lostbank", 0)
    empty = Site(tmp_path_factory.mktemp("empty"), site.hub, site.participants)
    assert faults(empty.run()) == [("lostbank", "opening-funds/USD", "not-taken-over")]
    assert settlement(ledger, "lostbank") == "0.0000"


def test_something_else_at_the_ledgers_address_is_an_error(site: Site, proxy: Between) -> None:
    funded(site, "pagebank")
    proxy.misbehave = lambda _seen: PAGE
    assert faults(site.run()) == [("pagebank", "ledger", "ledger-unusable")]


def test_half_an_account_is_left_to_a_person(ledger: RealLedger, proxy: Between, site: Site) -> None:
    bank = site.describe("halfbank", "USD", net_debit_cap={})
    site.run()
    ledger.rows(f"DELETE FROM participantCurrency WHERE {whose('halfbank')} AND ledgerAccountTypeId = 2")  # noqa: S608
    proxy.forget()
    bank["net_debit_cap"] = {"USD": "1"}
    assert faults(site.run()) == faults(site.run(check=True)) == [("halfbank", "ledger-account/USD", "ledger-account-incomplete")]
    assert not proxy.changing()
    assert len(of(ledger, BALANCES, "halfbank")) == 1
