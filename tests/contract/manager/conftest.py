# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A stand-in of each era."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.connection_manager.api import serving
from support.connection_manager.bench import ERAS, Bench


@pytest.fixture(params=ERAS)
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """A server of each era."""
    with serving(ERAS[request.param]()) as stand_in:
        made = Bench(stand_in, request.param)
        yield made
        for client in made.clients:
            client.close()
        assert stand_in.contract.violations == []
