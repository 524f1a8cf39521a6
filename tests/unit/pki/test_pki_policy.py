# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Requests and the signing policy: each refusal by its reason code, each with the identical request accepted once put right."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier
from unit.pki.bench import BLUE, GREEN, HUB, key, names, participant, request, rule

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import State
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.profiles import MOJALOOP, MOJALOOP_SCHEME_CA, Signer
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import SigningRefused
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.contents import usages
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.keys import PrivateKey, PublicKey, private_pem, public_digest
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.policy import (
    POLICY,
    RETIRED,
    SigningCase,
    check,
    names_of_others,
    ownership,
)
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.requests import Request, make_request, read_request

KEY = key("ec-p256", "greenbank client")
CLIENT = rule("client")


@dataclass
class Register:
    owners: dict[str, str] = field(default_factory=dict)

    def owner(self, public_digest: str) -> str | None:
        return self.owners.get(public_digest)


def case(pem: bytes, owner: str = "") -> SigningCase:
    asked = read_request(pem, where="client.csr")
    register = Register({public_digest(asked.public_key): owner} if owner else {})
    return SigningCase(CLIENT, MOJALOOP, GREEN, "hub", asked, asked.public_key, register)


def refusal(one: SigningCase) -> str:
    with pytest.raises(SigningRefused) as refused:
        check(one)
    assert "allowed" in refused.value.what
    assert refused.value.what.isascii()
    assert refused.value.where == f"{one.holder.name}/{one.rule.name}"
    return refused.value.reason


def unreadable(pem: bytes) -> SigningRefused:
    with pytest.raises(SigningRefused) as refused:
        read_request(pem, where="client.csr")
    assert refused.value.where == "client.csr"
    return refused.value


def test_our_own_request_is_read_back_and_passes() -> None:
    one = case(make_request(KEY, rule=CLIENT, side=GREEN))
    assert one.request
    assert (one.request.common_name, one.request.uri_names) == ("greenbank", ("urn:fspiop:greenbank",))
    check(one)


@pytest.mark.parametrize(
    "pem",
    [
        request(KEY),
        request(KEY, common_name="greenbank"),
        request(KEY, common_name="GreenBank.test"),
        request(KEY, names("greenbank.test", "urn:fspiop:greenbank"), common_name="greenbank.test"),
        request(KEY, x509.BasicConstraints(ca=False, path_length=None), x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])),
        b"Certificate Request:\n    Data:\n" + request(KEY).replace(b"CERTIFICATE REQUEST", b"NEW CERTIFICATE REQUEST"),
    ],
)
def test_requests_of_other_tools_pass_with_the_holders_own_names_or_none(pem: bytes) -> None:
    check(case(pem))


@pytest.mark.parametrize(
    ("reason", "pem"),
    [
        ("request-wants-ca", request(KEY, x509.BasicConstraints(ca=True, path_length=None))),
        ("request-wants-ca", request(KEY, x509.BasicConstraints(ca=True, path_length=0), names("greenbank.test"))),
        ("request-wants-cert-sign", request(KEY, usages("digital_signature", "key_cert_sign"))),
        ("request-wants-cert-sign", request(KEY, usages("digital_signature", "crl_sign"))),
        ("request-wants-any-usage", request(KEY, x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]))),
        ("request-wildcard", request(KEY, names("*.greenbank.test"))),
        ("request-foreign-name", request(KEY, names("greenbank.test", "bluebank.test"))),
        ("request-foreign-name", request(KEY, names("urn:fspiop:bluebank"))),
        ("request-foreign-name", request(KEY, names("greenbank.test.evil.example"))),
        ("request-foreign-name", request(KEY, x509.SubjectAlternativeName([x509.IPAddress(ip_address("192.0.2.1"))]))),
        ("request-foreign-name", request(KEY, x509.SubjectAlternativeName([x509.RFC822Name("greenbank.test")]))),
        (
            "request-foreign-name",
            request(KEY, x509.SubjectAlternativeName([x509.OtherName(ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), b"\x0c\x04root")])),
        ),
        ("request-common-name", request(KEY, common_name="bluebank")),
        ("request-common-name", request(KEY, common_name="greenbank\x00.bluebank.test")),
        ("request-common-name", request(KEY, common_name="greenb\u0430nk")),
        ("request-common-name", request(KEY, common_name="\u202eknabneerg")),
    ],
)
def test_what_a_request_may_not_ask(reason: str, pem: bytes) -> None:
    assert refusal(case(pem)) == reason
    check(case(request(KEY, names("greenbank.test"))))


def test_an_address_is_its_own_name() -> None:
    pem = request(KEY, x509.SubjectAlternativeName([x509.IPAddress(ip_address("192.0.2.1"))]))
    check(replace(case(pem), holder=participant("greenbank", "192.0.2.1")))
    assert refusal(replace(case(pem), holder=participant("greenbank", "192.0.2.2"))) == "request-foreign-name"


@pytest.mark.parametrize(
    ("owner", "reason"),
    [
        (RETIRED, "key-retired"),
        ("hub ca", "key-of-a-ca"),
        ("greenbank ca", "key-of-a-ca"),
        (ownership("bluebank", "client"), "key-of-someone-else"),
        (ownership("greenbank", "server"), "key-used-elsewhere"),
        (ownership("greenbank", "jws"), "key-used-elsewhere"),
    ],
)
def test_a_known_key_is_refused_but_to_its_own_holder_for_the_same_purpose(owner: str, reason: str) -> None:
    pem = request(KEY, names("greenbank.test"))
    assert refusal(case(pem, owner)) == reason
    check(case(pem, ownership("greenbank", "client")))
    check(case(pem))


def _public(held: PrivateKey) -> PublicKey:
    return held.public_key()


@pytest.mark.parametrize(
    ("public", "reason"),
    [
        (lambda: rsa.generate_private_key(65537, 1024).public_key(), "key-kind"),  # noqa: S505 - weak on purpose
        (lambda: ec.generate_private_key(ec.SECP224R1()).public_key(), "key-kind"),
        (lambda: rsa.generate_private_key(3, 2048).public_key(), "rsa-exponent"),
        (lambda: rsa.RSAPublicNumbers(65537, 7 * ((1 << 2047) // 7 + 1 | 1)).public_key(), "key-weak"),
    ],
)
def test_weak_keys_are_refused(public: Callable[[], PublicKey], reason: str) -> None:
    made = public()
    asked = Request(made, "", (), (), (), (), "", x509.Name([]))
    one = SigningCase(CLIENT, MOJALOOP, GREEN, "hub", asked, made, Register())
    assert refusal(one) == reason
    sound = key("rsa-2048").public_key()
    check(replace(one, public_key=sound, request=replace(asked, public_key=sound)))


def test_the_key_to_certify_is_the_requests() -> None:
    one = case(request(KEY))
    assert refusal(replace(one, public_key=key("ec-p256", "another").public_key())) == "key-not-of-request"


def test_who_may_sign_what() -> None:
    one = case(request(KEY))
    assert refusal(replace(one, issuer_name="greenbank")) == "issuer-not-allowed"
    own = replace(one, rule=rule("server"), request=None)
    assert refusal(own) == "issuer-not-allowed"
    check(replace(own, issuer_name="greenbank"))
    scheme = replace(one, rule=MOJALOOP_SCHEME_CA.rule("server"), profile=MOJALOOP_SCHEME_CA)
    check(scheme)
    assert refusal(replace(scheme, issuer_name="bluebank")) == "issuer-not-allowed"
    assert refusal(replace(one, rule=replace(CLIENT, signer=Signer.SELF))) == "issuer-not-allowed"


def test_an_offboarded_participant_gets_nothing_and_a_suspended_one_its_renewal() -> None:
    one = case(request(KEY))
    assert refusal(replace(one, holder=replace(GREEN, state=State.OFFBOARDED))) == "holder-offboarded"
    check(replace(one, holder=replace(GREEN, state=State.SUSPENDED)))


def test_every_reason_of_the_policy_is_distinct_and_tested_here() -> None:
    reasons = [reason for reason, _ in POLICY]
    assert len(set(reasons)) == len(reasons)
    text = Path(__file__).read_text(encoding="utf-8")
    assert [reason for reason in reasons if f'"{reason}"' not in text] == []


def test_a_private_key_sent_by_mistake_is_refused_and_not_repeated() -> None:
    secret = private_pem(KEY)
    for pem in (secret, request(KEY) + secret, secret.replace(b"PRIVATE KEY", b"EC PRIVATE KEY"), private_pem(KEY, b"passphrase")):
        refused = unreadable(pem)
        assert refused.reason == "private-key-received"
        assert "retires" in refused.remedy
        assert not any(line in str(refused) for line in pem.decode().splitlines() if "PRIVATE KEY" not in line and len(line) > 20)


@pytest.mark.parametrize(
    ("pem", "reason"),
    [
        (request(KEY) + b" " * 1024 * 1024, "request-too-large"),
        (request(KEY) * 2, "request-too-many"),
        (b"", "request-unreadable"),
        (b"\xff\xfe\x00", "request-unreadable"),
        (request(KEY)[:200], "request-unreadable"),
        (request(KEY).replace(b"CERTIFICATE REQUEST", b"CERTIFICATE"), "request-unreadable"),
        (request(KEY, names(*(f"{n}.greenbank.test" for n in range(101)))), "request-names-too-many"),
        (request(KEY, names(*(f"{n}.greenbank.test" for n in range(10_000)))), "request-too-large"),
    ],
)
def test_a_request_that_is_not_read(pem: bytes, reason: str) -> None:
    assert unreadable(pem).reason == reason
    assert read_request(request(KEY, names(*(f"{n}.greenbank.test" for n in range(100)))), where="")


def test_a_key_of_another_family_is_not_read() -> None:
    other = ed25519.Ed25519PrivateKey.generate()
    made = x509.CertificateSigningRequestBuilder(x509.Name([])).sign(other, None)
    assert unreadable(made.public_bytes(serialization.Encoding.PEM)).reason == "key-kind"


def test_a_request_without_proof_of_possession_is_refused() -> None:
    one, other = request(KEY, names("greenbank.test")), request(key("ec-p256", "other"), names("greenbank.test"))
    parsed = x509.load_pem_x509_csr(one)
    foreign = x509.load_pem_x509_csr(other)
    der = parsed.public_bytes(serialization.Encoding.DER)
    form = (serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    stolen = der.replace(parsed.public_key().public_bytes(*form), foreign.public_key().public_bytes(*form))
    assert stolen != der
    body = base64.encodebytes(stolen)
    pem = b"-----BEGIN CERTIFICATE REQUEST-----\n" + body + b"-----END CERTIFICATE REQUEST-----\n"
    assert unreadable(pem).reason == "request-signature"
    assert read_request(one, where="")


def test_a_request_signed_with_sha1_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(private_pem(KEY))

    def made(digest: str) -> bytes:
        command = ["openssl", "req", "-new", "-key", f"{tmp_path}/key.pem", "-subj", "/CN=greenbank", digest]
        return subprocess.run(command, capture_output=True, check=True).stdout

    assert unreadable(made("-sha1")).reason == "request-hash"
    check(case(made("-sha256")))


def test_the_request_of_plain_openssl_with_every_extension_of_its_default_configuration_passes(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(private_pem(KEY))
    command = ["openssl", "req", "-new", "-key", f"{tmp_path}/key.pem", "-subj", "/C=GB/O=Green/CN=greenbank.test"]
    names_asked = ["-addext", "subjectAltName=DNS:greenbank.test", "-addext", "keyUsage=digitalSignature", "-text"]
    check(case(subprocess.run([*command, *names_asked], capture_output=True, check=True).stdout))


def test_the_hubs_request_is_judged_alike() -> None:
    one = case(request(KEY, names("hub.test")))
    check(replace(one, holder=HUB, issuer_name="greenbank"))
    assert refusal(replace(one, holder=BLUE)) == "request-foreign-name"
    assert _public(KEY) == one.public_key


def test_a_name_of_another_side_is_not_certified_even_when_described_as_ones_own() -> None:
    evil = participant("evil", "HUB.test")
    one = replace(case(request(KEY, names("hub.test"))), holder=evil, issuer_name="hub")
    sides = (HUB, GREEN, BLUE, evil)
    assert refusal(replace(one, names_of_others=names_of_others(sides, evil))) == "name-of-another-side"
    check(replace(one, names_of_others=names_of_others((GREEN, BLUE, evil), evil)))
    for side in (HUB, GREEN, BLUE):
        assert not names_of_others((HUB, GREEN, BLUE), side) & replace(one, holder=side).own_names
