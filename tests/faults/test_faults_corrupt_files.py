# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Corrupt files of a side's own store: what can be made again from what is there is, a key is a person's.

| fault | reason | outcome |
| --- | --- | --- |
| key cut off at any of 20 places | key-damaged | refused |
| certificate cut off | certificate-unreadable | repaired |
| chain cut off | chain-unreadable | repaired |
| request cut off | request-unreadable | repaired |
| keystore cut off | keystore-unreadable | repaired |
| byte order mark, CR LF, blank lines around | (none: every PEM reader takes them) | nothing to do |
| DER where PEM should be; another label; base64 damaged | *-unreadable, key-damaged | repaired / refused |
| two certificates in one file | certificate-unreadable | repaired |
| an encrypted key | key-passphrase-missing | refused |
| a key of another kind or size; Ed25519; P-224; RSA-1024; e = 3 | key-kind, key-does-not-match | refused |
| primes swapped, exponents or coefficient off by one | key-damaged | refused |
| certificate signed with SHA-1 or MD5 | signature-algorithm | renewed |
| serial number zero or negative | serial | refused |
"""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from faults.seeding import (
    DER,
    PEM,
    REFUSED,
    RENEWED,
    REPAIRED,
    Reported,
    Row,
    Seed,
    as_pem,
    ca_key,
    edit,
    forged,
    judge,
    pem_of,
    put,
    read_key,
    read_one,
    reported,
    resigned,
)
from support.counting import record_count
from support.depth import DEEP, sample
from unit.steps.conftest import NOW, Site, marks

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.certificates import read_certificates
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.keys import DryRunKeys, private_pem
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.verification import artefact_faults
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree

SERVER = "store/greenbank/server"
JWS = "store/greenbank/jws"
EXCHANGE = "store/greenbank/exchange"
NEW = rsa.generate_private_key(65537, 2048)


def says(artefact: str, *reasons: str, outcome: str) -> Reported:
    return {("greenbank", artefact, reason, "fault" if outcome == REFUSED else "change") for reason in reasons}


# --- cut off

CUT = {
    "key.pem": ("key-damaged", REFUSED),
    "certificate.pem": ("certificate-unreadable", REPAIRED),
    "chain.pem": ("chain-unreadable", REPAIRED),
    "request.pem": ("request-unreadable", REPAIRED),
}


@pytest.mark.parametrize("place", range(20))
@pytest.mark.parametrize("file", CUT)
def test_a_file_cut_off_anywhere_is_found(bank: Site, file: str, place: int) -> None:
    path = bank.path(f"{SERVER}/{file}")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * place // 20])
    description = load_description(bank.root / "description")
    green = description.participant("greenbank")
    chain = read_certificates(bank.read("store/greenbank/ca/chain.pem"))
    rule = description.profile.rule("server")
    found = artefact_faults(DiskTree(bank.state), SERVER, rule=rule, holder=green, issuer_chain=chain, now=NOW)
    assert CUT[file][0] in {fault.reason for fault in found}
    path.write_bytes(whole)
    assert artefact_faults(DiskTree(bank.state), SERVER, rule=rule, holder=green, issuer_chain=chain, now=NOW) == []
    record_count("files cut off", 1)


@pytest.mark.parametrize("place", sample(range(20), 7, start=3))
@pytest.mark.parametrize("file", CUT)
def test_a_file_cut_off_is_repaired_or_refused(bank: Site, file: str, place: int) -> None:
    reason, outcome = CUT[file]
    seed = edit(f"{SERVER}/{file}", lambda whole: whole[: len(whole) * place // 20])
    expected = says("server", reason, outcome=outcome)
    if file == "certificate.pem":
        # A certificate is made anew for the same key, and shared.
        expected |= {("greenbank", "server.pem", "publication-differs", "change"), ("hub", "received/server.pem", "replaced", "change")}
    judge(bank, Row(f"{file} cut off", SERVER, outcome, expected, seed))


@pytest.mark.parametrize("place", range(0, 20, 1 if DEEP else 9))
def test_a_keystore_cut_off_is_made_again(bank: Site, place: int) -> None:
    seed = edit(f"{JWS}/keystore.p12", lambda whole: whole[: len(whole) * place // 20])
    judge(bank, Row("keystore cut off", JWS, REPAIRED, says("jws", "keystore-unreadable", outcome=REPAIRED), seed))


# --- as editors and mail programs leave files

HARMLESS: dict[str, Callable[[bytes], bytes]] = {
    "CR LF": lambda pem: pem.replace(b"\n", b"\r\n"),
    "byte order mark": lambda pem: b"\xef\xbb\xbf" + pem,
    "blank lines": lambda pem: b"\n\n" + pem + b"\n\n",
    "text before and behind": lambda pem: b"Bag Attributes\n    friendlyName: x\n" + pem + b"end\n",
    "no last line end": bytes.rstrip,
}


@pytest.mark.parametrize("how", HARMLESS)
def test_what_every_reader_takes_is_no_fault_or_is_repaired(bank: Site, how: str) -> None:
    """No key is refused or replaced for a mark in its file; what is derived may be written anew, once."""
    for name in ("certificate.pem", "chain.pem", "request.pem", "key.pem"):
        path = bank.path(f"{SERVER}/{name}")
        path.write_bytes(HARMLESS[how](path.read_bytes()))
    key = bank.read(f"{SERVER}/key.pem")
    found = bank.run()
    assert {disposition for *_, disposition in reported(found)} <= {"change"}
    assert bank.read(f"{SERVER}/key.pem") == key
    before = marks(bank.state)
    assert bank.run() == []
    assert marks(bank.state) == before


# --- something else in the file


def der(path: str) -> Seed:
    return lambda site: site.path(path).write_bytes(base64.b64decode(b"".join(site.read(path).splitlines()[1:-1])))


def relabelled(path: str, old: bytes, new: bytes) -> Seed:
    return edit(path, lambda pem: pem.replace(old, new))


def key_row(fault: str, reasons: tuple[str, ...], key: object, *, artefact: str = "server") -> Row:
    """Another private key in the file; the artefact's request and certificate then are of another key too."""
    folder = f"store/greenbank/{artefact}"
    content = key if isinstance(key, bytes) else key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())  # type: ignore[attr-defined]
    return Row(fault, folder, REFUSED, says(artefact, *reasons, outcome=REFUSED), put(f"{folder}/key.pem", content))


def encrypted(site: Site) -> None:
    site.path(f"{SERVER}/key.pem").write_bytes(private_pem(read_key(site, f"{SERVER}/key.pem"), b"a passphrase no one gave"))


def weak_key(exponent: int, bits: int) -> bytes:
    """A key that today's libraries do not make."""
    while True:
        numbers = rsa.generate_private_key(65537, max(bits, 1024)).private_numbers()
        totient = (numbers.p - 1) * (numbers.q - 1)
        try:
            d = pow(exponent, -1, totient)
        except ValueError:
            continue
        public = rsa.RSAPublicNumbers(exponent, numbers.p * numbers.q)
        made = rsa.RSAPrivateNumbers(numbers.p, numbers.q, d, d % (numbers.p - 1), d % (numbers.q - 1), numbers.iqmp, public)
        return made.private_key().private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def of_the_jws_key(change: Callable[[rsa.RSAPrivateNumbers], rsa.RSAPrivateNumbers]) -> Seed:
    def seed(site: Site) -> None:
        key = read_key(site, f"{JWS}/key.pem")
        assert isinstance(key, rsa.RSAPrivateKey)
        wrong = change(key.private_numbers()).private_key(unsafe_skip_rsa_key_validation=True)
        pem = wrong.private_bytes(PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
        site.path(f"{JWS}/key.pem").write_bytes(pem)

    return seed


def numbers_with(old: rsa.RSAPrivateNumbers, **changed: int) -> rsa.RSAPrivateNumbers:
    names = ("p", "q", "d", "dmp1", "dmq1", "iqmp")
    return rsa.RSAPrivateNumbers(**{name: changed.get(name, getattr(old, name)) for name in names}, public_numbers=old.public_numbers)


DAMAGED = says("server", "key-damaged", outcome=REFUSED)
UNREADABLE = says("server", "certificate-unreadable", outcome=REPAIRED) | {
    ("greenbank", "server.pem", "publication-differs", "change"),
    ("hub", "received/server.pem", "replaced", "change"),
}
JWS_DAMAGED = says("jws", "key-damaged", outcome=REFUSED)
ROWS = [
    Row("key in DER", SERVER, REFUSED, DAMAGED, der(f"{SERVER}/key.pem")),
    Row("certificate in DER", SERVER, REPAIRED, UNREADABLE, der(f"{SERVER}/certificate.pem")),
    Row("request in DER", SERVER, REPAIRED, says("server", "request-unreadable", outcome=REPAIRED), der(f"{SERVER}/request.pem")),
    Row("certificate labelled as CRL", SERVER, REPAIRED, UNREADABLE, relabelled(f"{SERVER}/certificate.pem", b"CERTIFICATE", b"X509 CRL")),
    Row("key labelled as public", SERVER, REFUSED, DAMAGED, relabelled(f"{SERVER}/key.pem", b"PRIVATE", b"PUBLIC")),
    Row("base64 damaged", SERVER, REPAIRED, UNREADABLE, edit(f"{SERVER}/certificate.pem", lambda pem: pem.replace(b"M", b"*", 3))),
    Row("binary zeros", SERVER, REFUSED, DAMAGED, edit(f"{SERVER}/key.pem", lambda pem: b"\0" * len(pem))),
    Row("two certificates", SERVER, REPAIRED, UNREADABLE, edit(f"{SERVER}/certificate.pem", lambda pem: pem * 2)),
    Row("key encrypted", SERVER, REFUSED, says("server", "key-passphrase-missing", outcome=REFUSED), encrypted),
    key_row("key of another kind", ("key-does-not-match",), NEW),
    key_row("key on P-224", ("key-kind", "key-does-not-match"), ec.generate_private_key(ec.SECP224R1())),
    key_row("Ed25519 key", ("key-kind",), ed25519.Ed25519PrivateKey.generate()),
    key_row("RSA-1024", ("key-kind", "key-does-not-match"), weak_key(65537, 1024)),
    key_row("exponent 3", ("key-does-not-match",), weak_key(3, 2048)),
    key_row("JWS key on a curve", ("key-kind", "key-does-not-match"), ec.generate_private_key(ec.SECP256R1()), artefact="jws"),
    Row("primes swapped", JWS, REFUSED, JWS_DAMAGED, of_the_jws_key(lambda old: numbers_with(old, p=old.q, q=old.p))),
    Row("private exponent off by one", JWS, REFUSED, JWS_DAMAGED, of_the_jws_key(lambda old: numbers_with(old, d=old.d - 1))),
    Row("CRT exponent off by one", JWS, REFUSED, JWS_DAMAGED, of_the_jws_key(lambda old: numbers_with(old, dmp1=old.dmp1 - 2))),
    Row("CRT coefficient of another", JWS, REFUSED, JWS_DAMAGED, of_the_jws_key(lambda old: numbers_with(old, iqmp=old.iqmp - 1))),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=[row.fault for row in ROWS])
def test_something_else_in_the_file(bank: Site, row: Row) -> None:
    judge(bank, row)


# --- what no builder makes


def serial_of(number: bytes) -> Seed:
    """A certificate whose serial number is this one byte."""

    def seed(site: Site) -> None:
        key = ca_key(site, "greenbank")
        good = forged(read_one(site, f"{SERVER}/certificate.pem"), key, serial=0x41)
        pem = resigned(good, key, lambda body: body.replace(b"\x02\x01\x41", b"\x02\x01" + number, 1))
        site.path(f"{SERVER}/certificate.pem").write_bytes(pem)

    return seed


SHARED = {("greenbank", "server.pem", "publication-differs", "change")}


@pytest.mark.parametrize("number", [b"\0", b"\xff"], ids=["zero", "negative"])
def test_a_serial_number_that_is_not_positive(bank: Site, number: bytes) -> None:
    # Accepted from a counterpart with other tools: it identifies nothing here, where fingerprints do.
    received = {("hub", "received/server.pem", "replaced", "change")}
    judge(bank, Row("serial", SERVER, REFUSED, says("server", "serial", outcome=REFUSED) | SHARED | received, serial_of(number)))


@pytest.mark.parametrize(("digest", "identifier"), [(hashes.SHA1(), 5), (hashes.MD5(), 4)], ids=["SHA-1", "MD5"])  # noqa: S303
def test_a_weak_signature_hash(bank: Site, digest: hashes.HashAlgorithm, identifier: int) -> None:
    """As an RSA CA of old tools signs."""
    _use_rsa_authority(bank)
    assert bank.run() == []

    def seed(site: Site) -> None:
        key = ca_key(site, "greenbank")
        oid = bytes.fromhex("2a864886f70d0101")
        good = read_one(site, f"{SERVER}/certificate.pem")
        pem = resigned(good, key, lambda part: part.replace(oid + b"\x0b", oid + bytes([identifier])), digest)
        site.path(f"{SERVER}/certificate.pem").write_bytes(pem)

    received = {("hub", "received/server.pem", "replaced", "change")}
    expected = says("server", "signature-algorithm", outcome=RENEWED) | SHARED | received
    judge(bank, Row("weak signature", SERVER, RENEWED, expected, seed))


def _use_rsa_authority(site: Site) -> None:
    """Let greenbank have an RSA CA from the beginning of its days."""
    site.participants["greenbank"]["ca"] = {"kind": "internal", "key": "rsa-3072"}
    site.describe()
    site.step("generate", rekey=["greenbank/ca"])
    site.path("store/greenbank/ca/key.pem").unlink()
    site.run(rekey=["greenbank/ca"])
    assert isinstance(ca_key(site, "greenbank"), rsa.RSAPrivateKey)


def test_the_helpers_make_what_they_say(bank: Site) -> None:
    """The control of the forgeries: unchanged bytes, signed again in the same way, are no fault."""
    key = ca_key(bank, "greenbank")
    good = read_one(bank, f"{SERVER}/certificate.pem")
    bank.path(f"{SERVER}/certificate.pem").write_bytes(resigned(good, key, lambda body: body))
    found = reported(bank.run())
    assert found == SHARED | {("hub", "received/server.pem", "replaced", "change")}
    bank.path(f"{SERVER}/certificate.pem").write_bytes(pem_of(forged(good, key)))
    assert {disposition for *_, disposition in reported(bank.run())} == {"change"}
    same = of_the_jws_key(numbers_with)
    same(bank)
    assert {disposition for *_, disposition in reported(bank.run())} <= {"change"}
    assert as_pem(good.public_bytes(DER)).count(b"BEGIN") == 1
    assert isinstance(DryRunKeys().make("rsa-2048"), rsa.RSAPrivateKey)
