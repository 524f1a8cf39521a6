# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Revocation lists and the real openssl: it believes ours, and refuses by them; what it makes is received here."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.trees import use_cheap_keys
from unit.steps.conftest import Site, changes, faults, participant, pending, site

NOW = datetime.now(UTC)
CONFIG = """\
[ca]
default_ca = only
[only]
database = {folder}/index.txt
crlnumber = {folder}/crlnumber
default_md = sha256
default_crl_days = 30
"""
RED = "exchange/redbank/participant"
SCRIPT = Path(__file__).parents[1] / "lab/openssl_participant.sh"


def openssl(*words: str | Path, code: int = 0) -> str:
    done = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    use_cheap_keys(monkeypatch)
    return site(tmp_path, "bluebank", "greenbank")


@pytest.mark.parametrize(("state", "reason"), [("suspended", "Certificate Hold"), ("offboarded", "Cessation Of Operation")])
def test_openssl_accepts_the_active_and_refuses_the_revoked(made: Site, state: str, reason: str) -> None:
    made.run(now=NOW)
    made.participants["greenbank"]["state"] = state
    ca, crl = (made.path(f"store/hub/ca/{name}.pem") for name in ("certificate", "crl"))
    clients = {name: made.path(f"store/hub/issued/{name}/client.pem") for name in ("bluebank", "greenbank")}
    judge = ("verify", "-crl_check", "-x509_strict", "-purpose", "sslclient", "-CAfile", ca, "-CRLfile", crl)
    assert "verify OK" in openssl("crl", "-in", crl, "-CAfile", ca, "-noout")
    assert [openssl(*judge, path) for path in clients.values()] == [f"{path}: OK\n" for path in clients.values()]
    made.describe().run(now=NOW)
    assert "verify OK" in openssl("crl", "-in", crl, "-CAfile", ca, "-noout")
    assert openssl(*judge, clients["bluebank"]) == f"{clients['bluebank']}: OK\n"
    assert "certificate revoked" in openssl(*judge, clients["greenbank"], code=2)
    assert reason in openssl("crl", "-in", crl, "-noout", "-text")
    # Without lists, openssl accepts it still: it is the list that refuses.
    assert openssl("verify", "-CAfile", ca, clients["greenbank"]) == f"{clients['greenbank']}: OK\n"
    # Late by a month, it refuses everybody: why no gateway reads one.
    late = str(int((NOW + timedelta(days=31)).timestamp()))
    assert "CRL has expired" in openssl(*judge, "-attime", late, clients["bluebank"], code=2)


class Redbank:
    """A participant with nothing but openssl, whose CA keeps a revocation list."""

    def __init__(self, made: Site) -> None:
        self.place, self.published = made.root / "redbank", made.path(RED)
        words = [SCRIPT, "publish", self.place, made.path("exchange"), "redbank", "redbank.example", "Redbank"]
        subprocess.run(list(map(str, words)), check=True, capture_output=True, timeout=60)
        (self.place / "index.txt").touch()
        (self.place / "crlnumber").write_text("01\n")
        (self.place / "openssl.cnf").write_text(CONFIG.format(folder=self.place))

    def list(self) -> bytes:
        authority = ("-keyfile", self.place / "ca.key", "-cert", self.place / "ca.pem")
        openssl("ca", "-gencrl", "-config", self.place / "openssl.cnf", *authority, "-out", self.published / "crl.pem")
        return (self.published / "crl.pem").read_bytes()


def test_a_list_that_openssl_makes_is_received_and_an_older_one_is_not(made: Site) -> None:
    red = participant(4, "redbank")
    del red["gateways"]
    made.participants["redbank"] = red | {"hosting": "self-hosted", "manifest": "none"}
    made.hub["approval"] = "automatic"
    made.describe()
    redbank = Redbank(made)
    begin = datetime.now(UTC)
    assert faults(made.run(now=begin)) == []
    received = made.path("store/hub/received/redbank")
    # No one must publish one.
    assert not (received / "crl.pem").exists()
    assert [each for each in pending(made.run(now=begin)) if "crl.pem" in each] == []
    first, second = redbank.list(), redbank.list()
    later = datetime.now(UTC)
    found = made.run(now=later)
    assert faults(found) == []
    assert ("hub", "received/crl.pem", "not-installed") in changes(found)
    assert (received / "crl.pem").read_bytes() == second
    (redbank.published / "crl.pem").write_bytes(first)
    assert faults(made.run(now=later)) == [("hub", "crl.pem", "crl-older")]
    (redbank.published / "crl.pem").unlink()
    assert ("hub", "crl.pem", "awaiting-counterpart", "redbank") in pending(made.run(now=later))
    third = redbank.list()
    assert faults(made.run(now=datetime.now(UTC))) == []
    assert (received / "crl.pem").read_bytes() == third
