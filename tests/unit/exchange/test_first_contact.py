# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""First contact: nothing is accepted that no person confirmed, and everything later hangs on what was."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from support.sides import Material, pem, request, rsa_key, self_signed, side

from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import OnboardingError, StoreError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.exchange.first_contact import (
    ContactStatus,
    Reception,
    Trust,
    accept,
    first_publication_digest,
    read_contact,
    receive,
)
from ansible_collections.mojaloop.onboarding.plugins.module_utils.exchange.manifest import MANIFEST
from ansible_collections.mojaloop.onboarding.plugins.module_utils.exchange.publication import Address, publish
from ansible_collections.mojaloop.onboarding.plugins.module_utils.exchange.refusal import PublicationRefused
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.keys import public_pem
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.journal import SequenceJournal
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.layout import contact_path, seen_path
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree

ADDRESS = Address("lab", "greenbank", "hub")
GREEN, MALLORY = side("greenbank"), side("mallory")
DIGEST = first_publication_digest(GREEN.files)
OTHER = first_publication_digest(MALLORY.files)
SEEN = seen_path("hub", "greenbank")
CONFIRMED = Trust(DIGEST)
PLAIN = Trust(DIGEST, plain=True)
AUTOMATIC = Trust(automatic=True)


@pytest.fixture
def tree(tmp_path: Path) -> DiskTree:
    return DiskTree(tmp_path)


def offer(tree: DiskTree, material: Material = GREEN, *, key: RSAPrivateKey | None = None, **files: bytes) -> None:
    changed = {name.replace("_", "."): content for name, content in files.items()}
    publish(tree, ADDRESS, material.files | changed, key or material.exchange_key)


def judged(tree: DiskTree, trust: Trust) -> Reception:
    reception = receive(tree, ADDRESS, trust)
    assert reception is not None
    return reception


def accepted(tree: DiskTree, trust: Trust) -> str:
    """Receive and accept, twice: the second time must find nothing new. The provenance of the first."""
    reception = judged(tree, trust)
    assert reception.status is ContactStatus.ACCEPTED
    assert accept(tree, ADDRESS, reception)
    again = judged(tree, trust)
    assert again.status is ContactStatus.ACCEPTED
    assert not accept(tree, ADDRESS, again)
    return reception.provenance


def test_nothing_published_is_nothing_received(tree: DiskTree) -> None:
    assert receive(tree, ADDRESS, CONFIRMED) is None
    assert read_contact(tree, "hub", "greenbank") is None


def test_an_unknown_counterpart_awaits_a_person(tree: DiskTree) -> None:
    offer(tree)
    reception = judged(tree, Trust())
    assert (reception.status, reception.digest) == (ContactStatus.AWAITING_APPROVAL, DIGEST)
    with pytest.raises(PublicationRefused) as refused:
        accept(tree, ADDRESS, reception)
    assert refused.value.reason == "awaiting-approval"
    assert read_contact(tree, "hub", "greenbank") is None


def test_what_a_person_confirmed_is_accepted(tree: DiskTree) -> None:
    offer(tree)
    assert judged(tree, CONFIRMED).publication.files == GREEN.files
    assert accepted(tree, CONFIRMED) == "confirmed"
    contact = read_contact(tree, "hub", "greenbank")
    assert contact is not None
    assert (contact.digest, contact.provenance, contact.certificates()) == (DIGEST, "confirmed", [GREEN.exchange])
    assert SequenceJournal(tree).highest(SEEN).number == 1
    assert judged(tree, CONFIRMED).provenance == "signed"


def test_what_a_person_did_not_confirm_is_refused(tree: DiskTree) -> None:
    offer(tree, MALLORY)
    for trust in (CONFIRMED, replace(CONFIRMED, automatic=True)):
        reception = judged(tree, trust)
        assert (reception.status, reception.reason) == (ContactStatus.REFUSED, "first-publication-differs")
        assert reception.digest == OTHER
    with pytest.raises(PublicationRefused):
        accept(tree, ADDRESS, reception)
    offer(tree)
    assert accepted(tree, CONFIRMED) == "confirmed"


def test_a_laboratory_accepts_at_first_sight(tree: DiskTree) -> None:
    offer(tree)
    assert accepted(tree, AUTOMATIC) == "automatic"
    # Seen once, it is known: not even automatically does another key take its place.
    offer(tree, MALLORY)
    with pytest.raises(PublicationRefused) as refused:
        receive(tree, ADDRESS, AUTOMATIC)
    assert refused.value.reason == "manifest-signature"
    offer(tree)
    assert judged(tree, AUTOMATIC).status is ContactStatus.ACCEPTED
    assert judged(tree, CONFIRMED).status is ContactStatus.ACCEPTED


def test_later_publications_chain_to_the_first(tree: DiskTree) -> None:
    offer(tree)
    accepted(tree, CONFIRMED)
    csr = request("greenbank")
    offer(tree, client_csr=csr)
    reception = judged(tree, CONFIRMED)
    assert (reception.status, reception.provenance) == (ContactStatus.ACCEPTED, "signed")
    assert reception.publication.files["client.csr"] == csr
    old = {name: tree.read(f"{ADDRESS.folder}/{name}") or b"" for name in tree.names(ADDRESS.folder)}
    assert accepted(tree, CONFIRMED) == "signed"
    offer(tree)
    accepted(tree, CONFIRMED)
    tree.write_folder(ADDRESS.folder, old)
    with pytest.raises(PublicationRefused) as refused:
        receive(tree, ADDRESS, CONFIRMED)
    assert refused.value.reason == "sequence-rolled-back"


def test_a_new_exchange_key_is_announced_by_the_old_one(tree: DiskTree) -> None:
    offer(tree)
    accepted(tree, CONFIRMED)
    key = rsa_key()
    certificate = self_signed(key, "greenbank")
    # Without announcement it is a stranger's.
    offer(tree, exchange_pem=pem(certificate), key=key)
    with pytest.raises(PublicationRefused) as refused:
        receive(tree, ADDRESS, CONFIRMED)
    assert refused.value.reason == "manifest-signature"
    # Announced, both are accepted until the new one is used.
    offer(tree, exchange_pem=pem(certificate))
    assert accepted(tree, CONFIRMED) == "signed"
    offer(tree, exchange_pem=pem(certificate), endpoints_json=b"{}")
    assert accepted(tree, CONFIRMED) == "signed"
    offer(tree, exchange_pem=pem(certificate), key=key)
    assert accepted(tree, CONFIRMED) == "signed"
    contact = read_contact(tree, "hub", "greenbank")
    assert contact is not None
    assert (contact.digest, contact.certificates()) == (DIGEST, [certificate])
    offer(tree, exchange_pem=pem(certificate), endpoints_json=b"{}")
    with pytest.raises(PublicationRefused) as refused:
        receive(tree, ADDRESS, CONFIRMED)
    assert refused.value.reason == "manifest-signature"


def test_a_renewed_certificate_of_the_same_exchange_key_is_followed(tree: DiskTree) -> None:
    offer(tree)
    accepted(tree, CONFIRMED)
    renewed = self_signed(GREEN.exchange_key, "greenbank")
    offer(tree, exchange_pem=pem(renewed))
    assert accepted(tree, CONFIRMED) == "signed"
    assert (read_contact(tree, "hub", "greenbank") or pytest.fail("no contact")).certificates() == [renewed]


def test_a_counterpart_that_lost_everything_starts_again_with_a_person(tree: DiskTree) -> None:
    offer(tree)
    accepted(tree, CONFIRMED)
    offer(tree, endpoints_json=b"{}")
    accepted(tree, CONFIRMED)
    tree.remove("journal/sequences/published")
    tree.remove(ADDRESS.folder)
    offer(tree, MALLORY)
    with pytest.raises(PublicationRefused):
        receive(tree, ADDRESS, CONFIRMED)
    wrong = judged(tree, Trust("sha256:" + "0" * 64))
    assert (wrong.status, wrong.reason) == (ContactStatus.REFUSED, "first-publication-differs")
    assert accepted(tree, Trust(OTHER)) == "confirmed"
    assert SequenceJournal(tree).highest(SEEN).number == 1
    assert (read_contact(tree, "hub", "greenbank") or pytest.fail("no contact")).certificates() == [MALLORY.exchange]
    offer(tree, MALLORY, endpoints_json=b"1")
    assert accepted(tree, Trust(OTHER)) == "signed"


def test_plain_files_are_what_a_person_confirmed(tree: DiskTree) -> None:
    tree.write_folder(ADDRESS.folder, GREEN.files)
    assert judged(tree, Trust(plain=True)).status is ContactStatus.AWAITING_APPROVAL
    assert accepted(tree, PLAIN) == "confirmed"
    # What is no identity may change; the certificates are judged by the CA that was confirmed.
    tree.write_folder(ADDRESS.folder, GREEN.files | {"endpoints.json": b"{}", "server.pem": b"judged elsewhere"})
    assert judged(tree, PLAIN).status is ContactStatus.ACCEPTED


@pytest.mark.parametrize("name", ["ca.pem", "client.csr", "jws.pem", "exchange.pem"])
def test_plain_files_that_change_await_a_person_again(tree: DiskTree, name: str) -> None:
    tree.write_folder(ADDRESS.folder, GREEN.files)
    accepted(tree, PLAIN)
    changed = GREEN.files | {name: MALLORY.files[name]}
    digest = first_publication_digest(changed)
    assert digest != DIGEST
    tree.write_folder(ADDRESS.folder, changed)
    for trust in (PLAIN, replace(PLAIN, automatic=True)):
        reception = judged(tree, trust)
        assert (reception.status, reception.digest) == (ContactStatus.AWAITING_APPROVAL, digest)
    assert accepted(tree, Trust(digest, plain=True)) == "confirmed"
    # And what was confirmed before is no longer.
    tree.write_folder(ADDRESS.folder, GREEN.files)
    assert judged(tree, Trust(digest, plain=True)).status is ContactStatus.AWAITING_APPROVAL


def test_only_a_laboratory_follows_plain_files_by_itself(tree: DiskTree) -> None:
    laboratory = Trust(automatic=True, plain=True)
    tree.write_folder(ADDRESS.folder, GREEN.files)
    assert accepted(tree, laboratory) == "automatic"
    assert judged(tree, Trust(plain=True)).status is ContactStatus.ACCEPTED
    tree.write_folder(ADDRESS.folder, GREEN.files | {"jws.pem": MALLORY.files["jws.pem"]})
    assert judged(tree, Trust(plain=True)).status is ContactStatus.AWAITING_APPROVAL
    assert accepted(tree, laboratory) == "automatic"


def test_from_plain_files_to_manifests_the_identity_stays(tree: DiskTree) -> None:
    tree.write_folder(ADDRESS.folder, GREEN.files)
    accepted(tree, PLAIN)
    tree.remove(ADDRESS.folder)
    offer(tree, MALLORY)
    with pytest.raises(PublicationRefused):
        receive(tree, ADDRESS, CONFIRMED)
    offer(tree)
    assert accepted(tree, CONFIRMED) == "signed"


@pytest.mark.parametrize("name", ["ca.pem", "client.csr", "jws.pem", "exchange.pem"])
@pytest.mark.parametrize("content", [b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_unreadable_identities_are_refused_with_a_reason(tree: DiskTree, name: str, content: bytes) -> None:
    tree.write_folder(ADDRESS.folder, GREEN.files | {name: content})
    with pytest.raises(OnboardingError) as refused:
        receive(tree, ADDRESS, PLAIN)
    assert getattr(refused.value, "reason", "").endswith("unreadable")
    tree.write_folder(ADDRESS.folder, GREEN.files)
    assert judged(tree, PLAIN).status is ContactStatus.ACCEPTED


def test_a_damaged_contact_is_no_first_contact(tree: DiskTree) -> None:
    offer(tree)
    accepted(tree, CONFIRMED)
    tree.write(contact_path("hub", "greenbank"), b"{}")
    with pytest.raises(StoreError, match="not a journal file"):
        receive(tree, ADDRESS, AUTOMATIC)


def test_the_digest_is_about_identities_alone() -> None:
    assert DIGEST.startswith("sha256:")
    unrelated = {"endpoints.json": b"other", "server.pem": b"any", MANIFEST: b"{}"}
    assert first_publication_digest(GREEN.files | unrelated) == DIGEST
    text = b"Some text, as openssl -text writes it\n"
    assert first_publication_digest({name: text + content for name, content in GREEN.files.items()}) == DIGEST
    renewed = pem(self_signed(GREEN.exchange_key, "greenbank"))
    assert first_publication_digest(GREEN.files | {"exchange.pem": renewed}) == DIGEST
    chain = GREEN.files["ca.pem"] + MALLORY.files["ca.pem"]
    assert first_publication_digest(GREEN.files | {"ca.pem": chain}) != DIGEST
    for name in ("ca.pem", "client.csr", "jws.pem", "exchange.pem"):
        assert first_publication_digest({other: content for other, content in GREEN.files.items() if other != name}) != DIGEST
    assert first_publication_digest(GREEN.files | {"jws.pem": public_pem(GREEN.exchange_key.public_key())}) != DIGEST
    moved = {("server.csr" if name == "client.csr" else name): content for name, content in GREEN.files.items()}
    assert first_publication_digest(moved) != DIGEST


def test_the_digest_can_be_computed_with_plain_tools(tmp_path: Path) -> None:
    for name, content in GREEN.files.items():
        (tmp_path / name).write_bytes(content)
    script = first_publication_digest.__globals__["__doc__"].partition("::\n\n")[2].partition("\nFiles that")[0]
    outcome = subprocess.run(["/bin/sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    assert outcome.stdout.split()[0] == DIGEST.removeprefix("sha256:")
