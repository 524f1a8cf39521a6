# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A CA that was made elsewhere, and one that is never here: plain ``openssl`` makes and signs."""

from __future__ import annotations

import json
import shlex
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from unit.steps.conftest import changes, faults, marks, pending, site

from ansible_collections.mojaloop.onboarding.plugins.module_utils.findings import Finding

PASSPHRASE = "a passphrase of the test"


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=60)


def now() -> datetime:
    """After everything that openssl has signed so far: it dates by the clock."""
    return datetime.now(UTC) + timedelta(seconds=1)


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """A root and an issuing CA below it."""
    folder = tmp_path / "authority"
    folder.mkdir(mode=0o700)
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    (folder / "root.ext").write_text("basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n")
    (folder / "ca.ext").write_text("basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n")
    openssl(folder, "req", *curve, "-nodes", "-keyout", "root.key", "-out", "root.csr", "-subj", "/O=Trust/CN=Trust root")
    openssl(
        folder, "req", *curve, "-passout", f"pass:{PASSPHRASE}", "-keyout", "key.pem", "-out", "ca.csr", "-subj", "/O=Trust/CN=Trust CA"
    )
    signed = ["x509", "-req", "-sha256", "-days", "3000"]
    openssl(folder, *signed, "-in", "root.csr", "-out", "root.pem", "-extfile", "root.ext", "-signkey", "root.key")
    openssl(
        folder,
        *signed,
        "-in",
        "ca.csr",
        "-out",
        "ca.pem",
        "-extfile",
        "ca.ext",
        "-CA",
        "root.pem",
        "-CAkey",
        "root.key",
        "-set_serial",
        "0x77",
    )
    return folder


def issuing(folder: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())


def test_an_imported_ca_signs_and_is_kept_encrypted(tmp_path: Path, authority: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = site(tmp_path, "greenbank")
    files = {"certificate_file": "ca.pem", "chain_file": "root.pem", "key_file": "key.pem"}
    made.hub["hub"]["ca"] = {"kind": "imported"} | {name: str(authority / file) for name, file in files.items()}
    made.describe()
    monkeypatch.setenv("ONBOARDING_CA_PASSPHRASE_HUB", "another")
    assert faults(made.step("own_certificates", now=now(), sides=["hub"])) == [("hub", "ca", "key-passphrase-wrong")]
    assert not made.path("store/hub/ca").exists()
    monkeypatch.setenv("ONBOARDING_CA_PASSPHRASE_HUB", PASSPHRASE)
    assert faults(made.run(now=now())) == []
    for path in ("store/hub/server", "store/greenbank/client/hub"):
        x509.load_pem_x509_certificate(made.read(f"{path}/certificate.pem")).verify_directly_issued_by(issuing(authority))
    assert made.read("store/greenbank/client/hub/chain.pem").count(b"BEGIN CERTIFICATE") == 2
    assert b"ENCRYPTED PRIVATE KEY" in made.read("store/hub/ca/key.pem")
    assert made.run(now=now()) == []


def answer(authority: Path, request: Path) -> None:
    """Do what the request says, word for word, and nothing else."""
    facts = json.loads((request / "request.json").read_text())
    command = facts["how"].partition(";")[0]
    command = command.replace("<ca certificate>", str(authority / "ca.pem")).replace("<ca key>", str(authority / "key.pem"))
    openssl(request, *shlex.split(command)[1:], "-passin", f"pass:{PASSPHRASE}")


def awaited(findings: list[Finding]) -> set[tuple[str, str]]:
    return {
        (side, artefact) for side, artefact, reason, who in pending(findings) if (reason, who) == ("awaiting-signature", "the offline CA")
    }


def test_an_offline_ca_is_asked_by_files_once_and_answers_by_files(tmp_path: Path, authority: Path) -> None:
    made = site(tmp_path, "greenbank")
    desk = tmp_path / "desk"
    made.hub["hub"]["ca"] = {"kind": "offline", "offline_folder": str(desk)}
    made.describe()
    first = made.run(now=now())
    assert faults(first) == []
    assert ("hub", "ca", "awaiting-authority", "the offline CA") in pending(first)
    desk.mkdir(exist_ok=True)
    (desk / "ca.pem").write_bytes((authority / "root.pem").read_bytes() + (authority / "ca.pem").read_bytes())

    asked = made.run(now=now())
    assert faults(asked) == []
    assert awaited(asked) == {("hub", "server"), ("hub", "jws"), ("hub", "client")}
    before = marks(made.state), marks(desk)
    again = made.run(now=now())
    assert (changes(again), faults(again)) == ([], [])
    assert pending(again) == pending(asked)
    assert (marks(made.state), marks(desk)) == before

    requests = sorted(path.parent for path in desk.glob("*/request.json"))
    assert [path.name.rpartition("-")[0] for path in requests] == ["greenbank-client", "hub-jws", "hub-server"]
    for request in requests:
        answer(authority, request)
    assert faults(made.run(now=now())) == []
    for path in ("store/hub/server", "store/hub/jws", "store/greenbank/client/hub"):
        x509.load_pem_x509_certificate(made.read(f"{path}/certificate.pem")).verify_directly_issued_by(issuing(authority))
    assert made.run(now=now()) == []

    # What is due is asked for again, beside the one that serves until the answer is there.
    serving = made.read("store/hub/server/certificate.pem")
    later = now() + timedelta(days=290)
    due = made.run(now=later)
    assert (faults(due), awaited(due)) == ([], {("hub", "server"), ("hub", "client")})
    assert made.read("store/hub/server/certificate.pem") == serving
    assert changes(made.run(now=later)) == []


def test_an_answer_of_another_ca_is_refused(tmp_path: Path, authority: Path) -> None:
    made = site(tmp_path, "greenbank")
    desk = tmp_path / "desk"
    desk.mkdir()
    (desk / "ca.pem").write_bytes((authority / "ca.pem").read_bytes() + (authority / "root.pem").read_bytes())
    made.hub["hub"]["ca"] = {"kind": "offline", "offline_folder": str(desk)}
    made.describe().step("own_certificates", now=now(), sides=["hub"])
    (request,) = desk.glob("hub-server-*")
    answer(authority, request)
    right = (request / "certificate.pem").read_bytes()
    (request / "certificate.pem").write_bytes((authority / "root.pem").read_bytes())
    assert faults(made.step("own_certificates", now=now(), sides=["hub"])) == [("hub", "server", "issuer-signature")]
    (request / "certificate.pem").write_bytes(right)
    assert faults(made.step("own_certificates", now=now(), sides=["hub"])) == []
    assert made.path("store/hub/server/certificate.pem").exists()


def test_an_answer_to_an_older_request_is_refused(tmp_path: Path, authority: Path) -> None:
    made = site(tmp_path, "greenbank")
    desk = tmp_path / "desk"
    desk.mkdir()
    (desk / "ca.pem").write_bytes((authority / "ca.pem").read_bytes() + (authority / "root.pem").read_bytes())
    made.hub["hub"]["ca"] = {"kind": "offline", "offline_folder": str(desk)}
    made.describe().step("own_certificates", now=now(), sides=["hub"])
    (request,) = desk.glob("hub-server-*")
    answer(authority, request)
    older = (request / "certificate.pem").read_bytes()
    (request / "certificate.pem").unlink()
    # The description changes before the answer is there: the request is written anew, once.
    made.hub["hub"]["endpoint"]["url"] = "https://other.switch.example"
    made.describe().step("own_certificates", now=now(), sides=["hub"])
    (request,) = desk.glob("hub-server-*")
    asked = marks(desk)
    again = made.step("own_certificates", now=now(), sides=["hub"])
    assert (changes(again), faults(again), marks(desk)) == ([], [], asked)
    (request / "certificate.pem").write_bytes(older)
    assert faults(made.step("own_certificates", now=now(), sides=["hub"])) == [("hub", "server", "serial")]
    assert not made.path("store/hub/server/certificate.pem").exists()
    (request / "certificate.pem").unlink()
    answer(authority, request)
    assert faults(made.step("own_certificates", now=now(), sides=["hub"])) == []
    assert made.path("store/hub/server/certificate.pem").exists()
