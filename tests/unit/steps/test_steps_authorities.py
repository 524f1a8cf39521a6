# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A CA that was made elsewhere, and one that is never here: plain ``openssl`` makes and signs."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from unit.steps.conftest import Site, changes, faults, marks, pending, site

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
    monkeypatch.setenv("ONBOARDING_CA_PASSPHRASE_HUB", "another passphrase")
    assert faults(made.step("generate", now=now(), sides=["hub"])) == [("hub", "ca", "key-passphrase-wrong")]
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


def test_the_key_of_a_ca_that_is_offline_from_now_on_goes_only_when_permitted(tmp_path: Path, authority: Path) -> None:
    made, desk = site(tmp_path, "greenbank"), tmp_path / "desk"
    assert faults(made.run(now=now())) == []
    before = marks(made.path("store/hub/ca"))
    desk.mkdir()
    (desk / "ca.pem").write_bytes((authority / "ca.pem").read_bytes() + (authority / "root.pem").read_bytes())
    made.hub["hub"]["ca"] = {"kind": "offline", "offline_folder": str(desk)}
    made.describe()
    for check in (True, False):
        found = made.run(now=now(), check=check)
        assert (changes(found), faults(found)) == ([], [("hub", "ca", "key-present")])
    assert marks(made.path("store/hub/ca")) == before
    made.run(now=now(), rekey=["hub/ca"])
    for request in desk.glob("*/request.json"):
        answer(authority, request.parent)
    made.run(now=now(), rekey=["hub/ca"])
    assert faults(made.run(now=now())) == []
    assert made.run(now=now()) == [], "no one awaits the list of a CA that is offline now"
    x509.load_pem_x509_certificate(made.read("store/greenbank/client/hub/certificate.pem")).verify_directly_issued_by(issuing(authority))


def answer_all(made: Site, authority: Path, desk: Path) -> list[Finding]:
    """A run, the answers to what it asks for, and a run that takes them over."""
    made.run(now=now())
    for request in desk.glob("*/request.json"):
        if not request.with_name("certificate.pem").exists():
            answer(authority, request.parent)
    return made.run(now=now())


def test_an_offline_ca_is_asked_anew_for_who_was_offboarded_and_is_back(tmp_path: Path, authority: Path) -> None:
    made, desk = asked_and_answered(tmp_path, authority)[0], tmp_path / "desk"
    assert faults(answer_all(made, authority, desk)) == []
    assert made.run(now=now()) == []
    path = "store/greenbank/client/hub/certificate.pem"
    certificate = made.read(path)
    for state, same in (("suspended", True), ("offboarded", False)):
        made.participants["greenbank"]["state"] = state
        assert faults(made.describe().run(now=now())) == []
        made.participants["greenbank"]["state"] = "active"
        back = made.describe().run(now=now())
        assert (faults(back), awaited(back)) == ([], set() if same else {("hub", "client")})
        before = marks(made.state), marks(desk)
        assert changes(made.run(now=now())) == []
        assert (marks(made.state), marks(desk)) == before
        assert faults(answer_all(made, authority, desk)) == []
        assert (made.read(path) == certificate) is same
        assert made.run(now=now()) == []
    x509.load_pem_x509_certificate(made.read(path)).verify_directly_issued_by(issuing(authority))
    assert not made.path("store/hub/ca/crl.pem").exists()


def asked_and_answered(root: Path, authority: Path) -> tuple[Site, Path]:
    """A site whose hub has asked an offline CA, and the folder of its request for the server certificate, which is answered."""
    made = site(root, "greenbank")
    desk = root / "desk"
    desk.mkdir()
    (desk / "ca.pem").write_bytes((authority / "ca.pem").read_bytes() + (authority / "root.pem").read_bytes())
    made.hub["hub"]["ca"] = {"kind": "offline", "offline_folder": str(desk)}
    made.describe().step("generate", now=now(), sides=["hub"])
    (request,) = desk.glob("hub-server-*")
    answer(authority, request)
    return made, request


def test_an_answer_of_another_ca_is_refused(tmp_path: Path, authority: Path) -> None:
    made, request = asked_and_answered(tmp_path, authority)
    right = (request / "certificate.pem").read_bytes()
    (request / "certificate.pem").write_bytes((authority / "root.pem").read_bytes())
    assert faults(made.step("generate", now=now(), sides=["hub"])) == [("hub", "server", "issuer-signature")]
    (request / "certificate.pem").write_bytes(right)
    assert faults(made.step("generate", now=now(), sides=["hub"])) == []
    assert made.path("store/hub/server/certificate.pem").exists()


def test_an_answer_to_an_older_request_is_refused(tmp_path: Path, authority: Path) -> None:
    made, request = asked_and_answered(tmp_path, authority)
    desk = request.parent
    older = (request / "certificate.pem").read_bytes()
    (request / "certificate.pem").unlink()
    # The description changes before the answer is there: the request is written anew, once.
    made.hub["hub"]["endpoint"]["url"] = "https://other.switch.example"
    made.describe().step("generate", now=now(), sides=["hub"])
    (request,) = desk.glob("hub-server-*")
    asked = marks(desk)
    again = made.step("generate", now=now(), sides=["hub"])
    assert (changes(again), faults(again), marks(desk)) == ([], [], asked)
    (request / "certificate.pem").write_bytes(older)
    assert faults(made.step("generate", now=now(), sides=["hub"])) == [("hub", "server", "serial")]
    assert not made.path("store/hub/server/certificate.pem").exists()
    (request / "certificate.pem").unlink()
    answer(authority, request)
    assert faults(made.step("generate", now=now(), sides=["hub"])) == []
    assert made.path("store/hub/server/certificate.pem").exists()


PARTS = {"certificate_file": "ca.pem", "chain_file": "root.pem", "key_file": "key.pem"}


def own_folder(made: Site, name: str) -> Path:
    folder = made.root / f"description/participants-files/{name}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site whose first participant brings a CA of its own, in files that are not there yet."""
    made = site(tmp_path, "greenbank", "bluebank")
    made.participants["greenbank"]["ca"] = {"kind": "imported", **PARTS}
    made.describe()
    monkeypatch.setenv("ONBOARDING_CA_PASSPHRASE_GREENBANK", PASSPHRASE)
    monkeypatch.setenv("ONBOARDING_CA_PASSPHRASE_HUB", PASSPHRASE)
    return made


def test_a_participants_ca_comes_from_its_own_folder(tmp_path: Path, authority: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = imported(tmp_path, monkeypatch)
    assert [each[:2] for each in faults(made.step("generate", now=now()))] == [("greenbank", "ca")]
    folder = own_folder(made, "greenbank")
    for file in PARTS.values():
        shutil.copy(authority / file, folder / file)
    assert faults(made.step("generate", now=now())) == []
    x509.load_pem_x509_certificate(made.read("store/greenbank/server/certificate.pem")).verify_directly_issued_by(issuing(authority))


def test_another_ca_in_the_descriptions_files_is_reported_and_taken_over_when_permitted(
    tmp_path: Path, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = site(tmp_path, "greenbank")
    monkeypatch.setenv("ONBOARDING_CA_PASSPHRASE_HUB", PASSPHRASE)
    assert faults(made.run(now=now())) == []
    made.hub["hub"]["ca"] = {"kind": "imported"} | {name: str(authority / file) for name, file in PARTS.items()}
    made.describe()
    for renewed in (False, True):
        if renewed:  # the same key under a new certificate, as its root renews a CA
            signing = ["-CA", "root.pem", "-CAkey", "root.key", "-set_serial", "0x78"]
            openssl(
                authority, "x509", "-req", "-sha256", "-days", "3200", "-in", "ca.csr", "-out", "ca.pem", "-extfile", "ca.ext", *signing
            )
        before = marks(made.path("store/hub/ca"))
        reported = made.run(now=now())
        assert (changes(reported), faults(reported)) == ([], [("hub", "ca", "authority-differs")])
        assert marks(made.path("store/hub/ca")) == before
        rekey = ["hub/ca"]
        planned, moment = made.run(now=now(), rekey=rekey, check=True), now()
        done = made.run(now=moment, rekey=rekey)
        assert sorted(set(planned)) == sorted(set(done))
        assert faults(done) == []
        assert x509.load_pem_x509_certificate(made.read("store/hub/ca/certificate.pem")) == issuing(authority)
        assert faults(made.run(now=now())) == []
        assert made.run(now=now(), rekey=rekey) == made.run(now=now()) == []
    for path in ("store/hub/server", "store/greenbank/client/hub"):
        x509.load_pem_x509_certificate(made.read(f"{path}/certificate.pem")).verify_directly_issued_by(issuing(authority))
    # Files that are taken away once they were taken over are no loss.
    for file in PARTS.values():
        (authority / file).unlink()
    assert made.run(now=now()) == []


def test_a_file_that_cannot_be_read_any_more_is_a_fault_and_the_ca_in_use_goes_on(
    tmp_path: Path, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = imported(tmp_path, monkeypatch)
    folder = own_folder(made, "greenbank")
    for file in PARTS.values():
        shutil.copy(authority / file, folder / file)
    assert faults(made.step("generate", now=now())) == []
    openssl(folder, "x509", "-in", "ca.pem", "-outform", "DER", "-out", "ca.pem")
    for spoilt in (folder.joinpath("ca.pem").read_bytes(), b"", b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"):
        folder.joinpath("ca.pem").write_bytes(spoilt)
        before = marks(made.path("store/greenbank/ca"))
        found = made.step("generate", now=now())
        assert faults(found) == [("greenbank", "ca", "authority-unreadable")]
        assert marks(made.path("store/greenbank/ca")) == before
        assert "The CA in use goes on." in found[0].detail
        assert ("openssl x509 -inform DER -in ca.pem" in found[0].detail) == spoilt.startswith(b"\x30")


def linked_file(folder: Path, authority: Path) -> None:
    folder.joinpath("key.pem").unlink()
    folder.joinpath("key.pem").symlink_to(authority / "key.pem")


def linked_folder(folder: Path, authority: Path) -> None:
    shutil.rmtree(folder)
    folder.symlink_to(authority)


def pipe(folder: Path, _authority: Path) -> None:
    folder.joinpath("key.pem").unlink()
    os.mkfifo(folder / "key.pem")


def huge(folder: Path, _authority: Path) -> None:
    os.truncate(folder / "chain.pem" if (folder / "chain.pem").exists() else folder / "root.pem", 1 << 34)


@pytest.mark.parametrize("spoil", [linked_file, linked_folder, pipe, huge])
def test_a_participants_ca_is_read_through_no_link_and_from_plain_files_of_sensible_size_only(
    tmp_path: Path, authority: Path, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Path, Path], None]
) -> None:
    made = imported(tmp_path, monkeypatch)
    folder = own_folder(made, "greenbank")
    for file in PARTS.values():
        shutil.copy(authority / file, folder / file)
    spoil(folder, authority)
    found = made.step("generate", now=now())
    assert [each[:2] for each in faults(found)] == [("greenbank", "ca")]
    assert not made.path("store/greenbank/ca").exists()
    assert made.path("store/bluebank/ca/certificate.pem").exists(), "the others did not go on"


def test_the_hubs_ca_is_no_one_elses(tmp_path: Path, authority: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = imported(tmp_path, monkeypatch)
    made.hub["hub"]["ca"] = {"kind": "imported"} | {name: str(authority / file) for name, file in PARTS.items()}
    made.describe()
    folder = own_folder(made, "greenbank")
    for file in PARTS.values():
        shutil.copy(authority / file, folder / file)
    found = made.step("generate", now=now())
    assert [each[:2] for each in faults(found)] == [("greenbank", "ca")]
    assert "its key is known as hub ca" in " ".join(finding.detail for finding in found)
    assert made.path("store/hub/server/certificate.pem").exists()
    assert not made.path("store/greenbank/ca").exists()


def test_a_ca_of_another_in_the_store_signs_nothing(tmp_path: Path, authority: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = imported(tmp_path, monkeypatch)
    folder = own_folder(made, "greenbank")
    for file in PARTS.values():
        shutil.copy(authority / file, folder / file)
    assert faults(made.step("generate", now=now())) == []
    for entry in made.path("journal").rglob("*"):
        if entry.is_file() and b'"purpose": "ca"' in entry.read_bytes() and b"greenbank" in entry.read_bytes():
            entry.write_bytes(entry.read_bytes().replace(b'"greenbank"', b'"bluebank"'))
    shutil.rmtree(made.path("store/greenbank/server"))
    found = made.step("generate", now=now(), rekey=["greenbank/server"])
    assert "its key is known as bluebank ca" in " ".join(finding.detail for finding in found)
    assert not made.path("store/greenbank/server/certificate.pem").exists()
