# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Issuing: what comes out is the rule's, whatever was asked; serials are journalled first and never reused."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.pki.bench import (
    AUTHORITY,
    DAY,
    GREEN,
    ISSUERS,
    NOW,
    Journal,
    authority,
    ca,
    chain_of,
    key,
    names,
    participant,
    request,
    rule,
    signed,
    signer,
)

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.profiles import MOJALOOP
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import SigningRefused
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.authority import make_authority
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.certificates import certificate_pem, extension, fingerprint
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.contents import usages
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.issuing import issue, issue_out_of_time, self_signed
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.keys import private_pem, public_digest
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.policy import SigningCase, check
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.requests import read_request
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.signers import AwaitingSignature, LocalSigner, OfflineSigner
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.verification import certificate_faults
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree

PUBLIC = key("ec-p256", "issuing").public_key()


def test_openssl_accepts_every_kind_for_its_purpose_and_reads_what_the_rule_says(tmp_path: Path) -> None:
    for name, purpose in (("server", "sslserver"), ("client", "sslclient")):
        (tmp_path / "root.pem").write_bytes(certificate_pem(*chain_of(name)))
        (tmp_path / "leaf.pem").write_bytes(certificate_pem(signed(name, PUBLIC, by=ISSUERS[name])))
        verify = ["openssl", "verify", "-x509_strict", "-attime", f"{NOW.timestamp():.0f}", "-CAfile", f"{tmp_path}/root.pem"]
        right = subprocess.run([*verify, "-purpose", purpose, f"{tmp_path}/leaf.pem"], capture_output=True, check=False, text=True)
        assert right.returncode == 0, right.stderr
        wrong = {"sslserver": "sslclient", "sslclient": "sslserver"}[purpose]
        assert subprocess.run([*verify, "-purpose", wrong, f"{tmp_path}/leaf.pem"], capture_output=True, check=False).returncode != 0
    text = ["openssl", "x509", "-in", f"{tmp_path}/leaf.pem", "-noout", "-text"]
    reported = subprocess.run(text, capture_output=True, check=True, text=True).stdout
    assert "Subject: O = Greenbank plc, CN = greenbank" in reported
    assert "Issuer: O = Hub plc, CN = hub CA" in reported
    for expected in ("CA:FALSE", "URI:urn:fspiop:greenbank", "TLS Web Client Authentication", "Digital Signature"):
        assert expected in reported
    assert "Key Encipherment" not in reported


def test_dates_and_names() -> None:
    server = signed("server", PUBLIC)
    assert server.not_valid_before_utc == NOW - timedelta(seconds=MOJALOOP.backdate_seconds)
    assert server.not_valid_after_utc == NOW + 365 * DAY
    named = extension(server, x509.SubjectAlternativeName)
    assert named == names("greenbank.test")
    at_address = signed("server", PUBLIC, holder=participant("greenbank", "[2001:db8::1]"))
    assert extension(at_address, x509.SubjectAlternativeName) == x509.SubjectAlternativeName([x509.IPAddress(ip_address("2001:db8::1"))])


def test_a_side_without_a_listener_gets_no_server_certificate_but_a_client_one() -> None:
    probe = participant("probe-one", None)
    with pytest.raises(SigningRefused) as refused:
        signed("server", PUBLIC, holder=probe)
    assert refused.value.reason == "endpoint-missing"
    assert signed("client", PUBLIC, by="hub", holder=probe)


def test_a_host_too_long_for_a_common_name_gives_way_to_the_id() -> None:
    long = participant("greenbank", "a" * 60 + ".greenbank.test")
    certificate = signed("server", PUBLIC, holder=long)
    assert "CN=greenbank" in certificate.subject.rfc4514_string()
    assert extension(certificate, x509.SubjectAlternativeName) == names("a" * 60 + ".greenbank.test")


def test_no_certificate_outlives_its_ca_and_none_is_renewed_for_that() -> None:
    made = key("ec-p256", "short ca")
    short = make_authority(made, side=GREEN, rule=replace(AUTHORITY, lifetime_days=30), now=NOW)
    held = LocalSigner(short, (short,), made)
    facts = {"rule": rule("server"), "holder": GREEN, "now": NOW + DAY}
    certificate = issue(held, **facts, profile=MOJALOOP, public_key=PUBLIC, serials=Journal(), why="test")  # type: ignore[arg-type]
    assert certificate.not_valid_after_utc == short.not_valid_after_utc
    assert certificate_faults(certificate, rule=rule("server"), holder=GREEN, chain=(short,), now=NOW + 29 * DAY) == []
    with pytest.raises(SigningRefused) as refused:
        issue(
            held, rule=rule("server"), holder=GREEN, now=NOW + 31 * DAY, profile=MOJALOOP, public_key=PUBLIC, serials=Journal(), why="test"
        )
    assert refused.value.reason == "issuer-expired"


def test_the_journal_has_the_serial_before_and_the_certificate_after() -> None:
    journal = Journal(refusals=2)
    certificate = issue(
        signer("hub"), rule=rule("client"), profile=MOJALOOP, holder=GREEN, public_key=PUBLIC, now=NOW, serials=journal, why="request 1"
    )
    assert journal.order == ["reserve", "reserve", "reserve", "record"]
    assert list(journal.reserved) == list(journal.recorded) == [certificate.serial_number]
    record = journal.recorded[certificate.serial_number]
    assert record["fingerprint"] == fingerprint(certificate)
    assert (record["holder"], record["artefact"], record["why"], record["policy"]) == ("greenbank", "client", "request 1", "mojaloop 1")
    assert record["key"] == public_digest(PUBLIC)
    with pytest.raises(SigningRefused, match="8 random serials") as refused:
        issue(
            signer("hub"),
            rule=rule("client"),
            profile=MOJALOOP,
            holder=GREEN,
            public_key=PUBLIC,
            now=NOW,
            serials=Journal(refusals=8),
            why="",
        )
    assert refused.value.reason == "serial-not-free"


def test_serials_are_positive_random_and_distinct() -> None:
    journal = Journal()
    for _ in range(300):
        issue(signer("hub"), rule=rule("client"), profile=MOJALOOP, holder=GREEN, public_key=PUBLIC, now=NOW, serials=journal, why="")
    assert len(journal.reserved) == 300
    assert all(0 < serial < 1 << 159 for serial in journal.reserved)
    assert sum(serial.bit_length() > 128 for serial in journal.reserved) > 290


@pytest.mark.parametrize(("name", "kind"), [("exchange", "rsa-3072"), ("jws", "rsa-3072")])
def test_a_self_signed_certificate_is_no_ca(name: str, kind: str) -> None:
    held = key(kind, name)
    certificate = self_signed(held, rule=rule(name), profile=MOJALOOP, holder=GREEN, now=NOW)
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (constraints.value.ca, constraints.critical) == (False, True)
    assert certificate.issuer == certificate.subject


ASKED = st.lists(
    st.sampled_from(
        [
            x509.BasicConstraints(ca=True, path_length=None),
            x509.BasicConstraints(ca=False, path_length=None),
            usages("key_cert_sign", "crl_sign", "digital_signature"),
            usages("digital_signature"),
            x509.ExtendedKeyUsage([x509.ObjectIdentifier("2.5.29.37.0")]),
            x509.ExtendedKeyUsage([x509.ObjectIdentifier("1.3.6.1.5.5.7.3.2")]),
            names("greenbank.test"),
            names("bluebank.test", "*.test"),
            x509.NameConstraints([x509.DNSName("test")], None),
            x509.SubjectKeyIdentifier(b"mine"),
        ]
    ),
    unique_by=type,
)


@settings(max_examples=80, deadline=None)
@given(ASKED, st.sampled_from(["", "greenbank", "greenbank.test", "bluebank", "hub CA"]))
def test_whatever_a_request_asks_what_comes_out_is_the_rules(asked: list[x509.ExtensionType], common_name: str) -> None:
    class NoOne:
        def owner(self, public_digest: str) -> None: ...

    read = read_request(request(key("ec-p256", "asked"), *asked, common_name=common_name), where="")
    try:
        check(SigningCase(rule("client"), MOJALOOP, GREEN, "hub", read, read.public_key, NoOne()))
    except SigningRefused:
        return
    certificate = signed("client", read.public_key, by="hub")
    plain = signed("client", read.public_key, by="hub")
    assert (certificate.subject, list(certificate.extensions)) == (plain.subject, list(plain.extensions))
    constraints = extension(certificate, x509.BasicConstraints)
    usage = extension(certificate, x509.KeyUsage)
    assert constraints
    assert not constraints.ca
    assert usage
    assert not usage.key_cert_sign


def issued_by(one: LocalSigner, journal: Journal) -> x509.Certificate:
    client = rule("client")
    return issue(one, rule=client, profile=MOJALOOP, holder=GREEN, public_key=PUBLIC, now=NOW, serials=journal, why="test")


def test_a_ca_that_has_not_begun_signs_nothing() -> None:
    for held, reason in ((ca("later", days=(10, 3650)), "issuer-not-yet-valid"), (ca("ended", days=(-1000, -1)), "issuer-expired")):
        with pytest.raises(SigningRefused) as refused:
            issued_by(LocalSigner(held.certificate, held.chain, held.key), Journal())
        assert refused.value.reason == reason
    begun = ca("begun", days=(0, 3650))
    assert issued_by(LocalSigner(begun.certificate, begun.chain, begun.key), Journal())


def test_what_a_signer_did_wrong_does_not_go_out() -> None:
    held, journal = authority("hub"), Journal()
    with pytest.raises(SigningRefused) as refused:
        issued_by(LocalSigner(held.certificate, held.chain, key("ec-p256", "not the hub's")), journal)
    assert refused.value.reason == "issuer-signature"
    assert journal.order == ["reserve"]
    with pytest.raises(SigningRefused) as refused:
        signed("client", ec.generate_private_key(ec.SECP224R1()).public_key())
    assert refused.value.reason == "key-kind"
    assert issued_by(signer("hub"), journal)
    assert journal.order == ["reserve", "reserve", "record"]


def test_a_certificate_out_of_time_is_never_one_that_works() -> None:
    today = datetime.now(tz=UTC)

    def made(begin: int, end: int) -> x509.Certificate:
        period, client = (today + begin * DAY, today + end * DAY), rule("client")
        return issue_out_of_time(
            signer("hub"), rule=client, profile=MOJALOOP, holder=GREEN, public_key=PUBLIC, period=period, serials=Journal(), why="test"
        )

    with pytest.raises(SigningRefused) as refused:
        made(-1, 1)
    assert refused.value.reason == "in-time"
    assert made(-2, -1).not_valid_after_utc < today < made(1, 2).not_valid_before_utc


class Offline:
    """An offline CA at work: a folder, and the person who signs with openssl."""

    def __init__(self, root: Path) -> None:
        self.tree, self.root, self.journal = DiskTree(root), root, Journal()
        self.start = datetime.now(tz=UTC)  # openssl signs by the clock
        held = ca("offline", days=(-1000, 3650))
        self.signer = OfflineSigner(self.tree, "ca-requests", held.certificate, held.chain)
        (root / "ca.pem").write_bytes(certificate_pem(held.certificate))
        (root / "ca.key").write_bytes(private_pem(held.key))

    def issue(self, days: float = 0, holder: object = GREEN) -> x509.Certificate:
        return issue(
            self.signer,
            rule=rule("client"),
            profile=MOJALOOP,
            holder=holder,  # type: ignore[arg-type]
            public_key=PUBLIC,
            now=self.start + timedelta(days=days),
            serials=self.journal,
            why="test",
        )

    @property
    def place(self) -> Path:
        (place,) = (self.root / "ca-requests").iterdir()
        return place

    def sign(self, *options: str) -> None:
        facts = json.loads((self.place / "request.json").read_text())
        how = facts["how"].split(";")[0].replace("<ca certificate>", f"{self.root}/ca.pem").replace("<ca key>", f"{self.root}/ca.key")
        words = how.split()
        for option, value in zip(options[::2], options[1::2], strict=True):
            words[words.index(option) + 1] = value
        done = subprocess.run(words, cwd=self.place, capture_output=True, check=False, text=True)
        assert done.returncode == 0, done.stderr


@pytest.fixture
def offline(tmp_path: Path) -> Offline:
    return Offline(tmp_path)


def test_an_offline_ca_is_asked_once_waited_for_and_its_answer_taken(offline: Offline) -> None:
    for day in (0, 1):
        with pytest.raises(AwaitingSignature) as awaiting:
            offline.issue(day)
    assert awaiting.value.request_file.endswith("/request.json")
    assert offline.journal.order == ["reserve"]
    before = (offline.place / "template.pem").stat()
    offline.sign()
    certificate = offline.issue(2)
    assert certificate_faults(certificate, rule=rule("client"), holder=GREEN, chain=offline.signer.chain, now=offline.start + 2 * DAY) == []
    assert list(offline.journal.reserved) == list(offline.journal.recorded) == [certificate.serial_number]
    assert offline.issue(3) == certificate
    assert (offline.place / "template.pem").stat() == before


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["-set_serial", "7"], "serial"),
        (["-days", "4000"], "lifetime-too-long"),
        (["-copy_extensions", "none"], "extensions"),
        (["-CA", "other.pem", "-CAkey", "other.key"], "issuer-signature"),
        (["-force_pubkey", "other.pub"], "key-does-not-match"),
    ],
)
def test_an_answer_that_is_not_what_was_asked_is_refused(offline: Offline, options: list[str], reason: str) -> None:
    with pytest.raises(AwaitingSignature):
        offline.issue()
    other = ca("other")
    (offline.place / "other.pem").write_bytes(certificate_pem(other.certificate))
    (offline.place / "other.key").write_bytes(private_pem(other.key))
    public = subprocess.run(["openssl", "pkey", "-in", "other.key", "-pubout"], cwd=offline.place, capture_output=True, check=True).stdout
    (offline.place / "other.pub").write_bytes(public)
    offline.sign(*options)
    with pytest.raises(SigningRefused) as refused:
        offline.issue()
    assert refused.value.reason == reason
    offline.sign()
    assert offline.issue(1)


def test_an_offline_ca_is_asked_anew_when_names_changed_or_the_answer_is_too_old(offline: Offline) -> None:
    with pytest.raises(AwaitingSignature):
        offline.issue()
    offline.sign()
    offline.issue(1)
    with pytest.raises(AwaitingSignature):
        offline.issue(0, replace(GREEN, organisation="Green and Sons"))
    with pytest.raises(AwaitingSignature):
        offline.issue(360, replace(GREEN, organisation="Green and Sons"))
    assert offline.journal.order == ["reserve", "record", "reserve", "reserve"]
    (offline.place / "certificate.pem").write_bytes(b"rubbish")
    with pytest.raises(SigningRefused) as refused:
        offline.issue(360, replace(GREEN, organisation="Green and Sons"))
    assert refused.value.reason == "certificate-unreadable"
