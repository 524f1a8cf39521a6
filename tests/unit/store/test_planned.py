# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a dry run has planned, kept for later tasks: the same tree again, in private files, without a key that only moves."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.interface import contents
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.overlay import Overlay
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.planned import add_to_plan, load_plan, save_plan
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree

MOVED = b"a key that stands in the state folder"


@pytest.fixture
def disk(tmp_path: Path) -> DiskTree:
    made = DiskTree(tmp_path / "state")
    made.write_folder("store/hub/server", {"key.pem": b"old", "certificate.pem": b"old"})
    made.write_folder("store/hub/server.next", {"key.pem": MOVED})
    made.write("exchange/greenbank/hub/ca.pem", b"ca")
    made.write("journal/kept.json", b"{}")
    return made


@pytest.fixture
def planned(disk: DiskTree) -> Overlay:
    made = Overlay(disk)
    made.write_folder("store/hub/server", {"key.pem": MOVED, "certificate.pem": b"new"})
    made.remove("store/hub/server.next")
    made.write("store/hub/made/key.pem", b"")
    made.remove("exchange/greenbank")
    return made


def seen(tree: Overlay) -> dict[str, object]:
    folders = ("store/hub", "store/hub/server", "store/hub/server.next", "store/hub/made", "exchange/greenbank/hub", "journal", "exchange")
    return {folder: (tree.names(folder), contents(tree, folder), tree.status(folder)) for folder in folders}


def test_a_plan_is_the_same_tree_again(disk: DiskTree, planned: Overlay, tmp_path: Path) -> None:
    assert load_plan(tmp_path / "plan", disk) is None
    save_plan(tmp_path / "plan", planned)
    found = load_plan(tmp_path / "plan", disk)
    assert found is not None
    assert seen(found) == seen(planned)
    # Another task goes on from there; what the first one planned is kept as it is.
    found.write("store/hub/made/certificate.pem", b"of the second task")
    save_plan(tmp_path / "plan", found)
    again = load_plan(tmp_path / "plan", disk)
    assert again is not None
    assert seen(again) == seen(found) != seen(planned)


def test_a_plan_is_private_and_holds_no_key_that_only_moves(planned: Overlay, tmp_path: Path) -> None:
    save_plan(tmp_path / "plan", planned)
    files = list((tmp_path / "plan").iterdir())
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert (tmp_path / "plan").stat().st_mode & 0o777 == 0o700
    written = b"".join(path.read_bytes() for path in files)
    assert MOVED not in written
    assert b"new" in written  # control: what is in no other place is there


def test_tasks_of_many_hosts_add_to_a_plan(disk: DiskTree, planned: Overlay, tmp_path: Path) -> None:
    save_plan(tmp_path / "plan", planned)
    for host in ("one", "two"):
        add_to_plan(tmp_path / "plan", f"journal/listeners/{host}.json", b'{"clients": []}')
    found = load_plan(tmp_path / "plan", disk)
    assert found is not None
    assert found.names("journal/listeners") == ["one.json", "two.json"]
    save_plan(tmp_path / "plan", found)
    again = load_plan(tmp_path / "plan", disk)
    assert again is not None
    assert again.names("journal/listeners") == ["one.json", "two.json"]
    assert not list((tmp_path / "plan").glob("added-*"))
