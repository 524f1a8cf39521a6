# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A hub with two managed participants and one that is hosted elsewhere: its input is what these tests are about."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from support.depth import DEEP
from support.trees import use_cheap_keys
from unit.steps.conftest import Site, faults, participant, site

from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.files import discard

pytest.register_assert_rewrite("hostile.attempts", "hostile.fuzzing", "hostile.texts")

# The same examples in every run: what fails for one fails for all.
settings.register_profile("hostile", derandomize=True, database=None, deadline=None, max_examples=1000 if DEEP else 120)


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real, distinct keys without the cost of making them; no passphrase of the developer's shell."""
    use_cheap_keys(monkeypatch)


@pytest.fixture(scope="session")
def finished(memory: Path) -> Site:
    """The tree that is copied; no one runs on it. Redbank, hosted elsewhere, has published nothing yet."""
    with pytest.MonkeyPatch.context() as patch:
        use_cheap_keys(patch)
        first = site(Path(tempfile.mkdtemp(dir=memory)), "bluebank", "greenbank")
        first.hub["approval"] = "automatic"
        red = participant(4, "redbank")
        del red["gateways"]
        first.participants["redbank"] = red | {"hosting": "self-hosted", "manifest": "none"}
        first.describe()
        assert faults(first.run()) == []
    return first


@pytest.fixture
def hub(finished: Site, memory: Path) -> Iterator[Site]:
    """A tree of one's own."""
    root = Path(tempfile.mkdtemp(dir=memory))
    yield finished.copied(root)
    discard(str(root))
