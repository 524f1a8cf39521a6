# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every scenario beside this file, from nothing to nothing: `molecule test`, as a person runs it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
SCENARIOS = sorted(path.parent.name for path in HERE.glob("*/molecule.yml"))


@pytest.mark.root
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("scenario", [pytest.param(name, marks=pytest.mark.xdist_group(f"molecule-{name}")) for name in SCENARIOS])
def test_a_scenario_converges_is_idempotent_and_is_verified(scenario: str, repository: Path) -> None:
    command = ["molecule", "--base-config", ".config/molecule/config.yml", "test", "-s", scenario, "--no-command-borders"]
    settings = {"MOLECULE_GLOB": "tests/molecule/*/molecule.yml", "ANSIBLE_HOME": str(repository / ".cache/molecule")}
    ran = subprocess.run(
        command, cwd=repository, env=os.environ | settings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout
