# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A side's own CA: made, taken over or offline, checked on every run, opened only to sign."""

from __future__ import annotations

from pathlib import Path

from ..description.documents import LARGEST_FILE
from ..description.model import HUB, Side
from ..description.trust import SELF, Artefact, Directory
from ..document_steps import Phase
from ..errors import StoreError
from ..findings import OPERATOR, Disposition, Finding
from ..pki.authority import Where, authority_faults, authority_record, check_certificates, import_authority, make_authority, read_chain
from ..pki.certificates import CertificateUnreadable, read_certificate, read_certificates
from ..pki.certificates import certificate_pem as pem_of_certificates
from ..pki.faults import Fault, remedy
from ..pki.inputs import InputRefused
from ..pki.keys import private_pem, public_digest, read_own_key
from ..pki.revocation import GONE
from ..pki.signers import CertificateSigner, LocalSigner, OfflineSigner
from ..pki.verification import Chain, authority_expiry
from ..store import layout
from ..store.journal import RevocationJournal
from .registers import key_of
from .run import Run, rekey_switch

STEP = Phase.AUTHORITY_MADE
OF_ANOTHER_CA = frozenset({"issuer-is-not-ours", "issuer-signature"})
"""Reason codes of a certificate that hangs on another CA than the one that is known now."""
NOT_BEGUN = frozenset({"not-yet-valid", "authority-not-yet-valid"})
"""Reason codes of what was made by a clock that is ahead of this one: one of the two is wrong."""
OFFLINE_CHAIN = "ca.pem"
"""In the folder of an offline CA: its certificates, the issuing CA's first, up to the root."""


def keep_authority(run: Run, side: Side, *, held: bool) -> bool:
    """Make or check the side's CA; False when it cannot be used in this run. ``held``: this side was seen to have one."""
    kind = side.ca.kind
    if kind in {"none", "own"}:
        return True
    folder = layout.store_folder(side.name, "ca")
    if kind == "offline":
        return _keep_offline(run, side, folder)
    found = authority_faults(run.tree, folder, rule=run.description.profile.authority, now=run.now)
    if held and [fault.reason for fault in found] == ["missing"]:
        found = [lost_key()]
    if any(remedy(fault) == "person" for fault in found) and f"{side.name}/ca" not in run.rekey:
        _report(run, side, found)
        return False
    if not found and kind == "imported":
        found = _another_given(run, side, folder)
    if found:
        run.note(Finding(side.name, STEP, side.name, "ca", found[0].reason, detail=found[0].detail))
        (_import if kind == "imported" else _make)(run, side, folder)
    _tell_expiry(run, side)
    return True


def lost_key() -> Fault:
    """The fault of a folder that is gone although the journal knows what was in it."""
    return Fault("key-lost", "is gone with its whole folder, although this side had it before", "key.pem")


def restore_or_replace(artefact: str, fault: Fault) -> str:
    """What a person may do about an artefact (``<side>/<label>``) with this fault, in words."""
    if fault.reason in NOT_BEGUN:
        return (
            f"If this machine's clock is behind, set it. If the clock that made this was ahead, permit a new one: {rekey_switch(artefact)}."
        )
    return f"Restore it from the backup, or permit a new one: {rekey_switch(artefact)}."


def authority_chain(run: Run, side: str) -> Chain:
    """The chain of a side's CA, issuing CA first: from its store when it is kept here; empty when it is not known."""
    path = f"{layout.store_folder(side, 'ca')}/chain.pem"
    try:
        return run.certificates(path, read_certificates)
    except CertificateUnreadable as error:
        raise StoreError(str(error), where=path, remedy="Restore it from the backup of the state folder.") from error


def received_chain(run: Run, side: str, counterpart: str) -> Chain:
    """The counterpart's chain as this side has received and accepted it, issuing CA first; empty when it has not."""
    path = f"{layout.received_folder(side, counterpart)}/ca.pem"
    return run.certificates(path, lambda pem: read_chain(pem, where=path))


def issuing_chain(run: Run, artefact: Artefact) -> Chain:
    """The chain of the CA that signs an artefact, as its holder knows it: the directory's, its own, or what a counterpart published."""
    if artefact.issuer == SELF:
        return ()
    if isinstance(artefact.issuer, Directory):
        return directory_chain(run, artefact.holder)
    if artefact.issuer == artefact.holder:
        return authority_chain(run, artefact.holder)
    return received_chain(run, artefact.holder, artefact.issuer)


def directory_chain(run: Run, side: str) -> Chain:
    """The directory's CA certificates as this side has pinned them, issuing CA first; empty when it has not."""
    path = layout.directory_chain_path(side)
    return run.certificates(path, lambda pem: read_chain(pem, where=path))


def signer_of(run: Run, side: str) -> CertificateSigner | None:
    """Who signs for this side's CA; None when there is no CA yet. The CA key is opened here and nowhere else."""
    folder = layout.store_folder(side, "ca")
    chain = authority_chain(run, side)
    if not chain:
        return None
    _refuse_key_of_another(run, side, chain)
    ca = run.description.side(side).ca
    if ca.kind == "offline":
        tree, place = run.beside(ca.offline_folder)
        return OfflineSigner(tree, place, chain[0], chain, RevocationJournal(run.tree).serials(side, GONE))
    pem = run.tree.read(f"{folder}/key.pem")
    if pem is None:
        msg = "the CA key is lost"
        raise StoreError(msg, where=f"{folder}/key.pem", remedy="Restore it from the backup of the state folder.")
    return LocalSigner(chain[0], chain, read_own_key(pem, run.passphrase(side), where=f"{folder}/key.pem"))


def pem_of(chain: Chain) -> bytes:
    """Certificates as one PEM text."""
    return pem_of_certificates(*chain)


def _make(run: Run, side: Side, folder: str) -> None:
    key = run.keys.make(side.ca.key)
    certificate = make_authority(key, side=side, rule=run.description.profile.authority, now=run.now)
    _write(run, side, folder, private_pem(key, run.passphrase(side.name), run.derivation_rounds(side.name)), (certificate,))


def _import(run: Run, side: Side, folder: str) -> None:
    ca = side.ca
    authority = import_authority(
        _file(run, side, ca.certificate_file),
        _file(run, side, ca.chain_file) if ca.chain_file else b"",
        _file(run, side, ca.key_file),
        run.passphrase(side.name),
        rule=run.description.profile.authority,
        now=run.now,
        where=Where(ca.certificate_file, ca.key_file),
    )
    _write(run, side, folder, private_pem(authority.key, run.passphrase(side.name), run.derivation_rounds(side.name)), authority.chain)


def _another_given(run: Run, side: Side, folder: str) -> list[Fault]:
    """``authority-differs`` when the description's files hold another CA than the one in use, and a person permits the change.

    Reported otherwise, and the one in use goes on, as where the file cannot be read. Files that are gone say nothing.
    """
    where = side.ca.certificate_file
    try:
        given = read_certificate(check_certificates(_file(run, side, where), where))
    except StoreError:
        return []
    except (InputRefused, CertificateUnreadable) as error:
        found = str(error) if isinstance(error, InputRefused) else f"{where}: {error}"
        detail = f"{found} The CA in use goes on."
        run.note(Finding(side.name, STEP, side.name, "ca", "authority-unreadable", Disposition.FAULT, detail=detail))
        return []
    if (given,) == authority_chain(run, side.name)[:1]:
        return []
    fault = Fault("authority-differs", f"{side.ca.certificate_file} is another CA certificate than {folder}/certificate.pem")
    if f"{side.name}/ca" in run.rekey:
        return [fault]
    detail = f"{fault.detail}, which goes on; to take it over: {rekey_switch(f'{side.name}/ca')}"
    run.note(Finding(side.name, STEP, side.name, "ca", fault.reason, Disposition.FAULT, detail=detail))
    return []


def _refuse_key_of_another(run: Run, side: str, chain: Chain) -> None:
    """A CA is one side's: with another's it could certify everybody as anybody of that other."""
    holder = run.known_keys.claimed_by_another(side, "ca", public_digest(chain[0].public_key()))
    if holder:
        msg = f"is not a CA of {side}: its key is known as {holder}"
        raise StoreError(msg, where=layout.store_folder(side, "ca"), remedy=f"Give {side} a CA of its own.")


def _write(run: Run, side: Side, folder: str, key_pem: bytes, chain: Chain) -> None:
    _refuse_key_of_another(run, side.name, chain)
    following = public_digest(chain[0].public_key())
    run.known_keys.claim(side.name, "ca", following)
    run.known_keys.retire(side.name, key_of({"certificate.pem": run.tree.read(f"{folder}/certificate.pem") or b""}), following)
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
    tree, place = run.beside(side.ca.offline_folder)
    pem = tree.read(f"{place}/{OFFLINE_CHAIN}")
    if pem is None:
        detail = f"put its certificates, issuing CA first, up to the root, into {side.ca.offline_folder}/{OFFLINE_CHAIN}"
        run.note(Finding(side.name, STEP, side.name, "ca", "awaiting-authority", Disposition.PENDING, "the offline CA", detail))
        return False
    chain = read_chain(pem, where=f"{side.ca.offline_folder}/{OFFLINE_CHAIN}")
    files = {"certificate.pem": pem_of(chain[:1]), "chain.pem": pem_of(chain)}
    if {name: run.tree.read(f"{folder}/{name}") for name in files} != files:
        # Whoever describes a CA as offline has not said that the only copy of its key may go.
        if run.tree.status(f"{folder}/key.pem") is not None and f"{side.name}/ca" not in run.rekey:
            detail = (
                f"{folder}/key.pem would go: move it to where the offline CA is kept, or permit its loss: {rekey_switch(f'{side.name}/ca')}"
            )
            run.note(Finding(side.name, STEP, side.name, "ca", "key-present", Disposition.FAULT, detail=detail))
            return False
        run.note(Finding(side.name, STEP, side.name, "ca", "missing", detail="the offline CA's certificates are taken over"))
        _refuse_key_of_another(run, side.name, chain)
        run.known_keys.claim(side.name, "ca", public_digest(chain[0].public_key()))
        run.tree.write_folder(folder, files)
    found = authority_faults(run.tree, folder, rule=run.description.profile.authority, now=run.now, with_key=False)
    _report(run, side, found)
    _tell_expiry(run, side)
    return not found


def _tell_expiry(run: Run, side: Side) -> None:
    """A CA is not renewed by a run: every certificate hangs on it, and every counterpart must learn of the next one."""
    who = OPERATOR if side.name == HUB else side.name
    for fault in authority_expiry(authority_chain(run, side.name), run.description.profile.authority.renew_before_days, run.now):
        run.note(Finding(side.name, STEP, side.name, "ca", fault.reason, Disposition.PENDING, who, fault.detail))


def _report(run: Run, side: Side, found: list[Fault]) -> None:
    for fault in found:
        place = f"{layout.store_folder(side.name, 'ca')}/{fault.file}"
        detail = f"{place}: {fault.detail}. {restore_or_replace(f'{side.name}/ca', fault)}"
        run.note(Finding(side.name, STEP, side.name, "ca", fault.reason, Disposition.FAULT, detail=detail))


def _file(run: Run, side: Side, path: str) -> bytes:
    """A file that the description names: regular, of sensible size, and for all but the operator's own hub no link on the way."""
    tree, place = run.beside(str(Path(path).resolve()) if side.name == HUB else path)
    found = tree.status(place)
    content = tree.read(place) if found and found.size <= LARGEST_FILE else None
    if content is None:
        msg = f"has more than {LARGEST_FILE // 1024} KiB" if found else "cannot be read (No such file or directory)"
        raise StoreError(msg, where=path, remedy="Name the file in the description's ca section.")
    return content
