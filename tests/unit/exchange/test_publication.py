# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Publications: written once, read whole, and refused with a reason when one fact about them is wrong."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography import x509
from support.sides import pem, rsa_key, self_signed, side

from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import ExchangeError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.exchange.envelope import canonical, sign_envelope
from ansible_collections.mojaloop.onboarding.plugins.module_utils.exchange.manifest import MANIFEST, Manifest, read_manifest, sign_manifest
from ansible_collections.mojaloop.onboarding.plugins.module_utils.exchange.publication import (
    Address,
    Publication,
    publish,
    read_publication,
)
from ansible_collections.mojaloop.onboarding.plugins.module_utils.exchange.refusal import PublicationRefused
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.journal import Numbered, SequenceJournal
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.layout import published_path, seen_path
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree, Overlay, Tree

ADDRESS = Address("lab", "greenbank", "hub")
GREEN = side("greenbank")
KEY = GREEN.exchange_key
FOLDER = "exchange/greenbank/participant"
Spoil = Callable[[Path], None]


@pytest.fixture
def tree(tmp_path: Path) -> DiskTree:
    return DiskTree(tmp_path)


def known() -> Sequence[x509.Certificate]:
    return [GREEN.exchange]


def read(tree: Tree, address: Address = ADDRESS) -> Publication:
    publication = read_publication(tree, address, known=known())
    assert publication is not None
    return publication


def refusal(tree: Tree, *, plain: bool = False, certificates: Sequence[x509.Certificate] = (GREEN.exchange,)) -> str:
    with pytest.raises(ExchangeError) as refused:
        read_publication(tree, ADDRESS, plain=plain, known=certificates)
    assert refused.value.where
    return str(getattr(refused.value, "reason", ""))


def state_of(root: Path) -> dict[Path, tuple[int, int, bytes]]:
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes()) for path in root.rglob("*") if path.is_file()}


def manifest_of(tree: Tree) -> Manifest:
    return read_manifest(tree.read(ADDRESS.manifest_path) or b"", "")


def seen(tree: Tree) -> None:
    manifest = manifest_of(tree)
    SequenceJournal(tree).advance(seen_path("hub", "greenbank"), Numbered(manifest.sequence, manifest.digest))


def test_what_is_published_is_read(tree: DiskTree) -> None:
    assert read_publication(tree, ADDRESS, known=known()) is None
    assert publish(tree, ADDRESS, GREEN.files, KEY)
    publication = read(tree)
    assert publication.files == GREEN.files
    assert publication.signer == GREEN.exchange
    assert publication.manifest == manifest_of(tree)
    assert manifest_of(tree).sequence == 1
    assert manifest_of(tree).previous == ""
    assert tree.names("exchange/greenbank") == ["participant"]


def test_publishing_the_same_again_touches_nothing(tree: DiskTree, tmp_path: Path) -> None:
    publish(tree, ADDRESS, GREEN.files, KEY)
    before = state_of(tmp_path)
    assert not publish(tree, ADDRESS, dict(reversed(GREEN.files.items())), KEY)
    assert state_of(tmp_path) == before


def test_a_dry_run_publishes_in_memory_alone(tree: DiskTree) -> None:
    overlay = Overlay(tree)
    assert publish(overlay, ADDRESS, GREEN.files, KEY)
    assert read(overlay).files == GREEN.files
    assert not publish(overlay, ADDRESS, GREEN.files, KEY)
    assert read_publication(tree, ADDRESS) is None


def test_each_publication_follows_the_one_before(tree: DiskTree) -> None:
    publish(tree, ADDRESS, GREEN.files, KEY)
    first = manifest_of(tree)
    seen(tree)
    assert publish(tree, ADDRESS, GREEN.files | {"endpoints.json": b"{}"}, KEY)
    second = manifest_of(tree)
    assert (second.sequence, second.previous) == (2, first.digest)
    assert read(tree).files["endpoints.json"] == b"{}"
    assert publish(tree, ADDRESS, {name: data for name, data in GREEN.files.items() if name != "endpoints.json"}, KEY)
    assert "endpoints.json" not in read(tree).files


def test_no_old_copy_rolls_the_numbers_back(tree: DiskTree, tmp_path: Path) -> None:
    publish(tree, ADDRESS, GREEN.files, KEY)
    shutil.copytree(tmp_path / "exchange", tmp_path / "old exchange")
    shutil.copytree(tmp_path / "journal", tmp_path / "old journal")
    for number in range(3):
        publish(tree, ADDRESS, GREEN.files | {"endpoints.json": str(number).encode()}, KEY)
    assert manifest_of(tree).sequence == 4
    seen(tree)
    # The exchange comes back from an old copy: the journal knows better.
    tree.remove("exchange")
    (tmp_path / "old exchange").rename(tmp_path / "exchange")
    assert publish(tree, ADDRESS, GREEN.files, KEY)
    assert manifest_of(tree).sequence == 5
    assert read(tree).files == GREEN.files
    # The journal comes back from an old copy: the exchange knows better.
    tree.remove("journal/sequences/published")
    shutil.copytree(tmp_path / "old journal/sequences/published", tmp_path / "journal/sequences/published")
    assert not publish(tree, ADDRESS, GREEN.files, KEY)
    assert SequenceJournal(tree).highest(published_path("greenbank", "hub")).number == 5
    tree.remove("journal/sequences/published")
    assert publish(tree, ADDRESS, GREEN.files | {"endpoints.json": b"5"}, KEY)
    assert manifest_of(tree).sequence == 6
    # Both are lost: a person says from where to go on.
    tree.remove("exchange")
    tree.remove("journal/sequences/published")
    assert publish(tree, ADDRESS, GREEN.files, KEY, sequence_floor=6)
    assert manifest_of(tree).sequence == 7
    assert read(tree).files == GREEN.files


def test_a_run_that_ended_between_journal_and_files_is_made_good(tree: DiskTree) -> None:
    publish(tree, ADDRESS, GREEN.files, KEY)
    seen(tree)
    SequenceJournal(tree).advance(published_path("greenbank", "hub"), Numbered(2, "ab" * 32))
    assert publish(tree, ADDRESS, GREEN.files, KEY)
    assert manifest_of(tree).sequence == 3
    assert read(tree).files == GREEN.files
    assert not publish(tree, ADDRESS, GREEN.files, KEY)


@pytest.mark.parametrize("damage", ["altered", "foreign", "link", "manifest"])
def test_a_damaged_publication_of_ours_is_replaced(tree: DiskTree, tmp_path: Path, damage: str) -> None:
    publish(tree, ADDRESS, GREEN.files, KEY)
    folder = tmp_path / FOLDER
    if damage == "altered":
        (folder / "ca.pem").write_bytes(b"altered")
    elif damage == "foreign":
        tree.write_folder(FOLDER, {**GREEN.files, MANIFEST: signed(GREEN.files, key=side("bluebank").exchange_key, sequence=2**53 - 1)})
    elif damage == "link":
        folder.rename(tmp_path / "moved")
        folder.symlink_to(tmp_path / "moved")
    else:
        (folder / MANIFEST).write_bytes(b"{}")
    assert publish(tree, ADDRESS, GREEN.files, KEY)
    assert manifest_of(tree).sequence == 2
    assert read(tree).files == GREEN.files
    assert not publish(tree, ADDRESS, GREEN.files, KEY)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("notes.txt", b"", "file-name"),
        (MANIFEST, b"", "file-name"),
        ("ca.pem", b"-----BEGIN EC PRIVATE KEY-----", "private-key-received"),
        ("ca.pem", b"a" * 65537, "too-large"),
    ],
)
def test_what_may_not_be_published_is_not(tree: DiskTree, name: str, content: bytes, reason: str) -> None:
    with pytest.raises(PublicationRefused) as refused:
        publish(tree, ADDRESS, GREEN.files | {name: content}, KEY)
    assert refused.value.reason == reason
    assert tree.names("exchange") == []
    assert publish(tree, ADDRESS, GREEN.files, KEY)


def write(name: str, content: bytes) -> Spoil:
    def spoil(folder: Path) -> None:
        (folder / name).write_bytes(content)

    return spoil


def replace_by_link(folder: Path) -> None:
    (folder / "ca.pem").unlink()
    (folder / "ca.pem").symlink_to("exchange.pem")


def make_folder(folder: Path) -> None:
    (folder / "crl.pem").mkdir()


def make_pipe(folder: Path) -> None:
    os.mkfifo(folder / "crl.pem")


def link_all(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))
    folder.symlink_to("elsewhere")


def link_above(folder: Path) -> None:
    folder.parent.rename(folder.parent.with_name("elsewhere"))
    folder.parent.symlink_to("elsewhere")


def crowd(folder: Path) -> None:
    for number in range(40):
        (folder / f"{number}.pem").write_bytes(b"")


def remove(name: str) -> Spoil:
    return lambda folder: (folder / name).unlink()


SPOILT: dict[str, tuple[Spoil, str]] = {
    "a file altered": (write("ca.pem", side("mallory").files["ca.pem"]), "file-altered"),
    "a file removed": (remove("jws.pem"), "file-missing"),
    "a file added": (write("client.pem", b"x"), "file-not-in-manifest"),
    "a file of any name added": (write("notes.txt", b"x"), "file-not-in-manifest"),
    "the manifest removed": (remove(MANIFEST), "manifest-missing"),
    "a file replaced by a link": (replace_by_link, "not-a-plain-file"),
    "a folder added": (make_folder, "not-a-plain-file"),
    "a named pipe added": (make_pipe, "not-a-plain-file"),
    "the folder replaced by a link": (link_all, "not-a-plain-file"),
    "a large file": (write("server.pem", b"x" * 65537), "too-large"),
    "a large revocation list": (write("crl.pem", b"x" * (1 << 20 | 1)), "too-large"),
    "a revocation list that no one has signed for": (write("crl.pem", b"x" * (1 << 20)), "file-not-in-manifest"),
    "a large manifest": (write(MANIFEST, b" " * 65537), "too-large"),
    "a private key": (write("client.key", b"-----BEGIN PRIVATE KEY-----\n"), "private-key-received"),
    "an encrypted private key": (write("crl.pem", b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n"), "private-key-received"),
    "too many files": (crowd, "file-name"),
}


@pytest.mark.parametrize("case", SPOILT)
def test_a_spoilt_publication_is_refused(tree: DiskTree, tmp_path: Path, case: str) -> None:
    spoil, reason = SPOILT[case]
    publish(tree, ADDRESS, GREEN.files, KEY)
    assert read(tree).files == GREEN.files
    spoil(tmp_path / FOLDER)
    assert refusal(tree) == reason
    assert refusal(tree, certificates=()) == reason


def test_a_path_through_a_link_is_refused(tree: DiskTree, tmp_path: Path) -> None:
    publish(tree, ADDRESS, GREEN.files, KEY)
    link_above(tmp_path / FOLDER)
    with pytest.raises(PublicationRefused) as refused:
        read_publication(tree, ADDRESS, known=known())
    assert refused.value.reason == "not-a-plain-file"


def signed(files: dict[str, bytes], *, key: object = KEY, address: Address = ADDRESS, sequence: int = 1, previous: str = "") -> bytes:
    digests = {name: sha256(content).hexdigest() for name, content in files.items()}
    manifest = Manifest(address.environment, address.sender, address.receiver, sequence, previous, digests)
    return sign_manifest(manifest, key)  # type: ignore[arg-type]


def test_a_foreign_signature_is_refused(tree: DiskTree) -> None:
    mallory = side("mallory")
    tree.write_folder(FOLDER, {**GREEN.files, MANIFEST: signed(GREEN.files)})
    assert read(tree).files == GREEN.files
    tree.write_folder(FOLDER, {**GREEN.files, MANIFEST: signed(GREEN.files, key=mallory.exchange_key)})
    assert refusal(tree) == "manifest-signature"
    # At first contact the signature must at least be that of the key which is published.
    assert refusal(tree, certificates=()) == "manifest-signature"
    forged = GREEN.files | {"exchange.pem": mallory.files["exchange.pem"]}
    tree.write_folder(FOLDER, {**forged, MANIFEST: signed(forged, key=mallory.exchange_key)})
    assert refusal(tree) == "manifest-signature"
    found = read_publication(tree, ADDRESS)
    assert found is not None
    assert found.signer is None


def test_a_signature_belongs_to_one_content(tree: DiskTree) -> None:
    other = json.loads(signed(GREEN.files, sequence=2))
    mixed = json.loads(signed(GREEN.files, sequence=1)) | {"signature": other["signature"]}
    tree.write_folder(FOLDER, {**GREEN.files, MANIFEST: json.dumps(mixed).encode()})
    assert refusal(tree) == "manifest-signature"
    # Only the layout of the file may change on the way.
    tree.write_folder(FOLDER, {**GREEN.files, MANIFEST: json.dumps(other, indent=7).encode().replace(b"\n", b"\r\n")})
    assert read(tree).files == GREEN.files


@pytest.mark.parametrize("key", [rsa_key("rsa-2048")], ids=["rsa-2048"])
def test_a_weak_exchange_key_signs_nothing(tree: DiskTree, key: object) -> None:
    weak = self_signed(key, "greenbank")  # type: ignore[arg-type]
    files = GREEN.files | {"exchange.pem": pem(weak)}
    tree.write_folder(FOLDER, {**files, MANIFEST: signed(files, key=key)})
    assert refusal(tree, certificates=()) == "manifest-signature"
    assert refusal(tree, certificates=[weak]) == "manifest-signature"


def test_first_contact_needs_the_exchange_key(tree: DiskTree) -> None:
    files = {name: content for name, content in GREEN.files.items() if name != "exchange.pem"}
    tree.write_folder(FOLDER, {**files, MANIFEST: signed(files)})
    assert refusal(tree, certificates=()) == "exchange-key-missing"
    assert read(tree).files == files


@pytest.mark.parametrize(
    "address",
    [Address("production", "greenbank", "hub"), Address("lab", "bluebank", "hub"), Address("lab", "greenbank", "bluebank")],
    ids=str,
)
def test_a_publication_meant_for_elsewhere_is_refused(tree: DiskTree, address: Address) -> None:
    tree.write_folder(FOLDER, {**GREEN.files, MANIFEST: signed(GREEN.files, address=address)})
    assert refusal(tree) == "manifest-misdirected"
    tree.write_folder(FOLDER, {**GREEN.files, MANIFEST: signed(GREEN.files)})
    assert read(tree).files == GREEN.files


def test_a_name_that_no_publication_has_is_refused_even_when_signed(tree: DiskTree) -> None:
    files = GREEN.files | {"run.sh": b"x"}
    tree.write_folder(FOLDER, {**files, MANIFEST: signed(files)})
    assert refusal(tree) == "file-name"


def test_an_old_publication_is_refused(tree: DiskTree) -> None:
    publish(tree, ADDRESS, GREEN.files, KEY)
    old = {name: tree.read(f"{FOLDER}/{name}") or b"" for name in tree.names(FOLDER)}
    publish(tree, ADDRESS, GREEN.files | {"endpoints.json": b"{}"}, KEY)
    seen(tree)
    assert read(tree).files["endpoints.json"] == b"{}"
    tree.write_folder(FOLDER, old)
    assert refusal(tree) == "sequence-rolled-back"


def test_another_publication_under_the_same_number_is_refused(tree: DiskTree) -> None:
    tree.write_folder(FOLDER, {**GREEN.files, MANIFEST: signed(GREEN.files, sequence=3)})
    seen(tree)
    # The very same, signed again, is the same.
    tree.write_folder(FOLDER, {**GREEN.files, MANIFEST: signed(GREEN.files, sequence=3)})
    assert read(tree).files == GREEN.files
    files = GREEN.files | {"endpoints.json": b"{}"}
    tree.write_folder(FOLDER, {**files, MANIFEST: signed(files, sequence=3)})
    assert refusal(tree) == "sequence-reused"


def test_a_second_history_is_refused(tree: DiskTree) -> None:
    tree.write_folder(FOLDER, {**GREEN.files, MANIFEST: signed(GREEN.files, sequence=3)})
    seen(tree)
    last = manifest_of(tree).digest
    tree.write_folder(FOLDER, {**GREEN.files, MANIFEST: signed(GREEN.files, sequence=4, previous="00" * 32)})
    assert refusal(tree) == "manifest-chain"
    for sequence, previous in ((4, last), (5, "00" * 32)):
        tree.write_folder(FOLDER, {**GREEN.files, MANIFEST: signed(GREEN.files, sequence=sequence, previous=previous)})
        assert read(tree).files == GREEN.files


def test_plain_files_need_no_manifest(tree: DiskTree, tmp_path: Path) -> None:
    tree.write_folder(FOLDER, GREEN.files)
    publication = read_publication(tree, ADDRESS, plain=True)
    assert publication == Publication(GREEN.files, None)
    assert refusal(tree) == "manifest-missing"
    (tmp_path / FOLDER / "notes.txt").write_bytes(b"x")
    assert refusal(tree, plain=True) == "file-name"


def changed(**fields: object) -> bytes:
    content = Manifest("lab", "greenbank", "hub", 1, "", {"ca.pem": "ab" * 32}).content
    return sign_envelope("manifest", content | fields, KEY)


UNREADABLE = {
    "empty": b"",
    "no JSON": b"{",
    "a list": b"[]",
    "no members": b"{}",
    "no UTF-8": b"\xff",
    "deep": b"[" * 60000,
    "a third member": changed().replace(b'"signature"', b'"more": 1, "signature"'),
    "a key twice": changed().replace(b'"sequence": 1', b'"sequence": 1, "sequence": 1'),
    "an unknown field": changed(extra=1),
    "format 0": changed(format=0),
    "format true": changed(format=True),
    "sequence 0": changed(sequence=0),
    "sequence true": changed(sequence=True),
    "sequence 1.0": changed(sequence=1.0),
    "sequence as text": changed(sequence="1"),
    "sequence beyond": changed(sequence=2**53),
    "sequence NaN": changed(sequence=float("nan")),
    "previous short": changed(previous="ab"),
    "previous a number": changed(previous=1),
    "files a list": changed(files=["ca.pem"]),
    "a digest of another kind": changed(files={"ca.pem": "AB" * 32}),
    "many files": changed(files={str(number): "ab" * 32 for number in range(33)}),
    "sender a template": changed(**{"from": "{{ lookup('pipe', 'id') }}"}),
    "environment with a line end": changed(environment="lab\n"),
    "signature no base64": changed().replace(b'"signature": "', b'"signature": "!'),
    "signature a number": json.dumps(json.loads(changed()) | {"signature": 1}).encode(),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_a_manifest_is_read_strictly(case: str) -> None:
    with pytest.raises(PublicationRefused) as refused:
        read_manifest(UNREADABLE[case], "exchange/greenbank/participant/manifest.json")
    assert refused.value.reason == "manifest-unreadable"
    assert read_manifest(changed(), "").sequence == 1


def test_openssl_verifies_a_manifest(tmp_path: Path) -> None:
    document = json.loads(signed(GREEN.files))
    (tmp_path / "content").write_bytes(canonical(document["manifest"]))
    (tmp_path / "signature.b64").write_text(document["signature"] + "\n")
    (tmp_path / "exchange.pem").write_bytes(GREEN.files["exchange.pem"])
    script = (
        "openssl x509 -in exchange.pem -noout -pubkey > public.pem && openssl base64 -d -A -in signature.b64 -out signature && "
        "openssl dgst -sha256 -sigopt rsa_padding_mode:pss -verify public.pem -signature signature content"
    )
    outcome = subprocess.run(["/bin/sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert outcome.stdout == "Verified OK\n"
    (tmp_path / "content").write_bytes(canonical(document["manifest"]) + b" ")
    outcome = subprocess.run(["/bin/sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert outcome.returncode != 0
