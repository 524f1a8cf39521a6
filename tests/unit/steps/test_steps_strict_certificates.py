# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every certificate that the pack or the lab makes passes OpenSSL's strict checks, as Python 3.13 applies them to every server."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from support.trees import use_cheap_keys

from ansible_collections.mojaloop.onboarding.plugins.module_utils.lab.material import authorization_server_files

from .conftest import NAMES, Site, site

PARTICIPANT = Path(__file__).parents[2] / "lab" / "openssl_participant.sh"
OPENSSL = shutil.which("openssl") or ""


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def verdict(folder: Path, certificate: x509.Certificate, others: Sequence[x509.Certificate]) -> str:
    """What OpenSSL says against a certificate that trusts the self-signed ones and knows the others; empty: nothing."""
    anchors = [one for one in (*others, certificate) if one.issuer == one.subject]
    for name, content in (("anchors", anchors), ("others", others), ("certificate", [certificate])):
        (folder / f"{name}.pem").write_bytes(b"".join(map(pem, content)))
    command = [OPENSSL, "verify", "-x509_strict", "-no_check_time", "-CAfile", "anchors.pem", "-untrusted", "others.pem", "certificate.pem"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def certificates(folder: Path) -> Iterator[tuple[str, x509.Certificate]]:
    """All in a folder, each with where it is; those of one content once."""
    seen = set()
    for path in sorted(folder.rglob("*.pem")):
        content = path.read_bytes()
        if b"BEGIN CERTIFICATE-----" in content and content not in seen:
            seen.add(content)
            yield from ((str(path.relative_to(folder)), one) for one in x509.load_pem_x509_certificates(content))


def judged(folder: Path, found: Sequence[tuple[str, x509.Certificate]]) -> dict[str, str]:
    known = list(dict.fromkeys(certificate for _place, certificate in found))
    verdicts = {place: verdict(folder, certificate, known) for place, certificate in found}
    return {place: said for place, said in verdicts.items() if said}


@pytest.fixture
def onboarded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Site:
    use_cheap_keys(monkeypatch)
    made = site(tmp_path, *NAMES, profile=request.param)
    if request.param != "mojaloop":
        for values in made.participants.values():
            values["ca"] = {"kind": "none"}
        made.describe()
    made.run()
    return made


@pytest.mark.parametrize("onboarded", ["mojaloop", "mojaloop-scheme-ca"], indirect=True)
def test_all_certificates_of_an_environment(onboarded: Site) -> None:
    found = list(certificates(onboarded.state))
    assert {Path(place).name for place, _ in found} >= {"ca.pem", "certificate.pem", "server.pem", "client.pem", "exchange.pem"}
    assert judged(onboarded.root, found) == {}


def test_certificates_of_the_labs_authorization_server(tmp_path: Path) -> None:
    files = authorization_server_files("192.0.2.7")
    found = [(name, x509.load_pem_x509_certificate(files[name])) for name in ("ca.pem", "certificate.pem")]
    assert judged(tmp_path, found) == {}


def test_certificates_of_a_participant_with_plain_openssl(tmp_path: Path) -> None:
    command = [
        "sh",
        str(PARTICIPANT),
        "publish",
        str(tmp_path / "own"),
        str(tmp_path / "exchange"),
        "redbank",
        "redbank.example",
        "Redbank",
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    found = list(certificates(tmp_path / "own"))
    assert {place for place, _ in found} == {"ca.pem", "server.pem", "exchange.pem"}
    assert judged(tmp_path, found) == {}


LEFT_OUT = (x509.AuthorityKeyIdentifier, x509.SubjectKeyIdentifier, x509.KeyUsage, x509.BasicConstraints)


@pytest.mark.parametrize("kind", LEFT_OUT, ids=lambda kind: kind.__name__)
def test_what_is_left_out_is_noticed(tmp_path: Path, kind: type[x509.ExtensionType]) -> None:
    """The control: the same certificates without one of the extensions are refused."""
    files = authorization_server_files("192.0.2.7")
    key, found = ec.generate_private_key(ec.SECP256R1()), []
    for name in ("ca.pem", "certificate.pem"):
        model = x509.load_pem_x509_certificate(files[name])
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(
            model.issuer, model.subject, key.public_key(), model.serial_number, now, model.not_valid_after_utc
        )
        for one in model.extensions:
            value = one.value
            if isinstance(value, x509.SubjectKeyIdentifier):
                value = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
            if isinstance(value, x509.AuthorityKeyIdentifier):
                value = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
            if not isinstance(value, kind):
                builder = builder.add_extension(value, one.critical)
        found.append((name, builder.sign(key, hashes.SHA256())))
    assert judged(tmp_path, found) != {}
