# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every artefact folder is verified again: each seeded fault gives its reason code and remedy, the folder without it gives none."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from unit.pki.bench import DAY, GREEN, HUB, NOW, PASSPHRASE, artefact, authority, ca, chain_of, forged, key, name_of, names, request, rule

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.profiles import MOJALOOP_SCHEME_CA
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki import artefacts
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.certificates import certificate_pem
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.contents import usages
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.faults import REMEDIES, Fault, remedy
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.keys import private_pem, public_digest, public_pem
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.keystore import keystore_faults, make_keystore
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.requests import make_request
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.verification import Chain, artefact_faults, stray_faults
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree, Overlay

Files = dict[str, bytes]
OTHER = key("ec-p256", "someone else's")


def faults(tree: DiskTree | Overlay, name: str, chain: Chain | None = None, days: float = 0) -> list[Fault]:
    issuer_chain = chain_of(name) if chain is None else chain
    return artefact_faults(tree, f"store/{name}", rule=rule(name), holder=GREEN, issuer_chain=issuer_chain, now=NOW + days * DAY)


def reasons(found: list[Fault]) -> list[tuple[str, str]]:
    return [(fault.reason, remedy(fault)) for fault in found]


@pytest.fixture
def tree(tmp_path: Path) -> DiskTree:
    tree = DiskTree(tmp_path / "state")
    for name in artefacts.FILES:
        tree.write_folder(f"store/{name}", artefact(name))
    return tree


@pytest.mark.parametrize("name", list(artefacts.FILES))
def test_a_good_artefact_has_no_fault_on_disk_and_in_a_dry_run(tree: DiskTree, name: str) -> None:
    assert faults(tree, name) == []
    predicted = Overlay(DiskTree(tree.root / "elsewhere"))
    predicted.write_folder(f"store/{name}", artefact(name))
    assert faults(predicted, name) == []


@pytest.mark.parametrize("name", list(artefacts.FILES))
def test_nothing_there_is_one_fault(tree: DiskTree, name: str) -> None:
    tree.remove(f"store/{name}")
    assert reasons(faults(tree, name)) == [("missing", "make")]


def without(*gone: str) -> Callable[[Files], None]:
    def seed(files: Files) -> None:
        for name in gone:
            del files[name]

    return seed


def put(name: str, content: bytes) -> Callable[[Files], None]:
    return lambda files: files.update({name: content})


def certificate(one: x509.Certificate) -> Callable[[Files], None]:
    return put("certificate.pem", certificate_pem(one))


GREEN_CA = authority("greenbank")
SAME_NAME = ca("greenbank CA")
IMPOSTOR = replace(SAME_NAME, certificate=GREEN_CA.certificate)
CERTIFICATE_REQUEST_OF_OTHER = make_request(OTHER, rule=rule("server"), side=GREEN)
A_CA = x509.BasicConstraints(ca=True, path_length=None)
A_SERVER = x509.ExtendedKeyUsage([x509.ObjectIdentifier("1.3.6.1.5.5.7.3.1")])
SERVER_KEY = key("ec-p256", "server")

SEEDED: list[tuple[str, str, Callable[[Files], None], list[tuple[str, str]]]] = [
    ("key lost", "server", without("key.pem"), [("key-missing", "person")]),
    ("key empty", "server", put("key.pem", b""), [("key-damaged", "person")]),
    ("key truncated", "server", put("key.pem", artefact("server")["key.pem"][:100]), [("key-damaged", "person")]),
    (
        "key of another",
        "server",
        put("key.pem", private_pem(OTHER)),
        [("request-does-not-match", "make"), ("key-does-not-match", "person")],
    ),
    ("key encrypted", "server", put("key.pem", private_pem(SERVER_KEY, PASSPHRASE)), [("key-passphrase-missing", "person")]),
    ("request lost", "server", without("request.pem"), [("request-missing", "make")]),
    ("request damaged", "server", put("request.pem", b"rubbish"), [("request-unreadable", "make")]),
    ("request of another key", "server", put("request.pem", CERTIFICATE_REQUEST_OF_OTHER), [("request-does-not-match", "make")]),
    (
        "request for other names",
        "server",
        put("request.pem", request(SERVER_KEY, names("other.test"))),
        [("request-does-not-match", "make")],
    ),
    ("certificate lost", "server", without("certificate.pem"), [("certificate-missing", "make")]),
    ("certificate damaged", "server", put("certificate.pem", b"rubbish"), [("certificate-unreadable", "make")]),
    (
        "two certificates",
        "server",
        put("certificate.pem", artefact("server")["certificate.pem"] * 2),
        [("certificate-unreadable", "make")],
    ),
    ("certificate of another key", "server", certificate(forged(public=OTHER.public_key())), [("key-does-not-match", "person")]),
    ("rogue CA of the same name", "server", certificate(forged(by=IMPOSTOR)), [("issuer-signature", "person")]),
    ("another CA", "server", certificate(forged(by=ca("rogue"))), [("issuer-is-not-ours", "person")]),
    ("leaf that is a CA", "server", certificate(forged(extensions=[A_CA])), [("basic-constraints", "person")]),
    ("expired", "server", certificate(forged(days=(-300, -1))), [("certificate-expired", "renew")]),
    ("expires soon", "server", certificate(forged(days=(-360, 5))), [("certificate-expires-soon", "renew")]),
    ("not yet valid", "server", certificate(forged(days=(1, 300))), [("not-yet-valid", "person")]),
    ("too long", "server", certificate(forged(days=(0, 800))), [("lifetime-too-long", "renew")]),
    ("other key usage", "server", certificate(forged(extensions=[usages("key_agreement")])), [("key-usage", "renew")]),
    ("no key usage", "server", certificate(forged(without=[x509.KeyUsage])), [("key-usage", "renew")]),
    ("no extended key usage", "server", certificate(forged(without=[x509.ExtendedKeyUsage])), [("extended-key-usage", "renew")]),
    ("other host", "server", certificate(forged(extensions=[names("other.test")])), [("san", "renew")]),
    ("other subject", "server", certificate(forged(subject_name=name_of("someone"))), [("subject", "renew")]),
    ("chain lost", "server", without("chain.pem"), [("chain-missing", "make")]),
    ("chain damaged", "server", put("chain.pem", b""), [("chain-unreadable", "make")]),
    ("chain of another", "server", put("chain.pem", certificate_pem(ca("rogue").certificate)), [("chain-does-not-match", "make")]),
    ("client certificate awaited", "client", without("certificate.pem", "chain.pem"), []),
    ("client certificate lost", "client", without("certificate.pem"), [("certificate-missing", "make")]),
    ("client names another", "client", certificate(forged("client", extensions=[names("urn:fspiop:bluebank")])), [("subject", "renew")]),
    ("client of other tools", "client", certificate(forged("client", subject_name=name_of("x"), days=(0, 900))), []),
    ("server certificate as client", "client", certificate(forged("client", extensions=[A_SERVER])), [("extended-key-usage", "renew")]),
    ("public key lost", "jws", without("public.pem"), [("public-key-missing", "make")]),
    ("public key of another", "jws", put("public.pem", public_pem(OTHER.public_key())), [("public-key-does-not-match", "make")]),
    ("keystore lost", "jws", without("keystore.p12"), [("keystore-missing", "make")]),
    ("keystore passphrase lost", "jws", without("keystore.passphrase"), [("keystore-passphrase-missing", "make")]),
    ("keystore passphrase other", "jws", put("keystore.passphrase", b"other"), [("keystore-unreadable", "make")]),
    ("keystore truncated", "jws", put("keystore.p12", artefact("jws")["keystore.p12"][:1000]), [("keystore-unreadable", "make")]),
    ("keystore record lost", "jws", without("keystore.record"), []),
    ("keystore record other", "jws", put("keystore.record", b"other"), []),
    ("exchange key lost", "exchange", without("key.pem"), [("key-missing", "person")]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "seed", "expected"), [row[1:] for row in SEEDED], ids=[row[0] for row in SEEDED])
def test_a_seeded_fault_is_found(tree: DiskTree, name: str, seed: Callable[[Files], None], expected: list[tuple[str, str]]) -> None:
    files = artefact(name)
    seed(files)
    tree.write_folder(f"store/{name}", files)
    assert reasons(faults(tree, name)) == expected


def test_a_key_of_a_kind_that_the_rule_does_not_allow(tree: DiskTree) -> None:
    made = key("ec-p256", "jws")
    files = artefact("jws") | {
        "key.pem": private_pem(made),
        "certificate.pem": certificate_pem(forged("jws", public=made.public_key(), by=GREEN_CA)),
        "public.pem": public_pem(made.public_key()),
    }
    del files["keystore.p12"], files["keystore.passphrase"], files["keystore.record"]
    tree.write_folder("store/jws", files)
    assert [fault.reason for fault in faults(tree, "jws")] == ["keystore-missing", "keystore-passphrase-missing", "key-kind"]


def test_a_keystore_with_another_key_or_certificate(tree: DiskTree) -> None:
    other, held = key("rsa-3072", "other"), key("rsa-3072", "jws")
    foreign = forged("jws", public=other.public_key(), by=GREEN_CA)
    tree.write("store/jws/keystore.p12", make_keystore("x", other, foreign, (), PASSPHRASE))
    assert reasons(faults(tree, "jws")) == [("keystore-wrong-key", "make")]
    older = forged("jws", public=held.public_key(), by=GREEN_CA)
    tree.write("store/jws/keystore.p12", make_keystore("x", held, older, (), PASSPHRASE))
    assert reasons(faults(tree, "jws")) == [("keystore-wrong-certificate", "make")]


def test_a_keystore_with_its_record_is_not_opened(tree: DiskTree, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []

    def opening(data: bytes, passphrase: bytes, *, key_digest: str, certificate: x509.Certificate) -> list[Fault]:
        opened.append(1)
        return keystore_faults(data, passphrase, key_digest=key_digest, certificate=certificate)

    monkeypatch.setattr(artefacts, "keystore_faults", opening)
    assert (faults(tree, "jws"), opened) == ([], [])
    tree.remove("store/jws/keystore.record")
    assert (faults(tree, "jws"), opened) == ([], [1])


@pytest.mark.parametrize(("mode", "expected"), [(0o600, []), (0o640, ["mode"]), (0o604, ["mode"]), (0o400, [])])
def test_a_secret_that_others_may_read(tree: DiskTree, mode: int, expected: list[str]) -> None:
    (tree.root / "store/server/key.pem").chmod(mode)
    assert [fault.reason for fault in faults(tree, "server")] == expected
    (tree.root / "store/server/key.pem").chmod(0o600)
    (tree.root / "store/jws/keystore.passphrase").chmod(mode)
    assert [fault.reason for fault in faults(tree, "jws")] == expected


def test_a_public_file_may_be_read_but_not_written_by_others(tree: DiskTree) -> None:
    (tree.root / "store/server/certificate.pem").chmod(0o644)
    assert faults(tree, "server") == []
    (tree.root / "store/server/certificate.pem").chmod(0o666)
    assert reasons(faults(tree, "server")) == [("mode", "person")]


def test_a_link_out_of_the_store_is_not_followed(tree: DiskTree) -> None:
    kept = tree.root / "key-elsewhere.pem"
    (tree.root / "store/server/key.pem").rename(kept)
    (tree.root / "store/server/key.pem").symlink_to(kept)
    assert reasons(faults(tree, "server")) == [("symlink", "person")]


def test_a_folder_where_a_file_should_be(tree: DiskTree) -> None:
    (tree.root / "store/server/chain.pem").unlink()
    (tree.root / "store/server/chain.pem").mkdir()
    assert reasons(faults(tree, "server")) == [("not-a-file", "person")]


def test_a_file_that_cannot_be_read(tree: DiskTree, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = os.open

    def refused(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if path == "key.pem" and tree.root.joinpath("store/server").samefile(f"/proc/self/fd/{dir_fd}"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))  # root may read everything: played here
        return opened(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", refused)
    assert reasons(faults(tree, "server")) == [("unreadable", "person")]
    assert faults(tree, "client") == []


def test_a_certificate_of_an_unknown_issuer(tree: DiskTree) -> None:
    assert reasons(faults(tree, "client", chain=())) == [("issuer-is-not-ours", "person")]
    assert faults(tree, "client") == []


def test_chains_of_two_are_compared_with_what_is_known(tree: DiskTree) -> None:
    issuing = ca("issuing", above=ca("root"), path_length=0)
    files = artefact("server") | {"certificate.pem": certificate_pem(forged(by=issuing))}
    for stored, expected in (
        (issuing.chain, []),
        (issuing.chain[::-1], [("chain-order", "make")]),
        (issuing.chain[:1], [("chain-incomplete", "make")]),
    ):
        tree.write_folder("store/server", files | {"chain.pem": certificate_pem(*stored)})
        assert reasons(faults(tree, "server", chain=issuing.chain)) == expected


def test_every_flipped_bit_of_a_signature_is_seen(tree: DiskTree) -> None:
    der = x509.load_pem_x509_certificate(artefact("server")["certificate.pem"])
    pem = artefact("server")["certificate.pem"]
    lines = pem.splitlines()
    body = bytearray(lines[-2])
    body[10] = body[10] ^ 1 if chr(body[10] ^ 1).isalnum() else body[10] ^ 2
    tree.write("store/server/certificate.pem", b"\n".join([*lines[:-2], bytes(body), lines[-1]]) + b"\n")
    assert [fault.reason for fault in faults(tree, "server")] in (["issuer-signature"], ["certificate-unreadable"])
    assert der.issuer


def test_renewal_is_due_by_a_fixed_moment_and_stays_due() -> None:
    tree = Overlay(DiskTree(Path("/nonexistent")))
    tree.write_folder("store/server", artefact("server"))
    due = [bool(faults(tree, "server", days=days)) for days in range(360)]
    first = due.index(True)
    assert 365 - 90 - 8 <= first <= 365 - 90 + 1
    assert all(due[first:])
    assert not any(due[:first])


def test_under_one_scheme_ca_the_participants_server_certificate_is_awaited_and_the_hubs_is_not(tree: DiskTree) -> None:
    scheme = MOJALOOP_SCHEME_CA.rule("server")
    prepared = {name: artefact("server")[name] for name in ("key.pem", "request.pem")}
    tree.write_folder("store/server", prepared)
    facts = {"rule": scheme, "issuer_chain": chain_of("client"), "now": NOW}
    assert artefact_faults(tree, "store/server", holder=GREEN, **facts) == []  # type: ignore[arg-type]
    prepared["request.pem"] = make_request(SERVER_KEY, rule=scheme, side=HUB)
    tree.write_folder("store/server", prepared)
    found = artefact_faults(tree, "store/server", holder=HUB, **facts)  # type: ignore[arg-type]
    assert [fault.reason for fault in found] == ["certificate-missing", "chain-missing"]


def test_what_an_interrupted_run_left_is_named(tree: DiskTree) -> None:
    (tree.root / "store/server/.key.pem.stage-0a").write_bytes(b"secret")
    found = stray_faults(tree.unfinished())
    assert reasons(found) == [("stray-temporary-file", "make")]
    assert found[0].file == "store/server/.key.pem.stage-0a"
    tree.recover()
    assert stray_faults(tree.unfinished()) == []


def test_no_fault_of_a_private_key_is_ever_acted_on_by_a_run() -> None:
    # A key that was taken out of use is the one that a run replaces unasked: no one may use it any more.
    assert not [reason for reason in REMEDIES if reason.startswith("key-") and reason not in {"key-usage", "key-retired"}]
    assert remedy(Fault("anything-new")) == "person"


def test_no_detail_holds_a_secret(tree: DiskTree) -> None:
    secrets = {line for name in artefacts.FILES for line in artefact(name)["key.pem"].decode().splitlines() if len(line) > 30}
    for _, name, seed, _ in SEEDED:
        files = artefact(name)
        seed(files)
        tree.write_folder(f"store/{name}", files)
        reported = " ".join(fault.detail for fault in faults(tree, name))
        assert PASSPHRASE.decode() not in reported
        assert not any(secret in reported for secret in secrets)
    assert len(public_digest(SERVER_KEY.public_key())) == 64
