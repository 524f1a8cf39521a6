# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Each role in a molecule scenario of its own: converge, a second run without changes, check mode, verify; all on one running lab.

The scenarios build on each other and run in the order of ``ROLES``.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.labs import Lab

pytestmark = [pytest.mark.root, pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("molecule")]
HERE = Path(__file__).resolve().parent
ROLES = (
    "lab", "certificates", "certificate_signing", "exchange", "oauth_clients", "firewall", "gateway", "verification",
    "onboarding_status", "ip_allowlists",
)  # fmt: skip
ELSEWHERE = {"connector": "tests/connector", "ledger_hub": "tests/ledger", "ledger_participants": "tests/ledger"}
"""Roles on systems that other areas start, which run them, run them again, check and verify."""


def _given_up(lab: Lab) -> None:
    file = lab.file("greenbank")
    file.write_text(file.read_text(encoding="utf-8").replace("203.0.113.22/32, ", ""), encoding="utf-8")


HAPPENS: dict[str, Callable[[Lab], object]] = {
    "certificate_signing": lambda lab: (lab.state / "store/hub/issued/greenbank/client.pem").unlink(),
    "exchange": lambda lab: (lab.state / "store/greenbank/client/hub/certificate.pem").unlink(),
    "ip_allowlists": _given_up,
}
"""What happens before a role runs, so that it has something to do."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The hub, one participant and one probe."""
    made = Lab(tmp_path_factory.mktemp("molecule"), without=("bluebank", "redbank", "probe-two"))
    made.done("lab.yml")
    try:
        yield made
    finally:
        made.remove()


def test_every_role_has_a_scenario(repository: Path) -> None:
    assert {path.name for path in (repository / "roles").iterdir() if path.is_dir()} == {*ROLES, *ELSEWHERE}
    assert {path.parent.name for path in HERE.glob("*/molecule.yml")} == set(ROLES)
    assert all((repository / folder).is_dir() for folder in ELSEWHERE.values())


@pytest.mark.parametrize("role", ROLES)
def test_a_role_converges_is_idempotent_is_checked_and_is_verified(lab: Lab, repository: Path, role: str) -> None:
    if happens := HAPPENS.get(role):
        happens(lab)
    command = ["molecule", "--base-config", ".config/molecule/config.yml", "test", "-s", role, "--no-command-borders"]
    settings = {
        "MOLECULE_GLOB": "tests/molecule/*/molecule.yml",
        "ANSIBLE_HOME": str(repository / ".cache/molecule"),
        "ONBOARDING_MOLECULE_LAB": str(lab.description),
    }
    ran = subprocess.run(
        command, cwd=repository, env=os.environ | settings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout
