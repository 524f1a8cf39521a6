# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What counterparts publish: server certificates, CA chains and CAs made elsewhere, with other tools and with other intentions."""

from __future__ import annotations

import errno
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from unit.pki.bench import AUTHORITY, BLUE, DAY, GREEN, HUB, NOW, PASSPHRASE, authority, ca, forged, key, name_of, names, participant, rule

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.profiles import MOJALOOP
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import StoreError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.authority import (
    Authority,
    Where,
    authority_faults,
    authority_record,
    import_authority,
    make_authority,
    read_chain,
)
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.certificates import certificate_pem, received_certificate
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.contents import usages
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.faults import remedy
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.inputs import InputRefused
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.keys import private_pem
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.verification import (
    authority_expiry,
    authority_marks,
    chain_faults,
    duplicate_serials,
    expiry_notice,
    received_authority_faults,
    received_server_faults,
)
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree

ROOT = ca("root")
ISSUING = ca("issuing", above=ROOT, path_length=0)
ROGUE = ca("rogue")


def server(certificate: x509.Certificate, host: str = "") -> list[str]:
    counterpart = participant("greenbank", host)
    found = received_server_faults(certificate, rule=rule("server"), counterpart=counterpart, chain=ISSUING.chain, now=NOW)
    return [fault.reason for fault in found]


@pytest.mark.parametrize(
    ("certificate", "expected"),
    [
        (forged(by=ISSUING), []),
        (forged(by=ISSUING, subject_name=name_of("anything"), days=(-1, 3000)), []),
        (forged(by=ISSUING, days=(-300, 5)), []),
        (forged(by=ISSUING, extensions=[names("*.test")]), []),
        (forged(by=ISSUING, extensions=[names("a.test", "GREENBANK.test")]), []),
        (forged(by=ISSUING, without=[x509.KeyUsage]), []),
        (forged(by=ISSUING, extensions=[names("*.greenbank.test")]), ["san"]),
        (forged(by=ISSUING, extensions=[names("bluebank.test")]), ["san"]),
        (forged(by=ISSUING, without=[x509.SubjectAlternativeName]), ["san"]),
        (forged(by=ISSUING, without=[x509.ExtendedKeyUsage]), ["extended-key-usage"]),
        (forged(by=ISSUING, extensions=[usages("key_encipherment")]), ["key-usage"]),
        (forged(by=ISSUING, extensions=[x509.BasicConstraints(ca=True, path_length=None)]), ["basic-constraints"]),
        (forged(by=ROGUE), ["issuer-is-not-ours"]),
        (forged(by=ROOT), ["issuer-is-not-ours"]),
        (forged(by=replace(ISSUING, key=ROGUE.key)), ["issuer-signature"]),
        (forged(by=ISSUING, days=(-400, -1)), ["certificate-expired"]),
        (forged(by=ISSUING, days=(1, 300)), ["not-yet-valid"]),
        (forged(by=ISSUING, public=ec.generate_private_key(ec.SECP521R1()).public_key()), ["key-kind"]),
    ],
)
def test_a_counterparts_server_certificate(certificate: x509.Certificate, expected: list[str]) -> None:
    assert server(certificate) == expected


def test_a_server_at_an_address() -> None:
    certificate = forged(by=ISSUING, holder=participant("greenbank", "192.0.2.7"))
    assert server(certificate, "192.0.2.7") == []
    assert server(certificate, "192.0.2.8") == ["san"]
    assert server(forged(by=ISSUING, extensions=[names("192.0.2.7")]), "192.0.2.7") == ["san"]


def test_a_certificate_signed_with_sha1_is_seen(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(certificate_pem(ISSUING.certificate))
    (tmp_path / "ca.key").write_bytes(private_pem(ISSUING.key))
    (tmp_path / "leaf.key").write_bytes(private_pem(key("ec-p256", "sha1")))
    (tmp_path / "extensions").write_text("subjectAltName=DNS:greenbank.test\nextendedKeyUsage=serverAuth\n")

    def signed(digest: str) -> x509.Certificate:
        made = subprocess.run(
            ["openssl", "req", "-new", "-key", "leaf.key", "-subj", "/CN=x"], cwd=tmp_path, capture_output=True, check=True
        )
        command = ["openssl", "x509", "-req", digest, "-days", "100", "-CA", "ca.pem", "-CAkey", "ca.key", "-extfile", "extensions"]
        pem = subprocess.run(command, cwd=tmp_path, input=made.stdout, capture_output=True, check=True).stdout
        return received_certificate(pem, where="server.pem")

    def found(certificate: x509.Certificate) -> list[str]:
        later = certificate.not_valid_before_utc + DAY
        chain = ISSUING.chain
        return [f.reason for f in received_server_faults(certificate, rule=rule("server"), counterpart=GREEN, chain=chain, now=later)]

    assert found(signed("-sha256")) == []
    assert found(signed("-sha1")) == ["signature-algorithm"]


def test_an_end_in_sight_is_distinguished_from_faults() -> None:
    ending = forged(by=ISSUING, days=(-300, 5))
    notice = expiry_notice(ending, rule=rule("server"), holder=GREEN, chain=ISSUING.chain, now=NOW)
    assert [fault.reason for fault in notice] == ["certificate-expires-soon"]
    assert expiry_notice(forged(by=ISSUING), rule=rule("server"), holder=GREEN, chain=ISSUING.chain, now=NOW) == []
    assert authority_expiry(ISSUING.chain, 730, NOW) == []
    assert [fault.reason for fault in authority_expiry(ISSUING.chain, 730, NOW + 3000 * DAY)] == ["authority-expires-soon"]
    assert received_authority_faults(ISSUING.chain, profile=MOJALOOP, others={}, now=NOW + 3000 * DAY) == []


def of_years(certificate: x509.Certificate, *moments: bytes) -> x509.Certificate:
    """The certificate with another beginning and end (YYYYMMDDHHMMSSZ), which no tool here writes; its signature is not right any more."""
    der = certificate.public_bytes(Encoding.DER)
    stated = [f"{moment:%y%m%d%H%M%SZ}".encode() for moment in (certificate.not_valid_before_utc, certificate.not_valid_after_utc)]
    before, after = (b"".join(tag + bytes([len(time)]) + time for time in times) for tag, times in ((b"\x17", stated), (b"\x18", moments)))
    longer = len(after) - len(before)
    changed = bytearray(der.replace(b"\x30" + bytes([len(before)]) + before, b"\x30" + bytes([len(after)]) + after))
    for place in (2, 6):
        # The lengths of the certificate and of what is signed in it.
        changed[place : place + 2] = (int.from_bytes(changed[place : place + 2], "big") + longer).to_bytes(2, "big")
    return x509.load_der_x509_certificate(bytes(changed))


@pytest.mark.parametrize(
    ("begin", "end", "reasons"),
    [
        (b"00010101000000Z", b"00010102000000Z", {"certificate-expired"}),
        (b"99990101000000Z", b"99991231235959Z", {"not-yet-valid"}),
        (b"99991231235959Z", b"00010101000000Z", {"certificate-expired", "not-yet-valid"}),
        (b"00010101000000Z", b"99991231235959Z", set()),
    ],
)
def test_a_certificate_of_any_years_is_judged(begin: bytes, end: bytes, reasons: set[str]) -> None:
    certificate = of_years(forged(by=ISSUING), begin, end)
    notices = expiry_notice(certificate, rule=rule("server"), holder=GREEN, chain=ISSUING.chain, now=NOW)
    assert notices == []
    assert reasons | {"issuer-signature"} == set(server(certificate))
    assert authority_expiry((certificate,), 730, NOW) == []


def test_a_chain_is_put_in_order_whatever_order_it_comes_in() -> None:
    for certificates in (ISSUING.chain, ISSUING.chain[::-1], (*ISSUING.chain, ROOT.certificate)):
        assert read_chain(b"subject=x\n" + certificate_pem(*certificates), where="ca.pem") == ISSUING.chain
    assert read_chain(certificate_pem(ROOT.certificate), where="ca.pem") == ROOT.chain


@pytest.mark.parametrize(
    ("pem", "reason"),
    [
        (certificate_pem(ISSUING.certificate), "chain-incomplete"),
        (certificate_pem(*ISSUING.chain, ROGUE.certificate), "chain-unrelated"),
        (certificate_pem(*ISSUING.chain, ca("sibling", above=ROOT).certificate), "chain-unrelated"),
        (certificate_pem(*ISSUING.chain, ca("root", days=(-1, 3000)).certificate), "chain-unrelated"),
        (certificate_pem(*ISSUING.chain, forged(by=ISSUING)), "authority-not-ca"),
        (certificate_pem(*ISSUING.chain) + private_pem(ISSUING.key), "private-key-received"),
        (certificate_pem(*[ROOT.certificate] * 7), "too-many"),
        (certificate_pem(*ISSUING.chain) + b"\n" * 65_536, "too-large"),
        (b"", "unreadable"),
        (certificate_pem(ROOT.certificate)[:300] + b"\n-----END CERTIFICATE-----\n", "unreadable"),
        (certificate_pem(ROOT.certificate).replace(b"CERTIFICATE", b"PUBLIC KEY"), "unreadable"),
        (certificate_pem(*ISSUING.chain) + b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", "unreadable"),
    ],
)
def test_a_chain_that_is_refused(pem: bytes, reason: str) -> None:
    with pytest.raises(InputRefused) as refused:
        read_chain(pem, where="ca.pem")
    assert refused.value.reason == reason
    assert refused.value.where == "ca.pem"


def test_one_certificate_of_a_counterpart() -> None:
    pem = certificate_pem(forged(by=ISSUING))
    assert certificate_pem(received_certificate(pem, where="server.pem")) == pem
    for wrong, reason in ((pem * 2, "too-many"), (b"x", "unreadable"), (pem + private_pem(key("ec-p256")), "private-key-received")):
        with pytest.raises(InputRefused) as refused:
            received_certificate(wrong, where="server.pem")
        assert refused.value.reason == reason
    with pytest.raises(InputRefused) as refused:
        received_certificate(pem.replace(pem[100:108], b"AAAAAAAA"), where="server.pem")
    assert refused.value.reason == "unreadable"


def found(chain: tuple[x509.Certificate, ...], days: float = 0) -> list[str]:
    return [fault.reason for fault in chain_faults(chain, NOW + days * DAY)]


def test_chain_faults() -> None:
    assert found(ISSUING.chain) == []
    assert found(()) == ["chain-incomplete"]
    assert found((ISSUING.certificate,)) == ["chain-incomplete"]
    assert found((ISSUING.certificate, ROGUE.certificate)) == ["chain-order"]
    assert found(ISSUING.chain, 4000) == ["authority-expired"] * 2
    assert found(ISSUING.chain, -2) == ["authority-not-yet-valid"] * 2
    narrow = ca("below", above=ca("narrow", path_length=0))
    assert found(narrow.chain) == ["authority-path-length"]
    leaf = forged(by=ISSUING)
    assert found((leaf, *ISSUING.chain)) == ["authority-not-ca", "authority-path-length", "authority-path-length"]
    unable = replace(ROOT, certificate=forged(by=ROOT, public=ROOT.key.public_key(), subject_name=name_of("root"), extensions=_UNABLE))
    assert found((unable.certificate,)) == ["authority-not-ca"]


_UNABLE = [x509.BasicConstraints(ca=True, path_length=None), usages("digital_signature")]


def test_a_ca_that_shares_name_or_key_with_another_sides() -> None:
    others = dict.fromkeys(authority_marks(authority("bluebank").chain), "bluebank")

    def reasons(chain: tuple[x509.Certificate, ...]) -> list[str]:
        return [fault.reason for fault in received_authority_faults(chain, profile=MOJALOOP, others=others, now=NOW)]

    assert reasons(authority("greenbank").chain) == []
    namesake = make_authority(key("ec-p256", "namesake"), side=BLUE, rule=AUTHORITY, now=NOW)
    assert reasons((namesake,)) == ["authority-of-another-side"]
    same_key = make_authority(authority("bluebank").key, side=GREEN, rule=AUTHORITY, now=NOW)
    assert reasons((same_key,)) == ["authority-of-another-side"]
    reported = received_authority_faults(authority("bluebank").chain, profile=MOJALOOP, others=others, now=NOW)
    assert sorted(fault.detail for fault in reported) == [
        "has the same key as the CA of bluebank",
        "has the same name as the CA of bluebank",
    ]


def test_a_ca_with_a_small_key() -> None:
    small = rsa.generate_private_key(65537, 2048)
    certificate = make_authority(small, side=GREEN, rule=AUTHORITY, now=NOW)
    reported = received_authority_faults((certificate,), profile=MOJALOOP, others={}, now=NOW)
    assert [(fault.reason, remedy(fault)) for fault in reported] == [("authority-key-kind", "person")]
    assert isinstance(certificate.signature_hash_algorithm, hashes.SHA512)


def test_a_serial_used_twice_by_one_ca_is_seen() -> None:
    one, two = forged(serial=77), forged(serial=77)
    assert [fault.reason for fault in duplicate_serials([one, two, one])] == ["serial-duplicate"]
    assert duplicate_serials([one, one, forged(serial=78), forged(by=ROGUE, serial=77)]) == []


@pytest.fixture
def tree(tmp_path: Path) -> DiskTree:
    tree, held = DiskTree(tmp_path / "state"), authority("greenbank")
    pem = private_pem(held.key, PASSPHRASE)
    files = {"key.pem": pem, "certificate.pem": certificate_pem(held.certificate), "chain.pem": certificate_pem(*held.chain)}
    tree.write_folder("ca", {**files, "key.record": authority_record(pem, held.certificate)})
    return tree


def own(tree: DiskTree, passphrase: bytes | None = None, *, with_key: bool = True) -> list[str]:
    reported = authority_faults(tree, "ca", rule=AUTHORITY, now=NOW, passphrase=passphrase, with_key=with_key)
    assert {remedy(fault) for fault in reported} <= ({"make"} if [fault.reason for fault in reported] == ["missing"] else {"person"})
    return [fault.reason for fault in reported]


def test_an_own_ca_is_verified_without_opening_its_key_while_the_record_fits(tree: DiskTree) -> None:
    assert own(tree) == []
    tree.remove("ca/key.record")
    assert own(tree) == ["key-passphrase-missing"]
    assert own(tree, b"wrong") == ["key-passphrase-wrong"]
    assert own(tree, PASSPHRASE) == []


def test_faults_of_an_own_ca(tree: DiskTree) -> None:
    good = {name: tree.read(f"ca/{name}") or b"" for name in tree.names("ca")}

    def seeded(files: dict[str, bytes], *gone: str) -> list[str]:
        tree.write_folder("ca", {name: content for name, content in (good | files).items() if name not in gone})
        return own(tree, PASSPHRASE)

    other = authority("bluebank")
    assert seeded({}, "key.pem") == ["key-missing"]
    assert seeded({}, "certificate.pem") == ["authority-certificate-missing"]
    assert seeded({}, "chain.pem") == ["authority-chain-missing"]
    assert seeded({"certificate.pem": b"x"}) == ["authority-unreadable"]
    assert seeded({"key.pem": private_pem(authority("greenbank").key)}) == ["key-not-encrypted"]
    assert seeded({"key.pem": good["key.pem"][:120]}) == ["key-passphrase-wrong"]
    assert seeded({"key.pem": private_pem(other.key, PASSPHRASE)}) == ["key-does-not-match"]
    assert seeded({"chain.pem": certificate_pem(other.certificate)}) == ["authority-chain-order"]
    assert seeded({"chain.pem": certificate_pem(GREEN_CA, other.certificate)}) == ["authority-chain-order", "authority-path-length"]
    no_lists = forged(by=ROOT, public=ROOT.key.public_key(), subject_name=name_of("root"), extensions=_NO_LISTS)
    files = {"certificate.pem": certificate_pem(no_lists), "chain.pem": certificate_pem(no_lists)}
    assert seeded({**files, "key.pem": private_pem(ROOT.key, PASSPHRASE)}) == ["authority-not-crl-signer"]
    assert seeded({}) == []
    (tree.root / "ca/key.pem").chmod(0o644)
    assert own(tree) == ["mode"]
    seeded({})
    other_kind = authority_faults(tree, "ca", rule=replace(AUTHORITY, key_kinds=("rsa-4096",)), now=NOW)
    assert [fault.reason for fault in other_kind] == ["authority-key-kind"]
    tree.remove("ca")
    assert own(tree) == ["missing"]


GREEN_CA = authority("greenbank").certificate
_NO_LISTS = [x509.BasicConstraints(ca=True, path_length=None), usages("key_cert_sign")]


def test_a_file_of_an_own_ca_that_cannot_be_read(tree: DiskTree, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = os.open

    def refused(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if path == "chain.pem":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))  # root may read everything: played here
        return opened(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", refused)
    assert own(tree) == ["unreadable"]


def test_a_ca_whose_key_is_elsewhere(tree: DiskTree) -> None:
    tree.remove("ca/key.pem")
    tree.remove("ca/key.record")
    assert own(tree, with_key=False) == []
    assert own(tree) == ["key-missing"]


def imported(held: Authority, *, chain: bytes | None = None, key_pem: bytes | None = None, days: float = 0) -> Authority:
    return import_authority(
        certificate_pem(held.certificate),
        certificate_pem(*held.chain[1:]) if chain is None else chain,
        private_pem(held.key, PASSPHRASE) if key_pem is None else key_pem,
        PASSPHRASE,
        rule=AUTHORITY,
        now=NOW + days * DAY,
        where=Where("ca.pem", "key.pem"),
    )


def test_a_ca_made_elsewhere_is_taken_over() -> None:
    assert imported(ISSUING).chain == ISSUING.chain
    assert imported(ISSUING, chain=certificate_pem(*ISSUING.chain[::-1])).chain == ISSUING.chain
    assert imported(ROOT).chain == ROOT.chain


def test_a_ca_made_elsewhere_that_cannot_serve_is_refused() -> None:
    for wrong, reported in (
        ({"key_pem": private_pem(ROOT.key, PASSPHRASE)}, "key-does-not-match"),
        ({"chain": certificate_pem(ROGUE.certificate)}, "holds 2 issuing CAs"),
        ({"chain": b""}, "lacks"),
        ({"days": 5000}, "authority-expired"),
        ({"key_pem": b"rubbish"}, "not encrypted"),
    ):
        with pytest.raises(StoreError, match=reported):
            imported(ISSUING, **wrong)
    with pytest.raises(StoreError, match="which is no CA"):
        imported(Authority(forged(by=ISSUING), (forged(by=ISSUING), *ISSUING.chain), key("ec-p256", "server")))
    assert HUB.name == "hub"


def test_sides_have_cas_of_distinct_names_that_openssl_accepts(tmp_path: Path) -> None:
    assert authority("greenbank").certificate.subject != authority("bluebank").certificate.subject
    (tmp_path / "ca.pem").write_bytes(certificate_pem(authority("greenbank").certificate))
    reported = subprocess.run(
        ["openssl", "x509", "-in", f"{tmp_path}/ca.pem", "-noout", "-text"], capture_output=True, check=True, text=True
    )
    assert "Subject: O = Greenbank plc, CN = greenbank CA" in reported.stdout
    assert "CA:TRUE, pathlen:0" in reported.stdout
    assert "Certificate Sign, CRL Sign" in reported.stdout
