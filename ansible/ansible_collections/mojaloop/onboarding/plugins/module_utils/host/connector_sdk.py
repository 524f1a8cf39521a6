# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A connector on its host: a release of private files, the peers' keys beside it, and the unit that runs it.

``<folder>/current/`` is what the connector reads once, at its start: a change restarts it, and one that does not come up is
undone. ``<folder>/peer-keys/`` it watches: files there come and go one by one, by renaming, without a restart.
"""

from __future__ import annotations

import os
import pwd
import socket
import subprocess
import time
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Mapping

from ..errors import ConnectorError
from . import releases

PEER_KEYS = "peer-keys"
ENVIRONMENT = "connector.env"
UNIT = "connector.service"
UNITS = Path("/etc/systemd/system")
STARTING = 60.0
"""Seconds until a connector must answer after its start."""
POLL = 0.25


@dataclass(frozen=True)
class Place:
    """Where it is on the host. An empty ``service``: something else starts it, and nothing is restarted."""

    folder: str
    service: str
    account: str
    port: int
    """A port at which the running connector accepts connections on loopback; 0: none is tried."""


def observe(place: Place) -> dict[str, Any]:
    """What is installed: the release, digests of its files, digests of the peers' keys, and whether the unit runs."""
    return {
        "installed": releases.current(place.folder),
        "files": digests(Path(place.folder) / "current"),
        "peer_keys": _peer_keys(place),
        "running": _active(place.service) if place.service else bool(place.port) and _answers(place.port),
    }


def read_environment(path: Path) -> dict[str, str]:
    """The variables in a connector's environment file; ConnectorError (``environment-unreadable``) when there is none."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        remedy = "Run the role connector first."
        raise ConnectorError("cannot be read", where=str(path), remedy=remedy, reason="environment-unreadable") from error
    found = {}
    for line in lines:
        name, equals, value = line.strip().partition("=")
        if equals and not name.startswith("#"):
            quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
            found[name] = value[1:-1] if quoted else value
    return found


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a release, by name; a file that others can read is as good as another file."""
    found = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        private = path.stat().st_mode & 0o077 == 0
        found[path.name] = sha256(path.read_bytes()).hexdigest() if private else "readable by others"
    return found


def apply(place: Place, staging: str, digest: str, files: Mapping[str, str]) -> int:
    """Install a staged release and restart the connector; returns the number of restarts.

    ConnectorError when it does not come up: the release before is in force again then.
    """
    before = releases.current(place.folder)
    made = releases.unpack(staging, place.folder, files, digests)
    for path in made.iterdir():
        _give(path, place.account)
    target = releases.publish(made, place.folder, digest)
    _give(target, place.account)
    for path in (Path(place.folder), target.parent):
        _give(path, place.account)
    releases.link(place.folder, digest)
    restarts = _restart(place, before)
    releases.prune(place.folder, [digest, before])
    releases.sweep(place.folder)
    return restarts


def restart(place: Place) -> int:
    """Start a connector that does not run; returns the number of restarts."""
    return _restart(place, releases.current(place.folder))


def install_keys(place: Place, keys: Mapping[str, str]) -> None:
    """Put the peers' keys (PEM by FSPIOP id) in place and take others away, each by one rename; the folder itself stays."""
    folder = Path(place.folder) / PEER_KEYS
    if not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True)
        _give(folder, place.account)
    for name, pem in keys.items():
        path = folder / (name + ".pem")
        if not path.is_file() or path.is_symlink() or path.read_bytes() != pem.encode():
            releases.write(path, pem.encode())
            _give(path, place.account)
    for path in folder.iterdir():
        if path.name[: -len(".pem")] not in keys or path.suffix != ".pem":
            path.unlink()


def _peer_keys(place: Place) -> dict[str, str]:
    folder = Path(place.folder) / PEER_KEYS
    paths = sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in paths}


def _restart(place: Place, before: str) -> int:
    if not place.service:
        return 0
    try:
        _install_unit(place)
        _systemctl("restart", place.service)
        _await(place)
    except ConnectorError as error:
        if before and before != releases.current(place.folder):
            releases.link(place.folder, before)
            _install_unit(place)
            _systemctl("restart", place.service)
            raise ConnectorError(f"the change was undone: {error}", where=place.folder, reason="not-started") from error
        raise
    return 1


def _install_unit(place: Place) -> None:
    """Let systemd know the unit of the release in force, and start it at boot; without one the unit is the operator's."""
    if not (Path(place.folder) / "current" / UNIT).is_file():
        return
    content, path = (Path(place.folder) / "current" / UNIT).read_bytes(), UNITS / place.service
    if path.is_file() and path.read_bytes() == content:
        return
    releases.write(path, content)
    _systemctl("daemon-reload")
    _systemctl("enable", place.service)


def _await(place: Place) -> None:
    deadline = time.monotonic() + STARTING
    while not (_answers(place.port) if place.port else _active(place.service)):
        if time.monotonic() > deadline or not _active(place.service):
            remedy = f"See journalctl -u {place.service} on the host; it may hold secrets."
            raise ConnectorError("does not accept connections after its start", where=place.service, remedy=remedy, reason="not-started")
        time.sleep(POLL)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2):
            return True
    except OSError:
        return False


def _active(service: str) -> bool:
    return _run("systemctl", "is-active", service).returncode == 0


def _systemctl(*words: str) -> None:
    done = _run("systemctl", *words)
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()[:300]
        raise ConnectorError(f"systemctl {words[0]} failed: {said}", where=words[-1], reason="not-started")


def _run(*command: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(list(command), capture_output=True, timeout=STARTING, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConnectorError(f"{command[0]} cannot be used: {error}", where=command[-1], reason="not-started") from error


def _give(path: Path, account: str) -> None:
    """Only the connector's own account can read it; the account is made where it is missing."""
    if not account or os.geteuid() != 0:
        return
    try:
        entry = pwd.getpwnam(account)
    except KeyError:
        _run("useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", account)
        entry = _account(account)
    os.chown(str(path), entry.pw_uid, entry.pw_gid, follow_symlinks=False)


def _account(name: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(name)
    except KeyError as error:
        remedy = "Create it on the host as a system account without a shell."
        raise ConnectorError("the account cannot be made", where=name, remedy=remedy, reason="account-missing") from error
