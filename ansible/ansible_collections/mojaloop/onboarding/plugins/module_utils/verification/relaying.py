# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Connections that begin at another host: the near end is a socket here, and a thread carries its bytes by orders to that host.

TLS is spoken here, above these sockets: the host sees what any router on the way sees.
"""

from __future__ import annotations

import base64
import errno
import socket
import threading
import time
from collections.abc import Mapping
from typing import Any, Protocol

from ..errors import OnboardingError

GATHER_SECONDS = 0.05
"""What a client writes in one go is sent in one go."""
BEGIN_SECONDS = 2.0
WAIT_SECONDS = 1.0
LONGEST_SECONDS = 60.0


class Place(Protocol):
    """A host that carries out orders (see ``host.relay``)."""

    @property
    def name(self) -> str:
        """How evidence calls it."""

    def carry_out(self, order: Mapping[str, object]) -> Mapping[str, Any]:
        """The answer to one order; OnboardingError when the host cannot be reached, or is not able to."""


class Relayed(socket.socket):
    """The near end; ``broken`` says why the way to the host, not the peer, ended the connection."""

    broken = ""


def way_broken(connection: socket.socket) -> str:
    """Why what was seen on this connection says nothing about the peer; empty when it does."""
    return connection.broken if isinstance(connection, Relayed) else ""


def relayed(place: Place, source: str, address: str, port: int, timeout: float) -> Relayed:
    """A TCP connection from an address of the host; TimeoutError or OSError as the network answered there."""
    answer = place.carry_out({"do": "open", "source": source, "address": address, "port": port, "seconds": timeout})
    if "relay" not in answer:
        reason = str(answer["refused"])
        if not reason:
            raise TimeoutError("no answer to the connection request")
        raise OSError(getattr(errno, reason, 0), reason)
    ours, theirs = socket.socketpair()
    near = Relayed(fileno=ours.detach())
    threading.Thread(target=_carry, args=(place, str(answer["relay"]), near, theirs), name=f"relay-{place.name}", daemon=True).start()
    return near


def _carry(place: Place, relay: str, near: Relayed, far: socket.socket) -> None:
    with far:
        try:
            _until_the_end(place, relay, far)
        except (OnboardingError, KeyError, ValueError) as error:
            near.broken = f"the way to {place.name} failed: {error}"
        except OSError:
            # The near end is closed.
            return


def _until_the_end(place: Place, relay: str, far: socket.socket) -> None:
    patience, deadline = BEGIN_SECONDS, time.monotonic() + LONGEST_SECONDS
    while time.monotonic() < deadline:
        data = _gathered(far, patience)
        if data is None:
            place.carry_out({"do": "exchange", "relay": relay, "end": True})
            return
        order = {"do": "exchange", "relay": relay, "data": base64.b64encode(data).decode(), "seconds": WAIT_SECONDS}
        answer = place.carry_out(order)
        far.sendall(base64.b64decode(answer["data"]))
        if answer["eof"]:
            return
        patience = GATHER_SECONDS
    raise OnboardingError(f"nothing ended it in {LONGEST_SECONDS:g} seconds", where=place.name)


def _gathered(far: socket.socket, patience: float) -> bytes | None:
    """What the near end has sent meanwhile; None when it was closed."""
    data = b""
    far.settimeout(patience)
    try:
        while True:
            received = far.recv(65536)
            if not received:
                return data or None
            data += received
            far.settimeout(GATHER_SECONDS)
    except TimeoutError:
        return data
