# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How much of a long test is run: a sample in ``make test``, everything in ``make test-deep``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

import pytest

T = TypeVar("T")
VARIABLE = "ONBOARDING_TEST_DEPTH"
LONGEST = 3600
"""Seconds for one test of a deep run: a hundred changes where a sample makes six."""
DEEP = os.environ.get(VARIABLE) == "deep"


def sample(points: Sequence[T], every: int, *, start: int = 0) -> Sequence[T]:
    """All points in a deep run, else every n-th, from ``start`` (modulo n), and always the last."""
    if DEEP or not points:
        return points
    chosen = list(points[start % every :: every])
    return chosen if chosen and chosen[-1] is points[-1] else [*chosen, points[-1]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what is marked ``deep`` unless the run is; where it is, a test without a time of its own has an hour."""
    for item in items:
        if DEEP and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(LONGEST))
        if not DEEP and item.get_closest_marker("deep"):
            item.add_marker(pytest.mark.skip(reason=f"only in `make test-deep` ({VARIABLE}=deep)"))
