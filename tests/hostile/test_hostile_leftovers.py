# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a participant puts into its own folder of the exchange is input: it stops no run, whatever names it has."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hostile.fuzzing import huge
from unit.steps.conftest import Site, faults

from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import StoreError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.findings import Finding
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.files import discard
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree, Overlay

RED = "exchange/redbank/participant"


def large(folder: Path) -> None:
    (folder / ".next-x").mkdir()
    huge(folder / ".next-x/a")


LEFTOVERS: dict[str, Callable[[Path], None]] = {
    "a commit of nothing": lambda folder: (folder / ".next-").mkdir(),
    "a commit of the folder": lambda folder: (folder / ".next-.").mkdir(),
    "a commit of the folder above": lambda folder: (folder / ".next-..").mkdir(),
    "a commit of a stage": lambda folder: (folder / ".next-.a.stage-1").mkdir(),
    "no text": lambda folder: (folder / "\udcff.stage-1").touch(),
    "no text, hidden": lambda folder: (folder / ".\udcff.stage-1").touch(),
    "no text, a plain name": lambda folder: (folder / "\udcff").touch(),
    "a commit of a gigabyte": large,
}


@pytest.mark.parametrize("case", LEFTOVERS)
def test_what_a_participant_writes_is_never_taken_for_ours(hub: Site, case: str) -> None:
    folder = hub.path(RED)
    folder.mkdir(parents=True, exist_ok=True)
    LEFTOVERS[case](folder)
    there = sorted(each.name for each in folder.iterdir())
    for found in (hub.run(check=True), hub.run(), hub.run(check=True), hub.run()):
        json.dumps([finding.as_dict() for finding in found], ensure_ascii=False).encode()
        assert {side for side, _artefact, _reason in faults(found)} <= {"hub"}
        assert "stray-temporary-file" not in {finding.reason for finding in found}
    assert sorted(each.name for each in folder.iterdir()) == there


def test_a_folder_no_one_may_read_stops_no_run(hub: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = hub.path(RED) / "closed"
    closed.mkdir(parents=True)
    scan = os.scandir

    def refusing(place: object) -> object:
        if str(place).endswith("/closed"):
            raise PermissionError(13, "Permission denied", str(place))
        return scan(place)  # type: ignore[call-overload]

    monkeypatch.setattr(os, "scandir", refusing)
    assert DiskTree(hub.state).recover() == []
    hub.run()


@pytest.mark.parametrize("name", [".next-", ".next-.", ".next-.."])
def test_a_commit_that_could_have_no_place_is_swept(hub: Site, name: str) -> None:
    hub.path(f"exchange/redbank/{name}").mkdir()
    assert list(DiskTree(hub.state).commits()) == []
    assert DiskTree(hub.state).recover() == [f"exchange/redbank/{name}"]
    assert not hub.path(f"exchange/redbank/{name}").exists()


def test_a_commit_holds_what_a_file_may_and_no_more(hub: Site) -> None:
    committed = hub.path("exchange/redbank/.next-hub")
    committed.mkdir()
    huge(committed / "large")
    (committed / ".x.stage-1").touch()
    (committed / "ca.pem").write_bytes(b"x")
    assert dict(DiskTree(hub.state).commits()) == {"exchange/redbank/hub": {"ca.pem": b"x"}}
    assert Overlay(DiskTree(hub.state)).names("exchange/redbank/hub") == ["ca.pem"]


def test_a_leftover_of_the_exchange_that_stays_is_one_fault(hub: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in ("exchange/redbank/.a.stage-1", "exchange/redbank/.b.stage-1"):
        hub.path(path).touch()

    def stuck(path: str) -> None:
        if path.endswith(".a.stage-1"):
            raise OSError(16, "Device or resource busy")
        discard(path)

    monkeypatch.setattr(sys.modules[DiskTree.__module__], "discard", stuck)
    assert ("hub", "exchange/redbank/.a.stage-1", "stray-temporary-file") in faults(hub.run())
    assert hub.path("exchange/redbank/.a.stage-1").exists()
    assert not hub.path("exchange/redbank/.b.stage-1").exists()
    hub.path("store/.a.stage-1").touch()
    with pytest.raises(StoreError, match="busy"):
        hub.run()


def test_names_of_any_bytes_are_escaped_in_results() -> None:
    finding = Finding("redbank", "tls-1", "hub", "exchange/\udcff\x1b[2J", "stray-temporary-file", detail="\udcff\nnext")
    assert (finding.artefact, finding.detail) == ("exchange/\\udcff\\x1b[2J", "\\udcff\nnext")
    assert str(StoreError("is odd", where="exchange/\udcff")) == "exchange/\\udcff: is odd"
    assert Finding.from_dict(finding.as_dict()) == finding
