# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What ``make demo-uae`` shows: from nothing to connectivity verified in both directions, by real traffic through both gateways."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

DEMO_SECONDS = 1500
"""A bound, far above what a busy machine needs."""
CERTIFICATES = ("C3 of oasis", "C4 of hub", "S1 of hub", "S3 of hub", "S4 of oasis", "Sig2 of hub", "Enc1 of oasis")
REFUSALS = {
    "no client certificate": "tls-refused (tlsv13 alert certificate required)",
    "self-signed certificate with its own names": "tls-refused (tlsv1 alert unknown ca)",
    "certificate of another organisation by the same CA": "403 by gateway: certificate-unknown",
}


@pytest.fixture(scope="module")
def said(repository: Path) -> str:
    """All that the demo says; it ends with 0."""
    done = subprocess.run([repository / "tests/tools/demo_uae"], capture_output=True, text=True, timeout=DEMO_SECONDS, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return done.stdout


def test_every_certificate_went_by_a_persons_hands(said: str) -> None:
    assert all(certificate in said for certificate in CERTIFICATES)


def test_a_second_run_changed_nothing(said: str) -> None:
    assert "hosts with a change: 0" in said


def test_connectivity_is_verified_in_both_directions(said: str) -> None:
    for direction in ("from the hub", "to the hub"):
        part = said.partition(f"oasis, {direction}\n")[2].partition("\n\n")[0]
        assert "FAILED" not in part
        for title, answer in REFUSALS.items():
            (line,) = [line for line in part.splitlines() if title in line]
            assert line.startswith("  ok ")
            assert answer in line
            assert line.endswith("control 200")
    assert "  ok           /hello without a client certificate " in said
    assert "  ok           the same call to hh.oasis.preprod.apihub.lab " in said
    assert "Outcome: done; 1 of 1 participants with every step done." in said
    assert "The lab is removed." in said


def test_nothing_of_it_stays(said: str, repository: Path) -> None:
    assert said
    assert not list((repository / ".state").glob("uae-lab/*"))
