# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What counterparts published: judged at first contact, verified and kept as verified copies (TLS 3 and 8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace

from ..description.model import HUB, Side
from ..description.profiles import JWS, CertificateRule
from ..description.trust import Directory, has_authority, issuer_of, shows_client
from ..document_steps import Phase
from ..errors import OnboardingError, SigningRefused
from ..exchange.first_contact import ContactStatus, Reception, accept, receive
from ..exchange.published import ENDPOINTS, Form, PublishedFile
from ..exchange.refusal import PublicationRefused
from ..exchange.rewriting import written_anew
from ..exchange.sealing import sealed_anew
from ..findings import Disposition, Finding
from ..pki.authority import CHAIN_LIMIT, LONGEST_CHAIN, read_chain
from ..pki.certificates import CertificateUnreadable, certificate_key, read_certificates, received_certificate
from ..pki.faults import Fault
from ..pki.inputs import InputRefused, check_input
from ..pki.keys import public_digest, read_public_key
from ..pki.policy import RETIRED, ownership
from ..pki.requests import read_request
from ..pki.revocation import LIST
from ..pki.verification import (
    Chain,
    authority_expiry,
    authority_marks,
    certificate_faults,
    expiry_notice,
    received_authority_faults,
    received_server_faults,
)
from ..store import layout
from ..store.interface import contents
from .approvals import compare_endpoints, hold_back, read_endpoints, tell_contact
from .authorities import authority_chain, directory_chain, received_chain
from .installation import NAMES, NOT_SERIOUS, install_signed
from .jws_keys import JwsKeys
from .oauth_credentials import SEALED, check_sealed, install_credentials, opened_credentials
from .revocations import received_list
from .run import Relation, Run
from .transports import trust_in

STEP = Phase.PUBLICATION_RECEIVED


def check_form(row: PublishedFile, content: bytes) -> None:
    """What a file must at least be to be kept, where it is judged later: nothing else of a counterpart's gets into a store."""
    if row.form is Form.CERTIFICATE:
        received_certificate(content, where=row.name)
    elif row.form is Form.REQUEST:
        read_request(content, where=row.name)
    elif row.form is Form.CHAIN:
        check_input(content, labels=("CERTIFICATE",), most=LONGEST_CHAIN, limit=CHAIN_LIMIT, where=row.name)
    elif row.name == ENDPOINTS:
        read_endpoints(content)


def receive_all(run: Run) -> None:
    """Receive for every side of this run what its counterparts published, then bring its JWS keys up to date."""
    jws_keys = JwsKeys(run)
    for side in run.own_sides():
        reader = Reader(run, side)
        for relation in run.relations(side):
            with run.guarded(relation.participant, STEP, side.name, "publication"):
                reader.receive(relation)
        if run.description.profile.has(JWS):
            with run.guarded(side.name, Phase.JWS_RECEIVED, side.name, "jws-keys"):
                jws_keys.keep(side)
    if run.description.profile.has(JWS):
        jws_keys.report_left_out()


class Reader:
    """Where one side reads what its counterparts published."""

    def __init__(self, run: Run, side: Side) -> None:
        self._run = run
        self._side = side
        self._owners: dict[str, str] = {}
        """Whose each known CA's name and key are; filled when first asked."""

    def receive(self, relation: Relation) -> None:
        """Judge one publication; keep what is right, report what is not, and install what was signed for this side."""
        run, side, counterpart = self._run, relation.side, relation.counterpart
        address = run.address(counterpart.name, side.name)
        trust = trust_in(run, relation)
        reception = receive(run.tree, address, trust)
        if reception is not None:
            self._report_aside(relation, reception.publication.aside, address.folder)
        if reception is None or reception.status is not ContactStatus.ACCEPTED:
            self._not_received(relation, reception)
            return
        published = reception.publication.files
        held_back = hold_back(run, relation, reception, automatic=trust.automatic)
        files = {name: content for name, content in published.items() if name not in held_back}
        refused = self._judge(relation, files)
        if "ca.pem" in held_back:
            # What the other CA signed waits with it.
            held_back |= refused.keys() & {"server.pem", LIST}
        if "ca.pem" in refused:
            files.pop(LIST, None)
        self._report(relation, {file: faults for file, faults in refused.items() if file not in held_back})
        accept(run.tree, address, reception)
        self._await(relation, _expected(run, relation) - set(published))
        right = {name: written_anew(name, content) for name, content in files.items() if name not in refused}
        if SEALED in right:
            install_credentials(run, relation, opened_credentials(run, relation, right[SEALED]))
        self._keep(relation, right)
        if "ca.pem" not in refused:
            install_signed(run, relation, right, waiting="ca.pem" in held_back)

    def _report_aside(self, relation: Relation, names: tuple[str, ...], folder: str) -> None:
        if names:
            detail = f"{folder}: left aside: {', '.join(ascii(name)[1:-1] for name in names)[:500]}; its sender may remove them"
            who = relation.counterpart.name
            self._note(relation, STEP, "publication", "files-left-aside", Disposition.PENDING, pending_on=who, detail=detail)

    def _not_received(self, relation: Relation, reception: Reception | None) -> None:
        if reception is None:
            self._await(relation, _expected(self._run, relation))
        else:
            tell_contact(self._run, relation, reception)

    def _judge(self, relation: Relation, files: Mapping[str, bytes]) -> dict[str, list[Fault]]:
        """The faults of each file that must not be kept."""
        judges = {"ca.pem": self._authority, "server.pem": self._server, "jws.pem": self._jws_key, layout.OWN_CLIENT: self._callers}
        judges |= {SEALED: self._credentials, LIST: self._revocations}
        found: dict[str, list[Fault]] = {}
        for file in files:
            try:
                if file in judges:
                    found[file] = judges[file](relation, files)
                else:
                    check_form(self._run.files[file], files[file])
            except (InputRefused, PublicationRefused, SigningRefused) as refusal:
                found[file] = [Fault(refusal.reason, f"{refusal.what}; {refusal.remedy}" if refusal.remedy else refusal.what, file)]
        return {file: faults for file, faults in found.items() if faults}

    def _authority(self, relation: Relation, files: Mapping[str, bytes]) -> list[Fault]:
        profile, now = self._run.description.profile, self._run.now
        chain = read_chain(files["ca.pem"], where="ca.pem")
        self._tell(relation, "ca.pem", authority_expiry(chain, profile.authority.renew_before_days, now))
        name, known = relation.counterpart.name, self._run.known_keys
        holders = (known.claimed_by_another(name, "ca", certificate_key(certificate)[1]) for certificate in chain)
        taken = [Fault("key-of-someone-else", f"has a key known as {holder}; allowed: one of {name}'s CA") for holder in holders if holder]
        return received_authority_faults(chain, profile=profile, others=self._others(chain, name), now=now) or taken

    def _server(self, relation: Relation, files: Mapping[str, bytes]) -> list[Fault]:
        """Judged by the CA that signs for the counterpart: as published beside it, or as it is known here."""
        run, counterpart, rule = self._run, relation.counterpart, self._server_rule(relation)
        if counterpart.endpoint is None:
            return []
        certificate = received_certificate(files["server.pem"], where="server.pem")
        issuer = issuer_of(run.description, rule, counterpart.name, HUB)
        if counterpart.name == HUB and run.description.directory.hub_server_ca_file:
            return []
        if isinstance(issuer, Directory):
            chain = directory_chain(run, relation.side.name)
            return received_server_faults(certificate, rule=rule, counterpart=counterpart, chain=chain, now=run.now) if chain else []
        if issuer == relation.side.name:
            chain = authority_chain(run, issuer)
        elif issuer == counterpart.name and "ca.pem" in files:
            chain = read_chain(files["ca.pem"], where="ca.pem")
        else:
            chain = received_chain(run, relation.side.name, issuer)
        self._tell(relation, "server.pem", expiry_notice(certificate, rule=rule, holder=counterpart, chain=chain, now=run.now))
        return received_server_faults(certificate, rule=rule, counterpart=counterpart, chain=chain, now=run.now)

    def _jws_key(self, relation: Relation, files: Mapping[str, bytes]) -> list[Fault]:
        """Two holders of one key could each pass for the other, so it is this counterpart's for signatures, or no one's yet."""
        public = read_public_key(files["jws.pem"], where="jws.pem", kinds=self._run.description.profile.rule("jws").key_kinds)
        name, owner = relation.counterpart.name, self._run.known_keys.owner(public_digest(public))
        if owner in {None, ownership(name, "jws")}:
            return []
        reason = "key-retired" if owner == RETIRED else "key-used-elsewhere" if owner.startswith(f"{name} ") else "key-of-someone-else"
        return [Fault(reason, f"is a key that is known already: {owner}; allowed: a key of {name} for signatures alone", "jws.pem")]

    def _revocations(self, relation: Relation, files: Mapping[str, bytes]) -> list[Fault]:
        run, name = self._run, relation.counterpart.name
        if not has_authority(run.description, name):
            return [Fault("file-unwanted", "is of a side without a CA of its own")]
        chain = read_chain(files["ca.pem"], where="ca.pem") if "ca.pem" in files else received_chain(run, relation.side.name, name)
        if not chain:
            return [Fault("crl-signature", "cannot be checked: its CA is not known here")]
        found = received_list(run, relation, files[LIST], chain)
        self._tell(relation, LIST, found.notices)
        return found.faults

    def _callers(self, relation: Relation, files: Mapping[str, bytes]) -> list[Fault]:
        """With these the counterpart calls a side that has no CA to sign them; a side that has one lets in what it signed.

        One that was accepted under the names described before goes on: the counterpart announces one with the present names beside it.
        """
        run, counterpart = self._run, relation.counterpart
        if has_authority(run.description, relation.side.name):
            return [Fault("file-unwanted", "is for sides without a CA of their own")]
        check_input(files[layout.OWN_CLIENT], labels=("CERTIFICATE",), most=2, limit=CHAIN_LIMIT, where=layout.OWN_CLIENT)
        chain = read_chain(files["ca.pem"], where="ca.pem") if "ca.pem" in files else ()
        rule, now, kept = run.description.profile.rule("client", hub=counterpart.name == HUB), run.now, self._kept_callers(relation)
        found = [
            (fault, fault.reason in NAMES and certificate in kept)
            for certificate in read_certificates(files[layout.OWN_CLIENT])
            for fault in certificate_faults(certificate, rule=rule, holder=counterpart, chain=chain, now=now)
            if fault.reason != NOT_SERIOUS
        ]
        outdated = (replace(fault, detail=f"{fault.detail}: as described before") for fault, named_before in found if named_before)
        self._tell(relation, layout.OWN_CLIENT, outdated)
        return [fault for fault, named_before in found if not named_before]

    def _kept_callers(self, relation: Relation) -> Chain:
        """The certificates with which the counterpart may call as it is; none where the copy is damaged: it is replaced."""
        pem = self._run.tree.read(f"{layout.received_folder(relation.side.name, relation.counterpart.name)}/{layout.OWN_CLIENT}")
        with suppress(CertificateUnreadable):
            return () if pem is None else read_certificates(pem)
        return ()

    def _credentials(self, relation: Relation, files: Mapping[str, bytes]) -> list[Fault]:
        check_sealed(files[SEALED])
        sealed_anew(files[SEALED], where=SEALED)
        opened_credentials(self._run, relation, files[SEALED])
        return []

    def _others(self, chain: Chain, counterpart: str) -> dict[str, str]:
        """Which of this chain's names and keys are those of another side's CA: two sides must not share one."""
        if not self._owners:
            self._own(self._side.name, authority_chain(self._run, self._side.name))
            for name in self._run.tree.names(f"store/{self._side.name}/received"):
                # A damaged copy is replaced when its own publication is read.
                with suppress(OnboardingError):
                    self._own(name, received_chain(self._run, self._side.name, name))
        marks = authority_marks(chain)
        return {mark: owner for mark in marks if (owner := self._owners.get(mark, counterpart)) != counterpart}

    def _own(self, name: str, chain: Chain) -> None:
        for mark in authority_marks(chain):
            self._owners.setdefault(mark, name)

    def _keep(self, relation: Relation, files: Mapping[str, bytes]) -> None:
        """Keep verified copies; what differs from what is approved is reported, never taken over."""
        folder = layout.received_folder(relation.side.name, relation.counterpart.name)
        kept = contents(self._run.tree, folder)
        for name, content in sorted(files.items()):
            if kept.get(name) != content:
                step = STEP if name == "ca.pem" else self._run.files[name].step
                self._note(relation, step, f"received/{name}", "replaced" if name in kept else "not-installed")
        if kept != {**kept, **files}:
            # As where this side signs: the one before stays known, so that its listener accepts both for a while.
            replaced = layout.OWN_CLIENT in files and layout.OWN_CLIENT in kept and files[layout.OWN_CLIENT] != kept[layout.OWN_CLIENT]
            before = {layout.PREVIOUS_OWN_CLIENT: kept[layout.OWN_CLIENT]} if replaced else {}
            self._run.tree.write_folder(folder, {**kept, **files, **before})
        self._end_replaced(relation, f"{folder}/{layout.PREVIOUS_OWN_CLIENT}")
        if "ca.pem" in files:
            chain = read_chain(files["ca.pem"], where="ca.pem")
            self._own(relation.counterpart.name, chain)
            for certificate in chain if kept.get("ca.pem") != files["ca.pem"] else ():
                # The signing policy then knows them for what they are: no key for a leaf.
                self._run.known_keys.claim(relation.counterpart.name, "ca", certificate_key(certificate)[1])
        if "jws.pem" in files and kept.get("jws.pem") != files["jws.pem"]:
            self._run.known_keys.claim(relation.counterpart.name, "jws", public_digest(read_public_key(files["jws.pem"], where="jws.pem")))
        if "server.pem" in files and kept.get("server.pem") != files["server.pem"]:
            self._claim_server_key(relation.counterpart.name, files["server.pem"])
        if "endpoints.json" in files:
            compare_endpoints(self._run, relation, files["endpoints.json"])

    def _claim_server_key(self, name: str, pem: bytes) -> None:
        """The signing policy then refuses a request for a client certificate with this key."""
        digest = certificate_key(received_certificate(pem, where="server.pem"))[1]
        if self._run.known_keys.owner(digest) is None:
            self._run.known_keys.claim(name, "server", digest)

    def _end_replaced(self, relation: Relation, path: str) -> None:
        """As where this side signs: a key that a person has permitted to be replaced may be known to others."""
        permitted = f"{relation.counterpart.name}/client/{relation.side.name}" in self._run.rekey
        if permitted and self._run.tree.status(path) is not None:
            self._note(relation, self._run.files[layout.OWN_CLIENT].step, f"received/{layout.PREVIOUS_OWN_CLIENT}", "certificate-withdrawn")
            self._run.tree.remove(path)

    def _await(self, relation: Relation, files: Iterable[str]) -> None:
        who = relation.counterpart.name
        for file in sorted(files):
            self._note(relation, self._run.files[file].step, file, "awaiting-counterpart", Disposition.PENDING, pending_on=who)

    def _report(self, relation: Relation, refused: Mapping[str, list[Fault]]) -> None:
        folder = layout.publication_folder(relation.counterpart.name, relation.side.name)
        for file, faults in sorted(refused.items()):
            for fault in faults:
                # A counterpart that is late with its list, or with a changed host, is waited for; nothing stops for it.
                outdated = (file, fault.reason) == ("server.pem", "san") and self._outdated(relation)
                late = outdated or fault.reason == "crl-expired"
                disposition, who = (Disposition.PENDING, relation.counterpart.name) if late else (Disposition.FAULT, "")
                asked = f", which the description names now; {who} must publish a certificate for it" if outdated else ""
                detail = f"{folder}/{file}: {fault.detail}{asked}"
                self._note(relation, self._run.files[file].step, file, fault.reason, disposition, pending_on=who, detail=detail)

    def _server_rule(self, relation: Relation) -> CertificateRule:
        return self._run.description.profile.rule("server", hub=relation.counterpart.name == HUB)

    def _outdated(self, relation: Relation) -> bool:
        """Whether the server certificate that was kept does not name the described host either: the description has changed since."""
        pem = self._run.tree.read(f"{layout.received_folder(relation.side.name, relation.counterpart.name)}/server.pem")
        if pem is None:
            return False
        counterpart, rule, now = relation.counterpart, self._server_rule(relation), self._run.now
        with suppress(InputRefused):
            certificate = received_certificate(pem, where="server.pem")
            found = received_server_faults(certificate, rule=rule, counterpart=counterpart, chain=(), now=now)
            return "san" in {fault.reason for fault in found}
        return False

    def _tell(self, relation: Relation, file: str, faults: Iterable[Fault]) -> None:
        who = relation.counterpart.name
        for fault in faults:
            self._note(relation, self._run.files[file].step, file, fault.reason, Disposition.PENDING, pending_on=who, detail=fault.detail)

    def _note(
        self,
        relation: Relation,
        step: str,
        artefact: str,
        reason: str,
        disposition: Disposition = Disposition.CHANGE,
        *,
        pending_on: str = "",
        detail: str = "",
    ) -> None:
        self._run.note(Finding(relation.participant, step, relation.side.name, artefact, reason, disposition, pending_on, detail))


def _expected(run: Run, relation: Relation) -> set[str]:
    """What must be published for this side to go on."""
    side, counterpart = relation.side, relation.counterpart
    names = {"exchange.pem"} if counterpart.name == HUB and not trust_in(run, relation).channel else set()
    names |= {"jws.pem"} if run.description.profile.has(JWS) else set()
    if has_authority(run.description, counterpart.name):
        names |= {"ca.pem", "server.pem"} if counterpart.endpoint is not None else {"ca.pem"}
    if shows_client(run.description, counterpart, side) and side.endpoint is not None:
        names.add(layout.OWN_CLIENT)
    by_pack = counterpart.ca.kind not in {"none", "offline"}
    if by_pack and run.tree.status(f"{layout.received_folder(side.name, counterpart.name)}/{LIST}") is not None:
        # No one must publish one. Who has, goes on: else the last one would be believed for ever. Who has no CA any more, or one
        # that is offline now, has none to publish.
        names.add(LIST)
    names |= {f"{artefact.rule.name}.csr" for artefact in run.requests_between(counterpart, side)}
    return names | {f"{artefact.published}.pem" for artefact in run.requests_between(side, counterpart)}
