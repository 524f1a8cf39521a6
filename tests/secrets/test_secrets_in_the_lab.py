# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""In the lab, where gateways, firewalls and verification have their part: no secret but where it serves, and there for its owner alone."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
from support.leaks import Secrets, contents, search, secrets_of_state
from support.playbooks import ROOT

from ansible_collections.mojaloop.onboarding.plugins.module_utils.lab.vantage import enter_command

from .environment import Environment, Watched

pytestmark = [pytest.mark.slow, pytest.mark.root, pytest.mark.timeout(600)]

TOKEN = re.compile(rb"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}")
"""An access token, whole: header, claims and signature (RFC 7515 section 3.1)."""
GATEWAYS = {"hub-gateway": "hub", "greenbank-gateway": "greenbank", "bluebank-gateway": "bluebank"}


class Lab(Environment):
    """The lab of the project, in a folder of the test's own."""

    limit = ()
    variables: ClassVar[dict[str, str]] = {}

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.description = folder / "inventories" / "lab"
        shutil.copytree(ROOT / "inventories" / "lab", self.description)
        self.state = folder / ".state" / "lab"

    @property
    def machines(self) -> Path:
        return self.state / "lab" / "machines"

    @property
    def secrets(self) -> Secrets:
        """The stores', the authorization server's, and those of the participant with its own tools."""
        passphrases = {path.parent.name: path.read_bytes().strip() for path in (self.state / "store").glob("*/ca.passphrase")}
        found = secrets_of_state(self.state, passphrases)
        server = self.state / "lab" / "authorization-server"
        found.add("initial access token", (server / "initial-access-token").read_bytes().strip())
        for key in json.loads((server / "jwks.json").read_bytes())["keys"]:
            found.add("the server's signing key", key["d"].encode())
        for path in sorted((self.state / "self-hosted").rglob("*.key")):
            found.add_key(f"{path.parent.name}'s {path.name}", path.read_bytes())
        return found

    def files_of(self, machine: str) -> list[Held]:
        """Every file of a machine's own configuration and of what lasts while it runs."""
        command = [*enter_command(self.state, machine), "tar", "-C", "/", "--ignore-failed-read", "-cf", "-", "etc", "run"]
        packed = subprocess.run(command, capture_output=True, check=False).stdout
        with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
            modes = {member.name: member.mode & 0o777 for member in tar.getmembers()}
            found = [(member, tar.extractfile(member)) for member in tar.getmembers() if member.isreg()]
            return [
                Held(member.name, member.mode & 0o777, modes[str(Path(member.name).parent)], b"" if stream is None else stream.read())
                for member, stream in found
            ]


@dataclass(frozen=True)
class Held:
    """A file of a machine: its mode, that of its folder, its content."""

    path: str
    mode: int
    folder_mode: int
    content: bytes


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    raised = Lab(tmp_path_factory.mktemp("lab"))
    try:
        assert raised.play("lab.yml").played.status == 0
        yield raised
    finally:
        raised.play("lab.yml", "-e", "lab_state=absent")


def tokens(watched: Watched) -> list[str]:
    """Where an access token can be read."""
    lab = watched.environment
    kept = {f"{part}/{name}": each for part in ("evidence", "journal", "exchange", "store") for name, each in contents(lab.state / part)}
    return [place for place, content in (watched.places() | kept).items() if TOKEN.search(content)]


def leaks(watched: Watched) -> list[str]:
    return sorted(map(str, watched.leaks()))


def test_1_onboarding_shows_no_secret(lab: Lab) -> None:
    first = lab.play("onboard.yml")
    assert (leaks(first), tokens(first)) == ([], [])
    assert any("AnsiballZ_gateway" in place for place in first.places())
    assert first.played.status == 0, first.played.output[-2000:]
    assert lab.play("lab.yml", "-e", "lab_state=turn").played.status == 0
    second = lab.play("onboard.yml")
    assert (leaks(second), tokens(second)) == ([], [])
    assert second.played.status == 0, second.played.output[-2000:]


def misplaced(lab: Lab, machine: str, side: str) -> list[str]:
    """Secrets that do not belong on a machine, files of secrets that others can read, and leftovers."""
    held = lab.files_of(machine)
    found = search(lab.secrets, {each.path: each.content for each in held})
    assert f"store/{side}/server/key.pem, PEM body" in {leak.secret for leak in found}, machine
    own = re.compile(rf"store/{side}/(server|client/[a-z-]+)/key\.pem, .*")
    wrong = [str(leak) for leak in found if not own.fullmatch(leak.secret)]
    places = {leak.place for leak in found}
    open_to_others = [f"{each.path} {each.mode:04o}" for each in held if each.path in places and (each.mode | each.folder_mode) & 0o077]
    return sorted(wrong + open_to_others + [each.path for each in held if "stag" in each.path])


@pytest.mark.parametrize(("machine", "side"), GATEWAYS.items())
def test_2_a_machine_holds_only_keys_of_its_side_and_shows_them_to_nobody(lab: Lab, machine: str, side: str) -> None:
    assert misplaced(lab, machine, side) == []
    for source, mode, expected in (
        (f"store/{side}/server/key.pem", "0644", "etc/stray 0644"),
        (f"store/{side}/jws/key.pem", "0600", f"store/{side}/jws/key.pem, exponent in etc/stray"),
        ("store/probe-one/client/hub/key.pem", "0600", "store/probe-one/client/hub/key.pem, PEM body in etc/stray"),
    ):
        entering = enter_command(lab.state, machine)
        subprocess.run([*entering, "install", "-m", mode, str(lab.state / source), "/etc/stray"], check=True)
        assert expected in misplaced(lab, machine, side)
        subprocess.run([*entering, "rm", "/etc/stray"], check=True)


def test_3_verification_shows_no_secret_and_no_access_token(lab: Lab) -> None:
    run = lab.play("verify.yml")
    assert (leaks(run), tokens(run)) == ([], [])
    # Whether every door is as it must be, others test; here calls with tokens have passed.
    assert run.played.of("verification")[0]["counts"]["passed"] > 30


def test_4_no_log_of_a_machine_repeats_a_secret_or_a_token(lab: Lab) -> None:
    files = [path for path in lab.machines.rglob("*") if path.is_file() and "log" in path.relative_to(lab.machines).parts[1]]
    logs = {str(path): path.read_bytes() for path in files}
    assert sum(map(len, logs.values())) > 1000
    assert search(lab.secrets, logs) == set()
    assert [name for name, content in logs.items() if TOKEN.search(content)] == []


def test_5_a_token_is_recognised() -> None:
    token = b"eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2F1dGgifQ." + b"c2ln" * 20
    assert TOKEN.search(b'{"Authorization": "Bearer ' + token + b'"}')
    assert not TOKEN.search(token.rpartition(b".")[0])
