# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A state folder that is read-only or someone else's, and odd things where artefacts should be: reported, never followed."""

from __future__ import annotations

import ctypes
import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.state_world import ROTATION, Reported, Scenario, World, files, marks
from support.supervisor import Watch, supervise

from ansible_collections.mojaloop.onboarding.plugins.module_utils.findings import Disposition

pytestmark = [pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"), pytest.mark.timeout(3600)]
NEW_MOUNTS, PRIVATE, BIND, READ_ONLY = 0x20000, 0x44000, 0x1000, 0x1021
UNPRIVILEGED = 65534


@pytest.fixture(scope="module")
def scenario(fresh_world: World) -> Scenario:
    return Scenario.made(fresh_world, fresh_world.state.parent)


@pytest.fixture
def rotating(scenario: Scenario, folder: Path) -> World:
    """A finished tree at a time at which a run would replace certificates."""
    state = folder / "finished"
    shutil.rmtree(state, ignore_errors=True)
    shutil.copytree(scenario.world.state, state)
    return replace(scenario.world.at(state), now=ROTATION)


def elsewhere(world: World, prepare: Callable[[], None]) -> Reported:
    """What a run says in a process that has prepared its surroundings."""

    def work() -> Reported:
        prepare()
        return world.reported()

    ended = supervise(work, Watch((str(world.state),)))
    assert ended.error is None, ended.error
    reported: Reported = ended.answer
    return reported


def check_reported(reported: Reported, words: str) -> None:
    assert words in reported.error
    assert reported.where
    assert reported.remedy
    assert "\n" not in reported.error


def read_only(path: Path) -> None:
    """Bind a folder onto itself, read-only, in mounts of this process alone."""
    libc = ctypes.CDLL(None, use_errno=True)
    at = os.fsencode(path)
    done = (
        libc.unshare(NEW_MOUNTS),
        libc.mount(b"none", b"/", None, PRIVATE, None),
        libc.mount(at, at, None, BIND, None),
        libc.mount(at, at, None, READ_ONLY, None),
    )
    if any(done):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: a mount of its own")
@pytest.mark.parametrize("below", ["", "store", "store/hub/server", "exchange"])
def test_a_read_only_folder_is_reported_and_left(rotating: World, below: str) -> None:
    before = marks(rotating.state)
    reported = elsewhere(rotating, lambda: read_only(rotating.state / below))
    if reported.error:
        check_reported(reported, "Read-only file system")
    for fault in reported.faults:
        # A folder that is a mount itself cannot be replaced, read-only or not.
        assert any(words in fault.detail for words in ("Read-only file system", "Device or resource busy"))
        assert "\n" not in fault.detail
    assert reported.error or reported.faults or below
    after = marks(rotating.state)
    assert {name: mark for name, mark in after.items() if name.startswith(below)} == {
        name: mark for name, mark in before.items() if name.startswith(below)
    }
    assert not [finding for finding in rotating.run() if finding.disposition is Disposition.FAULT]
    assert not rotating.run()


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become someone else")
@pytest.mark.parametrize("mode", [0o700, 0o755, 0o777])
def test_someone_elses_state_folder_is_reported_and_left(rotating: World, mode: int) -> None:
    before = marks(rotating.state)
    rotating.state.parent.chmod(0o755)
    rotating.state.chmod(mode)
    try:
        reported = elsewhere(rotating, lambda: os.setresuid(UNPRIVILEGED, UNPRIVILEGED, UNPRIVILEGED))
    finally:
        rotating.state.chmod(0o700)
        rotating.state.parent.chmod(0o700)
    check_reported(reported, "Permission denied")
    assert marks(rotating.state) == before


def put_folder(path: Path) -> None:
    path.unlink()
    path.mkdir(mode=0o700)


def put_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


def put_link(path: Path) -> None:
    kept = path.with_name(f"{path.name}.kept")
    path.rename(kept)
    path.symlink_to(kept.name)


ODD = {"folder": put_folder, "pipe": put_pipe, "symbolic link": put_link}
PLACES = ("store/hub/server/key.pem", "store/greenbank/jws/key.pem", "store/bluebank/ca/key.pem", "store/hub/client/redbank/key.pem")


@pytest.mark.parametrize("odd", list(ODD))
@pytest.mark.parametrize("place", PLACES)
def test_an_odd_thing_in_the_place_of_a_key_waits_for_a_person(scenario: Scenario, rotating: World, odd: str, place: str) -> None:
    world = replace(rotating, now=scenario.world.now)
    ODD[odd](world.state / place)
    reported = elsewhere(world, lambda: None)
    label = place.removeprefix("store/").removesuffix("/key.pem")
    assert label in {f"{fault.side}/{fault.artefact}" for fault in reported.faults}
    assert all("\n" not in fault.detail for fault in reported.faults)
    assert reported.changes == []
    found = (world.state / place).lstat().st_mode
    assert {"folder": stat.S_ISDIR, "pipe": stat.S_ISFIFO, "symbolic link": stat.S_ISLNK}[odd](found)


@pytest.mark.parametrize("odd", list(ODD))
@pytest.mark.parametrize("place", ["exchange/greenbank/hub", "exchange/jws"])
def test_an_odd_thing_in_a_publication_is_replaced_or_reported(scenario: Scenario, rotating: World, odd: str, place: str) -> None:
    world = replace(rotating, now=scenario.world.now)
    file = next(path for path in sorted((world.state / place).iterdir()) if path.name.endswith(".pem"))
    ODD[odd](file)
    rest = {path: data for path, data in files(world.state).items() if path.startswith("store/")}
    reported = elsewhere(world, lambda: None)
    assert not reported.error
    faults = [fault.detail for fault in reported.faults]
    replaced = file.is_file() and not file.is_symlink()
    assert replaced or any(place in fault and "\n" not in fault for fault in faults)
    assert {path: data for path, data in files(world.state).items() if path.startswith("store/")} == rest
    if not replaced:
        shutil.rmtree(file) if file.is_dir() and not file.is_symlink() else file.unlink()
    assert [finding for finding in world.run() if finding.disposition is Disposition.FAULT] == []
    assert tuple(world.run()) == scenario.awaited


def test_other_names_of_a_file_keep_their_content(rotating: World, tmp_path: Path) -> None:
    """A hard link from outside, as of a backup: a rotation writes new files, never into the old ones."""
    place = rotating.state.parent / "backup"
    shutil.rmtree(place, ignore_errors=True)
    subprocess.run(["cp", "-al", str(rotating.state), str(place)], check=True)
    before = files(place)
    assert [finding for finding in rotating.run() if finding.disposition is Disposition.FAULT] == []
    assert files(rotating.state) != before
    assert files(place) == before
