# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Areas of tests: a folder each. Dear areas start first, one worker runs a whole file or group, and the CPU seconds are printed.

A group (``pytest.mark.xdist_group("keycloak")``) is for tests of several files, or of a part of a file, that share a dear system.
"""

from __future__ import annotations

import gc
import os
from collections import defaultdict
from collections.abc import Generator
from pathlib import Path, PurePath

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadGroupScheduling
from xdist.workermanage import WorkerController

TESTS = Path(__file__).resolve().parents[1]
KINDS = {"contract", "integration"}
"""Folders whose folders are areas of their own; a file right inside them belongs to the folder itself."""
FIRST = (
    "lab",
    "connector",
    "cluster",
    "ledger",
    "molecule",
    "mutation",
    "integration",
    "gateway",
    "interruption",
    "secrets",
    "hostile",
    "faults",
)
"""The areas with long files, so that no worker is left alone with one at the end; others follow, unit tests come last."""
LAST = "unit"
CACHE_KEY = "onboarding/cpu_seconds"

_seconds: defaultdict[str, float] = defaultdict(float)
"""CPU seconds of each area; complete in the process that prints."""
_dear: defaultdict[str, float] = defaultdict(float)
"""CPU seconds of each test."""
MOST = 15
"""As many of the dearest tests are printed."""
_read: list[float] = [0.0]
"""The CPU seconds of this process and its children when they were last read."""


def area_of(path: PurePath) -> str:
    """The area of a test file, given by its path below ``tests``."""
    folder, *rest = path.parts
    return rest[0] if folder in KINDS and len(rest) > 1 else folder


def _order(item: pytest.Item) -> int:
    area = area_of(item.path.relative_to(TESTS))
    return FIRST.index(area) if area in FIRST else len(FIRST) + (area == LAST)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Dear areas first."""
    items.sort(key=_order)


def pytest_collection_finish() -> None:
    """What has been imported and collected stays: garbage collections, and processes forked from this one, need not look at it again."""
    gc.collect()
    gc.freeze()


class _GroupsOrFiles(LoadGroupScheduling):  # type: ignore[misc]  # xdist has no types
    def _split_scope(self, nodeid: str) -> str:
        scope: str = super()._split_scope(nodeid)
        return nodeid.split("::", maxsplit=1)[0] if scope == nodeid else scope


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadGroupScheduling | None:
    """With ``--dist loadgroup``, tests without a group are kept together by their file, whose fixtures they share."""
    return _GroupsOrFiles(config, log) if config.getvalue("dist") == "loadgroup" else None


def _cpu_seconds() -> float:
    return sum(os.times()[:4])


def pytest_runtest_logstart() -> None:
    """What came before (collection, waiting) belongs to no test."""
    _read[0] = _cpu_seconds()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let the seconds travel with the report of each phase."""
    report = yield
    now = _cpu_seconds()
    report.cpu_seconds = now - _read[0]  # type: ignore[attr-defined]
    _read[0] = now
    return report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add up."""
    path = PurePath(report.nodeid.split("::", maxsplit=1)[0])
    if path.parts[0] == TESTS.name:
        seconds = getattr(report, "cpu_seconds", 0.0)
        _seconds[area_of(path.relative_to(TESTS.name))] += seconds
        _dear[report.nodeid] += seconds


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Count what tests share, such as collection, and keep the figures for tests/tools/areas.py."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["cpu_seconds"] = _cpu_seconds()
    elif session.config.cache is not None:
        session.config.cache.set(CACHE_KEY, {area: round(seconds) for area, seconds in _seconds.items()})


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: WorkerController) -> None:
    """Add what a worker used beside its tests."""
    _seconds["(workers)"] += getattr(node, "workeroutput", {}).get("cpu_seconds", 0.0)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the CPU seconds of each area, with those of the programs that its tests started and waited for."""
    workers = _seconds.pop("(workers)", 0.0)
    tests = sum(_seconds.values())
    if workers:
        _seconds["(collection)"] = max(workers - tests, 0.0)
    if not tests:
        return
    terminalreporter.section("CPU seconds of the dearest tests")
    for name, seconds in sorted(_dear.items(), key=lambda row: -row[1])[:MOST]:
        terminalreporter.write_line(f"{seconds:8.1f} {name}")
    terminalreporter.section("CPU seconds of areas")
    for area, seconds in sorted(_seconds.items(), key=lambda row: -row[1]):
        terminalreporter.write_line(f"{seconds:8.1f} {area}")
    terminalreporter.write_line(f"{max(workers, tests):8.1f} together")
