# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Signing the counterpart's requests with the side's CA (TLS 5), as the signing policy permits."""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property

from cryptography import x509

from ..description.model import Side
from ..description.trust import Artefact
from ..document_steps import Phase
from ..errors import SigningRefused, StoreError
from ..exchange.first_contact import read_contact
from ..findings import Disposition, Finding
from ..pki.certificates import CertificateUnreadable, extension, read_certificate, read_certificates
from ..pki.issuing import issue
from ..pki.keys import public_digest
from ..pki.requests import Request, read_request
from ..pki.revocation import GONE, SUPERSEDED
from ..pki.signers import AwaitingSignature, CertificateSigner
from ..pki.verification import Chain, certificate_faults, duplicate_serials
from ..store import layout
from ..store.journal import RevocationJournal
from .authorities import authority_chain, pem_of, signer_of
from .registers import key_of
from .remote_signing import check_policy, remote_desk
from .revocations import keep_list
from .run import Relation, Run


def sign_requests(run: Run) -> None:
    """Sign what the counterparts of every side of this run ask for; a valid certificate is not made twice."""
    for side in run.own_sides():
        desk = Desk(run, side)
        for relation in run.relations(side):
            for artefact in run.requests_between(relation.counterpart, side):
                if artefact.submitter:
                    continue
                with run.guarded(relation.participant, artefact.rule.phases.signed, side.name, artefact.rule.name):
                    remote = remote_desk(run, relation)
                    if remote is None:
                        desk.answer(relation, artefact)
                    else:
                        remote.answer(artefact)
                    desk.end_replaced(relation, artefact)
        with run.guarded(side.name, Phase.CLIENT_SIGNED, side.name, "issued"):
            desk.compare_serials()
        with run.guarded(side.name, Phase.LIST_MADE, side.name, "crl"):
            # After the signatures: what was signed is known, and what it has replaced.
            keep_list(run, side, desk.signer)


class Desk:
    """Where one side signs: opens its CA key once, and only when there is something to sign."""

    def __init__(self, run: Run, side: Side) -> None:
        self._run = run
        self._side = side
        self._issued: list[x509.Certificate] = []

    def answer(self, relation: Relation, artefact: Artefact) -> None:
        """Sign the counterpart's request for this artefact, unless what was signed before is still right."""
        rule = artefact.rule
        file = f"{layout.received_folder(self._side.name, relation.counterpart.name)}/{rule.name}.csr"
        pem = self._run.tree.read(file)
        if pem is None:
            self._note(relation, artefact, "awaiting-counterpart", Disposition.PENDING, relation.counterpart.name)
            return
        request = read_request(pem, where=file)
        standing = self._standing(relation.counterpart, artefact)
        reason = self._reason_to_sign(relation.counterpart, artefact, request, standing)
        if not reason:
            self._issued += [standing] if standing else []
            return
        if reason == "certificate-revoked":
            self._withdraw(relation, artefact, request)
        asked = self._waiting()
        try:
            certificate = self._sign(relation, artefact, request)
        except AwaitingSignature as awaiting:
            if self._waiting() != asked:
                self._note(relation, artefact, reason)
            self._note(relation, artefact, "awaiting-signature", Disposition.PENDING, "the offline CA", str(awaiting))
            return
        except SigningRefused as refusal:
            if refusal.reason != "request-foreign-name" or not _named(standing, request):
                raise
            who = relation.counterpart.name
            detail = f"{refusal.what}. It asks for the names described before: {who} must publish a request for the present ones"
            self._note(relation, artefact, refusal.reason, Disposition.PENDING, who, detail)
            return
        self._note(relation, artefact, reason)
        self._keep(relation, artefact, certificate)
        self._issued.append(certificate)

    def end_replaced(self, relation: Relation, artefact: Artefact) -> None:
        """Let in with the certificate in force alone, where a person has permitted the holder a new key.

        Threat: the key before may be known to others. An overlap, which is for renewals, would keep it good until its certificate ends.
        """
        replaced = layout.issued_path(self._side.name, relation.counterpart.name, f"{artefact.rule.name}.previous")
        if f"{artefact.holder}/{artefact.label}" in self._run.rekey and self._run.tree.status(replaced) is not None:
            self._note(relation, artefact, "certificate-withdrawn", detail="the one before, as its key was permitted to be replaced")
            self._run.tree.remove(replaced)

    def compare_serials(self) -> None:
        """Two certificates of one CA with one serial number cannot be distinguished in a revocation list."""
        folder = layout.store_folder(self._side.name, "server")
        pem = self._run.tree.read(f"{folder}/certificate.pem")
        with suppress(CertificateUnreadable):
            self._issued += [] if pem is None else read_certificates(pem)
        for fault in duplicate_serials(self._issued):
            side = self._side.name
            self._run.note(Finding(side, Phase.CLIENT_SIGNED, side, "issued", fault.reason, Disposition.FAULT, detail=fault.detail))

    def _waiting(self) -> list[str]:
        """What an offline CA has been asked for."""
        ca = self._side.ca
        if ca.kind != "offline":
            return []
        tree, place = self._run.beside(ca.offline_folder)
        return tree.names(place)

    def _standing(self, counterpart: Side, artefact: Artefact) -> x509.Certificate | None:
        """The certificate signed before; None when there is none, or what is left of it is no certificate."""
        pem = self._run.tree.read(layout.issued_path(self._side.name, counterpart.name, artefact.rule.name))
        try:
            return None if pem is None else read_certificate(pem)
        except CertificateUnreadable:
            return None

    def _reason_to_sign(self, counterpart: Side, artefact: Artefact, request: Request, standing: x509.Certificate | None) -> str:
        """Why a certificate must be signed now: empty when the one signed before is still right for this key."""
        if not self._chain and (standing is not None or self._side.ca.kind == "offline"):
            # That the CA is lost, or has not handed over its certificates yet, has been said.
            return ""
        if standing is None:
            return "not-signed"
        if standing.serial_number in self._revoked:
            # Its holder had left and is back. What is revoked for good stays so: it gets another one.
            return "certificate-revoked"
        found = certificate_faults(
            standing,
            rule=artefact.rule,
            holder=counterpart,
            chain=self._chain,
            now=self._run.now,
            key_digest=public_digest(request.public_key),
        )
        # A renewal needs a new key (PKI Best Practices section 6.6), so it starts at the holder: the old request is not signed again.
        wanted = [fault for fault in found if fault.reason != "certificate-expires-soon"]
        for fault in wanted:
            if fault.reason == "not-yet-valid":
                raise SigningRefused(fault.reason, f"the certificate signed before {fault.detail}: this machine's clock is wrong")
        return wanted[0].reason if wanted else ""

    @cached_property
    def _revoked(self) -> frozenset[int]:
        return RevocationJournal(self._run.tree).serials(self._side.name, GONE)

    @cached_property
    def _superseded(self) -> frozenset[int]:
        return RevocationJournal(self._run.tree).serials(self._side.name, SUPERSEDED)

    @cached_property
    def _chain(self) -> Chain:
        return authority_chain(self._run, self._side.name)

    def signer(self) -> CertificateSigner:
        """Who signs for the side's CA; StoreError when there is none to sign with."""
        return self._signer

    @cached_property
    def _signer(self) -> CertificateSigner:
        signer = signer_of(self._run, self._side.name)
        if signer is None:
            msg = "there is no CA to sign with"
            raise StoreError(msg, where=layout.store_folder(self._side.name, "ca"), remedy="See the faults of its own certificates.")
        return signer

    def _sign(self, relation: Relation, artefact: Artefact, request: Request) -> x509.Certificate:
        run, side, holder, rule = self._run, self._side, relation.counterpart, artefact.rule
        digest = check_policy(run, relation, artefact, request)
        contact = read_contact(run.tree, side.name, holder.name)
        why = f"request {request.digest}"
        journal = run.journal(side.name, holder.name, rule.name, digest, why=why, provenance=contact.provenance if contact else "")
        return issue(
            self._signer,
            rule=rule,
            profile=run.description.profile,
            holder=holder,
            public_key=request.public_key,
            now=run.now,
            serials=journal,
            why=why,
        )

    def _withdraw(self, relation: Relation, artefact: Artefact, request: Request) -> None:
        """Ahead of another signature, which may be long in coming: no listener lets in again with what is revoked for good."""
        holder, name = relation.counterpart.name, artefact.rule.name
        path = layout.issued_path(self._side.name, holder, name)
        before = key_of({"certificate.pem": self._run.tree.read(path) or b""})
        self._run.known_keys.retire(holder, before, public_digest(request.public_key))
        for each in (layout.issued_path(self._side.name, holder, f"{name}.previous"), path):
            self._run.tree.remove(each)

    def _keep(self, relation: Relation, artefact: Artefact, certificate: x509.Certificate) -> None:
        """Keep the certificate; the one it replaces stays known, so that the listeners accept both for a while.

        Unless that one came back from a backup after this side's list had named it.
        """
        holder, name = relation.counterpart.name, artefact.rule.name
        path, previous = (layout.issued_path(self._side.name, holder, f"{name}{which}") for which in ("", ".previous"))
        replaced, standing = self._run.tree.read(path), self._standing(relation.counterpart, artefact)
        if standing is not None and standing.serial_number in self._superseded:
            self._run.tree.remove(previous)
        elif replaced is not None:
            self._run.tree.write(previous, replaced)
        if replaced is not None:
            before, following = key_of({"certificate.pem": replaced}), public_digest(certificate.public_key())
            self._run.known_keys.retire(holder, before, following)
        self._run.tree.write(path, pem_of((certificate,)))

    def _note(
        self,
        relation: Relation,
        artefact: Artefact,
        reason: str,
        disposition: Disposition = Disposition.CHANGE,
        pending_on: str = "",
        detail: str = "",
    ) -> None:
        step = artefact.rule.phases.signed
        self._run.note(Finding(relation.participant, step, self._side.name, artefact.rule.name, reason, disposition, pending_on, detail))


def _named(standing: x509.Certificate | None, request: Request) -> bool:
    """Whether what was signed before has all the names that are asked for: then not the request has changed, but the description."""
    names = None if standing is None else extension(standing, x509.SubjectAlternativeName)
    if names is None or request.other_names:
        return False
    known = {*names.get_values_for_type(x509.DNSName), *names.get_values_for_type(x509.UniformResourceIdentifier)}
    return known.issuperset((*request.dns_names, *request.uri_names))
