# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lease of a store in Vault: one run at a time, of whichever controller.

It is one secret, written under the version that was read, so that of two who try only one gets it. It is never deleted: versions
only grow, and a holder that slept cannot write over its successor.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from ...errors import LeaseHeld, StoreError
from ..lease import TTL, LeaseLost, Record, own_record
from .client import Conflict, Vault

_HOLDS_FOR = 0.8
"""Share of it after which the holder itself gives up: the rest is room for clocks that differ."""


class VaultLease:
    """A lease that is held; ``check`` is the guard of every write."""

    def __init__(self, vault: Vault, holder: str, now: Callable[[], float], ttl: float) -> None:
        self._vault = vault
        self._record = replace(own_record(holder, ttl), since=now())
        self._now = now
        self._ttl = ttl
        self._beaten = 0.0
        self._version = 0
        self._ended = threading.Event()
        self._lost = False

    def check(self) -> None:
        """LeaseLost unless the lease is still held."""
        if self._lost or self._now() >= self._beaten + _HOLDS_FOR * self._ttl:
            remedy = "This run was held up for too long; nothing was half-written. Run it again."
            raise LeaseLost("the lease of this store was lost", where=self._place, remedy=remedy)

    def take(self) -> Record | None:
        """Take it; None when that worked, else the record of who holds it."""
        found, version = self._vault.read(self._path)
        standing = _read(found)
        if standing.token and not standing.stale(self._now()):
            return standing
        try:
            self._write(version)
        except Conflict:
            return standing
        return None

    def beat(self) -> None:
        """Renew the lease while it is held, until it is released or lost."""
        while not self._ended.wait(self._ttl / 5):
            try:
                self._write(self._version)
            except Conflict:
                self._lost = True
                return
            except StoreError:
                # A server that is away for a moment: the lease lasts for several beats.
                continue

    def release(self) -> None:
        """End it; a lease that was lost is left alone."""
        self._ended.set()
        # Where it cannot be written now, it expires.
        with suppress(StoreError):
            if not self._lost:
                self._vault.write(self._path, {"format": "1", "token": ""}, self._version)

    def _write(self, version: int) -> None:
        moment = self._now()
        facts = {name: str(value) for name, value in asdict(replace(self._record, heartbeat=moment)).items()}
        self._version = self._vault.write(self._path, {"format": "1", **facts}, version)
        self._beaten = moment

    @property
    def _path(self) -> str:
        return f"{self._vault.place.prefix}/lease"

    @property
    def _place(self) -> str:
        return f"{self._vault.place.url}: {self._path}"

    def held(self, other: Record) -> LeaseHeld:
        """The error that names who has it."""
        if not other.token:
            return LeaseHeld("is taken by others all the time", where=self._place, remedy="Run it again.")
        free = datetime.fromtimestamp(other.heartbeat + other.ttl, UTC).isoformat(timespec="seconds")
        what = f"is in use by {other.holder} (host {other.host}, process {other.pid})"
        return LeaseHeld(what, where=self._place, remedy=f"Wait for that run to end. If it is gone, the lease is free at {free}.")


def _read(found: Mapping[str, object]) -> Record:
    """What stands there; of no one where it is released, or cannot be understood."""
    text = {name: str(value) for name, value in found.items()}
    with suppress(KeyError, ValueError):
        numbers: dict[str, Any] = {name: float(text[name]) for name in ("since", "ttl", "heartbeat")}
        words: dict[str, Any] = {name: text[name] for name in ("holder", "host", "boot", "process_started", "token")}
        return Record(pid=int(text["pid"]), **words, **numbers)
    return Record("", "", 0, "", "", 0.0, TTL, "")


@contextmanager
def vault_lease(
    vault: Vault, *, holder: str, now: Callable[[], float] = time.time, ttl: float = TTL, wait: float = 60.0
) -> Iterator[VaultLease]:
    """Hold the lease of this store; waits up to ``wait`` seconds, then raises LeaseHeld naming the holder."""
    held = VaultLease(vault, holder, now, ttl)
    deadline = time.monotonic() + wait
    while (other := held.take()) is not None:
        if time.monotonic() >= deadline:
            raise held.held(other)
        time.sleep(random.uniform(0.05, 0.3))  # noqa: S311 -- not a secret
    heart = threading.Thread(target=held.beat, name="vault lease", daemon=True)
    heart.start()
    try:
        yield held
    finally:
        held.release()
        heart.join(timeout=5)
