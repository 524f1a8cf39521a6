# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A finished tree of the hub and two managed participants, made once in a process and copied for every fault."""

from __future__ import annotations

import copy
import os
import shutil
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from unit.steps.conftest import Site, site

from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.keys import RehearsalKeys
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps import run as run_module

pytest.register_assert_rewrite("faults.seeding")
MEMORY = "/dev/shm"  # noqa: S108 -- folders made by mkdtemp in there: hundreds of trees are copied and synced


@cache
def _cheap_keys() -> RehearsalKeys:
    return RehearsalKeys()


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real, distinct keys without the cost of making them; no passphrase of the developer's shell."""
    monkeypatch.setattr(run_module, "FreshKeys", _cheap_keys)
    for name in ("ONBOARDING_CA_PASSPHRASE", "ONBOARDING_CA_PASSPHRASE_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def memory() -> Iterator[Path]:
    """A folder that costs no disk."""
    folder = Path(tempfile.mkdtemp(prefix="onboarding-faults-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def finished(memory: Path) -> Site:
    """The tree that is copied; nobody runs on it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_module, "FreshKeys", _cheap_keys)
        first = site(Path(tempfile.mkdtemp(dir=memory)), "bluebank", "greenbank")
        first.together()
        assert first.together() == []
    return first


@pytest.fixture
def bank(finished: Site, memory: Path) -> Iterator[Site]:
    """A finished tree of one's own."""
    root = Path(tempfile.mkdtemp(dir=memory))
    copied = Site(root, copy.deepcopy(finished.hub), copy.deepcopy(finished.participants)).describe()
    shutil.copytree(finished.state, copied.state, symlinks=True)
    yield copied
    shutil.rmtree(root)
