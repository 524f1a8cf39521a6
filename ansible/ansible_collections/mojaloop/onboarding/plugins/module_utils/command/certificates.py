# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every certificate and revocation list in the store with the day it ends: own ones, those issued to others, those received."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from ..description.model import Description
from ..pki.certificates import CertificateUnreadable, fingerprint, read_certificates
from ..pki.inputs import InputRefused
from ..pki.revocation import LIST, read_list
from ..store.tree import DiskTree

_OWN = "certificate.pem"
_KINDS = ("own", "issued", "received")
"""A certificate that is kept in several places is listed once, as the first of these."""


@dataclass(frozen=True, order=True)
class Listed:
    """One certificate, or revocation list (artefact ``crl``, which ends with its nextUpdate).

    ``ends`` is ISO 8601 in UTC, ``days`` whole days from now (negative: it has ended).
    """

    ends: str
    days: int
    holder: str
    artefact: str
    kind: str
    """``own`` (of a side whose store this is), ``issued`` by one of them, or ``received`` from a counterpart."""
    path: str
    fingerprint: str

    def as_dict(self) -> dict[str, object]:
        """Plain data."""
        return asdict(self)


def list_certificates(tree: DiskTree, description: Description, now: datetime) -> list[Listed]:
    """Every certificate once, the one that ends first first. What cannot be read is left to the run, which reports it."""
    found: dict[str, Listed] = {}
    names = [description.hub.name, *(participant.name for participant in description.participants)]
    listed = [each for side in tree.names("store") if side in names for each in _of_side(tree, side, now)]
    for each in sorted(listed, key=lambda each: (_KINDS.index(each.kind), each.path)):
        found.setdefault(each.fingerprint, each)
    return sorted(found.values())


def _of_side(tree: DiskTree, side: str, now: datetime) -> Iterator[Listed]:
    store = f"store/{side}"
    for artefact in ("ca", "server", "jws", "exchange"):
        yield from _read(tree, f"{store}/{artefact}/{_OWN}", side, artefact, "own", now)
    yield from _read_list(tree, f"{store}/ca/{LIST}", side, "own", now)
    for counterpart in tree.names(f"{store}/client"):
        yield from _read(tree, f"{store}/client/{counterpart}/{_OWN}", side, f"client/{counterpart}", "own", now)
    for kind in ("issued", "received"):
        for other in tree.names(f"{store}/{kind}"):
            yield from _read_list(tree, f"{store}/{kind}/{other}/{LIST}", other, kind, now)
            for name in tree.names(f"{store}/{kind}/{other}"):
                if name.endswith(".pem"):
                    yield from _read(tree, f"{store}/{kind}/{other}/{name}", other, name.removesuffix(".pem"), kind, now)


def _read(tree: DiskTree, path: str, holder: str, artefact: str, kind: str, now: datetime) -> Iterator[Listed]:
    pem = tree.read(path)
    if pem is None or b"BEGIN CERTIFICATE-" not in pem:
        return
    try:
        certificates = read_certificates(pem)
    except CertificateUnreadable:
        return
    for certificate in certificates:
        yield _listed(certificate, path, holder, artefact, kind, now)


def _read_list(tree: DiskTree, path: str, holder: str, kind: str, now: datetime) -> Iterator[Listed]:
    pem = tree.read(path)
    with suppress(InputRefused):
        if pem is not None:
            found = read_list(pem, where=path)
            ends, digest = found.ends, found.crl.fingerprint(hashes.SHA256()).hex()
            yield Listed(ends.isoformat(), (ends - now).days, holder, "crl", kind, path, digest)


def _listed(certificate: x509.Certificate, path: str, holder: str, artefact: str, kind: str, now: datetime) -> Listed:
    ends = certificate.not_valid_after_utc
    return Listed(ends.isoformat(), (ends - now).days, holder, artefact, kind, path, fingerprint(certificate))
