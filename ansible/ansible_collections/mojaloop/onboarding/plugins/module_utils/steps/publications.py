# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What each side shares with its counterpart (TLS 2, 4 and 6, JWS 2, endpoints, OAuth), and the hub's list of JWS keys."""

from __future__ import annotations

import json

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from ..description.model import HUB, Side
from ..description.trust import has_authority, issuer_of, shows_client
from ..document_steps import Phase
from ..errors import StoreError
from ..exchange.jws_list import publish_jws_list
from ..exchange.publication import publish
from ..exchange.published import (
    AUTHORITY,
    CREDENTIALS,
    ENDPOINTS,
    EXCHANGE_CERTIFICATE,
    JWS_KEY,
    NEXT_EXCHANGE_CERTIFICATE,
    Form,
    PublishedFile,
)
from ..findings import Finding
from ..pki.certificates import CertificateUnreadable, read_certificate
from ..pki.keys import read_own_key
from ..pki.revocation import LIST
from ..store import layout
from .authorities import directory_chain, pem_of
from .jws_keys import hub_keys
from .run import Relation, Run, rekey_switch

_NONE = PublishedFile("", "")


def publish_all(run: Run) -> None:
    """Publish the hub's list of JWS keys, then for every side of this run what its counterparts need.

    The list first: where the hub has changed its exchange key, readers know both keys until they receive a manifest that the
    new one signed. A run that is killed in between leaves no one with a list that a key of before signed.
    """
    if HUB in run.sides:
        with run.guarded(HUB, Phase.JWS_SHARED, HUB, "jws-list"):
            _publish_list(run)
    for side in run.own_sides():
        for relation in run.relations(side):
            with run.guarded(relation.participant, Phase.PUBLICATION_MADE, side.name, "publication"):
                _publish(run, relation)


def publication_files(run: Run, side: Side, counterpart: Side) -> dict[str, bytes]:
    """The files that ``side`` has for ``counterpart`` now, by their names in the exchange."""
    store = layout.store_folder
    # What is left of a CA that the description does not give to this side any more is no one's business.
    authority = has_authority(run.description, side.name)
    own_server = (
        issuer_of(run.description, run.description.profile.rule("server", hub=side.name == HUB), side.name, HUB) != counterpart.name
    )
    found = {
        AUTHORITY: run.tree.read(f"{store(side.name, 'ca')}/chain.pem") if authority else None,
        # Optional: a side whose CA is offline, or that does without this pack, sends none.
        LIST: run.tree.read(layout.own_list_path(side.name)) if authority else None,
        # A reader that signed it has it already.
        "server.pem": run.tree.read(f"{store(side.name, 'server')}/certificate.pem") if own_server else None,
        EXCHANGE_CERTIFICATE: run.tree.read(f"{store(side.name, 'exchange')}/certificate.pem"),
        NEXT_EXCHANGE_CERTIFICATE: run.tree.read(f"{layout.upcoming_folder(side.name, 'exchange')}/certificate.pem"),
        layout.OWN_CLIENT: _own_client(run, side, counterpart) if shows_client(run.description, side, counterpart) else None,
        JWS_KEY: run.tree.read(f"{store(side.name, 'jws')}/public.pem"),
        ENDPOINTS: _endpoints(side),
        CREDENTIALS: run.tree.read(layout.sealed_credentials_path(counterpart.name)) if side.name == HUB else None,
    }
    for artefact in run.requests_between(side, counterpart):
        folder = store(side.name, artefact.rule.name, artefact.counterpart)
        upcoming = layout.upcoming_folder(side.name, artefact.rule.name, artefact.counterpart)
        found[f"{artefact.rule.name}.csr"] = run.tree.read(f"{upcoming}/request.pem") or run.tree.read(f"{folder}/request.pem")
    for artefact in run.requests_between(counterpart, side):
        signed = run.tree.read(layout.issued_path(side.name, counterpart.name, artefact.rule.name))
        if signed is not None and _readable(signed):
            found[f"{artefact.published}.pem"] = signed
            chain = directory_chain(run, side.name) if artefact.submitter else ()
            found[f"{artefact.published}-chain.pem"] = pem_of(chain) if chain else found[AUTHORITY]
    for rule in run.description.profile.certificates:
        if run.files.get(f"{rule.name}.pem", _NONE).form is Form.CERTIFICATE and not rule.per_counterpart:
            found[f"{rule.name}.pem"] = run.tree.read(f"{store(side.name, rule.name)}/certificate.pem")
    return {name: content for name, content in found.items() if content is not None and name in run.files}


def _own_client(run: Run, side: Side, counterpart: Side) -> bytes | None:
    """The certificates with which a side calls a counterpart that has not signed them: the one in use, then the announced one."""
    folders = [place(side.name, "client", counterpart.name) for place in (layout.store_folder, layout.upcoming_folder)]
    found = [run.tree.read(f"{folder}/certificate.pem") for folder in folders]
    return b"".join(pem for pem in found if pem is not None and _readable(pem)) or None


def _readable(certificate: bytes) -> bool:
    """Whether this is a certificate still; what is damaged is signed again, and not shared meanwhile."""
    try:
        read_certificate(certificate)
    except CertificateUnreadable:
        return False
    return True


def exchange_key(run: Run, side: str) -> RSAPrivateKey:
    """A side's exchange key; StoreError when it is damaged or missing."""
    path = f"{layout.store_folder(side, 'exchange')}/key.pem"
    pem = run.tree.read(path)
    if pem is None:
        raise StoreError("is not there", where=path, remedy="Run the role certificates: its step generate makes it.")
    key = read_own_key(pem, where=path)
    if not isinstance(key, RSAPrivateKey):
        msg = "the exchange key is not an RSA key"
        raise StoreError(msg, where=path, remedy=f"PKCS#7 encryption takes RSA only; permit a new one: {rekey_switch(f'{side}/exchange')}.")
    return key


def _publish(run: Run, relation: Relation) -> None:
    side, counterpart = relation.side, relation.counterpart
    files = publication_files(run, side, counterpart)
    address = run.address(side.name, counterpart.name)
    replaced = publish(run.tree, address, files, exchange_key(run, side.name))
    if replaced is None:
        return
    before = replaced.files
    found = [(name, "not-published") for name in files if name not in before]
    found += [(name, "publication-differs") for name in files if before.get(name, files[name]) != files[name]]
    found += [(name, "publication-unwanted") for name in before if name not in files]
    for name, reason in sorted(found or [("manifest.json", "publication-differs")]):
        run.note(
            Finding(relation.participant, run.files[name].step if name in run.files else Phase.PUBLICATION_MADE, side.name, name, reason)
        )


def _publish_list(run: Run) -> None:
    """The hub vouches for every active side's key; participants outside this run keep their entries."""
    keys = hub_keys(run)
    if keys and publish_jws_list(run.tree, run.description.environment, keys, exchange_key(run, HUB)):
        run.note(Finding(HUB, Phase.JWS_SHARED, HUB, "jws-list", "publication-differs", detail=", ".join(sorted(keys))))


def _endpoints(side: Side) -> bytes:
    facts: dict[str, object] = {
        "format": 1,
        "fspiop_id": side.fspiop_id,
        "url": side.endpoint.url if side.endpoint else "",
        "addresses": [str(address) for address in side.endpoint.addresses] if side.endpoint else [],
        "egress_addresses": [str(network) for network in side.egress_addresses],
    }
    return (json.dumps(facts, indent=2, sort_keys=True) + "\n").encode()
