# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write requirements.lock: every package of the project and its `dev` extra, pinned and hashed, naming no index and no path.

Run by `make lock` with a Python that has pip-tools (a throw-away environment, so that pip-tools pins nothing of the project).
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
QUIET = ("index-url", "find-links", "trusted-host", "options")


def main() -> int:
    """Run pip-compile over pyproject.toml and return its exit code."""
    command = [sys.executable, "-m", "piptools", "compile", "--quiet", "--extra=dev", "--generate-hashes", "--strip-extras"]
    command += ["--no-annotate", "--no-header", "--output-file=requirements.lock", *(f"--no-emit-{name}" for name in QUIET), *sys.argv[1:]]
    return subprocess.run([*command, "pyproject.toml"], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
