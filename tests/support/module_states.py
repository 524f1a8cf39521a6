# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The state matrix that every module passes: create, change and remove, each checked twice and done twice."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from ansible.module_utils.testing import patch_module_args

from ansible_collections.mojaloop.onboarding.plugins.modules import (
    certificates,
    oauth_clients,
)

KEYS = ("participant", "step", "side", "artefact", "reason", "disposition", "pending_on")
Snapshot = dict[str, tuple[int, int, bytes]]


@dataclass(frozen=True)
class Report:
    """What a run said: whether anything changes, and its findings (all but their details, which are for people)."""

    changed: bool
    findings: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def of(cls, result: dict[str, Any], keys: tuple[str, ...] = KEYS) -> Report:
        """The report of a module's result, which must not be a failure."""
        assert not result.get("failed"), result["msg"]
        return cls(result["changed"], tuple(tuple(str(finding[key]) for key in keys) for finding in result.get("findings", [])))

    @property
    def reasons(self) -> set[tuple[str, str]]:
        """Artefact and reason of every finding."""
        return {(finding[3], finding[4]) for finding in self.findings}

    @property
    def awaited(self) -> tuple[tuple[str, ...], ...]:
        """What no run changes: whatever a person or the counterpart has to do."""
        return tuple(finding for finding in self.findings if finding[5] != "change")


@dataclass(frozen=True)
class Matrix:
    """One module in one place: how it is run, and what it may write to."""

    run: Callable[[bool], Report]
    snapshot: Callable[[], object]

    def walk(self, act: str, *, earlier: Callable[[], object] = lambda: None) -> Report:
        """The four states of an act: checked, checked again, done, done again; returns what was done.

        ``earlier`` steps of a run are carried out before. Check mode predicts the report of the real run exactly and writes nothing; done
        again, nothing is found and nothing is written.
        """
        earlier()
        predicted = self._checked(act)
        _same(self._checked(act), predicted, f"{act}: checked again")
        done = self.run(False)
        _same(done, predicted, f"{act}: done, other than predicted")
        after = self.snapshot()
        _same(self.run(False), Report(changed=False, findings=done.awaited), f"{act}: done again")
        assert self.snapshot() == after, f"{act}: a second run wrote"
        return done

    def rest(self, act: str) -> None:
        """When all is done, neither a check nor a run finds anything, and nothing is written."""
        before = self.snapshot()
        for check in (True, False):
            _same(self.run(check), Report(changed=False), f"{act}: {'checked' if check else 'run'} when all was done")
        assert self.snapshot() == before, f"{act}: written when all was done"

    def _checked(self, act: str) -> Report:
        before = self.snapshot()
        report = self.run(True)
        assert self.snapshot() == before, f"{act}: check mode wrote"
        return report


def _same(found: Report, expected: Report, when: str) -> None:
    more, less = set(found.findings) - set(expected.findings), set(expected.findings) - set(found.findings)
    assert not more | less, f"{when}: too much {sorted(more)}, too little {sorted(less)}"
    assert found == expected, f"{when}: changed is {found.changed}, or the order differs"


def call(main: Callable[[], None], **arguments: object) -> dict[str, Any]:
    """Run a module's ``main`` in this process; its result."""
    printed = io.StringIO()
    with patch_module_args(arguments), contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        main()
    result: dict[str, Any] = json.loads(printed.getvalue())
    return result


def snapshot(*folders: Path, without: Iterable[str] = ()) -> Snapshot:
    """Inode, modification time and content of every file in these folders, and every folder's inode; ``without`` leaves names out."""
    skipped = set(without)
    found = [path for folder in folders for path in (folder, *folder.rglob("*")) if not skipped & set(path.relative_to(folder).parts)]
    return {str(path): _facts(path) for path in found if path.exists()}


def _facts(path: Path) -> tuple[int, int, bytes]:
    status = path.lstat()
    return (status.st_ino, 0, b"") if path.is_dir() else (status.st_ino, status.st_mtime_ns, path.read_bytes() if path.is_file() else b"")


@dataclass(frozen=True)
class Description:
    """The files of a description, to be changed as people change them."""

    folder: Path

    def write(self, name: str, content: object) -> None:
        """Write ``hub`` or a participant's file."""
        path = self._path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content), encoding="utf-8")

    def edit(self, name: str, **values: object) -> None:
        """Change top-level keys of a file."""
        self.write(name, {**yaml.safe_load(self._path(name).read_text(encoding="utf-8")), **values})

    def remove(self, name: str) -> None:
        """Take a participant's file away."""
        self._path(name).unlink()

    def _path(self, name: str) -> Path:
        return self.folder / ("hub.yml" if name == "hub" else f"participants/{name}.yml")


STEPS = ("generate", "publish", "receive", "sign")
"""The steps of ``certificates``, in their order."""
HUB: dict[str, Any] = {
    "format": 1,
    "environment": "states",
    "kind": "lab",
    "profile": "mojaloop",
    "approval": "automatic",
    "hub": {
        "id": "switch",
        "organisation": "Hub",
        "endpoint": {"url": "https://hub.example:8443", "addresses": ["203.0.113.10"]},
        "egress_addresses": ["203.0.113.11/32"],
        "ca": {"kind": "internal"},
    },
    "defaults": {"roles": ["quotes"]},
}


def bank(name: str, number: int) -> dict[str, object]:
    """A managed participant's file."""
    gateway = {
        "host": f"{name}-gateway",
        "kind": "haproxy",
        "inbound": [{"address": f"203.0.113.{number}", "port": 8443}],
        "inbound_backend": {"address": "127.0.0.1", "port": 3000},
        "outbound": {"address": "127.0.0.1", "port": 3100},
    }
    return {
        "format": 1,
        "id": name,
        "organisation": name.title(),
        "currencies": ["USD"],
        "hosting": "managed",
        "endpoint": {"url": f"https://{name}.example:8443", "addresses": [f"203.0.113.{number}"]},
        "egress_addresses": [f"203.0.113.{number + 1}/32"],
        "ca": {"kind": "internal"},
        "gateways": [gateway],
    }


class Place:
    """An environment of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.description = Description(folder / "states")
        self.state = folder / "state"
        self.description.write("hub", HUB)
        for number, name in ((20, "greenbank"), (30, "bluebank")):
            self.description.write(name, bank(name, number))

    def run(self, name: str, *, check: bool = False, **more: object) -> Report:
        """Run ``certificates``, one of its steps, or ``oauth_clients`` for all sides."""
        main = oauth_clients.main if name == "oauth_clients" else certificates.main
        chosen = {"steps": [name]} if name in STEPS else {}
        given = {"description": str(self.description.folder), "state": str(self.state), "_ansible_check_mode": check, **chosen, **more}
        return Report.of(call(main, **given))

    def run_earlier(self, name: str) -> None:
        """Carry out the steps before one, one by one; nothing is before all of them."""
        for other in STEPS[: STEPS.index(name)] if name in STEPS else ():
            self.run(other)

    def delete(self, path: str) -> None:
        """Lose a file of the state folder."""
        (self.state / path).unlink()

    def snapshot(self) -> object:
        """Everything but the lease, which is taken and given back by real runs."""
        return snapshot(self.description.folder, self.state, without=["lease"])
