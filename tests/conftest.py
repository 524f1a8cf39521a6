# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support import ports

pytest_plugins = ["support.areas", "support.counting", "support.depth", "support.kubernetes", "support.systems", "support.trees"]
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of this repository."""
    return ROOT


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    # Settings of the developer's shell must not decide a test: the project promises to need none.
    for name in list(os.environ):
        if name.startswith(("ANSIBLE_", "PULUMI_", "MOLECULE_")):
            monkeypatch.delenv(name)


@pytest.fixture
def free_port() -> int:
    """A TCP port on which no one listens."""
    return ports.free_port()
