# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""State folders by the hundred: keys that cost nothing to make, and a place that costs no disk."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.keys import DryRunKeys
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps import run as run_module
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.files import discard

MEMORY = "/dev/shm"  # noqa: S108 -- folders made by mkdtemp in there: hundreds of trees are copied and synced


@cache
def _made() -> DryRunKeys:
    return DryRunKeys()


def use_cheap_keys(patch: pytest.MonkeyPatch) -> None:
    """Real, distinct keys without the cost of making them; no passphrase of the developer's shell."""
    patch.setattr(run_module, "FreshKeys", _made)
    for name in ("ONBOARDING_CA_PASSPHRASE", "ONBOARDING_CA_PASSPHRASE_FILE"):
        patch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def memory() -> Iterator[Path]:
    """A folder that costs no disk."""
    folder = Path(tempfile.mkdtemp(prefix="onboarding-trees-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None))
    yield folder
    discard(str(folder))
