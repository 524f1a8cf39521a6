# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A hub with two managed participants and one that is hosted elsewhere: its input is what these tests are about."""

from __future__ import annotations

import copy
import os
import shutil
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings
from support.depth import DEEP
from unit.steps.conftest import Site, faults, participant, site

from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.keys import RehearsalKeys
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps import run as run_module
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.files import discard

pytest.register_assert_rewrite("hostile.attempts", "hostile.fuzzing", "hostile.texts")
MEMORY = "/dev/shm"  # noqa: S108 -- folders made by mkdtemp in there: hundreds of trees are copied and synced

# The same examples in every run: what fails for one fails for all.
settings.register_profile("hostile", derandomize=True, database=None, deadline=None, max_examples=1000 if DEEP else 120)


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
    folder = Path(tempfile.mkdtemp(prefix="onboarding-hostile-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None))
    yield folder
    discard(str(folder))


@pytest.fixture(scope="session")
def finished(memory: Path) -> Site:
    """The tree that is copied; nobody runs on it. Redbank, hosted elsewhere, has published nothing yet."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_module, "FreshKeys", _cheap_keys)
        first = site(Path(tempfile.mkdtemp(dir=memory)), "bluebank", "greenbank")
        first.hub["approval"] = "automatic"
        red = participant(4, "redbank")
        del red["gateways"]
        first.participants["redbank"] = red | {"hosting": "self-hosted", "manifest": "none"}
        first.describe()
        assert faults(first.together()) == []
    return first


@pytest.fixture
def hub(finished: Site, memory: Path) -> Iterator[Site]:
    """A tree of one's own."""
    root = Path(tempfile.mkdtemp(dir=memory))
    copied = Site(root, copy.deepcopy(finished.hub), copy.deepcopy(finished.participants)).describe()
    shutil.copytree(finished.state, copied.state, symlinks=True)
    yield copied
    discard(str(root))
