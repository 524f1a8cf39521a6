# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A side's own CA: made, taken over or offline, checked on every run, opened only to sign."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ..description.model import Side
from ..errors import StoreError
from ..findings import Disposition, Finding
from ..pki.authority import authority_faults, authority_record, import_authority, make_authority, read_chain
from ..pki.faults import Fault, remedy
from ..pki.keys import private_pem, public_digest, read_own_key
from ..pki.signers import CertificateSigner, LocalSigner, OfflineSigner
from ..pki.verification import Chain
from ..store import layout
from .run import Run

STEP = "tls-1"


def keep_authority(run: Run, side: Side) -> bool:
    """Make or check the side's CA; False when it cannot be used in this run."""
    kind = side.ca.kind
    if kind in {"none", "own"}:
        return True
    folder = layout.store_folder(side.name, "ca")
    if kind == "offline":
        return _keep_offline(run, side, folder)
    found = authority_faults(run.tree, folder, rule=run.description.profile.authority, now=run.now)
    if not found:
        return True
    if any(remedy(fault) == "person" for fault in found) and f"{side.name}/ca" not in run.rekey:
        _report(run, side, found)
        return False
    run.note(Finding(side.name, STEP, side.name, "ca", found[0].reason, detail=found[0].detail))
    (_import if kind == "imported" else _make)(run, side, folder)
    return True


def authority_chain(run: Run, side: str) -> Chain:
    """The chain of a side's CA, issuing CA first: from its store when it is kept here; empty when it is not known."""
    path = f"{layout.store_folder(side, 'ca')}/chain.pem"
    return _chain(run, path)


def received_chain(run: Run, side: str, counterpart: str) -> Chain:
    """The counterpart's chain as this side has received and accepted it; empty when it has not."""
    return _chain(run, f"{layout.received_folder(side, counterpart)}/ca.pem")


def signer_of(run: Run, side: str) -> CertificateSigner | None:
    """Who signs for this side's CA; None when there is no CA yet. The CA key is opened here and nowhere else."""
    folder = layout.store_folder(side, "ca")
    chain = authority_chain(run, side)
    if not chain:
        return None
    if run.description.side(side).ca.kind == "offline":
        return OfflineSigner(run.tree, layout.offline_folder(side), chain[0], chain)
    pem = run.tree.read(f"{folder}/key.pem")
    if pem is None:
        msg = "the CA key is lost"
        raise StoreError(msg, where=f"{folder}/key.pem", remedy="Restore it from the backup of the state folder.")
    return LocalSigner(chain[0], chain, read_own_key(pem, run.passphrase(side), where=f"{folder}/key.pem"))


def pem_of(chain: Chain) -> bytes:
    """Certificates as one PEM text."""
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in chain)


def _make(run: Run, side: Side, folder: str) -> None:
    key = run.keys.make(side.ca.key)
    certificate = make_authority(key, side=side, rule=run.description.profile.authority, now=run.now)
    _write(run, side, folder, private_pem(key, run.passphrase(side.name)), (certificate,))


def _import(run: Run, side: Side, folder: str) -> None:
    ca = side.ca
    authority = import_authority(
        _file(ca.certificate_file),
        _file(ca.chain_file) if ca.chain_file else b"",
        _file(ca.key_file),
        run.passphrase(side.name),
        rule=run.description.profile.authority,
        now=run.now,
        where=ca.certificate_file,
    )
    _write(run, side, folder, private_pem(authority.key, run.passphrase(side.name)), authority.chain)


def _write(run: Run, side: Side, folder: str, key_pem: bytes, chain: Chain) -> None:
    run.known_keys.claim(side.name, "ca", public_digest(chain[0].public_key()))
    run.tree.write_folder(
        folder,
        {
            "key.pem": key_pem,
            "certificate.pem": pem_of(chain[:1]),
            "chain.pem": pem_of(chain),
            "key.record": authority_record(key_pem, chain[0]),
        },
    )


def _keep_offline(run: Run, side: Side, folder: str) -> bool:
    chain = read_chain(_file(side.ca.certificate_file) + _file(side.ca.chain_file), where=side.ca.certificate_file)
    if run.tree.read(f"{folder}/chain.pem") != pem_of(chain):
        run.note(Finding(side.name, STEP, side.name, "ca", "missing", detail="the offline CA's certificates are taken over"))
        run.tree.write_folder(folder, {"certificate.pem": pem_of(chain[:1]), "chain.pem": pem_of(chain)})
    return True


def _report(run: Run, side: Side, found: list[Fault]) -> None:
    for fault in found:
        place = f"{layout.store_folder(side.name, 'ca')}/{fault.file}"
        detail = f"{place}: {fault.detail}. Restore it from the backup, or permit a new one with allow_rekey: {side.name}/ca."
        run.note(Finding(side.name, STEP, side.name, "ca", fault.reason, Disposition.FAULT, detail=detail))


def _chain(run: Run, path: str) -> Chain:
    pem = run.tree.read(path)
    return () if pem is None else tuple(x509.load_pem_x509_certificates(pem))


def _file(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        msg = f"cannot be read ({error.strerror})"
        raise StoreError(msg, where=path, remedy="Name the file in the description's ca section.") from error
