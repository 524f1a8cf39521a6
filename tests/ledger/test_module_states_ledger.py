# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The state matrix of ``ledger_hub`` and ``ledger_participants`` at the real ledger: its whole database stays as it is at rest."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import pytest
from support.ledger import RealLedger
from support.ledger_database import everything
from support.module_states import Matrix, Report, call, snapshot

from ansible_collections.mojaloop.onboarding.plugins.modules import ledger_hub, ledger_participants

from .conftest import Site

pytestmark = pytest.mark.usefixtures("hub")
BANK = "matrixbank"


def settings(site: Site, **values: object) -> None:
    site.hub["hub"]["ledger"] |= values


def bank(site: Site, **values: object) -> None:
    site.participants[BANK] |= values


# Module, act, what happens, what is found.
ACTS: tuple[tuple[ModuleType, str, Callable[[Site], object], tuple[str, str]], ...] = (
    (
        ledger_hub,
        "create: the hub gets a currency",
        lambda site: settings(site, currencies=["USD", "KES", "ZMW"]),
        ("ledger-account/ZMW/HUB_RECONCILIATION", "ledger-account-missing"),
    ),
    (
        ledger_hub,
        "change: the hub's e-mails go to another address",
        lambda site: settings(site, notification_addresses=["treasury@switch.example"]),
        ("notification-addresses", "notification-addresses-differ"),
    ),
    (
        ledger_participants,
        "create: a participant is described",
        lambda site: site.describe(BANK, "USD", "ZMW", opening_funds={"ZMW": "20"}),
        ("opening-funds/ZMW", "opening-funds-missing"),
    ),
    (
        ledger_participants,
        "change: its cap is raised",
        lambda site: bank(site, net_debit_cap={"USD": "10000.5", "ZMW": "10000"}),
        ("net-debit-cap/USD", "net-debit-cap-differs"),
    ),
    (
        ledger_participants,
        "end: it is suspended",
        lambda site: bank(site, state="suspended"),
        ("ledger-participant", "ledger-participant-active"),
    ),
)


def test_ledger_hub_and_ledger_participants_pass_the_state_matrix(ledger: RealLedger, site: Site) -> None:
    state = site.root / "state"
    given = {"description": str(site.root / "description"), "state": str(state), "sides": ["hub"]}
    for module, act, happens, found in ACTS:
        happens(site)
        site.write()

        def run(check: bool, module: ModuleType = module) -> Report:  # noqa: FBT001 -- as the matrix calls it
            return Report.of(call(module.main, **given, _ansible_check_mode=check))

        matrix = Matrix(run, lambda: (snapshot(state, without=["lease"]), everything(ledger)))
        report = matrix.walk(act)
        assert (report.changed, report.awaited) == (True, ()), act
        assert found in {finding[3:5] for finding in report.findings}, act
        matrix.rest(act)
