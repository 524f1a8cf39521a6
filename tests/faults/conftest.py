# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A finished tree of the hub and two managed participants, made once in a process and copied for every fault."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.trees import use_cheap_keys
from unit.steps.conftest import Site, site

from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.files import discard

pytest.register_assert_rewrite("faults.seeding")


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real, distinct keys without the cost of making them; no passphrase of the developer's shell."""
    use_cheap_keys(monkeypatch)


@pytest.fixture(scope="session")
def finished(memory: Path) -> Site:
    """The tree that is copied; no one runs on it."""
    with pytest.MonkeyPatch.context() as patch:
        use_cheap_keys(patch)
        first = site(Path(tempfile.mkdtemp(dir=memory)), "bluebank", "greenbank")
        first.run()
        assert first.run() == []
    return first


@pytest.fixture
def bank(finished: Site, memory: Path) -> Iterator[Site]:
    """A finished tree of one's own."""
    root = Path(tempfile.mkdtemp(dir=memory))
    yield finished.copied(root)
    discard(str(root))
