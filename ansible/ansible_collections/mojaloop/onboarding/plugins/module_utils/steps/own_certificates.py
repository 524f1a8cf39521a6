# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What each side makes by itself: CA, server, JWS and exchange keys with certificates, requests (TLS 1 and 4, JWS 1)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509

from ..description.model import HUB, Participant, Side
from ..description.trust import SELF, Artefact, artefacts_of, named
from ..document_steps import Phase
from ..findings import Disposition, Finding
from ..pki.artefacts import folder_faults
from ..pki.certificates import read_certificate
from ..pki.faults import DISCLOSED, ORDERED, Fault, remedy
from ..pki.issuing import issue, self_signed
from ..pki.keys import PrivateKey, private_pem, public_digest, public_pem, read_own_key
from ..pki.keystore import keystore_record, make_keystore
from ..pki.requests import make_request
from ..pki.signers import AwaitingSignature
from ..pki.verification import Chain, artefact_faults
from ..store import layout
from ..store.interface import contents
from .authorities import (
    OF_ANOTHER_CA,
    issuing_chain,
    keep_authority,
    lost_key,
    pem_of,
    restore_or_replace,
    signer_of,
)
from .ilp_secrets import LABEL, keep_ilp_secret
from .passphrases import not_given
from .registers import held_artefacts, key_of, note_held
from .run import Run, rekey_switch


def make_own_certificates(run: Run) -> None:
    """Make and check what every side of this run makes by itself."""
    for side in run.own_sides():
        with run.guarded(side.name, Phase.STORE, side.name, "journal"):
            Workshop(run, side).make_all()


@dataclass(frozen=True)
class Piece:
    """One artefact in the works: where it stands, what is there, what is wrong with it."""

    artefact: Artefact
    folder: str
    upcoming: str
    files: Mapping[str, bytes]
    faults: tuple[Fault, ...]
    elsewhere: bool
    """Whether someone else signs."""

    @property
    def in_use(self) -> bool:
        """Whether there is a certificate, so that the artefact may be serving."""
        return "certificate.pem" in self.files

    @property
    def new_key(self) -> bool:
        """Whether a new key is needed: there is none, or it is lost, damaged or due."""
        return "key.pem" not in self.files or any(
            remedy(fault) in {"person", "renew"} for fault in self.faults if fault.reason not in OF_ANOTHER_CA
        )

    @property
    def new_certificate(self) -> bool:
        """Whether the certificate itself must be made again, not only what stands beside it."""
        return self.new_key or not self.in_use or any(fault.file == "certificate.pem" for fault in self.faults)


class Workshop:
    """Where one side makes its artefacts."""

    def __init__(self, run: Run, side: Side) -> None:
        self._run = run
        self._side = side
        self._held = held_artefacts(run.tree, side.name)

    def make_all(self) -> None:
        """The CA first, then what it signs, what others sign, and what is self-signed."""
        run, side, holds = self._run, self._side, set()
        usable = False
        if run.passphrase_missing(side):
            detail = str(not_given(side.name))
            run.note(Finding(side.name, Phase.AUTHORITY_MADE, side.name, "ca", "passphrase-not-given", Disposition.FAULT, detail=detail))
            if not run.dry_run:
                # Before anything is made: what hangs on the CA would be half there.
                return
        self._check_store()
        with run.guarded(side.name, Phase.AUTHORITY_MADE, side.name, "ca"):
            usable = keep_authority(run, side, held="ca" in self._held)
            holds |= {"ca"} if usable and side.ca.kind in {"internal", "imported"} else set()
        for artefact in artefacts_of(run.description, side, run.counterparts(side)):
            if artefact.issuer != side.name or usable:
                with run.guarded(artefact.counterpart or side.name, artefact.rule.phases.made, side.name, artefact.label):
                    self._keep(artefact)
                    holds.add(artefact.label)
        if isinstance(side, Participant) and side.sdk:
            with run.guarded(side.name, Phase.URLS, side.name, LABEL):
                holds |= {LABEL} if keep_ilp_secret(run, side, held=LABEL in self._held) else set()
        # After the artefacts: killed in between, the next run sees them and notes it.
        note_held(run.tree, side.name, holds, self._held)

    def _check_store(self) -> None:
        """The folders around the artefacts, which look at their own."""
        side = self._side.name
        for folder in ("journal", "store", f"store/{side}"):
            for fault in folder_faults(self._run.tree, folder):
                self._run.note(Finding(side, Phase.STORE, side, folder, fault.reason, Disposition.FAULT, detail=fault.detail))

    def _keep(self, artefact: Artefact) -> None:
        piece = self._piece(artefact)
        for_a_person = [fault for fault in piece.faults if self._for_a_person(piece, fault)]
        if for_a_person and f"{self._side.name}/{artefact.label}" not in self._run.rekey:
            self._report(artefact, for_a_person)
        elif piece.faults:
            self._make(piece)
        else:
            self._finish_switch(piece)

    def _finish_switch(self, piece: Piece) -> None:
        """Remove what was prepared, where a run was killed after it had put it in its place: or it would be announced on."""
        tree = self._run.tree
        prepared = tree.read(f"{piece.upcoming}/key.pem")
        if prepared is not None and prepared == tree.read(f"{piece.folder}/key.pem"):
            self._note(piece.artefact, Fault("stray-temporary-file", f"{piece.upcoming} was left behind by a run that was killed"))
            tree.remove(piece.upcoming)

    def _piece(self, artefact: Artefact) -> Piece:
        run, name = self._run, (self._side.name, artefact.rule.name, artefact.counterpart)
        folder = layout.store_folder(*name)
        holder, chain = self._named(artefact), self._chain(artefact)
        found = artefact_faults(run.tree, folder, rule=artefact.rule, holder=holder, issuer_chain=chain, now=run.now)
        elsewhere = artefact.issuer not in {self._side.name, SELF}
        if artefact.label in self._held and [fault.reason for fault in found] == ["missing"]:
            found = [lost_key()]
        if elsewhere:
            found = [fault for fault in found if not self._of_the_signer(artefact, fault)]
        found = found or self._ordered(artefact)
        # No one signs a retired key, whether it waits for its certificate or came back into use from a backup.
        certificate = None if found else run.tree.read(f"{folder}/certificate.pem")
        files = self._contents(folder) if certificate is None else {"certificate.pem": certificate}
        if files and run.known_keys.retired(key_of(files)):
            found.append(Fault("key-retired", "was taken out of use, and a retired key is not certified again", "key.pem"))
            files = self._contents(folder)
        return Piece(artefact, folder, layout.upcoming_folder(*name), files, tuple(found), elsewhere)

    def _ordered(self, artefact: Artefact) -> list[Fault]:
        """What a person orders anew although it is in order (see ``rotation``)."""
        name = f"{self._side.name}/{artefact.label}"
        if name in self._run.disclosed:
            return [Fault(DISCLOSED, "its key may be known to others, as ordered", "key.pem")]
        return [Fault(ORDERED, "as ordered", "certificate.pem")] if name in self._run.renew else []

    def _contents(self, folder: str) -> dict[str, bytes]:
        return {name: entry.content for name, entry in self._run.tree.folder(folder).items() if entry.content is not None}

    def _of_the_signer(self, artefact: Artefact, fault: Fault) -> bool:
        """Whether only the signer can mend this; ``receive`` installs what it publishes."""
        if fault.reason in OF_ANOTHER_CA:
            self._note(artefact, fault, Disposition.PENDING, artefact.issuer)
            return True
        return fault.file in {"certificate.pem", "chain.pem"} and remedy(fault) == "make"

    def _for_a_person(self, piece: Piece, fault: Fault) -> bool:
        """What hangs on a CA that a person has let be replaced is signed again with the same key."""
        by_new_authority = fault.reason in OF_ANOTHER_CA and f"{self._side.name}/ca" in self._run.rekey and not piece.elsewhere
        return remedy(fault) == "person" and not by_new_authority

    def _make(self, piece: Piece) -> None:
        """Make the artefact again. What cannot be complete at once is prepared beside one that is in use."""
        artefact = piece.artefact
        beside = piece.in_use and piece.new_key
        waiting = piece.upcoming if beside else piece.folder
        key, files = self._prepared(piece, waiting) if piece.new_key else self._kept(piece)
        if piece.elsewhere:
            self._put(artefact, waiting, files if beside else {**_certificates(piece), **files}, piece.faults[0])
            return
        try:
            certificate, chain = self._certificate(piece, key, files.get("certificate.pem"))
        except AwaitingSignature as awaiting:
            self._put(artefact, waiting, files, piece.faults[0])
            self._note(artefact, Fault("awaiting-signature", str(awaiting)), Disposition.PENDING, "the offline CA")
            return
        files |= {"certificate.pem": pem_of((certificate,)), "chain.pem": pem_of(chain)}
        if artefact.rule.name == "jws":
            files |= _keystore(self._side, key, certificate, chain)
        until = self._announced_until(piece, certificate) if beside else None
        if until is not None:
            self._announce(piece, files, until)
            return
        self._put(artefact, piece.folder, files, piece.faults[0])
        if self._run.tree.status(piece.upcoming) is not None:
            self._run.tree.remove(piece.upcoming)

    def _announced_until(self, piece: Piece, certificate: x509.Certificate) -> datetime | None:
        """Until when a new key is only announced, under the one in use: whoever is not of this run must learn of it first.

        The counterparts have half of the time before the end to receive once. None: it comes into use now.
        """
        run, artefact, rule = self._run, piece.artefact, piece.artefact.rule
        reported = rule.name == "exchange" or (artefact.counterpart and artefact.counterpart not in run.sides)
        too_late = rule.name != "exchange" and any(fault.reason == "certificate-expired" for fault in piece.faults)
        until = certificate.not_valid_before_utc + timedelta(days=rule.renew_before_days / 2)
        lost = any(remedy(fault) == "person" for fault in piece.faults)
        return until if reported and not too_late and not lost and run.now < until else None

    def _announce(self, piece: Piece, files: dict[str, bytes], until: datetime) -> None:
        side, artefact = self._side.name, piece.artefact
        self._put(artefact, piece.upcoming, files, piece.faults[0])
        who = artefact.counterpart or ("the participants" if side == HUB else HUB)
        detail = f"its successor is announced, and comes into use on {until:%Y-%m-%d}: receive it there before"
        self._note(artefact, Fault("successor-announced", detail), Disposition.PENDING, who)

    def _prepared(self, piece: Piece, waiting: str) -> tuple[PrivateKey, dict[str, bytes]]:
        """The new key and its request: those of an earlier run that still wait for their certificate, or new ones."""
        run, rule = self._run, piece.artefact.rule
        found = contents(run.tree, piece.upcoming) if waiting == piece.upcoming else {}
        # The key in use, where a run was killed after it had put a prepared one in its place, is not prepared any more.
        # So is one that was retired since: it came back from a backup, and no one would sign it.
        replaced = found.get("key.pem") == piece.files.get("key.pem") or run.known_keys.retired(key_of(found))
        if found and not replaced and not self._unusable(piece, waiting):
            return read_own_key(found["key.pem"], where=f"{waiting}/key.pem"), found
        key = run.keys.make(getattr(self._side.keys, rule.key_choice))
        run.known_keys.claim(self._side.name, rule.name, public_digest(key.public_key()))
        return key, self._files(piece, key, private_pem(key))

    def _unusable(self, piece: Piece, folder: str) -> bool:
        tree, rule, chain, now = self._run.tree, piece.artefact.rule, self._chain(piece.artefact), self._run.now
        holder = self._named(piece.artefact)
        return bool(artefact_faults(tree, folder, rule=rule, holder=holder, issuer_chain=chain, now=now, prepared=True))

    def _kept(self, piece: Piece) -> tuple[PrivateKey, dict[str, bytes]]:
        """The key as it is, and its request unless that is what is wrong."""
        pem = piece.files["key.pem"]
        key = read_own_key(pem, where=f"{piece.folder}/key.pem")
        files = self._files(piece, key, pem)
        if "request.pem" in piece.files and not any(fault.file == "request.pem" for fault in piece.faults):
            files["request.pem"] = piece.files["request.pem"]
        return key, files

    def _files(self, piece: Piece, key: PrivateKey, pem: bytes) -> dict[str, bytes]:
        files = {"key.pem": pem, "request.pem": make_request(key, rule=piece.artefact.rule, side=self._named(piece.artefact))}
        return files | ({"public.pem": public_pem(key.public_key())} if piece.artefact.rule.name == "jws" else {})

    def _certificate(self, piece: Piece, key: PrivateKey, prepared: bytes | None) -> tuple[x509.Certificate, Chain]:
        artefact, side, run = piece.artefact, self._side, self._run
        made = prepared if piece.new_certificate else piece.files["certificate.pem"]
        if made is not None:
            return read_certificate(made), self._chain(artefact)
        profile, rule = run.description.profile, artefact.rule
        if artefact.issuer == SELF:
            return self_signed(key, rule=rule, profile=profile, holder=side, now=run.now), ()
        signer = signer_of(run, side.name)
        assert signer is not None, "keep_authority came first"  # noqa: S101
        public = key.public_key()
        journal = run.journal(side.name, side.name, rule.name, public_digest(public), why="own", provenance="own")
        certificate = issue(signer, rule=rule, profile=profile, holder=side, public_key=public, now=run.now, serials=journal, why="own")
        return certificate, signer.chain

    def _chain(self, artefact: Artefact) -> Chain:
        return issuing_chain(self._run, artefact)

    def _named(self, artefact: Artefact) -> Side:
        return named(self._run.description, artefact)

    def _put(self, artefact: Artefact, folder: str, files: dict[str, bytes], fault: Fault) -> None:
        """Write the folder unless it is so already: what waits for a signature is not made twice. A key that goes is retired."""
        before = contents(self._run.tree, folder)
        if before == files:
            return
        self._note(artefact, fault)
        if before.get("key.pem") != files["key.pem"]:
            self._run.known_keys.retire(self._side.name, key_of(before), key_of(files))
        self._run.tree.write_folder(folder, files)

    def _report(self, artefact: Artefact, found: list[Fault]) -> None:
        folder = layout.store_folder(self._side.name, artefact.rule.name, artefact.counterpart)
        for fault in found:
            detail = f"{folder}/{fault.file}: {fault.detail}. {self._remedy(artefact, fault)}"
            self._note(artefact, Fault(fault.reason, detail), Disposition.FAULT)

    def _remedy(self, artefact: Artefact, fault: Fault) -> str:
        side = self._side.name
        if fault.reason in OF_ANOTHER_CA and artefact.issuer == side:
            return (
                f"If the CA of {side} was replaced on purpose, confirm with {rekey_switch(f'{side}/ca')}: all is signed again. "
                "If not, restore it from the backup."
            )
        return restore_or_replace(f"{side}/{artefact.label}", fault)

    def _note(self, artefact: Artefact, fault: Fault, disposition: Disposition = Disposition.CHANGE, pending_on: str = "") -> None:
        side, step = self._side.name, artefact.rule.phases.made
        who = artefact.counterpart if side == HUB and artefact.counterpart else side
        self._run.note(Finding(who, step, side, artefact.label, fault.reason, disposition, pending_on, fault.detail))


def _certificates(piece: Piece) -> dict[str, bytes]:
    return {name: piece.files[name] for name in ("certificate.pem", "chain.pem") if name in piece.files}


def _keystore(side: Side, key: PrivateKey, certificate: x509.Certificate, chain: Chain) -> dict[str, bytes]:
    """The documents' keystore (JWS 1), with a passphrase of 128 bits and more."""
    passphrase = secrets.token_urlsafe(24).encode()
    keystore = make_keystore(side.fspiop_id, key, certificate, chain, passphrase)
    return {
        "keystore.p12": keystore,
        "keystore.passphrase": passphrase,
        "keystore.record": keystore_record(keystore, passphrase, key_digest=public_digest(key.public_key()), certificate=certificate),
    }
