# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What verification is made of: attempts from a place, answers with whoever gave them, cases with their controls."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class Kind(StrEnum):
    """How an attempt ended."""

    ANSWERED = "answered"
    TLS_REFUSED = "tls-refused"
    DROPPED = "dropped"
    UNREACHABLE = "unreachable"
    """No one was there to refuse: an error of the verification, never a pass."""


class Verdict(StrEnum):
    """What a case came to."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    NOT_PROVABLE = "not-provable-from-here"


@dataclass(frozen=True)
class Identity:
    """A TLS client's certificate with its chain, and its key, in PEM."""

    name: str
    chain: bytes
    key: bytes = field(repr=False)


@dataclass(frozen=True)
class InboundListener:
    """Where to knock: address and port, the name the certificate must carry, the CA it must chain to (PEM)."""

    address: str
    port: int
    name: str
    trust: bytes = field(repr=False)
    base_path: str = ""


@dataclass(frozen=True)
class Offer:
    """What a TLS client offers: its lowest and highest version, and suites up to TLS 1.2 in OpenSSL's words (empty: its own)."""

    lowest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2
    highest: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED
    suites: str = ""


@dataclass(frozen=True)
class Attempt:
    """One HTTPS request from one place. ``machine`` names the place (empty: here), ``source`` the local address."""

    machine: str
    source: str
    listener: InboundListener
    identity: Identity | None
    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    offer: Offer = Offer()


@dataclass(frozen=True)
class Answer:
    """How it ended: for ``answered`` the status and, when refused, by whom and why; for the rest what was seen instead."""

    kind: Kind
    status: int = 0
    refused_by: str = ""
    reason: str = ""
    transcript: str = ""
    body: bytes = field(default=b"", repr=False)
    series: tuple[float, ...] = ()
    """What was measured, in milliseconds, for a plot; empty: nothing."""

    def __str__(self) -> str:
        if self.kind is not Kind.ANSWERED:
            return f"{self.kind.value} ({self.reason})" if self.reason else self.kind.value
        refusal = f" by {self.refused_by}: {self.reason}" if self.refused_by else ""
        return f"{self.status}{refusal}"


@dataclass(frozen=True)
class Expected:
    """What a case must come to; empty fields are not looked at."""

    kind: Kind
    statuses: tuple[int, ...] = ()
    refused_by: str = ""
    reasons: tuple[str, ...] = ()

    @property
    def acceptance(self) -> bool:
        """Whether success is expected; anything else is a refusal."""
        return self.kind is Kind.ANSWERED and bool(self.statuses) and all(status < 300 for status in self.statuses)  # noqa: PLR2004 -- RFC 9110

    def met_by(self, answer: Answer) -> bool:
        """Whether the answer is what was expected, from whom it was expected."""
        return (
            answer.kind is self.kind
            and (not self.statuses or answer.status in self.statuses)
            and (not self.refused_by or answer.refused_by == self.refused_by)
            and (not self.reasons or answer.reason in self.reasons)
        )

    def __str__(self) -> str:
        if self.kind is not Kind.ANSWERED:
            return self.kind.value
        reason = f": {' or '.join(self.reasons)}" if self.reasons else ""
        return "/".join(map(str, self.statuses)) + (f" by {self.refused_by}{reason}" if self.refused_by else "")


ACCEPTED = Expected(Kind.ANSWERED, (200, 202))
"""A request that passed the listeners and was taken by the service behind them."""


class Witness(Protocol):
    """Counts the refusals of one kind that a refuser has recorded itself (a packet filter's counter, a gateway's log)."""

    @property
    def name(self) -> str:
        """Who counts, for people."""

    def count(self) -> int:
        """How many so far."""


@dataclass(frozen=True)
class Case:
    """One thing to prove. A refusal carries its ``control``: the same attempt with the one wrong fact made right.

    ``perform`` carries out the attempt, ``control`` the accepted twin (None: the case is a pass by itself).
    """

    key: str
    title: str
    direction: str
    participant: str
    expected: Expected
    perform: Callable[[], Answer]
    control: Callable[[], Answer] | None = None
    control_key: str = ""
    witness: Witness | None = None
    obstacle: str = ""
    """Why it cannot be proved from where the run stands; empty when it can."""


def counted(number: int, noun: str) -> str:
    """A number of things, in words: ``1 case``, ``2 cases``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def printable(text: str) -> str:
    """The text on one line without control characters: what a counterpart answers reaches terminals and XML files."""
    return "".join(character if character.isprintable() else " " for character in text)


@dataclass(frozen=True)
class Result:
    """What one case came to, with everything a reader needs to believe it."""

    key: str
    title: str
    direction: str
    participant: str
    verdict: Verdict
    expected: str
    seen: str
    control: str = ""
    refuser: str = ""
    detail: str = ""
    transcript: str = ""
    control_transcript: str = ""
    seconds: float = 0.0
    suite: str = "security"
    series: tuple[float, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """Plain data for evidence and results."""
        return {
            "key": self.key, "title": self.title, "direction": self.direction, "participant": self.participant,
            "verdict": self.verdict.value, "expected": self.expected, "seen": self.seen, "control": self.control,
            "refuser": self.refuser, "detail": self.detail, "transcript": self.transcript,
            "control_transcript": self.control_transcript, "seconds": round(self.seconds, 3), "suite": self.suite,
            "series": [round(each) for each in self.series],
        }  # fmt: skip


class Site(Protocol):
    """The places that a verification can act from, and what can be seen there."""

    @property
    def obstacle(self) -> str:
        """Why nothing at all can be tried from here; empty where something can."""

    @property
    def diverts(self) -> bool:
        """Whether traffic of a side can be diverted to an impostor (labs only)."""

    def machine_of(self, side: str, source: str = "") -> str | None:
        """The machine a side's traffic starts from, that with the address ``source`` if one has it; None when this run cannot act there."""

    def strangers(self, version: int = 4) -> tuple[str, str] | None:
        """A machine and address of this IP version that no one has allowed; None when there is none."""

    def connect(self, machine: str, source: str, address: str, port: int, timeout: float) -> socket.socket:
        """A TCP connection from this machine and source address; OSError as the network answers."""

    def handshake_witness(self, side: str) -> Witness | None:
        """The log of a side's listener, counting handshakes it ended; None when it cannot be read from here."""

    def packet_witness(self, side: str, *, outward: bool = False) -> Witness | None:
        """The counter of what a side's firewall dropped on its way in (``outward``: out); None when no one here can read it."""

    def impostor(
        self, victim: str, listener: InboundListener, addresses: tuple[str, ...], identity: Identity
    ) -> AbstractContextManager[None]:
        """While it lasts, ``victim``'s traffic to these addresses reaches a server that shows this identity and answers 200."""

    def control(self, side: str) -> InboundListener | None:
        """The control service of a side's backend on its machine's loopback (labs only)."""
