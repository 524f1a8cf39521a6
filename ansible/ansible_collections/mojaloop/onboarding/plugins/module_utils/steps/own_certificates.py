# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What each side makes by itself: CA, server, JWS and exchange keys with certificates, requests (TLS 1 and 4, JWS 1)."""

from __future__ import annotations

import secrets

from cryptography import x509

from ..description.model import Side
from ..description.trust import SELF, Artefact, artefacts_of
from ..findings import Disposition, Finding
from ..pki.faults import Fault, remedy
from ..pki.issuing import issue, self_signed
from ..pki.keys import PrivateKey, private_pem, public_digest, public_pem, read_own_key
from ..pki.keystore import keystore_record, make_keystore
from ..pki.requests import make_request
from ..pki.signers import AwaitingSignature
from ..pki.verification import Chain, artefact_faults
from ..store import layout
from .authorities import authority_chain, keep_authority, pem_of, received_chain, signer_of
from .run import Run


def make_own_certificates(run: Run) -> None:
    """Make and check what every side of this run makes by itself."""
    for side in run.own_sides():
        usable = False
        with run.guarded(side.name, "tls-1", side.name, "ca"):
            usable = keep_authority(run, side)
        for artefact in artefacts_of(run.description, side, run.counterparts(side)):
            if artefact.issuer != side.name or usable:
                with run.guarded(artefact.counterpart or side.name, artefact.rule.steps[0], side.name, artefact.label):
                    _keep(run, side, artefact)


def _keep(run: Run, side: Side, artefact: Artefact) -> None:
    folder = layout.store_folder(side.name, artefact.rule.name, artefact.counterpart)
    found = artefact_faults(run.tree, folder, rule=artefact.rule, holder=side, issuer_chain=_issuer_chain(run, artefact), now=run.now)
    remedies = {remedy(fault) for fault in found}
    permitted = f"{side.name}/{artefact.label}" in run.rekey
    if "person" in remedies and not permitted:
        _report(run, side, artefact, [fault for fault in found if remedy(fault) == "person"])
    elif found:
        _replace(run, side, artefact, found[0], new_key="person" in remedies or "renew" in remedies)


def _replace(run: Run, side: Side, artefact: Artefact, fault: Fault, *, new_key: bool) -> None:
    """Make the artefact again; one that a counterpart signs is prepared beside the one in use."""
    folder = layout.store_folder(side.name, artefact.rule.name, artefact.counterpart)
    signed_elsewhere = artefact.issuer not in {side.name, SELF}
    in_use = signed_elsewhere and run.tree.read(f"{folder}/certificate.pem") is not None
    if in_use and new_key:
        folder = layout.upcoming_folder(side.name, artefact.rule.name, artefact.counterpart)
        if run.tree.read(f"{folder}/request.pem") is not None:
            return
    kept = None if new_key else run.tree.read(f"{folder}/key.pem")
    key = run.keys.make(getattr(side.keys, artefact.rule.key_choice)) if kept is None else read_own_key(kept, where=f"{folder}/key.pem")
    run.known_keys.claim(side.name, artefact.rule.name, public_digest(key.public_key()))
    files = {"key.pem": private_pem(key), "request.pem": make_request(key, rule=artefact.rule, side=side)}
    run.note(_finding(artefact, side, fault))
    if signed_elsewhere:
        files |= {} if new_key else _kept_certificates(run, folder)
    else:
        try:
            certificate, chain = _certificate(run, side, artefact, key)
        except AwaitingSignature as awaiting:
            run.tree.write_folder(folder, files)
            run.note(_finding(artefact, side, Fault("awaiting-signature", str(awaiting)), pending_on="the offline CA"))
            return
        files |= {"certificate.pem": pem_of((certificate,)), "chain.pem": pem_of(chain)}
        if artefact.rule.name == "jws":
            files |= _jws_files(side, key, certificate, chain)
    run.tree.write_folder(folder, files)


def _certificate(run: Run, side: Side, artefact: Artefact, key: PrivateKey) -> tuple[x509.Certificate, Chain]:
    profile = run.description.profile
    if artefact.issuer == SELF:
        return self_signed(key, rule=artefact.rule, profile=profile, holder=side, now=run.now), ()
    signer = signer_of(run, side.name)
    assert signer is not None, "keep_authority came first"  # noqa: S101
    journal = run.journal(side.name, side.name, artefact.rule.name, public_digest(key.public_key()), why="own", provenance="own")
    certificate = issue(
        signer, rule=artefact.rule, profile=profile, holder=side, public_key=key.public_key(), now=run.now, serials=journal, why="own"
    )
    return certificate, signer.chain


def _jws_files(side: Side, key: PrivateKey, certificate: x509.Certificate, chain: Chain) -> dict[str, bytes]:
    """The documents' keystore (JWS 1), with a passphrase of 128 bits and more, and the public key to share (JWS 2)."""
    passphrase = secrets.token_urlsafe(24).encode()
    keystore = make_keystore(side.fspiop_id, key, certificate, chain, passphrase)
    return {
        "public.pem": public_pem(key.public_key()),
        "keystore.p12": keystore,
        "keystore.passphrase": passphrase,
        "keystore.record": keystore_record(keystore, passphrase, key_digest=public_digest(key.public_key()), certificate=certificate),
    }


def _issuer_chain(run: Run, artefact: Artefact) -> Chain:
    if artefact.issuer == SELF:
        return ()
    if artefact.issuer == artefact.holder:
        return authority_chain(run, artefact.holder)
    return received_chain(run, artefact.holder, artefact.issuer)


def _kept_certificates(run: Run, folder: str) -> dict[str, bytes]:
    kept = {name: run.tree.read(f"{folder}/{name}") for name in ("certificate.pem", "chain.pem")}
    return {name: content for name, content in kept.items() if content is not None}


def _finding(artefact: Artefact, side: Side, fault: Fault, pending_on: str = "") -> Finding:
    disposition = Disposition.PENDING if pending_on else Disposition.CHANGE
    who = artefact.counterpart if side.name == "hub" and artefact.counterpart else side.name
    return Finding(who, artefact.rule.steps[0], side.name, artefact.label, fault.reason, disposition, pending_on, fault.detail)


def _report(run: Run, side: Side, artefact: Artefact, found: list[Fault]) -> None:
    folder = layout.store_folder(side.name, artefact.rule.name, artefact.counterpart)
    for fault in found:
        detail = (
            f"{folder}/{fault.file}: {fault.detail}. Restore it from the backup, "
            f"or permit a new key with allow_rekey: {side.name}/{artefact.label}."
        )
        who = artefact.counterpart if side.name == "hub" and artefact.counterpart else side.name
        run.note(Finding(who, artefact.rule.steps[0], side.name, artefact.label, fault.reason, Disposition.FAULT, detail=detail))
