# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The way of publications between this installation and others: one transport for each participant, and what is known of its sender."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from cryptography import x509

from ..connection_manager.access import Access
from ..connection_manager.server import Case
from ..description.model import HUB, Approval, Participant
from ..document_steps import Phase
from ..exchange.bundle import Bundle
from ..exchange.carrying import BundleTransport, inbox
from ..exchange.first_contact import Trust
from ..exchange.managed import ManagerTransport
from ..exchange.publication import Address
from ..exchange.transport import LocalTransport, Notice, Transport
from ..findings import Disposition, Finding
from ..pki.certificates import CertificateUnreadable, read_certificates
from ..store import layout
from .publications import exchange_key
from .run import Relation, Run


def fetch_all(run: Run) -> None:
    """Bring here what counterparts elsewhere have published for the sides of this run."""
    for relation in _travelling(run):
        with run.guarded(relation.participant, Phase.PUBLICATION_RECEIVED, relation.side.name, "publication"):
            address = run.address(relation.counterpart.name, relation.side.name)
            for notice in transport_of(run, relation.participant).fetch(run.tree, address):
                _note(run, relation, notice, Phase.PUBLICATION_RECEIVED)
    _report_strangers(run)


def deliver_all(run: Run) -> None:
    """Hand over to counterparts elsewhere what the sides of this run have published for them."""
    for relation in _travelling(run):
        with run.guarded(relation.participant, Phase.PUBLICATION_MADE, relation.side.name, "publication"):
            address = run.address(relation.side.name, relation.counterpart.name)
            for notice in transport_of(run, relation.participant).deliver(run.tree, address):
                _note(run, relation, notice, Phase.PUBLICATION_MADE)


def transport_of(run: Run, participant: str) -> Transport:
    """How publications travel between the hub and this participant."""
    if participant not in run.transports:
        described = run.description.participant(participant)
        run.transports[participant] = TRANSPORTS[described.transport.kind](run, described)
    return run.transports[participant]


def travels(run: Run, relation: Relation) -> bool:
    """Whether the counterpart is another installation's: with both sides here, the exchange folder is common."""
    return relation.counterpart.name not in {side.name for side in run.description.own_sides}


def trust_in(run: Run, relation: Relation) -> Trust:
    """What is known of the counterpart: who confirmed its first publication, whether it signs manifests, with which key."""
    described = run.description.participant(relation.participant)
    both_here = {relation.side.name, relation.counterpart.name} <= set(run.sides)
    automatic = run.description.approval is Approval.AUTOMATIC or both_here
    certificate = _exchange_certificate(run, relation.counterpart.name) if both_here else None
    channel = travels(run, relation) and transport_of(run, described.name).channel
    if relation.counterpart.name == HUB:
        confirmed = run.description.hub.first_publication(described.name)
        return Trust(confirmed, automatic=automatic, certificate=certificate, channel=channel)
    plain = described.manifest == "none"
    return Trust(described.first_publication, automatic=automatic, plain=plain, certificate=certificate, channel=channel)


def _exchange_certificate(run: Run, side: str) -> x509.Certificate | None:
    """The certificate of an exchange key that may have been replaced with a person's permission; None when it is not in order."""
    try:
        found = run.certificates(f"{layout.store_folder(side, 'exchange')}/certificate.pem", read_certificates)
    except CertificateUnreadable:
        return None
    return found[0] if found else None


def _travelling(run: Run) -> Iterator[Relation]:
    for side in run.own_sides():
        yield from (relation for relation in run.relations(side) if travels(run, relation))


def _note(run: Run, relation: Relation, notice: Notice, step: str) -> None:
    run.note(
        Finding(
            relation.participant,
            notice.step or step,
            relation.side.name,
            notice.artefact,
            notice.reason,
            notice.disposition,
            notice.pending_on,
            notice.detail,
        )
    )


def _local(run: Run, participant: Participant) -> Transport:
    del run, participant
    return LocalTransport()


def _bundle(run: Run, participant: Participant) -> Transport:
    del participant

    def trust(address: Address) -> Trust:
        return trust_in(run, Relation(run.description.side(address.receiver), run.description.side(address.sender)))

    return BundleTransport(lambda side: exchange_key(run, side), trust, run.now)


def _connection_manager(run: Run, participant: Participant) -> Transport:
    server = run.description.hub.connection_manager
    assert server is not None, "the description was checked"  # noqa: S101
    by_hub = run.description.for_the_hub
    own = server.authentication if by_hub else getattr(participant.transport, "authentication", server.authentication)
    case = Case(run.description.hub, participant, run.now)
    return ManagerTransport(case, Access(server, own, dry_run=run.dry_run), online=run.online)


TRANSPORTS: Mapping[str, Callable[[Run, Participant], Transport]] = MappingProxyType(
    {"local": _local, "bundle": _bundle, "connection-manager": _connection_manager}
)
"""One row for each kind of transport that a description can name."""


def _report_strangers(run: Run) -> None:
    """Files of the inbox that are no bundle, or for no one here: said once, whoever may have sent them."""
    if not any(participant.transport.kind == "bundle" for participant in run.chosen):
        return
    own = [side.name for side in run.description.own_sides]
    for name, found in inbox(run.tree):
        where = f"{layout.INBOX}/{name}"
        if not isinstance(found, Bundle):
            who = own[0] if own else HUB
            run.note(Finding(who, Phase.PUBLICATION_RECEIVED, who, where, found.reason, Disposition.FAULT, detail=str(found)))
        elif found.environment != run.description.environment or found.receiver not in own:
            address = Address(found.environment, found.sender, found.receiver)
            detail = f"{where} is {address}: remove it"
            who = own[0] if own else HUB
            run.note(Finding(who, Phase.PUBLICATION_RECEIVED, who, where, "bundle-misdirected", Disposition.FAULT, detail=detail))
