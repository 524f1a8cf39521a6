# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What file managers, editors and uploads leave in a publication is left aside and reported; the publication is read."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ansible_collections.mojaloop.onboarding.plugins.module_utils.findings import Disposition
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.keys import private_pem

from .conftest import NOW, Site, faults
from .test_steps_hostile import AUTHORITY, JWS, good, hub, name, publish

__all__ = ["hub"]

LEFT = (
    ".DS_Store", "._ca.pem", "ca.pem~", "client.csr.filepart", ".client.csr.swp", "~$ca.pem", "#ca.pem#", "Thumbs.db", "desktop.ini",
    "ca.pem.bak", "server.pem.orig", "ca.pem.crdownload", "upload.tmp", ".nfs0001", "Icon\r", ".gitkeep",
)  # fmt: skip


@pytest.mark.parametrize("left", LEFT)
def test_a_file_that_was_left_by_accident_is_left_aside(hub: Site, left: str) -> None:
    publish(hub, {**good(), left: b"\0\0\0\1Bud1"})
    found = hub.run()
    assert faults(found) == []
    (aside,) = [finding for finding in found if finding.reason == "files-left-aside"]
    assert (aside.participant, aside.disposition, aside.pending_on) == ("redbank", Disposition.PENDING, "redbank")
    assert ascii(left)[1:-1] in aside.detail
    assert hub.path("store/hub/issued/redbank/client.pem").exists()
    assert not hub.path(f"store/hub/received/redbank/{left}").exists()


def test_folders_and_links_of_such_names_are_not_looked_into(hub: Site) -> None:
    publish(hub, good())
    folder = hub.path("exchange/redbank/participant")
    (folder / ".snapshot").mkdir()
    (folder / ".link").symlink_to("/etc/passwd")
    assert faults(hub.run()) == []


@pytest.mark.parametrize("other", ["notes.txt", "ca2.pem", "README", "client"])
def test_another_name_is_refused_as_before(hub: Site, other: str) -> None:
    """The control: what is no accident may be meant as a part of the publication."""
    publish(hub, {**good(), other: b"x"})
    assert faults(hub.run()) == [("hub", "publication", "file-name")]


def test_a_private_key_among_what_was_left_is_still_refused(hub: Site) -> None:
    publish(hub, {**good(), ".jws.key.swp": private_pem(JWS)})
    assert faults(hub.run()) == [("hub", "publication", "private-key-received")]


def jws_certificate() -> bytes:
    builder = x509.CertificateBuilder(name("redbank"), name("redbank"), JWS.public_key(), 7, NOW, NOW.replace(year=NOW.year + 1))
    return builder.sign(AUTHORITY.key, hashes.SHA256()).public_bytes(Encoding.PEM)


@pytest.mark.parametrize("form", ["PKCS#1", "certificate", "certificate with text"])
def test_a_jws_key_is_read_in_every_usual_form_and_kept_in_one(hub: Site, form: str) -> None:
    files = good()
    plain = files["jws.pem"]
    forms = {"PKCS#1": JWS.public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1), "certificate": jws_certificate()}
    forms["certificate with text"] = b"\xef\xbb\xbf" + jws_certificate()
    publish(hub, {**files, "jws.pem": forms[form]})
    assert faults(hub.run()) == []
    assert hub.read("store/hub/received/redbank/jws.pem") == plain == hub.read("store/bluebank/jws-keys/redbank.pem")
    assert isinstance(serialization.load_pem_public_key(plain), type(JWS.public_key()))
    publish(hub, files)
    assert [finding for finding in hub.run() if finding.reason in {"replaced", "not-installed"}] == [], "it is the same key"
