# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The real ledger, started once for all tests of this folder, and sites whose description names it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.between import Between, between
from support.ledger import RealLedger, real_ledger

from ansible_collections.mojaloop.onboarding.plugins.module_utils.findings import Disposition, Finding
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps.sequence import Request, run
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps.table import LEDGER_HUB, LEDGER_PARTICIPANTS, Step

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One worker runs all of these tests: the ledger is started once."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.xdist_group("ledger"))


@pytest.fixture(scope="session")
def ledger() -> Iterator[RealLedger]:
    """The ledger; its folder has a short path, for the socket of the database."""
    with tempfile.TemporaryDirectory(prefix="ledger-") as folder, real_ledger(Path(folder)) as running:
        yield running


@pytest.fixture
def own_ledger() -> Iterator[RealLedger]:
    """A ledger of the test's own, for faults after which a ledger needs minutes until it books as before."""
    with tempfile.TemporaryDirectory(prefix="ledger-") as folder, real_ledger(Path(folder)) as running:
        yield running


@pytest.fixture
def proxy(ledger: RealLedger) -> Iterator[Between]:
    """What stands between the pack and the ledger, and notes every request."""
    with between(ledger.url) as made:
        yield made


@dataclass
class Site:
    """A description and a state folder of a hub with this ledger."""

    root: Path
    hub: dict[str, Any]
    participants: dict[str, dict[str, Any]] = field(default_factory=dict)

    def describe(self, name: str, *currencies: str, **more: object) -> dict[str, Any]:
        """A participant with a cap in each currency; ``more`` are keys of its file."""
        number = len(self.participants) + 2
        self.participants[name] = {
            "format": 1,
            "id": name,
            "organisation": name,
            "currencies": list(currencies),
            "endpoint": {"url": f"https://{name.replace('_', '-').lower()}.example/fspiop", "addresses": [f"203.0.113.{number}"]},
            "egress_addresses": [f"203.0.113.{number + 100}/32"],
            "net_debit_cap": dict.fromkeys(currencies, "10000"),
            "notification_addresses": [f"operations@{name.replace('_', '-').lower()}.example"],
        } | more
        return self.participants[name]

    def write(self) -> None:
        """Write the description as it is now."""
        folder = self.root / "description"
        (folder / "participants").mkdir(parents=True, exist_ok=True)
        (folder / "hub.yml").write_text(yaml.safe_dump(self.hub), encoding="utf-8")
        for name, content in self.participants.items():
            (folder / "participants" / f"{name}.yml").write_text(yaml.safe_dump(content), encoding="utf-8")

    def run(self, *participants: str, check: bool = False, step: Step = LEDGER_PARTICIPANTS, right: bool = True) -> list[Finding]:
        """Carry out one step of the ledger, for some participants or all; the findings. ``right``: no file is wrong."""
        self.write()
        request = Request(str(self.root / "description"), str(self.root / "state"), participants=participants, check=check)
        assert (not request.load().broken) is right, request.load().broken
        return list(run(request, [step]).findings)

    def run_hub(self, *, check: bool = False) -> list[Finding]:
        """Carry out the hub's step; the findings."""
        return self.run(check=check, step=LEDGER_HUB)


@pytest.fixture(scope="session")
def hub(ledger: RealLedger, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The hub's own accounts, without which the ledger takes no participant."""
    assert Site(tmp_path_factory.mktemp("hub"), hub_file(ledger.url)).run_hub() is not None


@pytest.fixture
def site(tmp_path: Path, proxy: Between) -> Site:
    """A hub whose ledger is asked through the proxy, without participants."""
    return Site(tmp_path, hub_file(proxy.url))


def reasons(findings: Iterable[Finding], participant: str) -> list[tuple[str, str, Disposition]]:
    """The findings about one participant: artefact, reason, disposition."""
    return [(each.artefact, each.reason, each.disposition) for each in findings if each.participant == participant]


def changed(*pairs: str) -> list[tuple[str, str, Disposition]]:
    """Changes, each written as "<artefact> <reason>"."""
    return [(*pair.split(" "), Disposition.CHANGE) for pair in pairs]  # type: ignore[misc]


def faults(findings: Iterable[Finding]) -> list[tuple[str, str, str]]:
    """Participant, artefact and reason of what failed."""
    return [(each.participant, each.artefact, each.reason) for each in findings if each.disposition is Disposition.FAULT]


def hub_file(url: str, currencies: Sequence[str] = ("USD", "KES")) -> dict[str, Any]:
    """hub.yml of a hub with this ledger."""
    return {
        "format": 1,
        "environment": "tests",
        "kind": "lab",
        "profile": "mojaloop",
        "hub": {
            "id": "switch",
            "organisation": "Switch",
            "endpoint": {"url": "https://api.switch.example", "addresses": ["203.0.113.1"]},
            "egress_addresses": ["203.0.113.101/32"],
            "ca": {"kind": "internal"},
            "ledger": {
                "kind": "central-ledger",
                "url": url,
                "currencies": list(currencies),
                "notification_addresses": ["settlement@switch.example"],
                "settlement_models": [{"name": "DEFERREDNET"}],
            },
        },
    }
