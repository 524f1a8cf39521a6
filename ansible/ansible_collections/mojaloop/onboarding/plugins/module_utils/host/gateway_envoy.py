# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One Envoy gateway on its host: what is in force, and a change that undoes itself unless it is confirmed.

Envoy watches the files in ``<folder>/live``; a change is a release that is published beside it, and files moved there, in an order
in which whoever is shut out is so first. Nothing is reloaded: routes, certificates, trust and signing keys change under live
connections. What Envoy refuses it does not take up, and the change is undone. What is in force is asked of the process itself.
"""

from __future__ import annotations

import os
import signal
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Iterable, Mapping

from ..errors import GatewayError
from . import envoy_admin as admin
from . import envoy_files as content
from . import processes, releases
from .envoy_force import in_force, is_held
from .gateway_change import POLL, SETTLE, Change, expect_no_one, guarded, prove, undone, unpacked
from .gateway_handshake import absent, server_fault
from .gateway_release import maps as tables_on_disk
from .gateway_release import write_maps

OPTIONS = ("--disable-hot-restart", "--log-level", "warning", "--drain-time-s", "60", "--file-flush-interval-msec", "250")
"""How it is started: a listener that is replaced ends its connections with an answer within a minute; the log is soon there."""
ALONE = "Start Envoy with this gateway's bootstrap.json, or stop it and run again: nothing was changed."


@dataclass(frozen=True)
class Place:
    """Where the gateway is on its host. ``service``: the systemd unit that runs it; empty: started by this pack."""

    folder: str
    admin_socket: str
    service: str = ""
    binary: str = "envoy"

    @property
    def release(self) -> Path:
        """The release in force."""
        return Path(self.folder) / "current"

    @property
    def live(self) -> Path:
        """The files that Envoy watches."""
        return Path(self.folder) / "live"


def observe(place: Place, sources: Iterable[str] = ()) -> dict[str, Any]:
    """What is in force, as plain data, nothing changed (see ``gateway.driver.Target``); ``sources``: addresses that calls are bound to."""
    installed, files = releases.current(place.folder), content.digests(place.release)
    kept = tables_on_disk(place.release)
    found = in_force(place.admin_socket, place.release, kept) if _serving(place) else None
    return {
        "running": found.digest if found else "",
        "installed": installed,
        "files": files,
        "maps": found.tables if found else kept,
        "stale": found.stale if found else [],
        "undone": undone(place.folder),
        "absent": absent(sources),
        "token_endpoint": _token_endpoint(place) if found else "",
    }


def apply(place: Place, staging: str, change: Change) -> dict[str, Any]:
    """Switch to the staged release; returns ``ticket`` (to confirm with) and ``reloads``, which is always 0.

    GatewayError with Envoy's own words when it refuses; then, and when the proof fails, the old state serves.
    """
    with unpacked(place.folder, staging, change, content.digests) as made:
        serving = _serving(place)
        if not serving:
            expect_no_one(change, "Envoy", place.admin_socket, place.service, ALONE)
        previous = releases.current(place.folder)
        undo = _undoing(place, previous, serving=serving)
        tables = tables_on_disk(made)
        _check(made)
        if previous != change.digest or content.digests(place.release) != dict(change.files):
            releases.publish(made, place.folder, change.digest)

        def switch() -> None:
            if previous != change.digest:
                releases.link(place.folder, change.digest)
            write_maps(place.release, tables)
            _put(place, content.watched(place.release, tables, change.digest))
            if not serving:
                _start(place)
            _await(place, tables, change.digest)
            prove(change, place.release)

        token = guarded(place.folder, change, undo, switch)
        releases.prune(place.folder, [change.digest, previous])
        return {"ticket": token, "reloads": 0}


def _check(made: Path) -> None:
    """Every certificate has its key: Envoy would go on with the earlier pair, and show no keys to compare.

    GatewayError when one has not; nothing was changed then.
    """
    for path in [*made.glob("server.pem"), *made.glob("destinations/*/client.pem")]:
        _check_pair(path, str(path.relative_to(made)))


def _check_pair(path: Path, name: str) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(str(path))
    except (ssl.SSLError, ValueError) as error:
        raise GatewayError(f"certificate and key do not fit, the old ones serve on: {error}", where=name) from error


def _put(place: Place, files: Mapping[str, bytes]) -> None:
    """Move files to where Envoy watches; those that are as they should be stay, those of no release any more go last."""
    for name, wanted in files.items():
        path = place.live / name
        if not path.is_file() or path.read_bytes() != wanted:
            releases.write(path, wanted)
    for path in place.live.iterdir():
        if path.name not in files:
            path.unlink()


def _undoing(place: Place, previous: str, *, serving: bool) -> Callable[[], None]:
    before = {path.name: path.read_bytes() for path in place.live.iterdir()} if place.live.is_dir() else {}
    kept = tables_on_disk(place.release)
    order = [name for name in before if name.startswith("routes-")] + [name for name in before if not name.startswith("routes-")]

    def undo() -> None:
        if not serving:
            _stop(place)
        if previous != releases.current(place.folder):
            releases.link(place.folder, previous)
        if previous:
            write_maps(place.release, kept)
        if place.live.is_dir():
            _put(place, {name: before[name] for name in order})

    return undo


def _serving(place: Place) -> bool:
    """Whether a process of this gateway runs; GatewayError when another one has its socket."""
    found = admin.process(place.admin_socket)
    if not found:
        return False
    bootstrap = str(place.live / content.BOOTSTRAP)
    if bootstrap not in Path(f"/proc/{found}/cmdline").read_bytes().decode("utf-8", "replace").split("\0"):
        remedy = f"Stop it, start it with -c {bootstrap}, or give this gateway another admin_socket."
        raise GatewayError("a process that is not ours serves this socket", where=place.admin_socket, remedy=remedy)
    return True


def _start(place: Place) -> None:
    Path(place.admin_socket).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    if place.service:
        processes.start_unit(place.service)
        return
    command = [place.binary, "-c", str(place.live / content.BOOTSTRAP), *OPTIONS]
    processes.spawn(command, Path(place.folder) / "gateway.log")


def _stop(place: Place) -> None:
    if place.service:
        processes.systemctl("stop", place.service)
        return
    with suppress(OSError):
        os.kill(admin.process(place.admin_socket) or -1, signal.SIGTERM)


def _await(place: Place, tables: content.Tables, digest: str) -> None:
    """Until the process has all of it in force; GatewayError when it refuses a part, or SETTLE has passed."""
    deadline, why = time.monotonic() + SETTLE, "no process of this gateway answers"
    while True:
        refused: list[str] = []
        with suppress(OSError):
            found = in_force(place.admin_socket, place.release, tables)
            if is_held(found, tables, digest):
                return
            why, refused = "not in force: " + ", ".join(found.stale or ["the tables"]), found.refused
        if refused or time.monotonic() > deadline:
            raise GatewayError("Envoy refuses it: " + "; ".join(refused) if refused else f"within {SETTLE:.0f} s {why}", where=place.folder)
        time.sleep(POLL)


def _token_endpoint(place: Place) -> str:
    """Why no handshake with the authorization server succeeds from this host; empty when one does, or none is behind it."""
    try:
        server = content.authorization_server(place.release)
    except (ValueError, KeyError, IndexError, OSError):
        return ""  # damaged on the disk, which its digest says too
    return server_fault(*server) if server else ""
