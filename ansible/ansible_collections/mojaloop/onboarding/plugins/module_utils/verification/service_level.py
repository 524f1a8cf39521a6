# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The service level: a bounded run of payments to a participant, its percentiles and errors against the scheme's limits.

The clock runs at the counterpart's connector, so the hub's own share is in it; a percentile is the nearest rank (no interpolation).
"""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPException

from ..description.model import Participant
from ..description.profiles import ServiceLevel
from .material import Material
from .model import Answer, Case
from .outcomes import found, outcome
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
class Service:
    """The service level of one participant, as its counterpart sees it. The payments are made once, for all cases."""

    material: Material
    participant: Participant
    counterpart: Participant
    _made: list[Measured] = field(default_factory=list)

    def cases(self) -> Iterator[Case]:
        """The percentiles and the errors, each against its limit."""
        level = self._level
        limits: Sequence[tuple[str, str, Callable[[Measured], float], int, str]] = (
            ("errors", "payments that fail", lambda run: _PERCENT * run.errors.total() / run.total, level.errors_percent, "%"),
            ("p95", "95 of 100 payments are through", lambda run: run.percentile(95), level.p95_ms, "ms"),
            ("p99", "99 of 100 payments are through", lambda run: run.percentile(99), level.p99_ms, "ms"),
        )
        for key, title, figure, limit, unit in limits:
            words = outcome(f"at most {limit:,} {unit}")

            def perform(figure: Callable[[Measured], float] = figure, limit: int = limit, unit: str = unit) -> Answer:
                run = self._run()
                value = figure(run)
                return found(f"{value:,.0f} {unit} of {run.total} payments", run.transcript, holds=value <= limit)

            yield Case(key, title, DIRECTION, self.participant.name, words, perform, obstacle=self._pair.obstacle)

    @property
    def _pair(self) -> Pair:
        return Pair(self.material, self.counterpart, self.participant)

    @property
    def _level(self) -> ServiceLevel:
        return self.material.run.description.hub.testing.service_level

    def _run(self) -> Measured:
        if not self._made:
            amount = self.material.run.description.hub.testing.amount
            self._made.append(measure(lambda: self._pair.pay(amount), requests=self._level.requests, parallel=self._level.parallel))
        return self._made[0]
