# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take one rule away at a time and look for a case that goes red: the loop, as a plugin of a pytest of its own.

``run_area`` starts that pytest once; in it the cases are collected once, and for every mutant the cases that share the most
words with it are run until one fails. So the right case is usually the first. Each case that killed a mutant is run again
without any: it counts only when it then passes. An area is a module in ``support`` with ``CASES`` (files), ``DEAR`` (parts of the names of
cases that come last because they cost much), ``MOST`` (cases to try for one mutant: what survives so many of those that are
nearest to it calls for a case of its own), ``SURVIVORS`` (pattern of mutants' names -> why no case can go red) and
``mutants(bench)``.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import json
import math
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pytest

TESTS = Path(__file__).resolve().parents[1]
AREA, RESULTS, EVERY, ONLY, KNOWN = "MUTATION_AREA", "MUTATION_RESULTS", "MUTATION_EVERY", "MUTATION_ONLY", "MUTATION_KNOWN"
LONGEST_CASE = 180
"""Seconds for one case: a mutant may make it wait for ever."""


@dataclass(frozen=True)
class Mutant:
    """``words``: the text of what was taken away; ``cases``: parts of the cases' names, one of which must be in them (none: all)."""

    name: str
    words: str
    applied: Callable[[], AbstractContextManager[None]] = field(repr=False)
    cases: tuple[str, ...] = ()
    exact: tuple[str, ...] | None = None
    """The cases that meet it, in the order in which to try them; with those in ``DEAR`` behind, no others are tried."""
    seen: Callable[[], bool] = field(default=lambda: True, repr=False)
    """Whether the case that ran met the mutated rule at all."""
    origin: str = field(default="", repr=False)
    """The file that the rule stands in, where the rule is more than its words: with another file it is another mutant."""

    @property
    def key(self) -> str:
        """How a mutant is named in the list of those that a deep run has judged."""
        return hashlib.sha256(f"{self.name}\n{self.words}\n{self.origin}".encode()).hexdigest()[:12]

    def in_sample(self, every: int) -> bool:
        """Whether it is one of the mutants, one in ``every``, that are judged again in each run: always the same ones."""
        return int(hashlib.sha256(self.name.encode()).hexdigest()[:8], 16) % every == 0


@dataclass(frozen=True)
class Outcome:
    """``case``: the one that went red, empty when none did; ``how``: the last line of what it reported."""

    mutant: str
    case: str = ""
    how: str = ""
    tried: int = 0


class Area(Protocol):
    """What a module in ``support`` that makes mutants has."""

    CASES: tuple[str, ...]
    DEAR: tuple[str, ...]
    MOST: int
    SURVIVORS: Mapping[str, str]

    def mutants(self, bench: Bench) -> Iterable[Mutant]:
        """All mutants; ``bench.control`` runs cases without any."""


@dataclass(eq=False)
class Bench:
    """The collected cases and how one is run."""

    session: pytest.Session
    dear: tuple[str, ...] = ()
    most: int = 0
    items: dict[str, pytest.Item] = field(init=False)
    texts: dict[str, frozenset[str]] = field(init=False)
    weights: dict[str, float] = field(init=False)
    reports: list[pytest.TestReport] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Weigh the words: the rarer, the more it says."""
        self.items = {_short(item.nodeid): item for item in self.session.items}
        self.texts = {name: words(f"{name} {_text(item)}") for name, item in self.items.items()}
        counted = Counter(word for text in self.texts.values() for word in text)
        self.weights = {word: math.log((len(self.items) + 1) / count) for word, count in counted.items()}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what the case that runs now tells."""
        self.reports.append(report)

    def run(self, name: str) -> str:
        """What a case reported when it failed; empty when it passed."""
        item = self.items[name]
        self.reports.clear()
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=_Rest(self.session))
        wrong = [report for report in self.reports if report.failed or report.skipped]
        return next((line for report in wrong for line in reversed(report.longreprtext.splitlines() or ["failed"]) if line), "")

    def control(self, names: Iterable[str]) -> None:
        """Run cases that must pass."""
        for name in names:
            reported = self.run(name)
            if reported:
                raise ControlFailed(f"{name} fails without a mutant: {reported}")

    def chosen(self, mutant: Mutant) -> list[str]:
        """The cases for a mutant, those first that share the most with it."""
        wanted = words(f"{mutant.name} {mutant.words}")
        names = [name for name in self.items if not mutant.cases or any(part in name for part in mutant.cases)]
        scores = {name: sum(self.weights[word] for word in wanted & self.texts[name]) for name in names}
        rest = sorted(names, key=lambda name: (any(part in name for part in self.dear), -scores[name]))
        if mutant.exact is not None:
            rest = [*mutant.exact, *(name for name in rest if any(part in name for part in self.dear))]
        return rest[: self.most]

    def judge(self, mutant: Mutant) -> Outcome:
        """Run cases until one goes red."""
        tried = 0
        for name in self.chosen(mutant):
            with mutant.applied():
                reported = self.run(name)
                met = mutant.seen()
            tried += 1
            if reported and met:
                print(f"\nKILLED {mutant.name} -> {name}: {reported[:200]}", flush=True)  # noqa: T201 -- into the log of the run
                return Outcome(mutant.name, name, reported[:200], tried)
        print(f"\nSURVIVES {mutant.name}", flush=True)  # noqa: T201
        return Outcome(mutant.name, tried=tried)


class ControlFailed(Exception):
    """A case fails without any mutant, so it proves nothing."""


@dataclass(frozen=True)
class _Rest:
    """Stands for the next item: everything but the session's own fixtures is torn down."""

    session: pytest.Session

    def listchain(self) -> list[pytest.Session]:
        return [self.session]


def _text(item: pytest.Item) -> str:
    """The source of a case, and the constants of its module that it speaks of."""
    function = item.function  # type: ignore[attr-defined]
    named = (function.__globals__.get(name) for name in function.__code__.co_names)
    return " ".join([inspect.getsource(function), *(repr(value) for value in named if isinstance(value, str | tuple | list | dict))])


def words(text: str) -> frozenset[str]:
    """The words of a rule or of a case."""
    return frozenset(re.findall(r"[a-z0-9]+(?:[-_.][a-z0-9]+)*", text.lower()) + re.findall(r"[a-z0-9]+", text.lower()))


def _short(nodeid: str) -> str:
    path, bracket, parameters = nodeid.partition("[")
    return path.rsplit("/", 1)[-1] + bracket + parameters


def pytest_collection_finish(session: pytest.Session) -> None:
    """Make the bench known to pytest."""
    if os.environ.get(AREA):
        session.config.pluginmanager.register(Bench(session), "mutation-bench")


def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Instead of all cases once: for every mutant the cases until one fails."""
    if not os.environ.get(AREA):
        return None
    area: Area = importlib.import_module(os.environ[AREA])
    bench = session.config.pluginmanager.get_plugin("mutation-bench")
    assert isinstance(bench, Bench)
    bench.dear, bench.most = area.DEAR, area.MOST
    reported: dict[str, object] = {"problem": ""}
    try:
        reported.update(_examine(area, bench))
    except ControlFailed as error:
        reported["problem"] = str(error)
    Path(os.environ[RESULTS]).write_text(json.dumps(reported), encoding="utf-8")
    return True


def _examine(area: Area, bench: Bench) -> dict[str, object]:
    whole = list(area.mutants(bench))
    every = [mutant for mutant in whole if re.match(os.environ[ONLY], mutant.name)]
    listed = {mutant.name: reason for mutant in every for pattern, reason in area.SURVIVORS.items() if re.fullmatch(pattern, mutant.name)}
    step = int(os.environ[EVERY])
    listing = Path(os.environ[KNOWN])
    known = set(listing.read_text(encoding="ascii").split()) if listing.exists() else {mutant.key for mutant in whole}
    tried = [one for one in every if not step or (one.name not in listed and (one.in_sample(step) or one.key not in known))]
    outcomes = [bench.judge(mutant) for mutant in tried]
    bench.control(dict.fromkeys(outcome.case for outcome in outcomes if outcome.case))
    unused = [pattern for pattern in area.SURVIVORS if not any(re.fullmatch(pattern, mutant.name) for mutant in whole)]
    doubled = [name for name, count in Counter(mutant.name for mutant in whole).items() if count > 1]
    keys = {mutant.name: mutant.key for mutant in every}
    return {"all": keys, "listed": listed, "unused": unused, "doubled": doubled, "outcomes": [asdict(one) for one in outcomes]}


@dataclass(frozen=True)
class Judgement:
    """What came out of an area. ``everything``: names and keys; ``known``: why no case can kill; ``unused``: reasons for no mutant."""

    everything: dict[str, str]
    known: dict[str, str]
    unused: tuple[str, ...]
    doubled: tuple[str, ...]
    outcomes: tuple[Outcome, ...]

    @property
    def killed(self) -> tuple[Outcome, ...]:
        """For which a case went red."""
        return tuple(outcome for outcome in self.outcomes if outcome.case)

    @property
    def survivors(self) -> list[str]:
        """For which none did and no reason is listed."""
        return [outcome.mutant for outcome in self.outcomes if not outcome.case and outcome.mutant not in self.known]

    @property
    def not_after_all(self) -> list[str]:
        """Listed as surviving, but a case went red."""
        return [outcome.mutant for outcome in self.killed if outcome.mutant in self.known]

    def table(self) -> Iterator[str]:
        """A line for every mutant: what was taken away, and which case reported it."""
        for outcome in self.outcomes:
            reason = f"survives: {self.known.get(outcome.mutant, 'NO REASON IS LISTED')}"
            yield f"{outcome.mutant}  ->  {outcome.case or reason} {f'({outcome.tried} cases)' if outcome.tried > 1 else ''}".rstrip()


def run_area(area: str, folder: Path, *, every: int, cases: Collection[str], known: Path, only: str = "") -> Judgement:
    """The outcome of the module ``support.<area>``; AssertionError with its log.

    In a deep run all mutants are tried, those that are listed as survivors too; else one in ``every``, and those whose keys are not in the
    file ``known``: new rules, and rules of changed files. ``only``: pattern for the beginning of the names of this run's mutants.
    """
    from support.depth import DEEP, VARIABLE  # noqa: PLC0415 -- as above

    results, log = folder / "results.json", folder / "log.txt"
    settings = {AREA: f"support.{area}", RESULTS: str(results), EVERY: str(0 if DEEP else every), ONLY: only, KNOWN: str(known)}
    settings |= {"PYTHONPATH": str(TESTS), "PYTHONUNBUFFERED": "1"}
    options = [
        "-p",
        "support.mutation",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "-q",
        "-s",
        "-rN",
        "--tb=short",
        f"-otimeout={LONGEST_CASE}",
    ]
    command = [sys.executable, "-m", "pytest", *options, f"--basetemp={folder / 'cases'}", *cases]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_") and name != VARIABLE} | settings
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "errors": "replace"}
    with log.open("w") as output, subprocess.Popen(command, cwd=TESTS.parent, env=environment, **streams) as run:
        for line in run.stdout or ():
            output.write(line)
            if line.startswith(("KILLED", "SURVIVES")):
                print(line, end="", file=sys.stderr)  # noqa: T201 -- progress: a whole run takes long
    assert results.exists(), log.read_text(errors="replace")[-3000:]
    reported = json.loads(results.read_text(encoding="utf-8"))
    assert not reported["problem"], reported["problem"]
    outcomes = tuple(Outcome(**one) for one in reported["outcomes"])
    return Judgement(reported["all"], reported["listed"], tuple(reported["unused"]), tuple(reported["doubled"]), outcomes)
