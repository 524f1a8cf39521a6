# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Each transport, between the hub's installation and a bank's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from contract.transport.drivers import DRIVERS, Installations
from unit.steps.conftest import _keys, _unsynced  # noqa: F401 -- cheap keys here too


@pytest.fixture(params=DRIVERS, ids=lambda driver: driver.__name__.lower())
def apart(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installations]:
    """Two installations between which nothing has travelled yet."""
    made: Installations = request.param(tmp_path)
    yield made
    made.close()
