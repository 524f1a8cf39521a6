# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A participant's kit: complete, without a secret; its printed commands are run as printed, and the hub's half takes what they make."""

from __future__ import annotations

import json
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate
from support.trees import use_cheap_keys
from unit.steps.conftest import Site, site

from ansible_collections.mojaloop.onboarding.plugins.module_utils.command.main import main
from ansible_collections.mojaloop.onboarding.plugins.module_utils.connector.schema import check
from ansible_collections.mojaloop.onboarding.plugins.module_utils.exchange.sealing import seal
from ansible_collections.mojaloop.onboarding.plugins.module_utils.host.connector_sdk import read_environment

ID = "redbank"
UNUSUAL = "Red/Bank & Söhne + 'Co'"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A hub that has made its own half; redbank is hosted elsewhere and publishes plain files."""
    use_cheap_keys(monkeypatch)
    made = site(tmp_path / "environment", "greenbank", ID, approval="automatic")
    red = made.participants[ID]
    for key in ("gateways",):
        red.pop(key)
    red |= {"hosting": "self-hosted", "manifest": "none", "organisation": UNUSUAL, "ca": {"kind": "own"}}
    made.describe().run(now=datetime.now(UTC))
    return made


def _kit(hub: Site, folder: Path, participant: str = ID) -> int:
    inventory = hub.root / "description" / "hosts.yml"
    return main(["kit", participant, str(folder), "-i", str(inventory), "--state", str(hub.state)])


def _parts(readme: str) -> list[str]:
    return re.findall(r"```sh\n(.*?)```", readme, re.DOTALL)


def _run(commands: str, own: Path, exchange: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "EXCHANGE": str(exchange), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(["sh", "-eu", "-c", commands], cwd=own, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_the_kit_is_complete_and_holds_no_secret(hub: Site, tmp_path: Path) -> None:
    folder = tmp_path / "kit"
    assert _kit(hub, folder) == 0
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert {"README.md", "commands.sh", "addresses.json", "hub/ca.pem", "hub/fingerprints.txt", "jws-keys/switch.pem"} <= set(files)
    assert [name for name, content in files.items() if b"PRIVATE KEY" in content] == []
    addresses = json.loads(files["addresses.json"])
    assert addresses["in"]["from"] == ["203.0.113.11/32"]
    assert addresses["out"]["to"] == ["203.0.113.10"]
    for era in ("18.0.2", "24.19.4"):
        variables = read_environment(folder / "connector" / f"{era}.env")
        assert check(era.partition(".")[0], variables) == []
        open_ones = {name for name, value in variables.items() if value == "to be filled in"}
        assert open_ones == {"ILP_SECRET", "OAUTH_CLIENT_KEY", "OAUTH_CLIENT_SECRET"}
    authority = load_pem_x509_certificate(files["hub/ca.pem"])
    assert authority.fingerprint(SHA256()).hex() in files["hub/fingerprints.txt"].decode()


def test_the_printed_commands_do_the_participants_half(hub: Site, tmp_path: Path) -> None:
    folder, own, exchange = tmp_path / "kit", tmp_path / "own", hub.state / "exchange"
    own.mkdir()
    assert _kit(hub, folder) == 0
    make, sign, collect = _parts((folder / "README.md").read_text(encoding="utf-8"))
    _run(make, own, exchange)
    hub.run(now=datetime.now(UTC))
    assert load_pem_x509_certificate(hub.read(f"store/hub/issued/{ID}/client.pem"))
    _run(sign, own, exchange)
    hub.run(now=datetime.now(UTC))
    # This hub has no authorization server: the credentials are sealed as it does when it has one.
    holder = load_pem_x509_certificate((own / "exchange.pem").read_bytes())
    (exchange / ID / "hub" / "oauth.p7m").write_bytes(seal(b'{"client_id": "red"}', holder))
    _run(collect, own, exchange)
    assert json.loads((own / "credentials.json").read_bytes()) == {"client_id": "red"}
    key = load_pem_private_key((own / "client.key").read_bytes(), None)
    certificate = load_pem_x509_certificate((own / "client.pem").read_bytes())
    assert certificate.public_key() == key.public_key()
    assert (own / "jws-keys" / "switch.pem").is_file()
    signed = load_pem_x509_certificate(hub.read(f"store/hub/client/{ID}/certificate.pem"))
    assert signed.issuer == load_pem_x509_certificate((own / "ca.pem").read_bytes()).subject
    assert [path.name for path in own.glob("*.key") if path.stat().st_mode & 0o077] == []


def test_commands_sh_is_what_the_readme_prints(hub: Site, tmp_path: Path) -> None:
    folder = tmp_path / "kit"
    assert _kit(hub, folder) == 0
    script = (folder / "commands.sh").read_text(encoding="utf-8")
    assert all(part in script for part in _parts((folder / "README.md").read_text(encoding="utf-8")))


def test_a_kit_for_a_participant_that_is_not_described_is_refused(hub: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _kit(hub, tmp_path / "kit", "nobank") == 1
    assert "no participant 'nobank'" in capsys.readouterr().err
    assert not (tmp_path / "kit").exists()


def test_nothing_is_overwritten(hub: Site, tmp_path: Path) -> None:
    (tmp_path / "kit").mkdir()
    assert _kit(hub, tmp_path / "kit") == 1
    assert list((tmp_path / "kit").iterdir()) == []
