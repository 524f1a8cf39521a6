# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A profile is shown as it is read: every certificate, by the names of the scheme's documents."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.mojaloop.onboarding.plugins.module_utils.command.main import main


def said(repository: Path, name: str, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    assert main(["profile", "-i", str(repository / "inventories" / name / "hosts.yml"), *more]) == 0
    return capsys.readouterr().out


def test_each_certificate_of_the_uae_has_its_row(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = json.loads(said(repository, "uae-lab", capsys, "--json"))["certificates"]
    found = {row["certificate"]: row for row in rows}
    assert set(found) == {"C3", "C4", "S1", "S3", "S4", "Sig2", "Sig3", "Sig4", "Enc1", "exchange"}
    assert found["S3"]["holder"] == "hub"
    assert found["S3"]["hands in"] == "the counterpart"
    assert found["C3"]["known by"] == "OU, CN"
    assert found["C4"]["signer"] == "the Open Finance Trust Framework"


def test_people_read_the_same(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(repository, "lab", capsys)
    assert text.startswith("mojaloop 1\n")
    assert "client (client): no further purpose\n  holder      each side\n  signer      the counterpart's CA\n" in text
