# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Backup and restore: private, whole or not at all, and nothing that others have seen goes back in time.

The hub and a participant work in a state folder each, as two organisations do; what they publish is carried between them.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from cryptography import x509

from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import LeaseHeld, OnboardingError, StoreError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.findings import Disposition, Finding
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.revocation import LIST, LIST_LIMIT
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps.sequence import Request, run
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store import backup as backup_module
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.backup import Outcome, back_up, restore
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.lease import lease
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.merging import MARGIN

NOW = datetime.now(UTC)
HUB = {
    "format": 1,
    "environment": "twofold",
    "kind": "lab",
    "profile": "mojaloop",
    "approval": "automatic",
    "hub": {
        "id": "switch",
        "organisation": "Hub",
        "endpoint": {"url": "https://hub.example:8443", "addresses": ["203.0.113.10"]},
        "egress_addresses": ["203.0.113.11/32"],
        "ca": {"kind": "internal"},
        "keys": {"jws": "rsa-2048"},
    },
}
BANK = {
    "format": 1,
    "id": "greenbank",
    "organisation": "Green Bank",
    "hosting": "managed",
    "endpoint": {"url": "https://greenbank.example:8443", "addresses": ["203.0.113.20"]},
    "egress_addresses": ["203.0.113.21/32"],
    "ca": {"kind": "internal"},
    "keys": {"jws": "rsa-2048"},
    "gateways": [
        {
            "host": "greenbank-gateway",
            "kind": "haproxy",
            "inbound": [{"address": "203.0.113.20", "port": 8443}],
            "inbound_backend": {"address": "127.0.0.1", "port": 3000},
            "outbound": {"address": "127.0.0.1", "port": 3100},
        }
    ],
}


class Two:
    """The hub, a participant, and what each of them has ever seen of the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.description = folder / "inventory"
        self.states = {"hub": folder / "hub-state", "greenbank": folder / "greenbank-state"}
        self.serials: dict[int, bytes] = {}
        self.numbers: list[int] = []
        self.describe("203.0.113.11/32")

    def describe(self, egress: str) -> None:
        (self.description / "participants").mkdir(parents=True, exist_ok=True)
        hub = {**HUB, "hub": {**HUB["hub"], "egress_addresses": [egress]}}  # type: ignore[dict-item]
        (self.description / "hub.yml").write_text(yaml.safe_dump(hub), encoding="utf-8")
        (self.description / "participants/greenbank.yml").write_text(yaml.safe_dump(BANK), encoding="utf-8")

    def run(self, side: str, *rekey: str) -> list[Finding]:
        request = Request(str(self.description), str(self.states[side]), sides=[side], rekey=rekey)
        found = list(run(request).findings)
        self.carry(side)
        return found

    def carry(self, side: str) -> None:
        """Bring what a side publishes to the other, and note it."""
        source, other = self.states[side] / "exchange", self.states[{"hub": "greenbank", "greenbank": "hub"}[side]] / "exchange"
        for part in ("jws", "greenbank/hub") if side == "hub" else ("greenbank/participant",):
            shutil.copytree(source / part, other / part, dirs_exist_ok=True)
        if side == "hub":
            self.numbers.append(json.loads((source / "greenbank/hub/manifest.json").read_bytes())["manifest"]["sequence"])
        for path in source.rglob("client.pem"):
            certificate = x509.load_pem_x509_certificate(path.read_bytes())
            assert self.serials.setdefault(certificate.serial_number, path.read_bytes()) == path.read_bytes()

    def settle(self) -> None:
        """Both sides run until they have nothing more to do, and nothing goes wrong on the way."""
        for _ in range(4):
            found = [*self.run("hub"), *self.run("greenbank")]
            assert [str(finding) for finding in found if finding.disposition is Disposition.FAULT] == []
            if not found:
                return
        pytest.fail("\n".join(map(str, found)))

    def go_on(self) -> None:
        """What makes a copy old: the hub's facts change, and the participant has a new client certificate signed."""
        self.describe("203.0.113.12/32")
        shutil.rmtree(self.states["greenbank"] / "store/greenbank/client/hub")
        self.run("greenbank", "greenbank/client/hub")
        self.settle()

    @property
    def issued(self) -> set[str]:
        return {path.name for path in (self.states["hub"] / "journal/serials").iterdir()}

    @property
    def rising(self) -> bool:
        return self.numbers == sorted(self.numbers)


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Two:
    two = Two(tmp_path_factory.mktemp("two"))
    two.settle()
    return two


@pytest.fixture
def two(settled: Two, tmp_path: Path) -> Two:
    shutil.copytree(settled.folder, tmp_path, dirs_exist_ok=True)
    copy = Two(tmp_path)
    copy.serials, copy.numbers = dict(settled.serials), list(settled.numbers)
    return copy


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    (tmp_path / "kept").mkdir()
    return tmp_path / "kept" / "hub.tar"


def save(two: Two, archive: Path) -> Outcome:
    return back_up(two.states["hub"], archive, environment="twofold", now=NOW)


def bring_back(two: Two, archive: Path, *, replace: bool = True) -> Outcome:
    return restore(two.states["hub"], archive, environment="twofold", replace=replace)


def content(root: Path) -> dict[str, tuple[bytes, int]]:
    """Bytes and modes of all but the lease."""
    paths = (path for path in root.rglob("*") if path.is_file() and "lease" not in path.parts)
    return {str(path.relative_to(root)): (path.read_bytes(), path.stat().st_mode) for path in paths}


def test_a_copy_is_private_and_comes_back_the_same(two: Two, archive: Path) -> None:
    root = two.states["hub"]
    (root / "exchange/greenbank/participant").chmod(0o755)
    before = content(root)
    umask = os.umask(0)
    try:
        done = save(two, archive)
    finally:
        os.umask(umask)
    assert archive.stat().st_mode & 0o777 == 0o600
    assert done.files == len(before) == bring_back(two, archive).files
    assert content(root) == before
    shutil.rmtree(root)
    bring_back(two, archive, replace=False)
    raised = re.compile("/sequences/(published|crl)/")
    assert {path: kept for path, kept in content(root).items() if not raised.search(path)} == {
        path: kept for path, kept in before.items() if not raised.search(path)
    }
    assert {path.stat().st_mode & 0o777 for path in [root, *(root / "store").rglob("*")] if path.is_dir()} == {0o700}
    assert (root / "exchange/greenbank/participant").stat().st_mode & 0o777 == 0o755
    assert sorted(path.name for path in archive.parent.iterdir()) == ["hub.tar"]


def test_hard_links_are_one_file_again(two: Two, archive: Path) -> None:
    root = two.states["hub"]
    os.link(root / "store/hub/jws/public.pem", root / "store/hub/linked.pem")
    save(two, archive)
    bring_back(two, archive)
    assert (root / "store/hub/linked.pem").samefile(root / "store/hub/jws/public.pem")


def test_a_restored_copy_of_the_same_state_changes_nothing(two: Two, archive: Path) -> None:
    save(two, archive)
    assert bring_back(two, archive).raised == ()
    assert two.run("hub") == []


def test_an_old_copy_over_a_later_state_converges_without_a_roll_back(two: Two, archive: Path) -> None:
    save(two, archive)
    two.go_on()
    used, numbers, later = two.issued, list(two.numbers), content(two.states["hub"] / "exchange")
    done = bring_back(two, archive)
    assert done.raised == ()
    assert set(done.newer) == {"exchange/greenbank/hub", "exchange/greenbank/participant"}
    assert content(two.states["hub"] / "exchange") == later
    assert two.issued >= used
    two.settle()
    assert two.issued >= used
    assert two.rising
    assert two.numbers[-1] > numbers[-1]
    assert (two.run("hub"), two.run("greenbank")) == ([], [])


@pytest.mark.parametrize("lost", ["everything", "everything but the exchange"])
def test_an_old_copy_after_a_loss_raises_what_it_cannot_know(two: Two, archive: Path, lost: str) -> None:
    save(two, archive)
    two.go_on()
    numbers = list(two.numbers)
    root = two.states["hub"]
    for part in ("store", "journal", "evidence", *(["exchange"] if lost == "everything" else [])):
        shutil.rmtree(root / part, ignore_errors=True)
    done = bring_back(two, archive, replace=lost != "everything")
    assert set(done.raised) == {
        "journal/sequences/crl/hub.json",
        "journal/sequences/published/hub/greenbank.json",
        "journal/sequences/published/hub/jws.json",
    }
    shutil.copytree(two.states["greenbank"] / "exchange/greenbank/participant", root / "exchange/greenbank/participant", dirs_exist_ok=True)
    two.settle()
    assert two.rising
    assert two.numbers[-1] > numbers[-1]
    assert two.numbers[-1] > MARGIN


def test_unpacked_by_other_means_the_same_copy_is_refused_by_the_counterpart(two: Two, archive: Path) -> None:
    save(two, archive)
    two.go_on()
    two.describe("203.0.113.13/32")
    two.settle()
    shutil.rmtree(two.states["hub"])
    with tarfile.open(archive) as tar:
        tar.extractall(two.states["hub"], filter="data")
    two.run("hub")
    assert {finding.reason for finding in two.run("greenbank")} & {"sequence-rolled-back", "sequence-reused", "manifest-chain"}


def test_a_retired_key_stays_retired(two: Two, archive: Path) -> None:
    root = two.states["hub"]
    entry = next((root / "journal/keys").iterdir())
    save(two, archive)
    entry.write_bytes(entry.read_bytes().replace(b'"current"', b'"retired"'))
    bring_back(two, archive)
    assert b'"retired"' in entry.read_bytes()


def test_a_state_is_not_overwritten_unless_permitted(two: Two, archive: Path) -> None:
    save(two, archive)
    before = content(two.states["hub"])
    with pytest.raises(StoreError, match="holds a state already"):
        bring_back(two, archive, replace=False)
    with pytest.raises(StoreError, match="there already"):
        save(two, archive)
    assert content(two.states["hub"]) == before


def test_the_copy_of_another_environment_is_refused(two: Two, archive: Path) -> None:
    save(two, archive)
    before = content(two.states["hub"])
    with pytest.raises(StoreError, match=r"'twofold'.*'live'"):
        restore(two.states["hub"], archive, environment="live", replace=True)
    assert content(two.states["hub"]) == before


def test_a_run_and_a_backup_do_not_meet(two: Two, archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def impatient(root: Path, *, holder: str, now: object) -> Iterator[object]:
        with lease(root, holder=holder, wait=0) as held:
            yield held

    monkeypatch.setattr(backup_module, "lease", impatient)
    with lease(two.states["hub"], holder="a run"), pytest.raises(LeaseHeld, match="a run"):
        save(two, archive)
    assert not archive.exists()
    save(two, archive)


def test_a_backup_inside_the_state_folder_is_refused(two: Two) -> None:
    with pytest.raises(StoreError, match="inside the state folder"):
        save(two, two.states["hub"] / "store" / "hub.tar")


def test_what_a_killed_backup_left_is_swept_by_the_next(two: Two, archive: Path) -> None:
    stray = archive.parent / ".hub.tar.stage-0123"
    stray.write_bytes(b"keys")
    save(two, archive)
    assert not stray.exists()


def test_a_link_in_the_state_is_no_part_of_a_whole_backup(two: Two, archive: Path) -> None:
    (two.states["hub"] / "exchange/elsewhere").symlink_to("/etc/hostname")
    with pytest.raises(StoreError):
        save(two, archive)
    assert list(archive.parent.iterdir()) == []


class Forged:
    """A tar file with members of all sorts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.members: list[tuple[tarfile.TarInfo, bytes]] = []

    def add(self, name: str, data: bytes = b"", **attributes: object) -> None:
        member = tarfile.TarInfo(name)
        member.size = len(data)
        for attribute, value in attributes.items():
            setattr(member, attribute, value)
        self.members.append((member, data))

    def write(self, **contents: object) -> Path:
        self.add("backup.json", json.dumps({"format": 1, "environment": "twofold", "at": "", "files": {}} | contents).encode())
        with tarfile.open(self.path, "w") as tar:
            for member, data in self.members:
                tar.addfile(member, io.BytesIO(data))
        return self.path


@pytest.mark.parametrize(
    "attributes",
    [
        {"name": "../outside", "data": b"x"},
        {"name": "/etc/outside", "data": b"x"},
        {"name": "lab/x", "data": b"x"},
        {"name": "store/../../outside", "data": b"x"},
        {"name": "store/x", "type": tarfile.SYMTYPE, "linkname": "/etc"},
        {"name": "store/x", "type": tarfile.LNKTYPE, "linkname": "/etc/passwd"},
        {"name": "store/x", "type": tarfile.FIFOTYPE},
        {"name": "store/x", "type": tarfile.CHRTYPE},
        {"name": "store/x", "data": b"not on the list"},
    ],
    ids=lambda attributes: f"{attributes['name']} {attributes.get('type', b'').decode()}",
)
def test_a_forged_archive_is_refused_and_leaves_nothing(tmp_path: Path, attributes: dict[str, object]) -> None:
    forged = Forged(tmp_path / "forged.tar")
    forged.add(**attributes)  # type: ignore[arg-type]
    root = tmp_path / "inner" / "state"
    with pytest.raises(StoreError, match=r"forged\.tar"):
        restore(root, forged.write(), environment="twofold")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file() and "lease" not in path.parts] == ["forged.tar"]


def test_an_empty_archive_that_is_no_forgery_is_accepted(tmp_path: Path) -> None:
    assert restore(tmp_path / "state", Forged(tmp_path / "empty.tar").write(), environment="twofold").files == 0


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.9, 0.999])
def test_a_cut_archive_is_refused_before_anything_changes(two: Two, archive: Path, keep: float) -> None:
    save(two, archive)
    before = content(two.states["hub"])
    whole = archive.read_bytes()
    archive.write_bytes(whole[: int(len(whole.rstrip(b"\0")) * keep)])
    with pytest.raises(StoreError, match=r"hub\.tar"):
        bring_back(two, archive)
    assert content(two.states["hub"]) == before


def test_an_altered_archive_is_refused(two: Two, archive: Path) -> None:
    save(two, archive)
    archive.write_bytes(archive.read_bytes().replace(b"-----BEGIN CERTIFICATE-----\nM", b"-----BEGIN CERTIFICATE-----\nN", 1))
    with pytest.raises(StoreError, match="what its list says"):
        bring_back(two, archive)


def test_an_archive_of_a_newer_release_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OnboardingError, match="is of format 2, written by a newer release"):
        restore(tmp_path / "state", Forged(tmp_path / "new.tar").write(format=2), environment="twofold")


def odd_folder(folder: Path) -> None:
    """What a participant can put into its own folder of the exchange."""
    os.mkfifo(folder / "server.pem")
    (folder / "client.csr").symlink_to("/etc/passwd")
    with (folder / "oauth.p7m").open("wb") as stream:
        stream.truncate(700 << 20)
    (folder / "\udcff").touch()
    deep = folder
    for _ in range(40):
        deep /= "d"
        deep.mkdir()


def test_what_a_participant_puts_into_its_folder_hinders_no_backup(tmp_path: Path) -> None:
    root, archive = tmp_path / "state", tmp_path / "hub.tar"
    folder = root / "exchange/greenbank/participant"
    folder.mkdir(parents=True)
    (folder / "ca.pem").write_bytes(b"x" * (64 << 10))
    assert back_up(root, archive, environment="twofold", now=NOW).left_out == ()
    # A CA that has revoked much has a long list: it is a file like the others, of its own length.
    (folder / LIST).write_bytes(b"x" * LIST_LIMIT)
    assert back_up(root, archive, environment="twofold", now=NOW, replace=True).left_out == ()
    odd_folder(folder)
    (folder / LIST).write_bytes(b"x" * (LIST_LIMIT + 1))
    made = back_up(root, archive, environment="twofold", now=NOW, replace=True)
    assert made.files == 1
    assert set(made.left_out) == {
        f"exchange/greenbank/participant/{name}" for name in (LIST, "server.pem", "client.csr", "oauth.p7m", "\\udcff", "d")
    }
    assert archive.stat().st_size < 1 << 20
    with pytest.raises(StoreError, match="holds a state already"):
        restore(root, archive, environment="twofold")
    other = tmp_path / "other"
    assert restore(other, archive, environment="twofold").files == 1
    assert [path.name for path in (other / "exchange/greenbank/participant").iterdir()] == ["ca.pem"]


def test_a_link_in_the_place_of_a_participants_folder_is_left_out(tmp_path: Path) -> None:
    root, archive = tmp_path / "state", tmp_path / "hub.tar"
    (root / "exchange/greenbank").mkdir(parents=True)
    (root / "exchange/greenbank/participant").symlink_to("/etc")
    assert back_up(root, archive, environment="twofold", now=NOW).left_out == ("exchange/greenbank/participant",)
