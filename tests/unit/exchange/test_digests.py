# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The digests that two people compare: the sender's, the receiver's and plain openssl's are one."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from unit.steps.conftest import Site, site

from ansible_collections.mojaloop.onboarding.plugins.module_utils.command.main import main
from ansible_collections.mojaloop.onboarding.plugins.module_utils.exchange.digests import short_form

SCRIPT = "tests/lab/openssl_participant.sh"


@pytest.fixture
def apart(tmp_path: Path) -> Site:
    """The hub's installation, greenbank elsewhere; both have published, neither has confirmed."""
    made = site(tmp_path, "greenbank")
    installation(made, "greenbank")
    made.run()
    installation(made, "hub")
    made.run()
    return made


def installation(made: Site, side: str) -> None:
    text = f"plugin: mojaloop.onboarding.hub\ninstallation: [{side}]\nstate: ../state\n"
    (made.root / "description" / "hosts.yml").write_text(text, encoding="utf-8")


def digests(made: Site, capsys: pytest.CaptureFixture[str], name: str = "greenbank") -> tuple[int, list[dict[str, str]]]:
    status = main(["digest", name, "--json", "-i", str(made.root / "description" / "hosts.yml")])
    return status, json.loads(capsys.readouterr().out)["digests"]


def test_both_ends_and_plain_openssl_print_the_same(apart: Site, capsys: pytest.CaptureFixture[str], repository: Path) -> None:
    status, at_hub = digests(apart, capsys)
    assert (status, [each["standing"] for each in at_hub]) == (3, ["sent", "unconfirmed"])
    installation(apart, "greenbank")
    status, at_bank = digests(apart, capsys)
    assert (status, [each["standing"] for each in at_bank]) == (3, ["unconfirmed", "sent"])
    assert [each["digest"] for each in at_hub] == [each["digest"] for each in at_bank]
    command = ["sh", str(repository / SCRIPT), "digest", str(apart.root / "own"), str(apart.path("exchange")), "greenbank"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert re.findall(r"sha256:[0-9a-f]{64}", printed) == [at_hub[1]["digest"], at_hub[0]["digest"]]


def test_what_a_person_has_written_is_confirmed_or_differs(apart: Site, capsys: pytest.CaptureFixture[str]) -> None:
    _, (sent, received) = digests(apart, capsys)
    apart.participants["greenbank"]["first_publication"] = received["digest"]
    (apart.root / "description/participants/greenbank.yml").write_text(yaml.safe_dump(apart.participants["greenbank"]))
    assert digests(apart, capsys)[0] == 0
    apart.participants["greenbank"]["first_publication"] = sent["digest"]
    (apart.root / "description/participants/greenbank.yml").write_text(yaml.safe_dump(apart.participants["greenbank"]))
    assert main(["digest", "greenbank", "-i", str(apart.root / "description" / "hosts.yml")]) == 1
    assert "DIFFERS from the digest in participants/greenbank.yml, first_publication" in capsys.readouterr().out


def test_the_status_shows_what_was_sent_until_it_is_answered(apart: Site, capsys: pytest.CaptureFixture[str]) -> None:
    _, (sent, _received) = digests(apart, capsys)
    command = ["status", "-i", str(apart.root / "description" / "hosts.yml")]
    # By the clock of this machine its revocation lists have ended, which is a fault.
    assert main(command) == 1
    shown = capsys.readouterr().out
    assert f"{sent['digest']} (short form {sent['short']}): greenbank writes it into its hub.yml, first_publications: greenbank" in shown


def test_nothing_published_and_no_one_known(apart: Site, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["digest", "nobank", "-i", str(apart.root / "description" / "hosts.yml")]
    assert main(command) == 1
    assert "nobank: no such participant" in capsys.readouterr().err
    (apart.path("exchange/greenbank")).rename(apart.root / "away")
    assert digests(apart, capsys) == (3, [])


def test_the_short_form_is_read_in_groups() -> None:
    assert short_form("sha256:0123456789abcdef0123" + "f" * 44) == "0123 4567 89ab cdef 0123"
