# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Service level and performance: bounded runs of payments, their percentiles and errors against the scheme's limits.

The clock runs at the counterpart's connector, so the hub's own share is in it; a percentile is the nearest rank (no interpolation).
"""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from http.client import HTTPException

from ..description.model import Participant
from ..description.profiles import ServiceLevel
from .material import Material
from .model import Answer, Case
from .outcomes import Found, found, outcome
from .payments import Pair, Payment

DIRECTION = "service level"
_PERCENT = 100
_NO_ANSWER = "no answer"


@dataclass(frozen=True)
class Measured:
    """What a run of payments came to: seconds of each that completed, how the others ended, seconds of the whole."""

    seconds: tuple[float, ...]
    errors: Counter[str]
    whole: float

    @property
    def total(self) -> int:
        """Payments that were made."""
        return len(self.seconds) + self.errors.total()

    def percentile(self, percent: int) -> float:
        """Milliseconds within which this many of 100 completed payments were through (nearest rank); infinite when none was."""
        ordered = sorted(self.seconds)
        return ordered[math.ceil(percent / _PERCENT * len(ordered)) - 1] * 1000 if ordered else math.inf

    @property
    def transcript(self) -> str:
        """All that was measured, as text."""
        seconds = [round(each, 3) for each in self.seconds]
        return json.dumps({"seconds": seconds, "errors": dict(self.errors), "whole": round(self.whole, 3)})


def measure(make: Callable[[], Payment], *, requests: int, parallel: int) -> Measured:
    """Make this many payments, ``parallel`` at a time."""
    began = time.monotonic()
    with ThreadPoolExecutor(parallel, thread_name_prefix="payment") as pool:
        ended = list(pool.map(lambda _number: _one(make), range(requests)))
    completed = tuple(each.seconds for each in ended if isinstance(each, Payment) and each.completed)
    errors = Counter(str(each) for each in ended if not (isinstance(each, Payment) and each.completed))
    return Measured(completed, errors, time.monotonic() - began)


def _one(make: Callable[[], Payment]) -> Payment | str:
    try:
        return make()
    except (OSError, HTTPException) as error:
        return f"{_NO_ANSWER}: {error}"


@dataclass(frozen=True)
class Payments:
    """Payments of the counterpart to a participant, made once for all cases. ``level`` bounds them and says what they may take."""

    pair: Pair
    amount: str
    level: ServiceLevel
    _made: list[Measured] = field(default_factory=list)

    @property
    def run(self) -> Measured:
        """What they came to."""
        if not self._made:
            made = measure(lambda: self.pair.pay(self.amount), requests=self.level.requests, parallel=self.level.parallel)
            self._made.append(made)
        return self._made[0]

    def errors(self) -> Answer:
        """How many of 100 failed, against the limit."""
        failed = _PERCENT * self.run.errors.total() / self.run.total
        return self._found(f"{failed:,.0f} % of {self.run.total} payments", holds=failed <= self.level.errors_percent)

    def within(self, percent: int, limit: int) -> Answer:
        """A percentile, against its limit in milliseconds."""
        value = self.run.percentile(percent)
        return self._found(f"{value:,.0f} ms of {self.run.total} payments", holds=value <= limit)

    def throughput(self) -> Answer:
        """What was carried through; it holds when the errors are within their limit."""
        run = self.run
        figures = ", ".join(f"p{percent} {run.percentile(percent):,.0f} ms" for percent in (50, 95, 99))
        words = f"{len(run.seconds)} of {run.total} payments, {len(run.seconds) / run.whole:.2f} a second; {figures}"
        holds = _PERCENT * run.errors.total() / run.total <= self.level.errors_percent
        return replace(self._found(words, holds=holds), series=tuple(each * 1000 for each in run.seconds))

    def _found(self, words: str, *, holds: bool) -> Found:
        return found(words, self.run.transcript, holds=holds)


@dataclass(frozen=True)
class Service:
    """The service level of one participant, as its counterpart sees it."""

    material: Material
    participant: Participant
    counterpart: Participant

    def cases(self) -> Iterator[Case]:
        """The errors and the percentiles, each against its limit."""
        testing = self.material.run.description.hub.testing
        level = testing.service_level
        payments = Payments(Pair(self.material, self.counterpart, self.participant), testing.amount, level)
        for key, title, limit, perform in (
            ("errors", "payments that fail", f"{level.errors_percent} %", payments.errors),
            ("p95", "95 of 100 payments are through", f"{level.p95_ms:,} ms", partial(payments.within, 95, level.p95_ms)),
            ("p99", "99 of 100 payments are through", f"{level.p99_ms:,} ms", partial(payments.within, 99, level.p99_ms)),
        ):
            expected, obstacle = outcome(f"at most {limit}"), payments.pair.obstacle
            yield Case(key, title, DIRECTION, self.participant.name, expected, perform, obstacle=obstacle)


@dataclass(frozen=True)
class Load:
    """The performance of one participant: a bounded load in both directions, with percentiles, throughput and a plot."""

    material: Material
    participant: Participant
    counterpart: Participant

    def cases(self) -> Iterator[Case]:
        """As payee, then as payer."""
        testing = self.material.run.description.hub.testing
        level = replace(testing.service_level, requests=testing.load.requests, parallel=testing.load.parallel)
        own, other = self.participant, self.counterpart
        ways = (("load-in", "is paid under load", other, own), ("load-out", "pays under load", own, other))
        for key, title, payer, payee in ways:
            payments = Payments(Pair(self.material, payer, payee), testing.amount, level)
            words = f"{level.requests} payments, {level.parallel} at a time: at most {level.errors_percent} % fail"
            yield Case(
                key, title, "performance", self.participant.name, outcome(words), payments.throughput, obstacle=payments.pair.obstacle
            )
