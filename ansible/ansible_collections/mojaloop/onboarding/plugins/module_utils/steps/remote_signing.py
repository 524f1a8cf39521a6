# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Requests that the hub's Connection Manager signs with a CA of its own (TLS 5), as the signing policy of this pack permits.

What that server writes into a certificate is not the hub's to choose; it is held to the key, the CA, the dates and the usages. Whose
a certificate is, gateways tell by its fingerprint, so that its names count for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509

from ..description.model import HUB
from ..description.trust import Artefact
from ..exchange.managed import ManagerTransport
from ..findings import Disposition, Finding
from ..pki.certificates import certificate_key, read_certificates, received_certificate
from ..pki.faults import Fault
from ..pki.keys import public_digest
from ..pki.policy import SigningCase, check, names_of_others
from ..pki.requests import Request, read_request
from ..pki.verification import Chain, received_certificate_faults
from ..store import layout
from .installation import NAMES
from .registers import key_of
from .run import Relation, Run
from .transports import transport_of, travels


def remote_desk(run: Run, relation: Relation) -> RemoteDesk | None:
    """Where a participant's requests are signed by the server that they travel through; None where the hub's own CA signs."""
    if relation.side.name != HUB or not travels(run, relation):
        return None
    transport = transport_of(run, relation.participant)
    if not isinstance(transport, ManagerTransport):
        return None
    kept = run.tree.status(layout.manager_authority_path()) is not None
    signs = transport.signs if transport.online else kept
    return RemoteDesk(run, relation, transport) if signs else None


def check_policy(run: Run, relation: Relation, artefact: Artefact, request: Request) -> str:
    """SigningRefused unless the policy permits what is asked; the digest of the key, which is the holder's from now on."""
    holder, rule = relation.counterpart, artefact.rule
    others = names_of_others((run.description.hub, *run.description.participants), holder)
    profile, signer = run.description.profile, relation.side.name
    check(SigningCase(rule, profile, holder, signer, request, request.public_key, run.known_keys, others))
    digest = public_digest(request.public_key)
    run.known_keys.claim(holder.name, rule.name, digest)
    return digest


@dataclass(frozen=True)
class RemoteDesk:
    """The hub's desk for one participant at such a server."""

    run: Run
    relation: Relation
    transport: ManagerTransport

    def answer(self, artefact: Artefact) -> None:
        """Have the participant's request signed, once, and keep the certificate that the hub's gateways let in."""
        who, name = self.relation.counterpart.name, artefact.rule.name
        file = f"{layout.received_folder(HUB, who)}/{name}.csr"
        pem = self.run.tree.read(file)
        if pem is None:
            self._note(artefact, Fault("awaiting-counterpart"), Disposition.PENDING, who)
            return
        path = layout.issued_path(HUB, who, name)
        digest = check_policy(self.run, self.relation, artefact, read_request(pem, where=file))
        if not self.transport.online:
            return
        signed, authority, asked = self.transport.signed(digest)
        if asked:
            self._note(artefact, Fault("not-signed", "Connection Manager is asked to sign the request"))
        if authority is not None and self.run.tree.read(layout.manager_authority_path()) != authority:
            self.run.tree.write(layout.manager_authority_path(), authority)
        if signed is not None and authority is not None and signed != self.run.tree.read(path):
            self._keep(artefact, path, signed, read_certificates(authority))

    def _keep(self, artefact: Artefact, path: str, pem: bytes, chain: Chain) -> None:
        certificate = received_certificate(pem, where=f"{artefact.rule.name}.pem")
        found = self._faults(artefact, certificate, chain)
        for fault in found:
            self._note(artefact, fault, Disposition.FAULT)
        if found:
            return
        replaced = self.run.tree.read(path)
        self._note(artefact, Fault("replaced" if replaced else "not-installed"))
        if replaced is not None:
            # As where this side signs: the one before is accepted beside it while its holder changes over.
            self.run.tree.write(path.replace(".pem", ".previous.pem"), replaced)
            self.run.known_keys.retire(
                self.relation.counterpart.name, key_of({"certificate.pem": replaced}), certificate_key(certificate)[1]
            )
        self.run.tree.write(path, pem)

    def _faults(self, artefact: Artefact, certificate: x509.Certificate, chain: Chain) -> list[Fault]:
        holder, now = self.relation.counterpart, self.run.now
        found = received_certificate_faults(certificate, rule=artefact.rule, holder=holder, chain=chain, now=now)
        return [fault for fault in found if fault.reason not in NAMES and fault.reason != "certificate-expires-soon"]

    def _note(self, artefact: Artefact, fault: Fault, disposition: Disposition = Disposition.CHANGE, pending_on: str = "") -> None:
        step, who = artefact.rule.phases.signed, self.relation.participant
        self.run.note(Finding(who, step, HUB, artefact.rule.name, fault.reason, disposition, pending_on, fault.detail))
