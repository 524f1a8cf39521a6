# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A connector's release on its host: installed, restarted, put back when it does not come up; peers' keys one by one."""

from __future__ import annotations

import io
import socket
import tarfile
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path

import pytest

from ansible_collections.mojaloop.onboarding.plugins.module_utils.connector.comparison import ConnectorRelease
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import ConnectorError, HostError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.host import connector_sdk as host
from ansible_collections.mojaloop.onboarding.plugins.module_utils.host import releases

FILES = {"connector.env": b"A=1\n", "connector.service": b"[Service]\n", "jws.pem": b"key"}


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A systemctl that notes what it was asked; a service comes up unless its environment says otherwise."""
    log, programs = tmp_path / "asked", tmp_path / "programs"
    programs.mkdir()
    program = programs / "systemctl"
    current = tmp_path / "connector" / "current" / "connector.env"
    program.write_text(f'#!/bin/sh\necho "$@" >>{log}\n[ "$1" != is-active ] || ! grep -q BROKEN {current}\n', encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setattr(host, "UNITS", tmp_path / "units")
    monkeypatch.setattr(host, "POLL", 0.01)
    return log


@pytest.fixture
def place(tmp_path: Path) -> Iterator[host.Place]:
    """A connector whose port answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield host.Place(str(tmp_path / "connector"), "mojaloop-connector.service", "", listening.getsockname()[1])


def _install(place: host.Place, files: Mapping[str, bytes]) -> int:
    release = ConnectorRelease(files)
    staging = releases.stage(place.folder)
    (Path(staging) / releases.ARCHIVE).write_bytes(release.archive())
    return host.apply(place, staging, release.digest, release.digests)


def test_a_release_is_installed_private_and_starts_the_unit(place: host.Place, systemd: Path) -> None:
    assert _install(place, FILES) == 1
    seen = host.observe(place)
    assert seen["files"] == {name: sha256(content).hexdigest() for name, content in FILES.items()}
    assert seen["installed"] == ConnectorRelease(FILES).digest
    modes = [path.stat().st_mode & 0o077 for path in Path(place.folder).rglob("*") if not path.is_symlink()]
    assert modes
    assert set(modes) == {0}
    asked = systemd.read_text(encoding="utf-8").splitlines()
    assert asked[:3] == ["daemon-reload", "enable mojaloop-connector.service", "restart mojaloop-connector.service"]


def test_a_unit_that_did_not_change_is_left_alone(place: host.Place, systemd: Path) -> None:
    _install(place, FILES)
    systemd.unlink()
    _install(place, {**FILES, "jws.pem": b"another key"})
    assert systemd.read_text(encoding="utf-8").splitlines() == ["restart mojaloop-connector.service"]


def test_a_connector_that_does_not_come_up_is_put_back(place: host.Place, systemd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _install(place, FILES)
    before = host.observe(place)
    monkeypatch.setattr(host, "_answers", lambda _port: "BROKEN" not in (Path(place.folder) / "current/connector.env").read_text())
    with pytest.raises(ConnectorError, match=r"the change was undone: .*does not accept connections") as caught:
        _install(place, {**FILES, "connector.env": b"A=BROKEN\n"})
    assert caught.value.reason == "not-started"
    assert host.observe(place) == before
    assert systemd.read_text(encoding="utf-8").splitlines()[-2:] == [
        "restart mojaloop-connector.service",
        "is-active mojaloop-connector.service",
    ]


def test_a_file_that_others_can_read_differs(place: host.Place, systemd: Path) -> None:
    _install(place, FILES)
    (Path(place.folder) / "current" / "jws.pem").chmod(0o644)
    assert host.observe(place)["files"]["jws.pem"] == "readable by others"


def test_a_damaged_archive_changes_nothing(place: host.Place, systemd: Path) -> None:
    _install(place, FILES)
    before, staging = host.observe(place), releases.stage(place.folder)
    with tarfile.open(Path(staging) / releases.ARCHIVE, "w") as archive:
        entry = tarfile.TarInfo("connector.env")
        entry.size = 1
        archive.addfile(entry, io.BytesIO(b"x"))
    release = ConnectorRelease(FILES)
    with pytest.raises(HostError, match="arrived damaged"):
        host.apply(place, staging, release.digest, release.digests)
    assert host.observe(place) == before


def test_keys_come_and_go_one_by_one_in_a_folder_that_stays(place: host.Place) -> None:
    host.install_keys(place, {"bluebank": "a", "switch": "b"})
    folder = Path(place.folder) / host.PEER_KEYS
    inode, kept = folder.stat().st_ino, (folder / "switch.pem").stat().st_ino
    (folder / "stray").write_text("x", encoding="utf-8")
    host.install_keys(place, {"bluebank": "c", "switch": "b"})
    assert {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()} == {"bluebank.pem": "c", "switch.pem": "b"}
    assert (folder.stat().st_ino, (folder / "switch.pem").stat().st_ino) == (inode, kept)


def test_without_a_service_nothing_is_restarted(place: host.Place, systemd: Path) -> None:
    quiet = host.Place(place.folder, "", "", place.port)
    assert _install(quiet, FILES) == 0
    assert not systemd.exists()


def test_an_environment_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConnectorError) as caught:
        host.read_environment(tmp_path / "connector.env")
    assert caught.value.reason == "environment-unreadable"
