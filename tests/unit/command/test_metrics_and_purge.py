# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The status for monitoring, and the removal of what an offboarded participant has left."""

from __future__ import annotations

import re
import tarfile
from pathlib import Path

import pytest
import yaml
from unit.steps.conftest import Site, _keys, _unsynced, changes, faults, marks, site  # noqa: F401 -- cheap keys here too

from ansible_collections.mojaloop.onboarding.plugins.module_utils.command.main import main
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.revocation import read_list

SAMPLE = re.compile(r'mojaloop_onboarding_[a-z_]+(\{[a-z]+="[^"\n]*"(,[a-z]+="[^"\n]*")*\})? -?[0-9.e+]+')


@pytest.fixture
def made(tmp_path: Path) -> Site:
    """A hub and two banks in one installation."""
    found = site(tmp_path, "bluebank", "greenbank")
    (found.root / "description" / "hosts.yml").write_text("plugin: mojaloop.onboarding.hub\nstate: ../state\n", encoding="utf-8")
    found.run(now=None)  # type: ignore[arg-type]
    return found


def command(made: Site, *arguments: str) -> int:
    verb, *others = arguments
    return main([verb, *others, "-i", str(made.root / "description" / "hosts.yml")])


def offboarded(made: Site) -> None:
    made.participants["greenbank"]["state"] = "offboarded"
    file = made.root / "description" / "participants" / "greenbank.yml"
    file.write_text(yaml.safe_dump(made.participants["greenbank"]), encoding="utf-8")
    assert faults(made.run(now=None)) == []  # type: ignore[arg-type]


def revoked(made: Site) -> list[int]:
    return [each.serial_number for each in read_list(made.read("store/hub/ca/crl.pem"), where="").crl]


def test_metrics_are_in_prometheus_format_and_hold_what_ends(made: Site, capsys: pytest.CaptureFixture[str]) -> None:
    before = marks(made.state)
    command(made, "status", "--metrics")
    lines = capsys.readouterr().out.splitlines()
    samples = [line for line in lines if not line.startswith("#")]
    assert [line for line in samples if not SAMPLE.fullmatch(line)] == []
    series = [line.rpartition(" ")[0] for line in samples]
    assert len(series) == len(set(series)), "a series has one value"
    assert 'mojaloop_onboarding_active{participant="greenbank"} 1' in samples
    assert any(
        line.startswith('mojaloop_onboarding_certificate_end_timestamp_seconds{holder="greenbank",artefact="server"') for line in samples
    )
    assert sum("outcome{" in line and line.endswith(" 1") for line in samples) == 1
    families = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert {line.partition("{")[0].partition(" ")[0] for line in samples} <= set(families)
    assert marks(made.state) == before


def test_what_ends_soon_is_marked_and_decides_the_exit_code(made: Site, capsys: pytest.CaptureFixture[str]) -> None:
    usual = command(made, "status")
    assert "  ! " not in capsys.readouterr().out
    assert command(made, "status", "--open-within", "40") == 3
    marked = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  ! ")]
    assert marked
    assert all(" crl " in line for line in marked), "lists end after 30 days, nothing else that soon"
    assert command(made, "status", "--fail-within", "40") == 1
    assert command(made, "status", "--fail-within", "5") == usual


def test_who_is_in_use_is_not_purged(made: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = marks(made.state)
    assert command(made, "purge", "greenbank", str(tmp_path / "all.tar"), "--confirm", "greenbank") == 1
    assert "its material is in use" in capsys.readouterr().err
    offboarded(made)
    before = marks(made.state)
    assert command(made, "purge", "greenbank", str(tmp_path / "all.tar")) == 1
    assert "store/greenbank" in capsys.readouterr().err
    assert command(made, "purge", "greenbank", str(tmp_path / "all.tar"), "--confirm", "bluebank") == 1
    assert (marks(made.state), (tmp_path / "all.tar").exists()) == (before, False)


def test_what_is_purged_is_archived_and_its_certificates_stay_revoked(made: Site, tmp_path: Path) -> None:
    offboarded(made)
    before = revoked(made)
    assert before
    archive = tmp_path / "all.tar"
    assert command(made, "purge", "greenbank", str(archive), "--confirm", "greenbank") == 0
    assert not any("greenbank" in str(path.relative_to(made.state)) for top in ("store", "exchange") for path in made.path(top).rglob("*"))
    with tarfile.open(archive) as kept:
        assert "store/greenbank/ca/key.pem" in kept.getnames()
    assert (archive.stat().st_mode & 0o777) == 0o600
    found = made.run(now=None)  # type: ignore[arg-type]
    assert (faults(found), changes(found)) == ([], [])
    assert revoked(made) == before


def test_who_was_purged_comes_back_as_someone_new(made: Site, tmp_path: Path) -> None:
    before = made.read("store/greenbank/client/hub/certificate.pem")
    offboarded(made)
    assert command(made, "purge", "greenbank", str(tmp_path / "all.tar"), "--confirm", "greenbank") == 0
    made.participants["greenbank"]["state"] = "active"
    file = made.root / "description" / "participants" / "greenbank.yml"
    file.write_text(yaml.safe_dump(made.participants["greenbank"]), encoding="utf-8")
    assert faults(made.run(now=None)) == []  # type: ignore[arg-type]
    assert made.read("store/greenbank/client/hub/certificate.pem") != before
