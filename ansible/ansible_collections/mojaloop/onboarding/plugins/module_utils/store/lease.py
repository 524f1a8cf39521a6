# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lease of a state folder: one run at a time, on a shared folder as well as on one machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import LeaseHeld

TTL = 300.0
"""Seconds after its last heartbeat at which a lease may be taken over."""


class LeaseLost(LeaseHeld):
    """This run's lease has expired or was taken over: nothing more may be written."""


class Lease:
    """A lease that is held."""

    def check(self) -> None:
        """Raise LeaseLost unless the lease is still held: the guard of every write (see ``DiskTree``)."""
        raise NotImplementedError


@contextmanager
def lease(root: Path, *, holder: str, now: Callable[[], float] = time.time, ttl: float = TTL, wait: float = 60.0) -> Iterator[Lease]:
    """Hold the lease of the state folder ``root``; waits up to ``wait`` seconds, then raises LeaseHeld naming the holder."""
    raise NotImplementedError
    yield
