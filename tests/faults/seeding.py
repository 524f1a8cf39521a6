# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Faults put into a finished tree, and what the next runs must make of them."""

from __future__ import annotations

import base64
import re
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from support.counting import record_count
from unit.steps.conftest import NOW, Site, marks

from ansible_collections.mojaloop.onboarding.plugins.module_utils.findings import Finding
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.keys import PrivateKey, PublicKey

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
Seed = Callable[[Site], object]
Reported = set[tuple[str, str, str, str]]
"""Side, artefact, reason, disposition."""

REPAIRED = "repaired"
"""Made again from what is there: every private key stays."""
RENEWED = "renewed"
"""A new key pair by the rule of rotation, for that artefact alone."""
REFUSED = "refused"
"""Nothing of the artefact is touched; a person decides."""
PENDING = "pending"
"""Someone is awaited; what was in use stays in use."""

DER, PEM = serialization.Encoding.DER, serialization.Encoding.PEM
CANARY = "store/bluebank/jws/public.pem"
"""Missing beside every seeded fault: that it is made again shows that the others go on."""


def reported(findings: Iterable[Finding]) -> Reported:
    """What findings say, without their details."""
    return {(f.side, f.artefact, f.reason, f.disposition.value) for f in findings}


@dataclass(frozen=True)
class Row:
    """One fault: how it is seeded, everything that the next run must say of it, and how it ends.

    ``where`` is the folder or file that a backup would bring back. ``says`` are (side, artefact, reason, disposition).
    """

    fault: str
    where: str
    outcome: str
    says: Reported
    seed: Seed = field(compare=False)
    now: datetime = NOW
    after: Callable[[Site], None] | None = None
    sides: tuple[str, ...] = ("all",)


def private_keys(site: Site) -> dict[str, bytes]:
    """Every private key of the stores by its path, as it stands in its file."""
    return {
        str(path.relative_to(site.state)): path.read_bytes() for path in sorted((site.state / "store").rglob("key.pem")) if path.is_file()
    }


def judge(site: Site, row: Row) -> list[Finding]:
    """Seed a fault and hold three runs (one in check mode) against its row; returns what the real one found."""
    backup = site.root / "backup"
    shutil.copytree(site.state, backup, symlinks=True)
    row.seed(site)
    site.path(CANARY).unlink()
    keys, before = private_keys(site), marks(site.state)
    predicted = site.run(now=row.now, sides=row.sides, check=True)
    assert marks(site.state) == before, "check mode wrote"
    found = site.run(now=row.now, sides=row.sides)
    assert sorted(predicted) == sorted(found), "check mode predicted something else"
    assert ("bluebank", "jws", "public-key-missing", "change") in reported(found), "the others did not go on"
    said = reported(found) - {("bluebank", "jws", "public-key-missing", "change")}
    assert said == row.says, f"not foreseen: {sorted(said - row.says)}; not said: {sorted(row.says - said)}"
    assert all(finding.detail.isprintable() and len(finding.detail) < 3000 for finding in found)
    _check_keys(row, keys, private_keys(site))
    _check_rest(site, row, found)
    if row.after:
        row.after(site)
    if row.outcome == REFUSED:
        _check_backup_heals(site, row, backup)
    record_count("seeded faults", 1)
    return found


def _check_keys(row: Row, before: dict[str, bytes], after: dict[str, bytes]) -> None:
    changed = {path for path in before | after if before.get(path) != after.get(path)}
    if row.outcome == RENEWED:
        assert changed, "no new key"
        assert all(path.startswith(row.where) for path in changed), changed
    else:
        assert changed == set(), "a private key was replaced"


def _check_rest(site: Site, row: Row, found: list[Finding]) -> None:
    """The run after says only what still waits for someone, and touches nothing."""
    before = marks(site.state)
    again = site.run(now=row.now, sides=row.sides)
    lasting = {one for one in reported(found) if one[3] != "change"}
    assert reported(again) == lasting
    assert (lasting != set()) is (row.outcome in {REFUSED, PENDING})
    assert marks(site.state) == before, "the second run wrote"


def _check_backup_heals(site: Site, row: Row, backup: Path) -> None:
    """What the finding advises: with the file restored nothing is left to do, so nothing else had been replaced."""
    target = site.path(row.where)
    if target.is_symlink() or target.is_file():
        target.unlink()
    else:
        shutil.rmtree(target, ignore_errors=True)
    source = backup / row.where
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True)
    elif source.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
    found = site.run(now=row.now)
    left = {one for one in reported(found) if one[3] != "change" or not ("publi" in one[2] or one[1].startswith("received/"))}
    assert left == set(), "something besides public copies is left to do"
    assert site.run(now=row.now) == []


# --- ways of damaging


def edit(path: str, change: Callable[[bytes], bytes]) -> Seed:
    """Rewrite one file of the state folder in place (its mode stays)."""
    return lambda site: site.path(path).write_bytes(change(site.read(path)))


def put(path: str, content: bytes) -> Seed:
    return edit(path, lambda _: content)


def read_key(site: Site, path: str) -> Key:
    """A private key of a store."""
    pem = site.read(path)
    side = path.split("/")[1]
    passphrase = site.read(f"store/{side}/ca.passphrase") if b"ENCRYPTED" in pem else None
    key = serialization.load_pem_private_key(pem, passphrase)
    assert isinstance(key, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey))
    return key


def read_one(site: Site, path: str) -> x509.Certificate:
    return x509.load_pem_x509_certificates(site.read(path))[0]


def ca_key(site: Site, side: str) -> Key:
    return read_key(site, f"store/{side}/ca/key.pem")


def forged(  # noqa: PLR0913 -- each fact of a certificate can be wrong alone
    good: x509.Certificate,
    key: PrivateKey,
    *,
    begins: datetime | None = None,
    ends: datetime | None = None,
    extensions: Iterable[x509.ExtensionType] = (),
    public: PublicKey | None = None,
    subject: x509.Name | None = None,
    issuer: x509.Name | None = None,
    serial: int = 0,
) -> x509.Certificate:
    """A certificate like this one, signed with this key, with these facts changed."""
    changed = {type(value): value for value in extensions}
    held = public or good.public_key()
    assert isinstance(held, (ec.EllipticCurvePublicKey, rsa.RSAPublicKey))
    builder = x509.CertificateBuilder(
        issuer or good.issuer,
        subject or good.subject,
        held,
        serial or x509.random_serial_number(),
        begins or good.not_valid_before_utc,
        ends or good.not_valid_after_utc,
    )
    values = {type(one.value): (one.value, one.critical) for one in good.extensions}
    values |= {kind: (value, values.get(kind, (value, False))[1]) for kind, value in changed.items()}
    for value, critical in values.values():
        builder = builder.add_extension(value, critical=critical)
    return builder.sign(key, hashes.SHA256())


def pem_of(*certificates: x509.Certificate) -> bytes:
    return b"".join(one.public_bytes(PEM) for one in certificates)


def as_pem(der: bytes, label: str = "CERTIFICATE") -> bytes:
    return b"-----BEGIN %b-----\n%b-----END %b-----\n" % (label.encode(), base64.encodebytes(der), label.encode())


def element(tag: int, *parts: bytes) -> bytes:
    """One DER element."""
    content = b"".join(parts)
    size = len(content)
    length = bytes([size]) if size < 0x80 else (bytes([0x82]) + size.to_bytes(2, "big"))
    return bytes([tag]) + length + content


def resigned(
    certificate: x509.Certificate, key: Key, change: Callable[[bytes], bytes], digest: hashes.HashAlgorithm | None = None
) -> bytes:
    """A certificate (PEM) whose signed part was changed as bytes, and signed again: what no builder makes."""
    body = change(certificate.tbs_certificate_bytes)
    whole = certificate.public_bytes(DER)
    rest = whole[whole.index(certificate.tbs_certificate_bytes) + len(certificate.tbs_certificate_bytes) :]
    algorithm = change(rest[: 2 + rest[1]])
    chosen = digest or hashes.SHA256()
    signature = key.sign(body, padding.PKCS1v15(), chosen) if isinstance(key, rsa.RSAPrivateKey) else key.sign(body, ec.ECDSA(chosen))
    return as_pem(element(0x30, body, algorithm, element(0x03, b"\0", signature)))


def days(number: float) -> timedelta:
    return timedelta(days=number)


def private_text(pem: bytes) -> list[bytes]:
    """Lines of a private key's PEM body: what must not turn up elsewhere."""
    return [line for line in pem.splitlines() if re.fullmatch(rb"[A-Za-z0-9+/]{40,}={0,2}", line)]
