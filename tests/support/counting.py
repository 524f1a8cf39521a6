# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Counts of what tests tried, printed at the end of a run: ``record_count("kill points", 53)``.

``of`` is how many there are in all, where some are left out or not caught: ``record_count("mutations killed", 40, of=41)``.
Counts of the same name add up, over all tests and all processes of pytest-xdist; a failed test's counts are in it too.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest

_here: dict[str, list[int]] = {}
"""What the test that runs now has counted, in this process."""
_all: dict[str, list[int]] = {}
"""What all tests have counted; complete in the process that prints."""


def record_count(name: str, done: int, *, of: int | None = None) -> None:
    """Add to the count of this name."""
    _add(_here, name, [done, done if of is None else of])


def _add(counts: dict[str, list[int]], name: str, more: list[int]) -> None:
    have = counts.setdefault(name, [0, 0])
    counts[name] = [have[0] + more[0], have[1] + more[1]]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let the counts travel with the test's report, which pytest-xdist brings to the process that prints."""
    report = yield
    report.counts = dict(_here)  # type: ignore[attr-defined]
    _here.clear()
    return report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add up."""
    for name, more in getattr(report, "counts", {}).items():
        _add(_all, name, more)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the sums."""
    if _all:
        terminalreporter.section("counted")
    for name, (done, of) in sorted(_all.items()):
        terminalreporter.write_line(f"{name}: {done:,}" + (f" of {of:,}" if of != done else ""))
