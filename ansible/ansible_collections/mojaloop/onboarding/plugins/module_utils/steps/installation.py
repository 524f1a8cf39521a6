# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Installing the certificates that a counterpart signed for this side's requests (TLS 7)."""

from __future__ import annotations

from collections.abc import Mapping

from cryptography import x509

from ..description.model import HUB
from ..description.trust import Artefact, requests_between
from ..findings import Disposition, Finding
from ..pki.authority import read_chain
from ..pki.faults import Fault
from ..pki.keys import public_digest, read_own_key
from ..pki.verification import Chain, certificate_faults, received_certificate_faults
from ..store import layout
from .run import Relation, Run

NOT_SERIOUS = "certificate-expires-soon"
"""Reported where the key is: ``own_certificates`` prepares the renewal."""


def install_signed(run: Run, relation: Relation, files: Mapping[str, bytes]) -> None:
    """Install each certificate of the publication that answers one of this side's requests."""
    for artefact in requests_between(run.description, relation.side, relation.counterpart):
        pem = files.get(f"{artefact.published}.pem")
        if pem is not None:
            _install(run, relation, artefact, pem, files.get(f"{artefact.published}-chain.pem", files.get("ca.pem", b"")))


def _install(run: Run, relation: Relation, artefact: Artefact, pem: bytes, chain_pem: bytes) -> None:
    certificate = x509.load_pem_x509_certificate(pem)
    chain = read_chain(chain_pem, where=f"{artefact.published}-chain.pem")
    name = (artefact.holder, artefact.rule.name, artefact.counterpart)
    current, upcoming = layout.store_folder(*name), layout.upcoming_folder(*name)
    source = next((folder for folder in (upcoming, current) if _key_digest(run, folder) == _digest(certificate)), "")
    if not source:
        detail = f"{artefact.published}.pem is for another key than the request in {current}"
        _note(run, relation, artefact, Fault("key-does-not-match", detail), Disposition.PENDING, relation.counterpart.name)
        return
    serious = [fault for fault in _faults(run, relation, artefact, certificate, chain) if fault.reason != NOT_SERIOUS]
    for fault in serious:
        _note(run, relation, artefact, fault, Disposition.FAULT)
    if not serious:
        _put(run, relation, artefact, source, {"certificate.pem": pem, "chain.pem": chain_pem})


def _faults(run: Run, relation: Relation, artefact: Artefact, certificate: x509.Certificate, chain: Chain) -> list[Fault]:
    counterpart = relation.counterpart.name
    by_pack = counterpart == HUB or run.description.participant(counterpart).manifest == "signed"
    judge = certificate_faults if by_pack else received_certificate_faults
    return judge(certificate, rule=artefact.rule, holder=relation.side, chain=chain, now=run.now, key_digest=_digest(certificate))


def _put(run: Run, relation: Relation, artefact: Artefact, source: str, certificates: Mapping[str, bytes]) -> None:
    """Complete the artefact with its certificate; a prepared renewal takes the place of the one in use."""
    current = layout.store_folder(artefact.holder, artefact.rule.name, artefact.counterpart)
    if source == current and all(run.tree.read(f"{current}/{name}") == content for name, content in certificates.items()):
        return
    own = {name: run.tree.read(f"{source}/{name}") or b"" for name in ("key.pem", "request.pem")}
    replaced = run.tree.read(f"{current}/certificate.pem") is not None
    _note(run, relation, artefact, Fault("replaced" if replaced else "not-installed"), Disposition.CHANGE)
    run.tree.write_folder(current, {**own, **certificates})
    if source != current:
        run.tree.remove(source)


def _note(
    run: Run, relation: Relation, artefact: Artefact, fault: Fault, disposition: Disposition, pending_on: str = ""
) -> None:
    step = "tls-7" if artefact.rule.per_counterpart else artefact.rule.steps[0]
    run.note(Finding(relation.participant, step, artefact.holder, artefact.label, fault.reason, disposition, pending_on, fault.detail))


def _key_digest(run: Run, folder: str) -> str:
    pem = run.tree.read(f"{folder}/key.pem")
    return "" if pem is None else public_digest(read_own_key(pem, where=f"{folder}/key.pem").public_key())


def _digest(certificate: x509.Certificate) -> str:
    return public_digest(certificate.public_key())
