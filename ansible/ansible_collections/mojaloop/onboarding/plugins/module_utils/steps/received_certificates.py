# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What counterparts published: judged at first contact, verified and kept as verified copies (TLS 3 and 8)."""

from __future__ import annotations

import json
from collections.abc import Mapping

from cryptography import x509

from ..description.model import HUB, Approval
from ..description.trust import has_authority, requests_between
from ..exchange.first_contact import ContactStatus, Reception, Trust, accept, receive
from ..exchange.publication import Address
from ..findings import Disposition, Finding
from ..pki.authority import read_chain
from ..pki.faults import Fault
from ..pki.keys import key_kind, read_public_key
from ..pki.verification import Chain, authority_marks, received_authority_faults, received_server_faults
from ..store import layout
from .authorities import authority_chain, received_chain
from .installation import install_signed
from .jws_keys import keep_jws_keys
from .publications import STEP_OF_FILE
from .run import Relation, Run

STEP = "tls-3"
OPERATOR = "the hub operator"


def receive_all(run: Run) -> None:
    """Receive for every side of this run what its counterparts published, then bring its JWS keys up to date."""
    for side in run.own_sides():
        for relation in run.relations(side):
            with run.guarded(relation.participant, STEP, side.name, "publication"):
                _receive(run, relation)
        with run.guarded(side.name, "jws-3", side.name, "jws-keys"):
            keep_jws_keys(run, side)


def _receive(run: Run, relation: Relation) -> None:
    side, counterpart = relation.side, relation.counterpart
    address = Address(run.description.environment, counterpart.name, side.name)
    reception = receive(run.tree, address, _trust(run, relation))
    if reception is None:
        _await(run, relation, _expected(run, relation))
        return
    if reception.status is not ContactStatus.ACCEPTED:
        _report_contact(run, relation, reception)
        return
    files = reception.publication.files
    refused = _judge(run, relation, files)
    for file, faults in sorted(refused.items()):
        for fault in faults:
            detail = f"{layout.publication_folder(counterpart.name, side.name)}/{file}: {fault.detail}"
            _note(run, relation, STEP_OF_FILE[file], file, fault.reason, Disposition.FAULT, detail=detail)
    accept(run.tree, address, reception)
    _await(run, relation, _expected(run, relation) - set(files))
    _keep(run, relation, {name: content for name, content in files.items() if name not in refused})
    if "ca.pem" not in refused:
        install_signed(run, relation, files)


def _trust(run: Run, relation: Relation) -> Trust:
    described = run.description.participant(relation.participant)
    both_here = {relation.side.name, relation.counterpart.name} <= set(run.sides)
    automatic = run.description.approval is Approval.AUTOMATIC or both_here
    plain = relation.counterpart.name != HUB and described.manifest == "none"
    # What was confirmed is the participant's first publication, not the hub's.
    confirmed = "" if relation.counterpart.name == HUB else described.first_publication
    return Trust(confirmed, automatic=automatic, plain=plain)


def _expected(run: Run, relation: Relation) -> set[str]:
    """What must be published for this side to go on."""
    side, counterpart = relation.side, relation.counterpart
    names = {"jws.pem", "exchange.pem"} if counterpart.name == HUB else {"jws.pem"}
    if has_authority(run.description, counterpart.name):
        names |= {"ca.pem", "server.pem"} if counterpart.endpoint is not None else {"ca.pem"}
    names |= {f"{artefact.rule.name}.csr" for artefact in requests_between(run.description, counterpart, side)}
    return names | {f"{artefact.published}.pem" for artefact in requests_between(run.description, side, counterpart)}


def _await(run: Run, relation: Relation, files: set[str]) -> None:
    for file in sorted(files):
        _note(run, relation, STEP_OF_FILE[file], file, "awaiting-counterpart", Disposition.PENDING, pending_on=relation.counterpart.name)


def _report_contact(run: Run, relation: Relation, reception: Reception) -> None:
    if reception.status is ContactStatus.REFUSED:
        detail = f"the publication's digest is {reception.digest}; the description confirms another one"
        _note(run, relation, STEP, "publication", reception.reason, Disposition.FAULT, detail=detail)
        return
    file = f"participants/{relation.participant}.yml"
    detail = f"confirm the digest over another channel, then write first_publication: {reception.digest} into {file}"
    _note(run, relation, STEP, "publication", "awaiting-approval", Disposition.PENDING, pending_on=OPERATOR, detail=detail)


def _judge(run: Run, relation: Relation, files: Mapping[str, bytes]) -> dict[str, list[Fault]]:
    """The faults of each file that must not be kept."""
    found: dict[str, list[Fault]] = {}
    profile, counterpart = run.description.profile, relation.counterpart
    chain: Chain = ()
    if "ca.pem" in files:
        chain = read_chain(files["ca.pem"], where="ca.pem")
        found["ca.pem"] = received_authority_faults(chain, profile=profile, others=_other_marks(run, relation), now=run.now)
    if "server.pem" in files and counterpart.endpoint is not None:
        certificate = x509.load_pem_x509_certificate(files["server.pem"])
        found["server.pem"] = received_server_faults(
            certificate, rule=profile.rule("server"), counterpart=counterpart, chain=chain, now=run.now
        )
    if "jws.pem" in files:
        kind = key_kind(read_public_key(files["jws.pem"], where="jws.pem"))
        allowed = profile.rule("jws").key_kinds
        if kind not in allowed:
            found["jws.pem"] = [Fault("key-kind", f"is {kind}; allowed: {', '.join(allowed)}", "jws.pem")]
    return {file: faults for file, faults in found.items() if faults}


def _other_marks(run: Run, relation: Relation) -> dict[str, str]:
    """Marks of every other side's CA that this side knows: two sides must not share a subject or a key."""
    side = relation.side.name
    known = {side: authority_chain(run, side)}
    for name in run.tree.names(f"store/{side}/received"):
        if name != relation.counterpart.name:
            known[name] = received_chain(run, side, name)
    return {mark: name for name, chain in known.items() for mark in authority_marks(chain)}


def _keep(run: Run, relation: Relation, files: Mapping[str, bytes]) -> None:
    """Keep verified copies; what differs from what is approved is reported, never taken over."""
    folder = layout.received_folder(relation.side.name, relation.counterpart.name)
    kept = {name: run.tree.read(f"{folder}/{name}") or b"" for name in run.tree.names(folder)}
    for name, content in sorted(files.items()):
        if kept.get(name) != content:
            step = STEP if name == "ca.pem" else STEP_OF_FILE[name]
            _note(run, relation, step, f"received/{name}", "replaced" if name in kept else "not-installed")
    if kept != {**kept, **files}:
        run.tree.write_folder(folder, {**kept, **files})
    if "endpoints.json" in files:
        _compare_endpoints(run, relation, files["endpoints.json"])


def _compare_endpoints(run: Run, relation: Relation, content: bytes) -> None:
    try:
        published = json.loads(content)
        stated = {str(address) for address in published["egress_addresses"]}
        url = str(published["url"])
    except (ValueError, KeyError, TypeError) as error:
        _note(run, relation, "endpoints-1", "endpoints.json", "unreadable", Disposition.FAULT, detail=f"not the expected JSON ({error})")
        return
    side = relation.counterpart
    approved = {str(network) for network in side.egress_addresses}
    for step, what, says, has in (
        ("endpoints-1", "egress addresses", stated, approved),
        ("endpoints-2", "url", {url}, {side.endpoint.url if side.endpoint else ""}),
    ):
        if says != has:
            detail = f"{what} published: {', '.join(sorted(says))[:500]!r}; approved: {', '.join(sorted(has))[:500]!r}"
            _note(run, relation, step, "endpoints.json", "awaiting-approval", Disposition.PENDING, pending_on=OPERATOR, detail=detail)


def _note(  # noqa: PLR0913 -- the facts of one finding
    run: Run,
    relation: Relation,
    step: str,
    artefact: str,
    reason: str,
    disposition: Disposition = Disposition.CHANGE,
    *,
    pending_on: str = "",
    detail: str = "",
) -> None:
    run.note(Finding(relation.participant, step, relation.side.name, artefact, reason, disposition, pending_on, detail))
