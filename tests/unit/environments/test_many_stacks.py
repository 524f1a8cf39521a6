# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The stacks of many participants in one process: as many objects for each as for the first, and no memory that grows with them."""

from __future__ import annotations

import resource
from pathlib import Path

from support.depth import DEEP
from support.hosted_participants import describe_live
from support.published import publish

from .conftest import Run

COUNT = 100 if DEEP else 20
MOST = 120
"""MiB that these stacks may add to the process."""


def _mebibytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def test_as_many_stacks_as_participants_in_one_process(run_dfsp: Run, repository: Path, tmp_path: Path) -> None:
    folder = describe_live(tmp_path / "inventories/live", repository, COUNT)
    exchange = tmp_path / "state/exchange"
    counts, places, before = set(), set(), 0.0
    for number in range(COUNT):
        name = f"bank{number}"
        publish(exchange, name)
        found = run_dfsp(f"live.{name}", description=str(folder), exchange=str(exchange))
        counts.add(len(found.objects))
        places |= {(each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]) for each in found.objects}
        before = before or _mebibytes()
    assert len(counts) == 1
    assert len(places) == COUNT * counts.pop()
    print(f"\n{COUNT} stacks, {len(places)} objects: {_mebibytes():.0f} MiB at most, {before:.0f} MiB after the first")  # noqa: T201 -- figures
    assert _mebibytes() - before < MOST
