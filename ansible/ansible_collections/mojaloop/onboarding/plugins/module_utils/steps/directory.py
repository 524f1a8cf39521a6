# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A scheme's directory signs: requests go out to it through a person's hands, certificates and key ids come back in.

The directory is no side and reads no exchange. Whatever it takes lies in ``directory/<side>/outbox`` with what to choose there;
whatever it gave is put into ``directory/<side>/inbox``, where it is found by its key.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cryptography import x509

from ..description.model import Side
from ..description.profiles import Signer
from ..description.trust import Artefact, Directory, artefacts_of, named
from ..document_steps import Phase
from ..findings import Disposition, Finding
from ..pki.certificates import CertificateUnreadable, certificate_key, read_certificate
from ..pki.directory_requests import upload_faults
from ..pki.faults import Fault
from ..pki.keys import public_digest
from ..pki.requests import read_request
from ..pki.verification import directory_certificate_faults
from ..store import layout
from ..store.interface import contents
from .authorities import directory_chain, pem_of
from .directory_authorities import keep_authorities
from .directory_inbox import Delivery, read_inbox
from .directory_key_sets import KeyId, KeySets, read_key_ids, written_key_ids
from .directory_papers import key_set_url, papers, title
from .directory_ticket import ticket
from .installation import NOT_SERIOUS, install_certificate
from .run import Relation, Run


def keep_directory(run: Run) -> None:
    """For every side of this run: take what the directory gave, hand out what it has not signed yet."""
    if any(rule.signer is Signer.DIRECTORY for rule in run.description.profile.certificates):
        for side in run.own_sides():
            with run.guarded(side.name, Phase.SERVER_REQUESTED, side.name, "directory"):
                Errand(run, side).carry_out()


@dataclass(frozen=True)
class Upload:
    """One request that this side hands to the directory. ``key``: digest of its public key; ``answered``: a certificate is there for it."""

    artefact: Artefact
    relation: Relation | None
    request: bytes
    key: str
    answered: bool


class Errand:
    """One side's way to the directory and back."""

    def __init__(self, run: Run, side: Side) -> None:
        self._run = run
        self._side = side
        self._key_sets = KeySets(run)
        self._inbox, self._outbox = (layout.directory_folder(side.name, name) for name in ("inbox", "outbox"))

    def carry_out(self) -> None:
        """Authorities first, as everything hangs on them; then certificates, requests and key ids."""
        delivery = read_inbox(self._run.tree, self._inbox)
        for file, fault in delivery.refused:
            self._report("inbox", Fault(fault.reason, f"{self._inbox}/{file}: {fault.detail}"), Disposition.FAULT)
        keep_authorities(self._run, self._side, delivery.authorities)
        for upload in list(self._uploads()):
            if upload.key in delivery.certificates:
                self._take(upload, *delivery.certificates[upload.key])
        self._report_strays(delivery)
        uploads = list(self._uploads())
        self._hand_out([upload for upload in uploads if not upload.answered])
        self._keep_key_ids([upload for upload in uploads if upload.answered], delivery)

    def _uploads(self) -> Iterator[Upload]:
        """This side's own requests, then those of counterparts that it has to hand in."""
        run, side = self._run, self._side
        relations = list(run.relations(side))
        for artefact in artefacts_of(run.description, side, run.counterparts(side)):
            if isinstance(artefact.issuer, Directory) and not artefact.submitter:
                counterpart = next((each for each in relations if artefact.counterpart in {"", each.counterpart.name}), None)
                yield from self._own(artefact, counterpart)
        for relation in relations:
            for artefact in run.requests_between(relation.counterpart, side):
                if artefact.submitter == side.name:
                    yield from self._of_counterpart(artefact, relation)

    def _own(self, artefact: Artefact, relation: Relation | None) -> Iterator[Upload]:
        name = (artefact.holder, artefact.rule.name, artefact.counterpart)
        for folder in (layout.upcoming_folder(*name), layout.store_folder(*name)):
            files = contents(self._run.tree, folder)
            if "request.pem" in files:
                yield self._upload(artefact, relation, files["request.pem"], files.get("certificate.pem"))
                return

    def _of_counterpart(self, artefact: Artefact, relation: Relation) -> Iterator[Upload]:
        folder = layout.received_folder(self._side.name, relation.counterpart.name)
        request = self._run.tree.read(f"{folder}/{artefact.rule.name}.csr")
        if request is not None:
            signed = self._run.tree.read(layout.issued_path(self._side.name, artefact.holder, artefact.rule.name))
            yield self._upload(artefact, relation, request, signed)

    def _upload(self, artefact: Artefact, relation: Relation | None, request: bytes, certificate: bytes | None) -> Upload:
        key = public_digest(read_request(request, where=artefact.label).public_key)
        return Upload(artefact, relation, request, key, certificate is not None and _key_of(certificate) == key)

    def _take(self, upload: Upload, file: str, certificate: x509.Certificate) -> None:
        """Into the store where it is this side's; else where it is published for the counterpart."""
        run, artefact = self._run, upload.artefact
        pem = pem_of((certificate,))
        if not artefact.submitter:
            if upload.relation is not None:
                install_certificate(run, upload.relation, artefact, pem)
            return
        path = layout.issued_path(self._side.name, artefact.holder, artefact.rule.name)
        if run.tree.read(path) == pem or not (chain := directory_chain(run, self._side.name)):
            return
        holder = named(run.description, artefact)
        found = directory_certificate_faults(
            certificate, rule=artefact.rule, holder=holder, chain=chain, now=run.now, key_digest=upload.key
        )
        serious = [fault for fault in found if fault.reason != NOT_SERIOUS]
        for fault in serious:
            self._report(title(artefact), Fault(fault.reason, f"{self._inbox}/{file}: {fault.detail}"), Disposition.FAULT)
        if not serious:
            self._report(title(artefact), Fault("not-installed" if run.tree.read(path) is None else "replaced", file))
            run.tree.write(path, pem)

    def _report_strays(self, delivery: Delivery) -> None:
        """A certificate for a key that no one here has ever had was not asked for from here."""
        known = {upload.key for upload in self._uploads()}
        for digest, (file, _certificate) in delivery.certificates.items():
            if digest not in known and self._run.known_keys.owner(digest) is None:
                detail = f"{self._inbox}/{file} is about a key that no request here has: remove it, or fetch the right one"
                self._report("inbox", Fault("certificate-not-asked-for", detail), Disposition.FAULT)

    def _hand_out(self, uploads: list[Upload]) -> None:
        """Write what is not answered, and remove what is: a person uploads what lies there."""
        run, wanted = self._run, set[str]()
        for upload in uploads:
            artefact, name = upload.artefact, f"{title(upload.artefact)}-{upload.key[:12]}"
            found = [*upload_faults(upload.request, rule=artefact.rule, holder=named(run.description, artefact), where=artefact.label)]
            found += self._of_its_key(upload)
            for fault in found:
                self._report(title(artefact), Fault(fault.reason, f"the request of {artefact.holder} {fault.detail}"), Disposition.FAULT)
            if found:
                continue
            wanted.add(name)
            place = f"{self._outbox}/{name}"
            files = papers(run.description, artefact, upload.request, key=upload.key, place=place, inbox=self._inbox)
            if contents(run.tree, place) != files:
                self._report(artefact.label, Fault("request-written", place))
                run.tree.write_folder(place, files)
            detail = f"upload {place}/request.csr as request.json beside it says, and put the certificate into {self._inbox}"
            self._report(artefact.label, Fault("awaiting-signature", detail), Disposition.PENDING, run.description.profile.directory)
        for name in sorted(set(run.tree.names(self._outbox)) - wanted):
            self._report("outbox", Fault("request-answered", f"{self._outbox}/{name}"))
            run.tree.remove(f"{self._outbox}/{name}")

    def _of_its_key(self, upload: Upload) -> Iterator[Fault]:
        """A key is its holder's alone, for one purpose, and none that was taken out of use; from here on it is known as that."""
        artefact, known = upload.artefact, self._run.known_keys
        if known.retired(upload.key):
            yield Fault("key-retired", "is about a key that was taken out of use")
        elif other := known.claimed_by_another(artefact.holder, artefact.rule.name, upload.key):
            yield Fault("key-used-elsewhere", f"is about a key that is known as {other}")
        elif artefact.submitter:
            known.claim(artefact.holder, artefact.rule.name, upload.key)

    def _keep_key_ids(self, uploads: list[Upload], delivery: Delivery) -> None:
        """The directory's key ids, by certificate: taken from its key sets alone, where each stands beside the key it is for."""
        run, path = self._run, layout.key_ids_path(self._side.name)
        before, known = read_key_ids(run.tree.read(path)), dict[str, KeyId]()
        for upload in (each for each in uploads if each.artefact.rule.submission):
            name, jwks = title(upload.artefact), key_set_url(run.description, upload.artefact)
            kept = before.get(name)
            kid = delivery.key_ids.get(upload.key, "") or (kept.kid if kept and kept.key == upload.key else "")
            fetched, why = ("", "") if kid else self._key_sets.key_id(jwks, upload.key)
            if kid or fetched:
                known[name] = KeyId(upload.key, kid or fetched)
                continue
            detail = f"save {jwks} as a .jwks file in {self._inbox}: the key id of {name} is in it{f' ({why})' if why else ''}"
            self._report(upload.artefact.label, Fault("awaiting-key-id", detail), Disposition.PENDING, run.description.profile.directory)
        if known != before:
            self._report("key-ids", Fault("not-installed" if known else "replaced", ", ".join(sorted(known))))
            run.tree.write(path, written_key_ids(known))
        self._write_ticket(uploads, {name: each.kid for name, each in known.items()})

    def _write_ticket(self, uploads: list[Upload], key_ids: dict[str, str]) -> None:
        """What a person posts, once the directory has given everything that there is to post."""
        place = layout.directory_folder(self._side.name, "ticket")
        if not uploads or any(title(upload.artefact) not in key_ids for upload in uploads if upload.artefact.rule.submission):
            return
        answered = [(upload.artefact, upload.key) for upload in uploads if upload.artefact.rule.submission]
        files = ticket(self._run.description, self._side, answered, key_ids)
        if contents(self._run.tree, place) != files:
            self._report("ticket", Fault("ticket-written", f"{place}/ticket.md"))
            self._run.tree.write_folder(place, files)

    def _report(self, artefact: str, fault: Fault, disposition: Disposition = Disposition.CHANGE, pending_on: str = "") -> None:
        side = self._side.name
        self._run.note(Finding(side, Phase.SERVER_REQUESTED, side, artefact, fault.reason, disposition, pending_on, fault.detail))


def _key_of(pem: bytes) -> str:
    try:
        return certificate_key(read_certificate(pem))[1]
    except CertificateUnreadable:
        return ""
