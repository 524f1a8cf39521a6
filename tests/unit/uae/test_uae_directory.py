# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From nothing to installed certificates, by a person's hands: requests out, certificates and key ids in, each fault by its name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from support.trust_framework import StandInDirectory
from unit.steps.conftest import Site, changes, faults, marks, pending
from unit.uae.conftest import LFI, OZONE

CERTIFICATES = {"hub": {"C4"}, "oasis": {"C3", "S4", "Enc1", "S1", "S3", "Sig2"}}


def outbox(site: Site, side: str) -> dict[str, Path]:
    return {path.name.partition("-")[0]: path for path in sorted(site.path(f"directory/{side}/outbox").iterdir())}


def test_requests_go_out_to_the_side_that_uploads_them(oasis: Site) -> None:
    planned = oasis.run(check=True)
    assert not oasis.state.exists()
    found = oasis.run()
    assert sorted(planned) == sorted(found)
    assert faults(found) == []
    assert {side: set(outbox(oasis, side)) for side in CERTIFICATES} == CERTIFICATES
    facts = json.loads(outbox(oasis, "oasis")["S3"].joinpath("request.json").read_text())
    assert facts["type"] == "OPF UAE SERVER TRANSPORT"
    assert facts["location"] == "Organisation Certificates"
    assert facts["website"] == "https://web.sandbox.directory.openfinance.ae"
    assert facts["names"] == ["cm.oasis.preprod.apihub.example", "hh.oasis.preprod.apihub.example"]
    assert changes(oasis.run()) == []


def test_subjects_are_exact_and_keys_are_rsa_2048(oasis: Site) -> None:
    oasis.run()
    expected = {
        "C4": f"CN={OZONE.id},OU={OZONE.id},O={OZONE.legal_name},C=AE",
        "C3": f"CN={LFI.clients[0]},OU={LFI.id},O={LFI.legal_name},C=AE",
        **dict.fromkeys(("S4", "Enc1", "S1", "S3", "Sig2"), f"CN={LFI.id},OU={LFI.id},O={LFI.legal_name},C=AE"),
    }
    for side in CERTIFICATES:
        for code, folder in outbox(oasis, side).items():
            request = x509.load_pem_x509_csr(folder.joinpath("request.csr").read_bytes())
            key = request.public_key()
            assert isinstance(key, rsa.RSAPublicKey)
            assert (request.subject.rfc4514_string(), key.key_size) == (expected[code], 2048)
            assert isinstance(request.signature_hash_algorithm, hashes.SHA256)


def test_what_comes_back_is_installed_and_a_further_run_changes_nothing(oasis: Site, directory: StandInDirectory) -> None:
    oasis.run()
    assert len(directory.carry(oasis.state)) == 7
    planned = oasis.run(check=True)
    found = oasis.run()
    assert sorted(planned) == sorted(found)
    assert (faults(found), pending(found)) == ([], [])
    before = marks(oasis.state)
    assert oasis.run() == oasis.run(check=True) == []
    assert marks(oasis.state) == before
    for folder in ("hub/server", "hub/client/oasis", "hub/tenant-server", "oasis/server", "oasis/client/hub", "oasis/encryption"):
        certificate = x509.load_pem_x509_certificate(oasis.read(f"store/{folder}/certificate.pem"))
        certificate.verify_directly_issued_by(directory.issuer)
    # The key ids are the directory's own, each for the key it is about.
    ids = json.loads(oasis.read("store/oasis/directory/key-ids.json"))["key_ids"]
    assert set(ids) == CERTIFICATES["oasis"]
    # A private key never came near a person's hands.
    assert not [path for path in oasis.path("directory").rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()]
    assert not list(oasis.path("directory/oasis/outbox").iterdir())


def _other_key(request: x509.CertificateSigningRequest, directory: StandInDirectory) -> x509.Certificate:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    other = x509.CertificateSigningRequestBuilder(request.subject).sign(key, hashes.SHA256())
    return directory.sign(other, "OPF UAE CLIENT TRANSPORT")


def _other_type(request: x509.CertificateSigningRequest, directory: StandInDirectory) -> x509.Certificate:
    return directory.sign(request, "OPF UAE SERVER TRANSPORT")


def _other_ca(request: x509.CertificateSigningRequest, directory: StandInDirectory) -> x509.Certificate:
    return StandInDirectory.make(*directory.organisations, now=directory.now).sign(request, "OPF UAE CLIENT TRANSPORT")


def _other_subject(request: x509.CertificateSigningRequest, directory: StandInDirectory) -> x509.Certificate:
    class Named:
        """The same key under the organisation's own name instead of its application's."""

        subject = x509.Name([*list(request.subject)[:-1], x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, LFI.id)])
        extensions = request.extensions
        is_signature_valid = True
        public_key = staticmethod(request.public_key)

    return directory.sign(Named, "OPF UAE CLIENT TRANSPORT")  # type: ignore[arg-type]


Make = Callable[[x509.CertificateSigningRequest, StandInDirectory], x509.Certificate]


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_other_key, "certificate-not-asked-for"),
        (_other_type, "extended-key-usage"),
        (_other_ca, "issuer-is-not-ours"),
        (_other_subject, "subject"),
    ],
)
def test_a_certificate_that_is_not_what_was_asked_is_named_and_not_installed(
    oasis: Site, directory: StandInDirectory, make: Make, reason: str
) -> None:
    oasis.run()
    request = x509.load_pem_x509_csr(outbox(oasis, "oasis")["C3"].joinpath("request.csr").read_bytes())
    directory.carry(oasis.state)
    (right,) = oasis.path("directory/oasis/inbox").glob("C3-*.pem")
    wanted = right.read_bytes()
    right.write_bytes(make(request, directory).public_bytes(serialization.Encoding.PEM))
    found = faults(oasis.run())
    assert reason in {each for _side, _artefact, each in found}
    assert not oasis.path("store/oasis/client/hub/certificate.pem").exists()
    # Control: everything else was installed, and so is this one once it is the right one.
    assert oasis.path("store/oasis/server/certificate.pem").exists()
    right.write_bytes(wanted)
    assert faults(oasis.run()) == []
    assert oasis.path("store/oasis/client/hub/certificate.pem").exists()


def test_another_ca_than_the_pinned_one_is_refused(oasis: Site, directory: StandInDirectory) -> None:
    oasis.run()
    impostor = StandInDirectory.make(*directory.organisations, now=directory.now)
    impostor.bring_authorities(oasis.path("directory/oasis/inbox"))
    assert ("oasis", "directory-ca", "authority-not-pinned") in faults(oasis.run())
    assert not oasis.path("store/oasis/directory/chain.pem").exists()
    directory.bring_authorities(oasis.path("directory/oasis/inbox"))
    assert faults(oasis.run()) == []
    assert oasis.path("store/oasis/directory/chain.pem").exists()
    # Drift: what is in use, and what is brought later, is held against the pins on every run.
    impostor.bring_authorities(oasis.path("directory/oasis/inbox"))
    assert ("oasis", "directory-ca", "authority-not-pinned") in faults(oasis.run())
    assert oasis.read("store/oasis/directory/chain.pem").startswith(directory.issuer.public_bytes(serialization.Encoding.PEM))


def test_without_pins_a_person_is_asked_with_the_digests_to_compare(oasis: Site, directory: StandInDirectory) -> None:
    del oasis.hub["directory"]["authorities"]
    oasis.describe().run()
    directory.bring_authorities(oasis.path("directory/oasis/inbox"))
    found = oasis.run()
    (asked,) = [each for each in found if each.reason == "awaiting-approval" and each.artefact == "directory-ca"]
    assert all(digest in asked.detail for digest in directory.digests)
    assert not oasis.path("store/oasis/directory/chain.pem").exists()


def test_a_private_key_in_the_inbox_is_named_and_not_repeated(oasis: Site) -> None:
    oasis.run()
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    oasis.path("directory/oasis/inbox").mkdir(parents=True)
    oasis.path("directory/oasis/inbox/download.pem").write_bytes(pem)
    found = oasis.run()
    assert ("oasis", "inbox", "private-key-received") in faults(found)
    assert pem.decode().split("\n")[1] not in repr(found)


def test_the_ticket_has_what_each_side_returns_and_no_key(oasis: Site, directory: StandInDirectory) -> None:
    oasis.run()
    assert not oasis.path("directory/oasis/ticket").exists()
    directory.carry(oasis.state)
    oasis.run()
    bank, hub = (json.loads(oasis.read(f"directory/{side}/ticket/ticket.json")) for side in ("oasis", "hub"))
    assert {each["certificate"] for each in bank["certificates"]} == CERTIFICATES["oasis"]
    assert all(each["key_id"] and each["key_set"].startswith("https://keystore.sandbox.") for each in bank["certificates"])
    assert bank["facts"]["Application ID"] == LFI.clients[0]
    assert bank["facts"]["Ozone Connect base URL"] == "https://connect.oasis.example:443"
    assert [each["certificate"] for each in hub["certificates"]] == ["C4"]
    assert hub["facts"]["IP addresses of outbound traffic"] == "203.0.113.11/32"
    page = oasis.read("directory/oasis/ticket/ticket.md").decode()
    assert page.count("| S4 |") == 1
    assert "PRIVATE" not in page


@pytest.mark.parametrize("kid", ["a b", "x\n| y |", "", "k" * 129])
def test_a_key_id_that_would_say_more_than_a_name_is_refused(oasis: Site, directory: StandInDirectory, kid: str) -> None:
    oasis.run()
    directory.carry(oasis.state)
    (file,) = oasis.path("directory/hub/inbox").glob("*.jwks")
    keys = json.loads(file.read_text())
    right = keys["keys"][0]["kid"]
    keys["keys"][0]["kid"] = kid
    file.write_text(json.dumps(keys))
    assert ("hub", "inbox", "key-id") in faults(oasis.run())
    assert not oasis.path("store/hub/directory/key-ids.json").exists()
    keys["keys"][0]["kid"] = right
    file.write_text(json.dumps(keys))
    assert faults(oasis.run()) == []
    assert json.loads(oasis.read("store/hub/directory/key-ids.json"))["key_ids"] == {"C4": right}


def test_a_request_with_a_key_of_another_purpose_is_not_handed_in(oasis: Site) -> None:
    """The hub asks for S1 with the key of S3: who holds the one would pass for the other."""
    oasis.run()
    published = oasis.path("store/oasis/received/hub/tenant-server.csr")
    right = published.read_bytes()
    key = serialization.load_pem_private_key(oasis.read("store/hub/server/key.pem"), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    asked = x509.load_pem_x509_csr(right)
    names = asked.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    forged = x509.CertificateSigningRequestBuilder(asked.subject).add_extension(names, critical=False).sign(key, hashes.SHA256())
    published.write_bytes(forged.public_bytes(serialization.Encoding.PEM))
    found = oasis.step("directory", sides=("oasis",))
    assert ("oasis", "S1", "key-used-elsewhere") in faults(found)
    assert "S1" not in outbox(oasis, "oasis")
    published.write_bytes(right)
    assert faults(oasis.step("directory", sides=("oasis",))) == []
    assert "S1" in outbox(oasis, "oasis")
