# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The shell lines of the pipelines that this project ships, for tests that run them as they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml


def commands(repository: Path, name: str) -> list[str]:
    """The lines of a pipeline that run Pulumi or a playbook, in their order."""
    pipeline = yaml.safe_load((repository / "pulumi/pipelines" / name).read_text(encoding="utf-8"))
    return [line for line in _lines(pipeline) if re.search(r"pulumi|ansible", line)]


def command(repository: Path, part: str) -> str:
    """The one line of both pipelines that matches a pattern."""
    [found] = {line for name in ("github-actions.yml", "gitlab-ci.yml") for line in commands(repository, name) if re.search(part, line)}
    return found


def _lines(found: Any) -> Iterator[str]:  # noqa: ANN401 -- a part of a file
    """The shell lines of a pipeline, wherever in it they stand."""
    if isinstance(found, dict):
        for key, each in found.items():
            if key in {"run", "script"}:
                yield from [each] if isinstance(each, str) else each
            else:
                yield from _lines(each)
    elif isinstance(found, list):
        for each in found:
            yield from _lines(each)
