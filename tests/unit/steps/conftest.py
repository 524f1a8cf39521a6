# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sites: a description and a state folder, on which the steps are carried out at a moment of the test's choice."""

from __future__ import annotations

import copy
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.trees import use_cheap_keys

from ansible_collections.mojaloop.onboarding.plugins.module_utils.findings import Disposition, Finding
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps.sequence import Request, run
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps.table import TABLE, Step

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RENEWAL = NOW + timedelta(days=290)
"""Certificates of 365 days are due (90 days before their end), those of two years and more are not."""

HUB: dict[str, Any] = {
    "format": 1,
    "environment": "tests",
    "kind": "lab",
    "profile": "mojaloop",
    "hub": {
        "id": "switch",
        "organisation": "Switch",
        "endpoint": {"url": "https://api.switch.example", "addresses": ["203.0.113.10"]},
        "egress_addresses": ["203.0.113.11/32"],
        "ca": {"kind": "internal"},
        "keys": {"jws": "rsa-2048"},
    },
}
NAMES = ("bluebank", "greenbank", "redbank")


def participant(number: int, name: str) -> dict[str, Any]:
    gateway = {
        "host": f"{name}-gateway",
        "kind": "haproxy",
        "inbound": [{"address": f"203.0.113.{number}0", "port": 8443}],
        "inbound_backend": {"address": "127.0.0.1", "port": 3000},
        "outbound": {"address": "127.0.0.1", "port": 3100},
    }
    return {
        "format": 1,
        "id": name,
        "organisation": name.title(),
        "hosting": "managed",
        "currencies": ["USD"],
        "endpoint": {"url": f"https://{name}.example", "addresses": [f"203.0.113.{number}0"]},
        "egress_addresses": [f"203.0.113.{number}1/32"],
        "keys": {"jws": "rsa-2048"},
        "gateways": [gateway],
    }


@dataclass
class Site:
    """One place where the steps are carried out."""

    root: Path
    hub: dict[str, Any] = field(default_factory=lambda: copy.deepcopy(HUB))
    participants: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def state(self) -> Path:
        return self.root / "state"

    def describe(self) -> Site:
        """Write the description as it is now."""
        folder = self.root / "description"
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "participants").mkdir(parents=True)
        (folder / "hub.yml").write_text(yaml.safe_dump(self.hub), encoding="utf-8")
        for name, values in self.participants.items():
            (folder / f"participants/{name}.yml").write_text(yaml.safe_dump(values), encoding="utf-8")
        return self

    def run(
        self,
        *,
        now: datetime = NOW,
        sides: Sequence[str] = ("all",),
        participants: Sequence[str] = (),
        rekey: Sequence[str] = (),
        check: bool = False,
        steps: Sequence[Step] = TABLE,
        plan: str = "",
    ) -> list[Finding]:
        """All steps, as the playbooks run them."""
        request = Request(str(self.root / "description"), str(self.state), sides, participants, rekey, check, now, plan)
        return list(run(request, steps).findings)

    def step(self, name: str, **options: Any) -> list[Finding]:  # noqa: ANN401 -- those of ``run``
        """One step alone."""
        return self.run(steps=[step for step in TABLE if step.name == name], **options)

    def copied(self, root: Path) -> Site:
        """The same site at another place."""
        made = Site(root, copy.deepcopy(self.hub), copy.deepcopy(self.participants)).describe()
        shutil.copytree(self.state, made.state, symlinks=True)
        return made

    def path(self, path: str) -> Path:
        return self.state / path

    def read(self, path: str) -> bytes:
        return self.path(path).read_bytes()


def site(root: Path, *names: str, **hub: str) -> Site:
    """A site with these participants; ``hub`` changes top-level keys of hub.yml."""
    made = Site(root)
    made.hub |= hub
    made.participants = {name: participant(2 + NAMES.index(name), name) for name in names}
    return made.describe()


def marks(root: Path) -> dict[str, tuple[int, int, int, bytes]]:
    """Inode, times and content of everything below a folder."""
    found = {}
    for path in root.rglob("*"):
        status = path.lstat()
        found[str(path.relative_to(root))] = (
            status.st_ino,
            status.st_mtime_ns,
            status.st_mode,
            b"" if path.is_dir() else path.read_bytes(),
        )
    return {name: found[name] for name in sorted(found) if not name.startswith("journal/lease")}


def faults(findings: list[Finding]) -> list[tuple[str, str, str]]:
    return [(f.side, f.artefact, f.reason) for f in findings if f.disposition is Disposition.FAULT]


def pending(findings: list[Finding]) -> list[tuple[str, str, str, str]]:
    return [(f.side, f.artefact, f.reason, f.pending_on) for f in findings if f.disposition is Disposition.PENDING]


def changes(findings: list[Finding]) -> list[tuple[str, str, str]]:
    return [(f.side, f.artefact, f.reason) for f in findings if f.disposition is Disposition.CHANGE]


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real, distinct keys without the cost of making them."""
    use_cheap_keys(monkeypatch)


@pytest.fixture(autouse=True)
def _unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    """No power fails here, and years of runs would wait for the disk most of the time."""
    monkeypatch.setattr(os, "fsync", lambda _handle: None)


@pytest.fixture(scope="module")
def _finished() -> dict[str, Path]:
    """One finished tree for each profile, made when first asked for."""
    return {}


@pytest.fixture
def finished(tmp_path: Path, _finished: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The hub with two managed participants, everything done."""
    return finished_site(tmp_path, _finished, tmp_path_factory, "mojaloop")


@pytest.fixture(params=["mojaloop", "mojaloop-scheme-ca"])
def finished_by_profile(
    request: pytest.FixtureRequest, tmp_path: Path, _finished: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Site:
    """The same, by either trust model."""
    return finished_site(tmp_path, _finished, tmp_path_factory, str(request.param))


def finished_site(root: Path, made: dict[str, Path], factory: pytest.TempPathFactory, profile: str) -> Site:
    if profile not in made:
        first = site(factory.mktemp(profile), "bluebank", "greenbank", profile=profile)
        assert faults(first.run()) == []
        made[profile] = first.root
    copied = site(root, "bluebank", "greenbank", profile=profile)
    shutil.copytree(made[profile] / "state", copied.state, symlinks=True)
    return copied
