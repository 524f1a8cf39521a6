# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A change of a gateway on its host, whichever product it is, and its proof: new TLS handshakes at each inbound listener."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, Mapping

from ..errors import GatewayError
from .gateway_handshake import handshake_fault

SETTLE = 20.0
"""Seconds within which a change must be in force."""
POLL = 0.1


@dataclass(frozen=True)
class Change:
    """What to switch to. ``files``: digest of each file; ``listeners``: (address, port) to prove the listeners at."""

    digest: str
    files: Mapping[str, str]
    listeners: tuple[tuple[str, int], ...]
    proxy_protocol: bool
    confirm_seconds: float


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
