# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A change of a gateway on its host, whichever product it is: unpacked, guarded by a timer, proved by TLS handshakes, confirmed.

``folder`` is the gateway's: it holds the releases, and the timers that undo a change.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterator, Mapping

from ..errors import GatewayError, HostError
from . import processes, releases, rollback
from .gateway_handshake import handshake_fault, taken

SETTLE = 20.0
"""Seconds within which a change must be in force."""
POLL = 0.1
STARTING = 3.0
"""Seconds for which a process that starts anew may be silent, and ports of one that has ended may still be taken."""


@dataclass(frozen=True)
class Change:
    """What to switch to. ``files``: digest of each file; ``listeners``: (address, port) to prove the listeners at."""

    digest: str
    files: Mapping[str, str]
    listeners: tuple[tuple[str, int], ...]
    proxy_protocol: bool
    confirm_seconds: float


def await_confirmation(folder: str, seconds: float) -> None:
    """Wait until no earlier change can be undone any more; nothing is written. TimeoutError when one still can."""
    rollback.wait(_timers(folder), seconds + SETTLE)


def confirm(folder: str, token: str) -> bool:
    """Keep the change; False when it was undone already."""
    return rollback.confirm(_timers(folder), token)


def undone(folder: str) -> list[str]:
    """The changes that rolled themselves back."""
    return rollback.fired(_timers(folder))


@contextmanager
def unpacked(folder: str, staging: str, change: Change, digests: Callable[[Path], dict[str, str]]) -> Iterator[Path]:
    """The staged release, unpacked and compared with the change, when no earlier change can be undone any more; what is left is swept."""
    try:
        rollback.settle(_timers(folder), change.confirm_seconds + SETTLE)
        yield releases.unpack(staging, folder, change.files, digests)
    finally:
        releases.sweep(folder)


def guarded(folder: str, change: Change, undo: Callable[[], None], switch: Callable[[], None]) -> str:
    """Switch, and return the token to confirm with; GatewayError when it failed and was undone."""
    try:
        return rollback.guard(_timers(folder), change.confirm_seconds, undo, switch)
    except (HostError, OSError) as error:
        raise GatewayError(f"the change was undone: {error}", where=folder) from error


def expect_no_one(change: Change, product: str, socket: str, service: str, remedy: str) -> None:
    """GatewayError when a process of this product is there although its socket is not.

    Threat: one that is started beside it shares its ports, so that the first goes on to let in whom this change shuts out; and
    undoing the start of a unit that ran already would stop it.
    """
    deadline = time.monotonic() + STARTING
    while any(taken(address, port) for address, port in change.listeners):
        if time.monotonic() > deadline:
            raise GatewayError(f"something serves the listeners, and no {product} answers on this socket", where=socket, remedy=remedy)
        time.sleep(POLL)
    if service and processes.systemctl("is-active", service).returncode == 0:
        raise GatewayError(f"{service} runs, and does not answer on this socket", where=socket, remedy=remedy)


def prove(change: Change, release: Path) -> None:
    """Every listener presents the new certificate in a new handshake; an old process may still answer for a moment."""
    deadline = time.monotonic() + SETTLE
    while True:
        fault = next(listener_faults(change, release), "")
        if not fault:
            return
        if time.monotonic() > deadline:
            raise GatewayError(fault)
        time.sleep(POLL)


def listener_faults(change: Change, release: Path) -> Iterator[str]:
    """Why listeners do not present the certificate of a release."""
    expected = (release / "server.pem").read_text(encoding="ascii")
    for address, port in change.listeners:
        fault = handshake_fault(address, port, expected, proxy_protocol=change.proxy_protocol)
        if fault:
            yield f"the listener at {address} port {port} does not present the new certificate: {fault}"


def _timers(folder: str) -> str:
    return str(Path(folder) / "rollback")
