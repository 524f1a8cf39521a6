# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every fault that our own, a received and a published certificate may all have is reported of each, and of none without it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from unit.pki.bench import BLUE, DAY, GREEN, ISSUERS, NOW, artefact, authority, ca, chain_of, forged, key, rule

from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.authority import Authority
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.contents import id_uri, usages
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.keys import public_digest
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.verification import (
    artefact_faults,
    certificate_faults,
    chain_faults,
    directory_certificate_faults,
    received_certificate_faults,
    received_server_faults,
)
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree

SHA_256, SHA_224 = (bytes.fromhex(f"06082a8648ce3d04030{last}") for last in (2, 1))
"""ecdsa-with-SHA256 and ecdsa-with-SHA224 (RFC 5758 section 3.2) in DER."""
BOTH = x509.SubjectAlternativeName([x509.DNSName("greenbank.test"), x509.UniformResourceIdentifier(id_uri(GREEN))])
OF_OTHERS = x509.SubjectAlternativeName([x509.DNSName("greenbank.test"), x509.UniformResourceIdentifier(id_uri(BLUE))])
Maker = Callable[[str], x509.Certificate]


def changed(certificate: x509.Certificate, old: bytes, new: bytes) -> x509.Certificate:
    """The certificate with other bytes; its signature fits no longer."""
    return x509.load_der_x509_certificate(certificate.public_bytes(Encoding.DER).replace(old, new))


def by_another_key(name: str) -> x509.Certificate:
    right = authority(ISSUERS[name])
    return forged(name, by=Authority(right.certificate, right.chain, key("ec-p256", "not the CA's")))


FAULTS: dict[str, Maker] = {
    "key-kind": lambda name: forged(name, public=ec.generate_private_key(ec.SECP224R1()).public_key()),
    "issuer-is-not-ours": lambda name: forged(name, by=ca("another")),
    "signature-algorithm": lambda name: changed(forged(name), SHA_256, SHA_224),
    "issuer-signature": by_another_key,
    "not-yet-valid": partial(forged, days=(1, 300)),
    "certificate-expired": partial(forged, days=(-300, -1)),
    "basic-constraints": partial(forged, extensions=[x509.BasicConstraints(ca=True, path_length=None)]),
    "key-usage": partial(forged, extensions=[usages("key_cert_sign", "digital_signature")]),
    "extended-key-usage": partial(forged, without=[x509.ExtendedKeyUsage]),
}


def own(certificate: x509.Certificate, key_digest: str = "") -> set[str]:
    found = certificate_faults(certificate, rule=rule("client"), holder=GREEN, chain=chain_of("client"), now=NOW, key_digest=key_digest)
    return {fault.reason for fault in found}


def received(certificate: x509.Certificate, key_digest: str = "") -> set[str]:
    facts = {"rule": rule("client"), "holder": GREEN, "chain": chain_of("client"), "now": NOW}
    return {fault.reason for fault in received_certificate_faults(certificate, key_digest=key_digest, **facts)}  # type: ignore[arg-type]


def by_directory(certificate: x509.Certificate, key_digest: str = "") -> set[str]:
    facts = {"rule": rule("client"), "holder": GREEN, "chain": chain_of("client"), "now": NOW}
    return {fault.reason for fault in directory_certificate_faults(certificate, key_digest=key_digest, **facts)}  # type: ignore[arg-type]


def published(certificate: x509.Certificate) -> set[str]:
    found = received_server_faults(certificate, rule=rule("server"), counterpart=GREEN, chain=chain_of("server"), now=NOW)
    return {fault.reason for fault in found}


@pytest.mark.parametrize("reason", FAULTS)
@pytest.mark.parametrize(("name", "judge"), [("client", own), ("client", received), ("server", published)])
def test_a_fault_is_reported_whoever_signed(reason: str, name: str, judge: Callable[[x509.Certificate], set[str]]) -> None:
    assert reason in judge(FAULTS[reason](name))
    assert judge(forged(name)) == set()


@pytest.mark.parametrize("reason", [reason for reason in FAULTS if reason != "extended-key-usage"])
def test_a_fault_is_reported_of_what_a_directory_signed(reason: str) -> None:
    assert reason in by_directory(FAULTS[reason]("client"))
    assert by_directory(forged("client")) == set()


@pytest.mark.parametrize(
    ("reason", "change", "right"),
    [
        (
            "extended-key-usage",
            {"extensions": [x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])]},
            {"without": [x509.ExtendedKeyUsage]},
        ),
        ("key-usage", {"extensions": [usages("key_encipherment")]}, {"without": [x509.KeyUsage]}),
        ("san", {"extensions": [OF_OTHERS]}, {"extensions": [BOTH]}),
        ("subject", {"subject_name": x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "greenbank")])}, {}),
        ("certificate-expires-soon", {"days": (-300, 10)}, {"days": (-300, 300)}),
    ],
)
def test_a_directory_may_say_more_than_was_asked_and_nothing_else(reason: str, change: dict[str, Any], right: dict[str, Any]) -> None:
    assert by_directory(forged("client", **change)) == {reason}
    assert by_directory(forged("client", **right)) == set()


@pytest.mark.parametrize("judge", [own, received, by_directory])
def test_a_certificate_for_another_key_is_reported(judge: Callable[[x509.Certificate, str], set[str]]) -> None:
    held, other = (public_digest(key("ec-p256", use).public_key()) for use in ("client", "someone else's"))
    assert judge(forged("client"), other) == {"key-does-not-match"}
    assert judge(forged("client"), held) == set()


@pytest.mark.parametrize(("name", "judge"), [("client", received), ("server", published)])
def test_the_identity_of_another_is_reported(name: str, judge: Callable[[x509.Certificate], set[str]]) -> None:
    assert judge(forged(name, extensions=[OF_OTHERS])) == {"subject"}


def test_a_received_certificate_that_ends_soon_is_reported() -> None:
    assert received(forged("client", days=(-300, 10))) == {"certificate-expires-soon"}


@pytest.mark.filterwarnings("ignore:Parsed a serial number which")
def test_a_serial_number_that_is_not_positive_is_reported() -> None:
    good = forged("client", serial=0x7F << 152)
    negative = changed(good, bytes.fromhex("02147f"), bytes.fromhex("0214ff"))
    assert "serial" in own(negative)
    assert "serial" in by_directory(negative)
    assert own(good) == by_directory(good) == set()


def test_a_ca_below_a_root_that_is_signed_with_a_weak_hash_is_reported() -> None:
    root = ca("root")
    issuing = ca("issuing", above=root, path_length=0).certificate
    weak = changed(issuing, SHA_256, SHA_224)
    assert "authority-signature-algorithm" in {fault.reason for fault in chain_faults((weak, root.certificate), NOW)}
    assert chain_faults((issuing, root.certificate), NOW) == ()


def test_a_stored_chain_is_looked_at_itself(tmp_path: Path) -> None:
    tree = DiskTree(tmp_path)
    tree.write_folder("server", artefact("server"))
    facts = {"rule": rule("server"), "holder": GREEN, "issuer_chain": chain_of("server")}

    def of_the_chain(days: int) -> list[str]:
        found = artefact_faults(tree, "server", now=NOW + days * DAY, **facts)  # type: ignore[arg-type]
        return [fault.reason for fault in found if fault.file == "chain.pem"]

    assert of_the_chain(10_000) == ["authority-expired"]
    assert of_the_chain(1) == []
