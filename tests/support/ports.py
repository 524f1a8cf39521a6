# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ports of this computer for servers that are started a moment later: no client and no other test takes one in between.

The kernel gives the ports of its own range (``ip_local_port_range``) to whatever connects, at any moment. So these lie below
it, and each process that runs tests has a block of them for as long as it lives.
"""

from __future__ import annotations

import atexit
import socket
from collections.abc import Iterator
from functools import cache
from pathlib import Path

LOWEST, SIZE = 12_000, 400
RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port() -> int:
    """A TCP port on which no one listens, given to no one else before the block has been gone through."""
    for port in _block():
        with socket.socket() as probe:
            try:
                probe.bind(("", port))
            except OSError:
                continue
            return port
    raise AssertionError("a block of ports has no end")


@cache
def _block() -> Iterator[int]:
    """The ports of this process, over and over. A name that belongs to a network, as ports do, keeps the others away (unix(7))."""
    end = min(int(RANGE.read_text(encoding="ascii").split()[0]), 1 << 16)
    for first in range(LOWEST, end - SIZE, SIZE):
        owned = socket.socket(socket.AF_UNIX)
        try:
            owned.bind(f"\0onboarding-test-ports-{first}")
        except OSError:
            owned.close()
            continue
        atexit.register(owned.close)
        return _round(first)
    raise AssertionError(f"no ports between {LOWEST} and those of the kernel ({RANGE}) are left: too many tests run at once")


def _round(first: int) -> Iterator[int]:
    while True:
        yield from range(first, first + SIZE)
