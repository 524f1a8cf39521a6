# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The pipelines say the same in both systems, and what they run tells clean, change, drift and error apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.pipelines import commands

from environments.verdict import Verdict, verdict


def test_both_systems_run_the_same(repository: Path) -> None:
    assert commands(repository, "github-actions.yml") == commands(repository, "gitlab-ci.yml")


def test_every_file_that_a_pipeline_names_is_there(repository: Path) -> None:
    named = {path for line in commands(repository, "gitlab-ci.yml") for path in re.findall(r"(?:pulumi|playbooks)/[a-z]+(?:\.yml)?", line)}
    assert named == {"pulumi/hub", "pulumi/dfsp", "playbooks/onboard.yml"}
    assert [path for path in named if not (repository / path).exists()] == []


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ({(): 0, ("--refresh",): 0}, Verdict.CLEAN),
        ({(): 7}, Verdict.CHANGE),
        ({(): 0, ("--refresh",): 7}, Verdict.DRIFT),
        ({(): 255}, Verdict.ERROR),
        ({(): 0, ("--refresh",): 1}, Verdict.ERROR),
    ],
)
def test_two_previews_make_a_verdict(statuses: dict[Sequence[str], int], expected: Verdict) -> None:
    assert verdict(lambda options: statuses[tuple(options)]) is expected


def test_the_verdicts_have_four_exit_statuses() -> None:
    assert len({int(each) for each in Verdict}) == len(Verdict) == 4
