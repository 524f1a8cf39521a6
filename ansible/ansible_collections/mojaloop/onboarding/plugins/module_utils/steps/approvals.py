# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a counterpart published and no one has approved: reported with both values, never taken over by itself."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from ..description.model import HUB
from ..document_steps import Phase
from ..exchange.first_contact import CHANNEL, SIGNED, ContactStatus, Reception, first_publication_digest
from ..findings import OPERATOR, Disposition, Finding
from ..formats import read_json, refuse_newer
from ..pki.authority import read_chain
from ..pki.certificates import fingerprint
from ..pki.inputs import InputRefused
from ..pki.keys import public_digest, read_public_key
from ..store import layout
from .run import Relation, Run

ENDPOINTS = {
    "fspiop_id": (Phase.ADDRESSES, "FSPIOP id"),
    "egress_addresses": (Phase.ADDRESSES, "egress addresses"),
    "addresses": (Phase.URLS, "addresses of the listener"),
    "url": (Phase.URLS, "url"),
}
"""The fields of ``endpoints.json``: the document step that each is for, and what it is called."""
_HOST = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")


def tell_contact(run: Run, relation: Relation, reception: Reception) -> None:
    """Report a publication that is not accepted: it awaits a person, or is another than the one that was confirmed."""
    if reception.status is ContactStatus.REFUSED:
        detail = f"the publication's digest is {reception.digest}; the description confirms another one"
        _note(run, relation, Phase.PUBLICATION_RECEIVED, "publication", reception.reason, detail, Disposition.FAULT)
        return
    _await_approval(run, relation, Phase.PUBLICATION_RECEIVED, "publication", _remedy(relation, reception.digest))


def hold_back(run: Run, relation: Relation, reception: Reception, *, automatic: bool) -> set[str]:
    """The files of an accepted publication that are not what was approved: another CA, another JWS key.

    A manifest's signature, or the transport, says who sent them, not that a person has seen them. Confirming the publication's digest
    (``first_publication``) approves them.
    """
    if automatic or reception.provenance not in {SIGNED, CHANNEL}:
        return set()
    files, held_back = reception.publication.files, set()
    # Its exchange key changes by itself: the old key's signature announces the new one.
    for file in [row.name for row in run.files.values() if row.approved]:
        kept = run.tree.read(f"{layout.received_folder(relation.side.name, relation.counterpart.name)}/{file}")
        if file in files and kept is not None and kept != files[file]:
            approved, published = _identity(file, kept), _identity(file, files[file])
            if not published <= approved:
                was, now = (", ".join(sorted(digests)) for digests in (approved, published))
                detail = f"approved: {was}; published: {now}; {_remedy(relation, first_publication_digest(files, run.files))}"
                _await_approval(run, relation, run.files[file].step, file, detail)
                held_back.add(file)
    return held_back


def read_endpoints(content: bytes) -> dict[str, set[str]]:
    """What a counterpart states of its endpoints, as text to compare and show, by field; InputRefused (``unreadable``), NewerFormat."""
    try:
        published = read_json(content)
        refuse_newer(published, where="endpoints.json")
        unknown = set(published) - {"format", *ENDPOINTS}
        stated = {name: published[name] for name in ENDPOINTS if name in published or name in {"url", "egress_addresses"}}
        found = {name: _stated(name, value) for name, value in stated.items()}
    except (ValueError, KeyError, TypeError) as error:
        raise InputRefused("unreadable", f"is not the expected JSON ({error})", where="endpoints.json") from error
    if unknown:
        what = f"has unknown fields: {ascii(sorted(unknown))[:200]}; allowed: format, {', '.join(ENDPOINTS)}"
        raise InputRefused("unreadable", what, where="endpoints.json")
    return found


def compare_endpoints(run: Run, relation: Relation, content: bytes) -> None:
    """Report where the published id, addresses and URL differ from those of the description, which count."""
    side = relation.counterpart
    approved = {
        "fspiop_id": {side.fspiop_id},
        "egress_addresses": {str(network) for network in side.egress_addresses},
        "url": {side.endpoint.url if side.endpoint else ""},
    }
    stated = read_endpoints(content)
    for name, has in approved.items():
        says = stated.get(name, has)
        if says != has:
            detail = f"{ENDPOINTS[name][1]} published: {', '.join(sorted(says))[:500]!r}; approved: {', '.join(sorted(has))[:500]!r}"
            _await_approval(run, relation, ENDPOINTS[name][0], "endpoints.json", detail)


def _stated(name: str, value: object) -> set[str]:
    """The texts of one field; ValueError for another type, for what is no address, and for a URL that is not that of a listener."""
    if name in {"addresses", "egress_addresses"}:
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise ValueError(f"{name} is not a list of texts")
        read = ip_address if name == "addresses" else ip_network
        return {str(read(one)) for one in value}
    if not isinstance(value, str):
        raise ValueError(f"{name} is not a text")  # noqa: TRY004 -- all that is wrong with a file is one refusal
    url = urlsplit(value)
    if name == "url" and value and (url.scheme != "https" or not _HOST.fullmatch(url.netloc)):
        raise ValueError(f"the url {ascii(value)[:200]} is not https://<host>[:<port>]")
    return {value}


def _identity(file: str, content: bytes) -> set[str]:
    """SHA-256 of each certificate (DER) or of the public key (SubjectPublicKeyInfo)."""
    if file == "ca.pem":
        return {f"sha256:{fingerprint(certificate)}" for certificate in read_chain(content, where=file)}
    return {f"sha256:{public_digest(read_public_key(content, where=file))}"}


def _remedy(relation: Relation, digest: str) -> str:
    if relation.counterpart.name == HUB:
        place = f"first_publications of hub.yml: {relation.side.name}: {digest}"
    else:
        place = f"participants/{relation.participant}.yml: first_publication: {digest}"
    return f"confirm the digest over another channel, then write it into {place}"


def _await_approval(run: Run, relation: Relation, step: str, artefact: str, detail: str) -> None:
    _note(run, relation, step, artefact, "awaiting-approval", detail, Disposition.PENDING)


def _note(run: Run, relation: Relation, step: str, artefact: str, reason: str, detail: str, disposition: Disposition) -> None:
    who = "" if disposition is not Disposition.PENDING else OPERATOR if relation.side.name == HUB else relation.side.name
    run.note(Finding(relation.participant, step, relation.side.name, artefact, reason, disposition, who, detail))
