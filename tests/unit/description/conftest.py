# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A right description of a production environment, to be made wrong in one place at a time."""

from __future__ import annotations

from pathlib import Path

import pytest
from tools.description_files import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder.made(tmp_path / "live")
