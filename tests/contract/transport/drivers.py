# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The transports that pass these tests: two installations with a state folder each, and what carries between them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from support.connection_manager.api import serving
from support.connection_manager.era1 import Era1
from unit.steps.conftest import Site, participant, site

from ansible_collections.mojaloop.onboarding.plugins.module_utils.findings import Finding

BANK = "greenbank"


class Installations(Protocol):
    """A hub and a bank, each elsewhere for the other."""

    hub: Site
    bank: Site
    first: str
    """The file of the hub that the bank awaits first."""

    def to_bank(self) -> None:
        """What a person or a program does so that the hub's latest publication can be read at the bank."""

    def to_hub(self) -> None:
        """The other way round."""

    def close(self) -> None:
        """End what was started for it."""


def apart(root: Path, kind: str, **of_hub: object) -> tuple[Site, Site]:
    """The hub's installation and the bank's, as their descriptions name this kind of transport; each approves by itself."""
    made = []
    for side in ("hub", BANK):
        one = site(root / side, BANK, approval="automatic")
        one.participants[BANK]["transport"] = kind
        one.hub["hub"] |= of_hub
        installation(one.describe(), side)
        made.append(one)
    return made[0], made[1]


def installation(made: Site, side: str) -> None:
    """Write for which side a place acts."""
    text = f"plugin: mojaloop.onboarding.hub\ninstallation: [{side}]\nstate: ../state\n"
    (made.root / "description" / "hosts.yml").write_text(text, encoding="utf-8")


def described(made: Site, side: str) -> None:
    """Write the description anew after a change of it."""
    installation(made.describe(), side)


def more_participants(made: Site, side: str, *names: str) -> None:
    """Describe further participants, who are elsewhere."""
    for number, name in enumerate(names):
        made.participants[name] = {**participant(5 + number, name), "transport": made.participants[BANK]["transport"]}
    described(made, side)


class Local:
    """The exchange folder itself is common; here it is copied to and fro, as git does."""

    first = "exchange.pem"

    def __init__(self, root: Path) -> None:
        self.hub, self.bank = apart(root, "local")

    def to_bank(self) -> None:
        """Copy what the hub wrote."""
        _copied(self.hub, self.bank, f"exchange/{BANK}/hub")
        _copied(self.hub, self.bank, "exchange/jws")

    def to_hub(self) -> None:
        """Copy what the bank wrote."""
        _copied(self.bank, self.hub, f"exchange/{BANK}/participant")

    def close(self) -> None:
        """Nothing was started."""


class Bundle:
    """Files that a person carries from outbox to inbox."""

    first = "exchange.pem"

    def __init__(self, root: Path) -> None:
        self.hub, self.bank = apart(root, "bundle")

    def to_bank(self) -> None:
        """Carry the hub's file."""
        _carried(self.hub, self.bank, f"tests.hub-for-{BANK}.zip")

    def to_hub(self) -> None:
        """Carry the bank's."""
        _carried(self.bank, self.hub, f"tests.{BANK}-for-hub.zip")

    def close(self) -> None:
        """Nothing was started."""


class Manager:
    """A Connection Manager of its first era, which both ask."""

    first = "client.pem"

    def __init__(self, root: Path) -> None:
        self._serving = serving(Era1())
        self.server = self._serving.__enter__()
        self.hub, self.bank = apart(root, "connection-manager", connection_manager={"url": self.server.url})

    def to_bank(self) -> None:
        """It is there."""

    def to_hub(self) -> None:
        """It is there."""

    def close(self) -> None:
        """Stop the server; every answer was as published."""
        self._serving.__exit__(None, None, None)
        assert self.server.contract.violations == []


DRIVERS: tuple[Callable[[Path], Installations], ...] = (Local, Bundle, Manager)


def _copied(source: Site, target: Site, folder: str) -> None:
    if source.path(folder).is_dir():
        shutil.rmtree(target.path(folder), ignore_errors=True)
        shutil.copytree(source.path(folder), target.path(folder))


def _carried(source: Site, target: Site, name: str) -> None:
    target.path("inbox").mkdir(parents=True, exist_ok=True)
    shutil.copy(source.path(f"outbox/{name}"), target.path("inbox"))


def trip(installations: Installations) -> tuple[list[Finding], list[Finding]]:
    """One run of each, with what travels between: to the bank, then to the hub."""
    at_hub = installations.hub.run()
    installations.to_bank()
    at_bank = installations.bank.run()
    installations.to_hub()
    return at_hub, at_bank
