# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A steady load of requests over kept and over new connections, counted without mercy: nothing is tried twice.

Every request that was begun is either answered as expected or lost, and each loss has a kind. ``SAFE`` are the kinds that
a client may repeat whatever it asked: the request was never taken up (RFC 9110 section 9.2.2, RFC 9112 section 9.3.1).
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from support.counting import record_count

LIMIT = 15.0
"""Seconds for one request, its connection included."""
HALT = 120.0
"""Seconds without progress after which the load itself is broken."""
SAFE = frozenset({"not connected", "handshake failed", "closed while idle"})


@dataclass(frozen=True)
class Session:
    """An open connection and the bytes of each request over it; ``current`` is False once the caller should open another."""

    raw: socket.socket
    request: Callable[[], bytes]
    current: Callable[[], bool] = lambda: True


@dataclass(frozen=True)
class Caller:
    """``dial`` opens a connection. ``keep``: one request after the other over it, else a new one each. ``pause``: seconds."""

    name: str
    dial: Callable[[], Session]
    keep: bool
    pause: float
    inside: Callable[[Callable[[], None]], None] = lambda work: work()
    """Runs the caller where it belongs: in a namespace."""


@dataclass
class Load:
    """What all callers have seen so far. ``lost``: kind -> number; ``reported``: an example of each kind."""

    callers: list[Caller]
    sent: int = 0
    answered: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    reported: dict[str, str] = field(default_factory=dict)
    ended: Counter[int] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stop: threading.Event = field(default_factory=threading.Event)

    @property
    def losses(self) -> dict[str, str]:
        """Number and an example by kind, of those that happened."""
        return {kind: f"{number}, as {self.reported[kind]}" for kind, number in self.lost.items()}

    @property
    def unsafe(self) -> dict[str, str]:
        """Losses of kinds that a client may not simply repeat."""
        return {kind: text for kind, text in self.losses.items() if kind not in SAFE}

    def everyone(self, requests: int = 2) -> None:
        """Wait until each caller has begun and ended a request from now on: a change that no one called during proves nothing."""
        goal = {number: self.ended[number] + requests for number in range(len(self.callers))}
        deadline = time.monotonic() + HALT
        while any(self.ended[number] < least for number, least in goal.items()):
            assert time.monotonic() < deadline, "the load has come to a halt"
            time.sleep(0.005)

    def run(self, number: int) -> None:
        """One caller, until the load stops."""
        caller, connection = self.callers[number], None
        while not self._stop.wait(caller.pause):
            with self._lock:
                self.sent += 1
            kind = detail = ""
            try:
                if connection is None or not connection.session.current():
                    _close(connection)
                    connection = None
                    connection = _open(caller)
                connection.ask()
            except LostError as lost:
                kind, detail = lost.kind, f"{caller.name}: {lost.__cause__ or lost}"
            with self._lock:
                self.ended[number] += 1
                if kind:
                    self.lost[kind] += 1
                    self.reported.setdefault(kind, detail)
                else:
                    self.answered += 1
            if kind or not caller.keep or connection is None or connection.over:
                _close(connection)
                connection = None
        _close(connection)

    def stop(self) -> None:
        """Let every caller end with the request it is at."""
        self._stop.set()


class LostError(Exception):
    """A request that was not answered as it should be."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


@dataclass
class Connection:
    """One connection; ``over`` when the other end announced that it ends."""

    session: Session
    requests: int = 0
    over: bool = False

    def ask(self) -> None:
        """Send and read one answer of status 200; LostError otherwise."""
        self.requests += 1
        answer = b""
        try:
            self.session.raw.sendall(self.session.request())
            while b"\r\n\r\n" not in answer:
                answer += self._part()
            head, _empty, body = answer.partition(b"\r\n\r\n")
            fields = {
                name.lower(): value.strip()
                for name, _colon, value in (line.partition(":") for line in head.decode("latin-1").split("\r\n"))
            }
            while len(body) < int(fields.get("content-length", "0")):
                body += self._part()
        except TimeoutError as error:
            raise LostError("no answer in time") from error
        except OSError as error:
            raise LostError("broken off" if answer else "closed while idle" if self.requests > 1 else "closed when new") from error
        self.over = fields.get("connection", "").lower() == "close"
        status = head[9:12].decode()
        if status != "200":
            raise LostError(f"status {status} {fields.get('x-refused-because', '')}".strip())

    def _part(self) -> bytes:
        part = self.session.raw.recv(65536)
        if not part:
            message = "closed by the other end"
            raise ConnectionResetError(message)
        return part


@contextmanager
def under(callers: list[Caller], counted: str) -> Iterator[Load]:
    """The load runs while the block does; its numbers are printed at the end of the test run under this name."""
    load = Load(callers)
    threads = [threading.Thread(target=_inside, args=(load, number), daemon=True) for number in range(len(callers))]
    for thread in threads:
        thread.start()
    try:
        load.everyone(3)
        yield load
        load.everyone(3)
    finally:
        load.stop()
        for thread in threads:
            thread.join(2 * LIMIT)
        record_count(f"under load, {counted}: requests sent", load.sent)
        record_count(f"under load, {counted}: requests lost", load.lost.total())
        for kind, number in load.lost.items():
            record_count(f"under load, {counted}: requests lost, {kind}", number)
    assert load.sent == load.answered + load.lost.total(), "a request was neither answered nor lost"


def _inside(load: Load, number: int) -> None:
    load.callers[number].inside(lambda: load.run(number))


def _open(caller: Caller) -> Connection:
    try:
        session = caller.dial()
    except ssl.SSLError as error:
        raise LostError("handshake failed") from error
    except OSError as error:
        raise LostError("not connected") from error
    session.raw.settimeout(LIMIT)
    return Connection(session)


def _close(connection: Connection | None) -> None:
    if connection is not None:
        with suppress(OSError):
            connection.session.raw.close()
