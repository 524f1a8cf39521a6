# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Eighteen faults in a finished tree, each named by the next run and repaired or refused as the design says.

| fault | reason | outcome |
| --- | --- | --- |
| server certificate expired | certificate-expired | renewed (new key by the rule of rotation) |
| server certificate ends in five days | certificate-expires-soon | renewed |
| client certificate not yet valid | not-yet-valid | refused (a wrong clock is a person's) |
| CA expired | authority-expired | refused |
| key is a link out of the tree | symlink | refused |
| one serial number on two certificates of a CA | serial-duplicate | refused |
| leftover temporary file with a private key | stray-temporary-file | repaired (swept) |
| key truncated | key-damaged | refused |
| key empty | key-damaged | refused |
| key replaced by another | key-does-not-match | refused |
| certificate of a rogue CA of the same name | issuer-signature | refused |
| one bit of the signature flipped | issuer-signature | refused |
| leaf with CA:TRUE | basic-constraints | refused |
| counterpart's request with CA:TRUE | request-wants-ca | refused |
| key readable by others | mode | refused (it may have been read) |
| folder open to others | mode | refused |
| keystore truncated | keystore-unreadable | repaired |
| keystore with another key | keystore-wrong-key | repaired |

Repaired: with the keys that are there, no private key is touched. Refused: nothing is touched; restoring the file from a
backup ends it. In every case the others go on, check mode says the same, and a second run writes nothing.
"""

from __future__ import annotations

import shutil

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from faults.seeding import (
    PEM,
    REFUSED,
    RENEWED,
    REPAIRED,
    Row,
    Seed,
    as_pem,
    ca_key,
    days,
    edit,
    forged,
    judge,
    pem_of,
    put,
    read_key,
    read_one,
)
from unit.steps.conftest import NOW, Site

from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.authority import authority_record
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.contents import usages
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.keys import private_pem
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.keystore import make_keystore

SERVER = "store/greenbank/server"
CLIENT = "store/greenbank/client/hub"
JWS = "store/greenbank/jws"
ANOTHER = ec.generate_private_key(ec.SECP256R1())


def of_the_server(reason: str) -> set[tuple[str, str, str, str]]:
    return {("greenbank", "server", reason, "fault")}


def server_with(site: Site, **changes: object) -> None:
    """Another server certificate, signed by the side's own CA, published and received as if it had always been there."""
    made = forged(read_one(site, f"{SERVER}/certificate.pem"), ca_key(site, "greenbank"), **changes)  # type: ignore[arg-type]
    site.path(f"{SERVER}/certificate.pem").write_bytes(pem_of(made))


def expired(site: Site) -> None:
    server_with(site, begins=NOW - days(365), ends=NOW - days(1))


def ends_soon(site: Site) -> None:
    server_with(site, begins=NOW - days(360), ends=NOW + days(5))


def client_not_yet_valid(site: Site) -> None:
    """As the hub would have signed it with a clock that is a day ahead."""
    path = "store/hub/issued/greenbank/client.pem"
    made = forged(read_one(site, path), ca_key(site, "hub"), begins=NOW + days(1))
    site.path(path).write_bytes(pem_of(made))


def ca_expired(site: Site) -> None:
    path = "store/greenbank/ca"
    key = ca_key(site, "greenbank")
    old = forged(read_one(site, f"{path}/certificate.pem"), key, begins=NOW - days(3650), ends=NOW - days(1))
    for name in ("certificate.pem", "chain.pem"):
        site.path(f"{path}/{name}").write_bytes(pem_of(old))
    site.path(f"{path}/key.record").write_bytes(authority_record(site.read(f"{path}/key.pem"), old))


def linked_out(site: Site) -> None:
    key = site.path(f"{SERVER}/key.pem")
    outside = site.root / "outside.pem"
    shutil.move(key, outside)
    key.symlink_to(outside)


def one_serial_twice(site: Site) -> None:
    """The hub's own server certificate gets the number of the one that it signed for greenbank."""
    other = read_one(site, "store/hub/issued/greenbank/client.pem").serial_number
    made = forged(read_one(site, "store/hub/server/certificate.pem"), ca_key(site, "hub"), serial=other)
    for path in ("store/hub/server/certificate.pem",):
        site.path(path).write_bytes(pem_of(made))


def stray(site: Site) -> None:
    (site.path(SERVER) / ".key.pem.stage-0badcafe").write_bytes(private_pem(ANOTHER))


def rogue_ca(site: Site) -> None:
    """Signed by a CA with greenbank's name and its key identifier: only the signature tells them apart."""
    server_key = read_one(site, f"{SERVER}/certificate.pem")
    site.path(f"{SERVER}/certificate.pem").write_bytes(pem_of(forged(server_key, ANOTHER)))


def flipped_bit(site: Site) -> None:
    der = bytearray(read_one(site, f"{SERVER}/certificate.pem").public_bytes(serialization.Encoding.DER))
    der[-3] ^= 1
    site.path(f"{SERVER}/certificate.pem").write_bytes(as_pem(bytes(der)))


def leaf_that_is_a_ca(site: Site) -> None:
    server_with(site, extensions=[x509.BasicConstraints(ca=True, path_length=None)])


def request_for_a_ca(site: Site) -> None:
    """What greenbank asks the hub to sign asks for a CA, with a good signature and the right key."""
    key = read_key(site, f"{CLIENT}/key.pem")
    asked = x509.load_pem_x509_csr(site.read(f"{CLIENT}/request.pem"))
    builder = x509.CertificateSigningRequestBuilder(asked.subject)
    for one in asked.extensions:
        builder = builder.add_extension(one.value, one.critical)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(usages("key_cert_sign"), critical=True)
    wanted = builder.sign(key, hashes.SHA256()).public_bytes(PEM)
    good = site.read(f"{CLIENT}/request.pem")
    site.path(f"{CLIENT}/request.pem").write_bytes(wanted)
    site.step("publish", sides=["greenbank"])
    site.path(f"{CLIENT}/request.pem").write_bytes(good)
    site.path("store/hub/issued/greenbank/client.pem").unlink()


def keystore_of_another_key(site: Site) -> None:
    certificate = read_one(site, f"{JWS}/certificate.pem")
    other = forged(certificate, ANOTHER, public=ANOTHER.public_key())
    passphrase = site.read(f"{JWS}/keystore.passphrase")
    site.path(f"{JWS}/keystore.p12").write_bytes(make_keystore("greenbank", ANOTHER, other, (), passphrase))


CHANGED = {("greenbank", "server.pem", "publication-differs", "change")}
RECEIVED = {("hub", "received/server.pem", "replaced", "change")}


def shared(reason: str) -> set[tuple[str, str, str, str]]:
    """The holder names it, publishes what it has, and the hub refuses that and keeps what it had."""
    return of_the_server(reason) | CHANGED | {("hub", "server.pem", reason, "fault")}


def renewed(reason: str) -> set[tuple[str, str, str, str]]:
    return {("greenbank", "server", reason, "change")} | CHANGED | RECEIVED


NOT_YET = {
    ("hub", "client", "not-yet-valid", "fault"),
    ("greenbank", "client/hub", "not-yet-valid", "fault"),
    ("hub", "client.pem", "publication-differs", "change"),
    ("greenbank", "received/client.pem", "replaced", "change"),
}
CA_EXPIRED = {
    ("greenbank", "ca", "authority-expired", "fault"),
    ("hub", "ca.pem", "authority-expired", "fault"),
    ("greenbank", "ca.pem", "publication-differs", "change"),
    ("greenbank", "client-chain.pem", "publication-differs", "change"),
    ("hub", "received/client-chain.pem", "replaced", "change"),
}
SERIAL = {
    ("hub", "issued", "serial-duplicate", "fault"),
    ("hub", "server.pem", "publication-differs", "change"),
    ("greenbank", "received/server.pem", "replaced", "change"),
    ("bluebank", "received/server.pem", "replaced", "change"),
}
STRAY = {("hub", f"{SERVER}/.key.pem.stage-0badcafe", "stray-temporary-file", "change")}
CSR = {
    ("hub", "client", "request-wants-ca", "fault"),
    ("hub", "received/client.csr", "replaced", "change"),
    ("hub", "client.pem", "publication-unwanted", "change"),
    ("hub", "client-chain.pem", "publication-unwanted", "change"),
}


def mode(path: str, bits: int) -> Seed:
    return lambda site: site.path(path).chmod(bits)


def of_the_keystore(reason: str) -> set[tuple[str, str, str, str]]:
    return {("greenbank", "jws", reason, "change")}


ROWS = [
    Row("server certificate expired", SERVER, RENEWED, renewed("certificate-expired"), expired),
    Row("server certificate ends in five days", SERVER, RENEWED, renewed("certificate-expires-soon"), ends_soon),
    Row("client certificate not yet valid", "store/hub/issued/greenbank", REFUSED, NOT_YET, client_not_yet_valid),
    Row("CA expired", "store/greenbank/ca", REFUSED, CA_EXPIRED, ca_expired),
    Row("key is a link out of the tree", SERVER, REFUSED, of_the_server("symlink"), linked_out),
    Row("one serial number twice", "store/hub/server", REFUSED, SERIAL, one_serial_twice),
    Row("leftover temporary file with a key", SERVER, REPAIRED, STRAY, stray),
    Row("key truncated", SERVER, REFUSED, of_the_server("key-damaged"), edit(f"{SERVER}/key.pem", lambda pem: pem[:120])),
    Row("key empty", SERVER, REFUSED, of_the_server("key-damaged"), put(f"{SERVER}/key.pem", b"")),
    Row("key replaced", SERVER, REFUSED, of_the_server("key-does-not-match"), put(f"{SERVER}/key.pem", private_pem(ANOTHER))),
    Row("rogue CA of the same name", SERVER, REFUSED, shared("issuer-signature"), rogue_ca),
    Row("signature bit flipped", SERVER, REFUSED, shared("issuer-signature"), flipped_bit),
    Row("leaf with CA:TRUE", SERVER, REFUSED, shared("basic-constraints"), leaf_that_is_a_ca),
    Row("request with CA:TRUE", "store/hub/issued", REFUSED, CSR, request_for_a_ca, sides=("hub", "bluebank")),
    Row("key readable by others", SERVER, REFUSED, of_the_server("mode"), mode(f"{SERVER}/key.pem", 0o644)),
    Row("folder open to others", SERVER, REFUSED, of_the_server("mode"), mode(SERVER, 0o777)),
    Row("keystore truncated", JWS, REPAIRED, of_the_keystore("keystore-unreadable"), edit(f"{JWS}/keystore.p12", lambda data: data[:900])),
    Row("keystore with another key", JWS, REPAIRED, of_the_keystore("keystore-wrong-key"), keystore_of_another_key),
]


@pytest.mark.parametrize("row", ROWS, ids=[row.fault for row in ROWS])
def test_a_seeded_fault(bank: Site, row: Row) -> None:
    judge(bank, row)
