# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Revocation lists: what one says, when it is due, and why one of a counterpart's is refused, each beside the one that is not."""

from __future__ import annotations

import base64
import random
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import Encoding
from support.counting import record_count
from unit.pki.bench import DAY, NOW, authority, ca, forged, key

from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.authority import Authority
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.inputs import InputRefused
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.revocation import (
    GONE,
    HOLD,
    LIST_LIMIT,
    SUPERSEDED,
    RevocationList,
    Revoked,
    list_faults,
    make_list,
    order_faults,
    read_list,
)

SKEW = timedelta(minutes=5)
ENTRIES = [Revoked(17, HOLD, NOW), Revoked(2**158, GONE, NOW - DAY), Revoked(3, SUPERSEDED, NOW)]
GREEN = authority("greenbank")


def made(by: Authority = GREEN, number: int = 7, revoked: Sequence[Revoked] = ENTRIES, now: datetime = NOW) -> bytes:
    return make_list(by.certificate, by.key, number=number, revoked=revoked, now=now, days=30)


def read(pem: bytes) -> RevocationList:
    return read_list(pem, where="crl.pem")


def reasons(pem: bytes, *, by: Authority = GREEN, now: datetime = NOW) -> list[str]:
    return [fault.reason for fault in list_faults(read(pem), by.chain, now=now, skew=SKEW)]


def refusal(pem: bytes) -> str:
    with pytest.raises(InputRefused) as refused:
        read(pem)
    return refused.value.reason


def foreign(
    *extensions: tuple[x509.ExtensionType, bool], inner: Sequence[tuple[x509.ExtensionType, bool]] = (), by: Authority = GREEN
) -> bytes:
    """A list made with other tools than ours: just these extensions; one entry with its own."""
    builder = x509.CertificateRevocationListBuilder(by.certificate.subject, NOW, NOW + 30 * DAY)
    entry = x509.RevokedCertificateBuilder(5, NOW)
    for value, critical in inner:
        entry = entry.add_extension(value, critical)
    for value, critical in extensions:
        builder = builder.add_extension(value, critical)
    return builder.add_revoked_certificate(entry.build()).sign(by.key, hashes.SHA256()).public_bytes(Encoding.PEM)


def test_a_list_says_what_rfc_5280_asks_for() -> None:
    pem = made()
    crl = x509.load_pem_x509_crl(pem)
    assert crl.issuer == GREEN.certificate.subject
    assert (crl.last_update_utc, crl.next_update_utc) == (NOW, NOW + 30 * DAY)
    found = {type(each.value): each for each in crl.extensions}
    assert set(found) == {x509.AuthorityKeyIdentifier, x509.CRLNumber}
    assert not any(each.critical for each in found.values())
    own = GREEN.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    identifier = found[x509.AuthorityKeyIdentifier].value
    assert isinstance(identifier, x509.AuthorityKeyIdentifier)
    assert identifier.key_identifier == own.digest
    assert [entry.serial_number for entry in crl] == sorted(entry.serial for entry in ENTRIES)
    # Version 2: the field is there, and 1.
    assert bytes.fromhex("020101300a06082a8648ce3d040302") in crl.tbs_certlist_bytes
    assert read(pem).entries == frozenset(ENTRIES)
    assert read(pem).number == 7
    assert reasons(pem) == []
    assert reasons(made(revoked=())) == []


def test_a_list_is_due_when_a_third_of_its_time_is_left() -> None:
    found = read(made())
    assert [found.due(NOW + days * DAY) for days in (0, 19.99, 20, 29, 31)] == [False, False, True, True, True]


def test_a_list_out_of_its_time_is_reported() -> None:
    pem = made()
    assert reasons(pem, now=NOW - SKEW) == reasons(pem, now=NOW + 30 * DAY - SKEW) == []
    assert reasons(pem, now=NOW - SKEW - timedelta(seconds=1)) == ["crl-not-yet-valid"]
    assert reasons(pem, now=NOW + 30 * DAY) == ["crl-expired"]


def test_only_the_ca_that_is_known_may_have_signed() -> None:
    blue = authority("bluebank")
    same_name = Authority(GREEN.certificate, GREEN.chain, key("ec-p256", "not the CA's"))
    root = ca("a root")
    below = ca("issuing", above=root)
    assert reasons(made(blue), by=blue) == reasons(made(below), by=below) == []
    assert [reasons(made(by)) for by in (blue, same_name)] == [["crl-signature"]] * 2
    # Another key identifier, and the CA above the one that signs.
    assert reasons(made(root), by=below) == ["crl-signature"]
    other = x509.AuthorityKeyIdentifier(b"x" * 20, None, None)
    assert reasons(foreign((x509.CRLNumber(1), False), (other, False))) == ["crl-signature"]
    assert reasons(foreign((x509.CRLNumber(1), False))) == []


def test_a_ca_without_the_right_to_sign_lists_signs_none() -> None:
    for crl_sign in (True, False):
        usage = x509.KeyUsage(
            digital_signature=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=crl_sign,
            encipher_only=False,
            decipher_only=False,
        )
        certificate = forged(extensions=[usage, x509.BasicConstraints(ca=True, path_length=None)])
        by = Authority(certificate, (certificate,), key("ec-p256", "server"))
        assert reasons(made(by), by=by) == ([] if crl_sign else ["crl-signature"])


def test_a_changed_byte_of_the_signature_is_noticed() -> None:
    der = x509.load_pem_x509_crl(made()).public_bytes(Encoding.DER)
    changed = x509.load_der_x509_crl(der[:-1] + bytes([der[-1] ^ 1])).public_bytes(Encoding.PEM)
    assert reasons(changed) == ["crl-signature"]


def test_numbers_only_rise() -> None:
    kept = read(made(number=7))
    assert [fault.reason for fault in order_faults(read(made(number=6)), kept)] == ["crl-older"]
    assert [fault.reason for fault in order_faults(read(made(number=7, revoked=())), kept)] == ["crl-number-reused"]
    # Signed again: the signature differs, the content does not.
    assert order_faults(read(made(number=7)), kept) == order_faults(read(made(number=8, revoked=())), kept) == []


POINT = x509.IssuingDistributionPoint(
    full_name=None,
    relative_name=None,
    only_contains_user_certs=False,
    only_contains_ca_certs=False,
    only_some_reasons=None,
    indirect_crl=True,
    only_contains_attribute_certs=False,
)
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
NUMBER = (x509.CRLNumber(3), False)
ISSUER = x509.CertificateIssuer([x509.DirectoryName(GREEN.certificate.subject)])
HOSTILE = {
    "indirect": (foreign(NUMBER, (POINT, True)), "crl-scope"),
    "an entry of another CA": (foreign(NUMBER, inner=[(ISSUER, True)]), "crl-scope"),
    "a delta": (foreign(NUMBER, (x509.DeltaCRLIndicator(1), True)), "crl-scope"),
    "an unknown critical extension": (foreign(NUMBER, (UNKNOWN, True)), "crl-extension"),
    "an unknown critical extension of an entry": (foreign(NUMBER, inner=[(UNKNOWN, True)]), "crl-extension"),
    "no number": (foreign((x509.AuthorityKeyIdentifier(b"x", None, None), False)), "crl-incomplete"),
    "version 1": (foreign(), "crl-incomplete"),
    "nothing": (b"", "unreadable"),
    "junk": (bytes(range(256)) * 16, "unreadable"),
    "DER": (x509.load_pem_x509_crl(made()).public_bytes(Encoding.DER), "unreadable"),
    "a certificate": (GREEN.certificate.public_bytes(Encoding.PEM), "unreadable"),
    "a block of junk": (b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", "unreadable"),
    "two lists": (made() + made(number=8), "too-many"),
    "a list and a certificate": (made() + GREEN.certificate.public_bytes(Encoding.PEM), "unreadable"),
    "too large": (made() + b"\n" * LIST_LIMIT, "too-large"),
    "a private key": (
        made() + GREEN.key.private_bytes(Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        "private-key-received",
    ),
}


def numbered(number: int) -> bytes:
    return foreign((x509.CRLNumber(number), False))


def negative() -> bytes:
    """A list with the number -1, which no tool makes."""
    der, number = x509.load_pem_x509_crl(numbered(1)).public_bytes(Encoding.DER), bytes.fromhex("551d140403020101")
    assert der.count(number) == 1
    return x509.load_der_x509_crl(der.replace(number, number[:-1] + b"\xff")).public_bytes(Encoding.PEM)


def test_a_number_is_of_twenty_octets_at_most() -> None:
    assert refusal(negative()) in {"crl-number", "unreadable"}
    for wrong in (1 << 160, 1 << 40_000):
        assert refusal(numbered(wrong)) == "crl-number"
    for right in (0, 1, 1 << 159, (1 << 160) - 1):
        assert read(numbered(right)).number == right
    # What is accepted can be shown to people.
    assert [fault.reason for fault in order_faults(read(numbered(0)), read(numbered((1 << 160) - 1)))] == ["crl-older"]


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_list_is_refused(case: str) -> None:
    pem, reason = HOSTILE[case]
    assert refusal(pem) == reason
    # Controls: the same tools, without the one wrong fact.
    assert read(foreign(NUMBER, (UNKNOWN, False), inner=[(UNKNOWN, False)])).number == 3
    assert read(b"text as openssl writes it\n" + made()).number == 7


def judged(pem: bytes) -> str:
    """Why a list is refused; empty when it is not."""
    try:
        return next(iter(reasons(pem)), "")
    except InputRefused as refused:
        return refused.reason


def test_any_changed_bytes_end_in_a_refusal() -> None:
    der, draw, reported = x509.load_pem_x509_crl(made()).public_bytes(Encoding.DER), random.Random(20), []  # noqa: S311 -- the same each time
    for _ in range(600):
        changed = bytearray(der)
        for _change in range(draw.randint(1, 4)):
            changed[draw.randrange(len(changed))] ^= draw.randrange(1, 256)
        if changed != der:
            reported.append(judged(b"-----BEGIN X509 CRL-----\n" + base64.encodebytes(bytes(changed)) + b"-----END X509 CRL-----\n"))
    assert set(reported) <= {"unreadable", "crl-extension", "crl-incomplete", "crl-scope", "crl-signature"}
    assert judged(made()) == ""
    record_count("spoilt revocation lists refused", len(reported))


def test_a_list_of_ten_thousand_fits() -> None:
    pem = made(revoked=[Revoked(2**150 + number, HOLD, NOW) for number in range(10_000)])
    assert len(pem) < LIST_LIMIT
    assert len(read(pem).entries) == 10_000
    assert reasons(pem) == []
