# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a counterpart must not get away with: each attempt beside the same publication without the one wrong fact."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from unit.steps.conftest import NOW, Site, changes, faults, finished_site, participant

from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.keys import DryRunKeys, private_pem, public_pem

Files = dict[str, bytes]
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def name(common_name: str, organisation: str = "Redbank") -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation), x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True)
class Authority:
    """A CA made with plain tools."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def made(cls, subject: x509.Name) -> Authority:
        key = ec_key()
        return cls(key, build(subject, subject, key.public_key(), key, ca=True))

    def server(self, host: str) -> bytes:
        return pem(build(name(host), self.certificate.subject, ec_key().public_key(), self.key, host=host))


def build(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, signing: Key, *, ca: bool = False, host: str = ""
) -> x509.Certificate:
    start = NOW - timedelta(days=1)
    builder = x509.CertificateBuilder(issuer, subject, public, x509.random_serial_number(), start, start + timedelta(days=360))
    builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    if host:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    return builder.sign(signing, hashes.SHA256())


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in certificates)


def request(common_name: str = "redbank", *, ca: bool = False, key: Key | None = None) -> bytes:
    builder = x509.CertificateSigningRequestBuilder(name(common_name))
    if ca:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    return builder.sign(key or ec_key(), hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


AUTHORITY = Authority.made(name("redbank CA"))
JWS = DryRunKeys().make("rsa-2048")


def good() -> Files:
    """What redbank publishes with tools of its own."""
    return {
        "ca.pem": pem(AUTHORITY.certificate),
        "server.pem": AUTHORITY.server("redbank.example"),
        "client.csr": request(),
        "jws.pem": public_pem(JWS.public_key()),
    }


def publish(site: Site, files: Files) -> None:
    folder = site.path("exchange/redbank/participant")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for file, content in files.items():
        (folder / file).write_bytes(content)


@pytest.fixture
def hub(tmp_path: Path, _finished: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The hub and two managed participants, ready for redbank, which is hosted elsewhere and publishes plain files."""
    site = finished_site(tmp_path, _finished, tmp_path_factory, "mojaloop")
    red = participant(4, "redbank")
    del red["gateways"]
    site.participants["redbank"] = red | {"hosting": "self-hosted", "manifest": "none"}
    site.hub["approval"] = "automatic"
    return site.describe()


def test_the_control_is_accepted_and_signed(hub: Site) -> None:
    publish(hub, good())
    assert faults(hub.run()) == []
    issued = x509.load_pem_x509_certificate(hub.read("store/hub/issued/redbank/client.pem"))
    asked = x509.load_pem_x509_csr(hub.read("exchange/redbank/participant/client.csr"))
    assert issued.public_key() == asked.public_key()
    assert hub.path("store/hub/received/redbank/ca.pem").exists()
    assert hub.path("store/bluebank/jws-keys/redbank.pem").exists()


def of_the_hub(hub: Site) -> x509.Certificate:
    return x509.load_pem_x509_certificate(hub.read("store/hub/ca/certificate.pem"))


def authority_of_the_hubs_name(hub: Site) -> Files:
    other = Authority.made(of_the_hub(hub).subject)
    return {"ca.pem": pem(other.certificate), "server.pem": other.server("redbank.example")}


def authority_of_anothers_name(hub: Site) -> Files:
    other = Authority.made(x509.load_pem_x509_certificate(hub.read("store/bluebank/ca/certificate.pem")).subject)
    return {"ca.pem": pem(other.certificate), "server.pem": other.server("redbank.example")}


def authority_with_the_hubs_key(hub: Site) -> Files:
    public = of_the_hub(hub).public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    below = build(name("redbank issuing CA"), AUTHORITY.certificate.subject, public, AUTHORITY.key, ca=True)
    return {"ca.pem": pem(below, AUTHORITY.certificate)}


def key_of_bluebank(hub: Site) -> Files:
    key = serialization.load_pem_private_key(hub.read("store/bluebank/client/hub/key.pem"), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return {"client.csr": request(key=key)}


REFUSED: dict[str, tuple[Callable[[Site], Files], str, str]] = {
    "a CA of the hub's name": (authority_of_the_hubs_name, "ca.pem", "authority-of-another-side"),
    "a CA of another participant's name": (authority_of_anothers_name, "ca.pem", "authority-of-another-side"),
    "a CA with the hub's key": (authority_with_the_hubs_key, "ca.pem", "authority-of-another-side"),
    "no CA at all": (lambda _: {"ca.pem": AUTHORITY.server("redbank.example")}, "ca.pem", "authority-not-ca"),
    "a server certificate for another host": (lambda _: {"server.pem": AUTHORITY.server("bluebank.example")}, "server.pem", "san"),
    "a server certificate of another CA": (
        lambda _: {"server.pem": Authority.made(name("other CA")).server("redbank.example")},
        "server.pem",
        "issuer-is-not-ours",
    ),
    "half a server certificate": (lambda _: {"server.pem": good()["server.pem"][:300]}, "server.pem", "unreadable"),
    "two server certificates": (lambda _: {"server.pem": good()["server.pem"] * 2}, "server.pem", "too-many"),
    "a request with the key of bluebank": (key_of_bluebank, "client", "key-of-someone-else"),
    "the request of bluebank": (
        lambda hub: {"client.csr": hub.read("store/bluebank/client/hub/request.pem")},
        "client",
        "key-of-someone-else",
    ),
    "a request in the name of bluebank": (lambda _: {"client.csr": request("bluebank")}, "client", "request-common-name"),
    "a request for a CA": (lambda _: {"client.csr": request(ca=True)}, "client", "request-wants-ca"),
    "a request with the key of its own CA": (lambda _: {"client.csr": request(key=AUTHORITY.key)}, "client", "key-of-a-ca"),
    "a private key": (lambda _: {"jws.pem": private_pem(JWS)}, "publication", "private-key-received"),
    "a JWS key of 4096 bits": (
        lambda _: {"jws.pem": public_pem(rsa.generate_private_key(65537, 4096).public_key())},
        "jws.pem",
        "key-kind",
    ),
    "a JWS key on a curve": (lambda _: {"jws.pem": public_pem(ec_key().public_key())}, "jws.pem", "key-kind"),
}


@pytest.mark.parametrize("attempt", REFUSED)
def test_it_is_refused_with_its_reason_and_nothing_of_it_is_kept(hub: Site, attempt: str) -> None:
    make, artefact, reason = REFUSED[attempt]
    wrong = make(hub)
    publish(hub, good() | wrong)
    predicted = hub.run(check=True)
    found = hub.run()
    assert set(faults(predicted)) == set(faults(found))
    assert set(faults(found)) >= {("hub", artefact, reason)}
    assert {side for side, _artefact, _reason in faults(found)} == {"hub"}
    kept = hub.path("store/hub/received/redbank")
    (file,) = wrong.keys() & {"ca.pem", "jws.pem"} or wrong.keys() & {"server.pem", "client.csr"}
    if artefact == "client":
        assert not hub.path("store/hub/issued/redbank").exists()
    else:
        assert not (kept / file).exists()
    # The others have what they need, and the right publication is still taken.
    assert all("bluebank" not in (f.participant, f.side) for f in found if f.disposition.value == "fault")
    publish(hub, good())
    assert faults(hub.run()) == []
    assert hub.path("store/hub/issued/redbank/client.pem").exists()


def test_a_request_with_the_key_of_its_senders_server_is_refused(hub: Site) -> None:
    """One key for one purpose: whoever has the server's key must not call as the participant."""
    key = ec_key()
    server = pem(build(name("redbank.example"), AUTHORITY.certificate.subject, key.public_key(), AUTHORITY.key, host="redbank.example"))
    publish(hub, good() | {"server.pem": server, "client.csr": request(key=key)})
    assert faults(hub.run()) == [("hub", "client", "key-used-elsewhere")]
    assert not hub.path("store/hub/issued/redbank").exists()
    publish(hub, good() | {"server.pem": server})
    assert faults(hub.run()) == []
    assert hub.path("store/hub/issued/redbank/client.pem").exists()


def test_a_link_into_the_store_is_not_followed(hub: Site) -> None:
    publish(hub, good())
    hub.path("exchange/redbank/participant/jws.pem").unlink()
    hub.path("exchange/redbank/participant/jws.pem").symlink_to("../../../store/hub/jws/public.pem")
    assert ("hub", "publication", "not-a-plain-file") in faults(hub.run())
    shutil.rmtree(hub.path("exchange/redbank/participant"))
    hub.path("exchange/redbank/participant").symlink_to(hub.path("store/bluebank/received/hub"))
    assert ("hub", "publication", "not-a-plain-file") in faults(hub.run())


def test_what_is_published_differs_from_what_is_approved(hub: Site) -> None:
    endpoints = b'{"url": "https://evil.example:443", "egress_addresses": ["192.0.2.66/32"]}'
    publish(hub, good() | {"endpoints.json": endpoints})
    found = [f for f in hub.run() if f.reason == "awaiting-approval"]
    assert {(f.step, f.pending_on) for f in found} == {("endpoints-1", "the hub operator"), ("endpoints-2", "the hub operator")}
    assert "192.0.2.66/32" in found[0].detail
    assert "203.0.113.41/32" in found[0].detail


RIGHT = {"format": 1, "fspiop_id": "redbank", "url": "https://redbank.example:443", "egress_addresses": ["203.0.113.41/32"]}
WRONG: dict[str, tuple[dict[str, object], str]] = {
    "an unknown field": ({"admin": True}, "unknown fields: ['admin']"),
    "plain HTTP": ({"url": "http://redbank.example"}, "is not https://<host>"),
    "a name with a blank": ({"url": "https://redbank example"}, "is not https://<host>"),
    "an account in the URL": ({"url": "https://hub@redbank.example"}, "is not https://<host>"),
    "an address that is none": ({"egress_addresses": ["203.0.113.999"]}, "203.0.113.999"),
    "a prefix with host bits": ({"egress_addresses": ["203.0.113.41/24"]}, "host bits"),
    "one text for a list": ({"addresses": "203.0.113.40"}, "addresses is not a list"),
    "a number for a URL": ({"url": 7}, "url is not a text"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_endpoints_of_another_form_are_refused_with_what_is_wrong(hub: Site, wrong: str) -> None:
    changed, reported = WRONG[wrong]
    publish(hub, good() | {"endpoints.json": json.dumps(RIGHT | changed).encode()})
    found = hub.run()
    assert set(faults(found)) == {("hub", "endpoints.json", "unreadable")}
    assert any(reported in f.detail for f in found if f.artefact == "endpoints.json")
    publish(hub, good() | {"endpoints.json": json.dumps(RIGHT).encode()})
    again = hub.run()
    assert (faults(again), [f for f in again if f.reason == "awaiting-approval"]) == ([], [])


def test_an_id_that_is_not_the_approved_one_awaits_a_person(hub: Site) -> None:
    publish(hub, good() | {"endpoints.json": json.dumps(RIGHT | {"fspiop_id": "bluebank"}).encode()})
    (found,) = [f for f in hub.run() if f.reason == "awaiting-approval"]
    assert "'bluebank'; approved: 'redbank'" in found.detail


def test_an_altered_publication_of_a_known_side_is_refused(hub: Site) -> None:
    publish(hub, good())
    hub.run()
    # Bluebank's folder, as someone on the way could change it: its own run is not there to mend it.
    path = hub.path("exchange/bluebank/participant/jws.pem")
    path.write_bytes(public_pem(JWS.public_key()))
    found = hub.run(sides=["hub"])
    assert set(faults(found)) == {("hub", "publication", "file-altered")}
    assert hub.read("store/hub/received/bluebank/jws.pem") == hub.read("store/bluebank/jws/public.pem")
    assert changes(hub.run(sides=["bluebank"])) == [("bluebank", "jws.pem", "publication-differs")]
