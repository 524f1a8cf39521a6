# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One HAProxy gateway on its host: what is in force, and a change that undoes itself unless it is confirmed.

What is in force is asked of the running process; files alone prove nothing. A change is checked before it is live,
switched by one rename, reloaded once (not at all when only maps and the inbound listener's certificate differ, which the running process
takes up over its socket), and proved by new TLS handshakes.
"""

from __future__ import annotations

import hashlib
import os
import signal
import ssl
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Iterable, Mapping

from ..errors import GatewayError, HostError
from . import gateway_release as content
from . import gateway_socket as sockets
from . import processes, releases
from .gateway_change import POLL, SETTLE, STARTING, Change, expect_no_one, guarded, listener_faults, prove, undone, unpacked
from .gateway_handshake import absent, certificates

CHECKED_WITHIN = 8.0
"""Seconds for the first look of a new process at the authorization server: more than it takes to connect."""
ADDRESSES = ("networks", "allowed")
"""Maps: the prefix that an address is looked up by, and who may come from it."""
ALONE = "Start HAProxy with this master socket (-S), or stop it and run again: nothing was changed."


@dataclass(frozen=True)
class Place:
    """Where the gateway is on its host. ``service``: the systemd unit that runs it; empty: started by this pack."""

    folder: str
    master_socket: str
    stats_socket: str
    service: str = ""
    binary: str = "haproxy"

    @property
    def release(self) -> Path:
        """The release in force, by the name the running process knows."""
        return Path(self.folder) / "current"

    def map_name(self, name: str) -> str:
        """The name of a map in the running process."""
        return f"{self.release}/maps/{name}.map"


def observe(place: Place, sources: Iterable[str] = ()) -> dict[str, Any]:
    """What is in force, as plain data, nothing changed.

    ``running``/``installed``: digests of the release in the process and on the disk; ``files``: digests on the disk;
    ``maps``: entries in force, or with which it would start again; ``stale``: files and maps that the process holds otherwise
    than the disk; ``undone``: changes that rolled themselves back; ``absent``: those of ``sources`` (addresses that calls are
    bound to) that the host has not.
    """
    running, installed = sockets.running_release(place.stats_socket), releases.current(place.folder)
    files = content.digests(place.release)
    return {
        "running": installed if running == content.fixed(files) else running,
        "installed": installed,
        "files": files,
        "maps": _running_maps(place) if running else content.maps(place.release),
        "stale": _stale(place, files) if running else [],
        "undone": undone(place.folder),
        "absent": absent(sources),
        "token_endpoint": _token_endpoint(place) if running else "",
    }


def _token_endpoint(place: Place) -> str:
    """Why no token can be had through this gateway; empty when one can, or it leads to no authorization server."""
    deadline = time.monotonic() + CHECKED_WITHIN
    while (found := sockets.last_check(place.stats_socket, "authorization-server")) == "INI" and time.monotonic() < deadline:
        time.sleep(POLL)
    return "" if found == "L6OK" else found


def apply(place: Place, staging: str, change: Change) -> dict[str, Any]:
    """Switch to the staged release; returns ``ticket`` (to confirm with) and ``reloads`` (0 or 1).

    GatewayError with HAProxy's own words when it refuses; then, and when the proof fails, the old state serves.
    """
    with unpacked(place.folder, staging, change, content.digests) as made:
        seen, serving = observe(place), _serving(place)
        if not serving:
            expect_no_one(change, "HAProxy", place.master_socket, place.service, ALONE)
        if serving and seen["installed"] == change.digest and _live(seen, change) == []:
            return {"ticket": _switch_maps(place, content.maps(made), change), "reloads": 0}
        return _switch_release(place, made, change, seen, serving=serving)


def _running_maps(place: Place) -> dict[str, dict[str, str]]:
    names = sockets.maps(place.stats_socket, place.map_name("*"))
    found = {name: sockets.read_map(place.stats_socket, place.map_name(name)) for name in names}
    return {name: entries for name, entries in found.items() if entries is not None}


def _stale(place: Place, files: Mapping[str, str]) -> list[str]:
    """Files and maps that differ between the running process and the disk."""
    wrong = []
    for name in sorted(files):
        kind = {"server.pem": "cert", "client.pem": "cert", "callers-ca.pem": "ca-file", "ca.pem": "ca-file"}.get(name.split("/")[-1])
        path = place.release / name
        if kind and sorted(sockets.fingerprints(place.stats_socket, kind, str(path))) != _on_disk(path, kind):
            wrong.append(name)
    config = place.release / content.CONFIGURATION
    if not config.is_file() or config.read_bytes() != content.assembled(place.release, place.folder, files, content.account()):
        wrong.append(content.CONFIGURATION)
    kept = content.maps(place.release)
    running = _running_maps(place)
    return wrong + [f"maps/{name}.map" for name in sorted({*kept, *running}) if running.get(name) != kept.get(name)]


def _live(seen: Mapping[str, Any], change: Change) -> list[str] | None:
    """The files that the running process must take up; None when it can only do so by a reload."""
    there = seen["files"]
    differing = {name for name in {*there, *change.files} if there.get(name) != change.files.get(name)}
    differing.update(name for name in seen["stale"] if not name.startswith("maps/"))
    possible = seen["running"] and seen["running"] == seen["installed"] and differing <= content.LIVE
    return sorted(differing) if possible else None


def _on_disk(path: Path, kind: str) -> list[str]:
    """SHA-1 fingerprints of the certificates in a file, as HAProxy writes them; of the first only for ``cert``. Garbage has none."""
    blocks = certificates(path.read_text(encoding="ascii", errors="replace"))
    try:
        found = [hashlib.sha1(ssl.PEM_cert_to_DER_cert(block)).hexdigest().upper() for block in blocks]  # noqa: S324 -- HAProxy's choice
    except ValueError:
        return []
    return sorted(found[:1] if kind == "cert" else found)


def _switch_maps(place: Place, wanted: Mapping[str, Mapping[str, str]], change: Change) -> str:
    """Change the running maps and those on the disk; no reload, no connection lost."""
    before_disk, before = content.maps(place.release), _running_maps(place)

    def undo() -> None:
        content.write_maps(place.release, before_disk)
        _put_maps(place, before)

    def put() -> None:
        _put_maps(place, wanted)
        content.write_maps(place.release, wanted)
        _expect_maps(place, wanted)

    return guarded(place.folder, change, undo, put)


def _expect_maps(place: Place, wanted: Mapping[str, Mapping[str, str]]) -> None:
    if _running_maps(place) != wanted:
        raise GatewayError("the running maps are not what was put there", where=place.stats_socket)


def _put_maps(place: Place, wanted: Mapping[str, Mapping[str, str]]) -> None:
    running = _running_maps(place)
    running.update(_withdraw(place, running, wanted))
    for name, entries in wanted.items():
        if running.get(name) != entries:
            sockets.replace_map(place.stats_socket, place.map_name(name), entries)


def _withdraw(place: Place, running: Mapping[str, Mapping[str, str]], wanted: Mapping[str, Mapping[str, str]]) -> Mapping[str, Any]:
    """Take out what is not wanted any more, first and in all workers: a reload alone leaves live connections open.

    Addresses come last, and new ones before old ones: who merely gets a wider prefix than before loses no request. Returns the
    maps that are as wanted already.
    """
    moved: Mapping[str, Any] = {}
    for name in sorted(running, key=ADDRESSES.__contains__):
        if name in ADDRESSES and not moved:
            moved = _move_addresses(place, running, wanted)
        gone = [key for key, value in running[name].items() if wanted.get(name, {}).get(key) != value]
        sockets.withdraw(place.master_socket, place.map_name(name), gone)
    return moved


def _move_addresses(place: Place, running: Mapping[str, Mapping[str, str]], wanted: Mapping[str, Mapping[str, str]]) -> Mapping[str, Any]:
    """Change the two maps that judge an address together, in the worker that accepts connections: no moment has one without the other."""
    networks, allowed = ADDRESSES
    if any(name not in running or name not in wanted for name in ADDRESSES) or running[networks] == wanted[networks]:
        return {}
    either = {**running[allowed], **wanted[allowed]}
    for name, entries in ((allowed, either), (networks, wanted[networks]), (allowed, wanted[allowed])):
        sockets.replace_map(place.stats_socket, place.map_name(name), entries)
    return {name: wanted[name] for name in ADDRESSES}


def _switch_release(place: Place, made: Path, change: Change, seen: Mapping[str, Any], *, serving: bool) -> dict[str, Any]:
    """Check, publish, arm, switch, reload, prove; anything that fails after the switch is undone at once."""
    releases.write(made / content.CONFIGURATION, content.assembled(made, place.folder, change.files, content.account()))
    _check(place, made)
    if serving:
        _withdraw(place, seen["maps"], content.maps(made))
    target = releases.publish(made, place.folder, change.digest)
    undo = _undoing(place, seen, serving=serving)
    reloads = 1

    def switch() -> None:
        nonlocal reloads
        releases.link(place.folder, change.digest)
        if not serving:
            _start(place, content.fixed(change.files))
        elif _take_up(place, change, _live(seen, change), target):
            reloads = 0
        else:
            _reload(place, content.fixed(change.files))
        prove(change, target)

    token = guarded(place.folder, change, undo, switch)
    releases.prune(place.folder, [change.digest, seen["installed"]])
    return {"ticket": token, "reloads": reloads}


def _take_up(place: Place, change: Change, names: list[str] | None, release: Path) -> bool:
    """Have the running process take up these files and the maps of a release; False when only a reload can do it."""
    if not names:
        return False
    try:
        for name in names:
            sockets.replace_certificate(place.stats_socket, str(place.release / name), (release / name).read_bytes())
        _put_maps(place, content.maps(release))
    except (HostError, OSError):
        return False
    return not _stale(place, change.files) and not any(listener_faults(change, release))


def _serving(place: Place) -> bool:
    """Whether a process of this gateway runs; GatewayError when another HAProxy has its socket."""
    deadline = time.monotonic() + STARTING
    while not sockets.answers(place.master_socket):
        if not os.path.exists(place.master_socket) or time.monotonic() > deadline:
            return False
        time.sleep(POLL)
    config = str(place.release / content.CONFIGURATION)
    arguments = Path(f"/proc/{sockets.master(place.master_socket)}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    if config not in arguments:
        remedy = f"Stop it, start it with -f {config}, or give this gateway another master socket."
        raise GatewayError("an HAProxy that is not ours serves this socket", where=place.master_socket, remedy=remedy)
    return True


def _undoing(place: Place, seen: Mapping[str, Any], *, serving: bool) -> Callable[[], None]:
    previous, running = seen["installed"], sockets.running_release(place.stats_socket)

    def undo() -> None:
        if not serving:
            _stop(place)
        if previous or not serving:
            releases.link(place.folder, previous)
        if serving and previous:
            _reload(place, running)

    return undo


def _check(place: Place, made: Path) -> None:
    """Let HAProxy judge the release where it lies, before anything is switched."""
    environment = {**os.environ, "ONBOARDING_CURRENT": str(made)}
    command = [place.binary, "-c", "-f", str(made / content.CONFIGURATION)]
    done = subprocess.run(command, env=environment, capture_output=True, timeout=120, check=False)
    if done.returncode != 0:
        lines = done.stderr.decode("utf-8", "replace").replace(str(made), "current").splitlines()
        message = "\n".join(line for line in lines if not line.startswith("[NOTICE]"))
        raise GatewayError("HAProxy refuses the configuration, the old one serves on: " + message, where=place.folder)


def _reload(place: Place, digest: str) -> None:
    failed, before = sockets.failed_reloads(place.master_socket), sockets.worker(place.stats_socket)
    with suppress(ConnectionError):  # the master closes its sockets to start anew
        sockets.ask(place.master_socket, "reload")

    def refused() -> str:
        more = sockets.failed_reloads(place.master_socket) > failed
        return "the new process could not start (an address in use?); HAProxy's log has the reason" if more else ""

    _wait_for(place, digest, refused, before)


def _start(place: Place, digest: str) -> None:
    """Start the gateway: its systemd unit, or a process of its own that outlives this one."""
    for path in (place.master_socket, place.stats_socket):
        Path(path).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    if place.service:
        processes.start_unit(place.service)
        _wait_for(place, digest, lambda: "")
        return
    command = [place.binary, "-W", "-S", place.master_socket + ",mode,600", "-f", str(place.release / content.CONFIGURATION)]
    process = processes.spawn(command, Path(place.folder) / "gateway.log")
    _wait_for(place, digest, lambda: "HAProxy ended at its start; gateway.log has the reason" if os.waitpid(process, os.WNOHANG)[0] else "")


def _stop(place: Place) -> None:
    if place.service:
        processes.systemctl("stop", place.service)
        return
    with suppress(OSError):
        os.kill(sockets.master(place.master_socket), signal.SIGTERM)


def _wait_for(place: Place, digest: str, refused: Callable[[], str], before: str = "") -> None:
    """Until another worker than ``before`` has this release; GatewayError when it is refused or SETTLE has passed."""
    deadline = time.monotonic() + SETTLE
    while not _in_force(place, digest, before):
        reason = ""
        with suppress(OSError):
            reason = refused()
        if reason or time.monotonic() > deadline:
            raise GatewayError(reason or f"the new release was not in force within {SETTLE:.0f} s")
        time.sleep(POLL)


def _in_force(place: Place, digest: str, before: str) -> bool:
    found = sockets.running_release(place.stats_socket) == digest and sockets.worker(place.stats_socket) != before
    return found and sockets.answers(place.master_socket)
