# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Worlds whose runs are interrupted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.state_world import World, world
from support.supervisor import why_not


@pytest.fixture(scope="module")
def fresh_world() -> Iterator[World]:
    """A world in which nothing has happened yet."""
    if why_not():
        pytest.skip(why_not())
    with world() as made:
        yield made


@pytest.fixture
def folder(fresh_world: World) -> Path:
    """Where a test keeps its copies: beside the world, so in memory too."""
    return fresh_world.state.parent
