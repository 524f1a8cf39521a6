# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where things stand in this repository, for the tests and tools that judge the repository itself."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COLLECTION = ROOT / "ansible/ansible_collections/mojaloop/onboarding"
PLUGINS = COLLECTION / "plugins"
MODULE_UTILS = PLUGINS / "module_utils"
NOT_OURS = {".git", ".venv", ".make", ".state", ".ansible", ".cache", "node_modules", "__pycache__", "build", "dist"}


@cache
def files() -> tuple[Path, ...]:
    """Every file that belongs to the project (absolute, sorted): what git tracks or would track, else what a walk finds."""
    listed = subprocess.run(["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=False)
    names = (ROOT / name for name in listed.stdout.split("\0") if name) if listed.returncode == 0 else _walk()
    return tuple(sorted(path for path in names if path.is_file()))


def _walk() -> list[Path]:
    found: list[Path] = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in NOT_OURS and not name.endswith("_cache")]
        found += [Path(folder, name) for name in names]
    return found


def python_files(*folders: Path) -> list[Path]:
    """The project's Python files below any of the folders."""
    return [path for path in files() if path.suffix == ".py" and any(path.is_relative_to(folder) for folder in folders)]


def yaml_files(*folders: Path) -> list[Path]:
    """The project's YAML files below any of the folders."""
    return [path for path in files() if path.suffix in {".yml", ".yaml"} and any(path.is_relative_to(folder) for folder in folders)]


def name(path: Path) -> str:
    """A path as readers of a failure want it: relative to the repository."""
    return str(path.relative_to(ROOT))
