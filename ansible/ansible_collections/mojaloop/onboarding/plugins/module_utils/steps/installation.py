# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Installing the certificates that a counterpart signed for this side's requests (TLS 7)."""

from __future__ import annotations

from collections.abc import Mapping

from cryptography import x509

from ..description.trust import Artefact, Directory, named
from ..findings import Disposition, Finding
from ..pki.certificates import certificate_key, received_certificate
from ..pki.faults import Fault
from ..pki.keys import KeyUnusable, public_digest, read_own_key
from ..pki.verification import Chain, certificate_faults, directory_certificate_faults, received_certificate_faults
from ..store import layout
from ..store.interface import contents
from .authorities import OF_ANOTHER_CA, issuing_chain, pem_of
from .registers import key_of
from .run import Relation, Run
from .transports import trust_in

NOT_SERIOUS = "certificate-expires-soon"
"""Reported where the key is: ``generate`` prepares the renewal."""
NAMES = frozenset({"subject", "san"})


def install_signed(run: Run, relation: Relation, files: Mapping[str, bytes], *, waiting: bool = False) -> None:
    """Install each certificate of the publication that answers one of this side's requests.

    ``waiting``: another CA of the counterpart awaits approval, so that what does not fit the approved one is no fault.
    """
    for artefact in run.requests_between(relation.side, relation.counterpart):
        pem = files.get(f"{artefact.published}.pem")
        if pem is not None:
            install_certificate(run, relation, artefact, pem, waiting=waiting)


def install_certificate(run: Run, relation: Relation, artefact: Artefact, pem: bytes, *, waiting: bool = False) -> None:
    """Install a certificate that was signed for one of this side's requests, if it is in order; report what is wrong with it."""
    chain = issuing_chain(run, artefact)
    if not chain:
        return
    certificate = received_certificate(pem, where=f"{artefact.published}.pem")
    source = _source(run, relation, artefact, certificate)
    serious = [fault for fault in _faults(run, relation, artefact, certificate, chain) if fault.reason != NOT_SERIOUS]
    if source and serious and not waiting:
        _report(run, relation, artefact, serious, outdated=run.tree.read(f"{source}/certificate.pem") == pem)
    if source and not serious:
        _put(run, relation, artefact, source, {"certificate.pem": pem, "chain.pem": pem_of(chain)})


def _report(run: Run, relation: Relation, artefact: Artefact, found: list[Fault], *, outdated: bool) -> None:
    """What another signature of the counterpart mends waits for it; all else is for a person.

    That is what the CA before signed; and the names of the description before, in the certificate that is installed
    (``outdated``): ``generate`` asks for the present ones. In another one they are a fault.
    """
    who = artefact.issuer if isinstance(artefact.issuer, Directory) and not artefact.submitter else relation.counterpart.name
    for fault in found:
        if fault.reason in OF_ANOTHER_CA and not isinstance(artefact.issuer, Directory):
            _note(run, relation, artefact, fault, Disposition.PENDING, who)
        elif outdated and fault.reason in NAMES:
            detail = f"{fault.detail}: as described before; {who} must sign the request for the present names"
            _note(run, relation, artefact, Fault(fault.reason, detail), Disposition.PENDING, who)
        else:
            _note(run, relation, artefact, fault, Disposition.FAULT)


def _source(run: Run, relation: Relation, artefact: Artefact, certificate: x509.Certificate) -> str:
    """The folder with the key that this certificate is for: a prepared renewal, or the artefact itself; empty for another key."""
    name = (artefact.holder, artefact.rule.name, artefact.counterpart)
    current, upcoming = layout.store_folder(*name), layout.upcoming_folder(*name)
    digest = certificate_key(certificate)[1]
    prepared = _key_digest(run, upcoming)
    if prepared == digest:
        return upcoming
    found = _key_digest(run, current) == digest
    if prepared or not found:
        reason = "awaiting-counterpart" if prepared else "key-does-not-match"
        detail = f"{artefact.published}.pem is for another key than the request in {upcoming if prepared else current}"
        _note(run, relation, artefact, Fault(reason, detail), Disposition.PENDING, relation.counterpart.name)
    return current if found else ""


def _faults(run: Run, relation: Relation, artefact: Artefact, certificate: x509.Certificate, chain: Chain) -> list[Fault]:
    trust = trust_in(run, relation)
    by_pack = not (trust.plain or trust.channel)
    by_directory = isinstance(artefact.issuer, Directory)
    judge = directory_certificate_faults if by_directory else certificate_faults if by_pack else received_certificate_faults
    return judge(certificate, rule=artefact.rule, holder=named(run.description, artefact), chain=chain, now=run.now)


def _put(run: Run, relation: Relation, artefact: Artefact, source: str, certificates: Mapping[str, bytes]) -> None:
    """Complete the artefact with its certificate; a prepared renewal takes the place of the one in use."""
    current = layout.store_folder(artefact.holder, artefact.rule.name, artefact.counterpart)
    files = contents(run.tree, source)
    if source == current and files == {**files, **certificates}:
        return
    replaced = run.tree.status(f"{current}/certificate.pem") is not None
    _note(run, relation, artefact, Fault("replaced" if replaced else "not-installed"), Disposition.CHANGE)
    if source != current:
        before = contents(run.tree, current)
        run.known_keys.retire(artefact.holder, key_of(before), key_of(files))
    run.tree.write_folder(current, {**files, **certificates})
    if source != current:
        run.tree.remove(source)


def _note(run: Run, relation: Relation, artefact: Artefact, fault: Fault, disposition: Disposition, pending_on: str = "") -> None:
    step = artefact.rule.phases.installed
    run.note(Finding(relation.participant, step, artefact.holder, artefact.label, fault.reason, disposition, pending_on, fault.detail))


def _key_digest(run: Run, folder: str) -> str:
    """The digest of the key in this folder; empty where there is none that can be used, which ``generate`` reports."""
    pem = run.tree.read(f"{folder}/key.pem")
    try:
        return "" if pem is None else public_digest(read_own_key(pem).public_key())
    except KeyUnusable:
        return ""
