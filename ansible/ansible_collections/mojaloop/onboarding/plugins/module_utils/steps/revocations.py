# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Revocation lists: each CA whose key is here keeps one of what it has signed, and each side reads its counterparts'.

Who is suspended is on hold; who was offboarded has ceased operation, for good: when it comes back it gets another
certificate. What a later certificate replaced is superseded a week after, once its key is retired and no inbound listener accepts it.

No gateway reads these lists. The listeners judge by fingerprint at every request, which ends live and resumed sessions as
well, as no list does; and HAProxy refuses everybody by a list (``crl-file``) that has expired.
An offline CA is not asked for lists: whoever keeps its key publishes them. What it has to revoke is journalled all the same.
A CA without the right to sign lists (keyUsage cRLSign) is not taken over in the first place (``authority-not-crl-signer``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from cryptography import x509

from ..description.model import HUB, Side, State
from ..document_steps import Phase
from ..errors import StoreError
from ..findings import Finding
from ..pki.certificates import CertificateUnreadable, fingerprint, read_certificate
from ..pki.faults import Fault
from ..pki.inputs import InputRefused
from ..pki.revocation import (
    GONE,
    HOLD,
    LIST,
    SUPERSEDED,
    RevocationList,
    Revoked,
    list_faults,
    list_signed_by,
    make_list,
    order_faults,
    read_list,
)
from ..pki.signers import CertificateSigner, LocalSigner
from ..pki.verification import Chain
from ..store import layout
from ..store.journal import Issuance, Numbered, Revocation, RevocationJournal, SequenceJournal, SerialJournal
from .authorities import authority_chain
from .run import Relation, Run

SWITCHED = timedelta(days=7)
"""After this time a gateway that was given a new certificate does not show the old one any more."""
_REASONS = {State.SUSPENDED: HOLD, State.OFFBOARDED: GONE}


def keep_list(run: Run, side: Side, signer: Callable[[], CertificateSigner]) -> None:
    """Keep what a side's own CA has revoked, and its list; ``signer`` is asked for only when there is one to sign.

    A list is due when it is missing or damaged, says something else than is so, or has a third of its time left.
    """
    if side.ca.kind not in {"internal", "imported", "offline"}:
        return
    path, number = layout.own_list_path(side.name), layout.list_number_path(side.name)
    pem = run.tree.read(path)
    standing = None if pem is None else _readable(pem, path)
    last = SequenceJournal(run.tree).highest(number).number
    issued = _issued(run, side.name, run.now if standing is None else min(run.now, standing.begins))
    revoked = _revoked(run, side.name, issued)
    # Ahead of the list, and although none can be signed: who was offboarded gets another certificate, come what may.
    _journal(run, side.name, revoked)
    chain = authority_chain(run, side.name)
    if side.ca.kind == "offline" or not chain:
        return
    reason = "crl-missing" if pem is None else _reason_to_sign(run, standing, last, chain[0])
    if not reason and standing is not None and _differs(standing.entries, revoked.values(), issued, run.now):
        reason = "crl-differs"
    if not reason:
        return
    following = max(last, standing.number if standing is not None else 0) + 1
    authority = signer()
    if not isinstance(authority, LocalSigner):
        msg = "is no CA whose key is here"
        raise StoreError(msg, where=layout.store_folder(side.name, "ca"), remedy="See the faults of its own certificates.")
    days = run.description.profile.authority.list_days
    made = make_list(authority.certificate, authority.key, number=following, revoked=revoked.values(), now=run.now, days=days)
    # Ahead of the list: a number that may have been seen is never used for anything else.
    SequenceJournal(run.tree).advance(number, Numbered(following, sha256(made).hexdigest()))
    run.tree.write(path, made)
    run.note(Finding(side.name, Phase.LIST_MADE, side.name, "crl", reason, detail=f"number {following}, {len(revoked)} revoked"))


@dataclass(frozen=True)
class ReceivedList:
    """What is to be said of a counterpart's list: ``faults`` keep it out, ``notices`` do not."""

    faults: list[Fault]
    notices: list[Fault]


def received_list(run: Run, relation: Relation, pem: bytes, chain: Chain) -> ReceivedList:
    """Judge what a counterpart published as the list of its CA, whose chain is the one known here; InputRefused as by ``read_list``."""
    found = read_list(pem, where=LIST)
    faults = list_faults(found, chain, now=run.now, skew=run.description.profile.skew)
    path = f"{layout.received_folder(relation.side.name, relation.counterpart.name)}/{LIST}"
    before = run.tree.read(path)
    kept = None if before is None else _readable(before, path)
    if kept is not None and list_signed_by(kept, chain[0]):
        faults += order_faults(found, kept)
    ends_soon = not faults and found.due(run.now)
    return ReceivedList(faults, [Fault("crl-expires-soon", f"the next one is due before {found.ends:%Y-%m-%d}", LIST)] if ends_soon else [])


def _readable(pem: bytes, path: str) -> RevocationList | None:
    """A list of the store; None when it is damaged: it is made, or received, again."""
    try:
        return read_list(pem, where=path)
    except InputRefused:
        return None


def _reason_to_sign(run: Run, standing: RevocationList | None, last: int, issuer: x509.Certificate) -> str:
    """What is wrong with the list that stands, whatever it says of certificates; empty when nothing is."""
    if standing is None:
        return "crl-unreadable"
    faults = list_faults(standing, (issuer,), now=run.now, skew=run.description.profile.skew)
    if faults:
        return faults[0].reason
    if standing.number != last:
        # An old copy came back, or a run ended before it had written the one that it has journalled.
        return "crl-older"
    return "crl-expires-soon" if standing.due(run.now) else ""


def _issued(run: Run, side: str, since: datetime) -> dict[int, Issuance]:
    """What this side's CA has put into circulation and did not end before ``since``, by serial number.

    An entry stays until a list that was made after the certificate's end has shown it (RFC 5280 section 3.3). The journal
    names sides, not CAs. So what a CA before this one signed is here as well: that may have been the same key under a
    certificate since renewed, and no number is taken twice in a journal, so an entry too many revokes nothing else. What
    was signed for proofs alone (``verification``) has a key that the register has never seen, and goes to no one.
    """
    return {
        serial: record
        for serial, record in SerialJournal(run.tree).issued(side).items()
        if record.not_after and datetime.fromisoformat(record.not_after) > since and run.known_keys.owner(record.key) is not None
    }


def _revoked(run: Run, side: str, issued: Mapping[int, Issuance]) -> dict[int, Revoked]:
    """The entries that the list must have. What is revoked for good stays so, whatever the description says later."""
    known = RevocationJournal(run.tree).revoked(side)
    replaced = _replaced(run, side, issued)
    found = {}
    for serial, record in issued.items():
        before = known.get(serial)
        wanted = _wanted(run, side, record.holder, before) or (SUPERSEDED if serial in replaced else "")
        reason = before.reason if before is not None and before.reason != HOLD else wanted
        if reason:
            since = run.now.replace(microsecond=0) if before is None else datetime.fromisoformat(before.time)
            found[serial] = Revoked(serial, reason, since)
    return found


def _wanted(run: Run, side: str, holder: str, before: Revocation | None) -> str:
    """The reason that the holder's state calls for. Of whom the run does not judge, a hold stays; to itself, no one is suspended."""
    description = run.description
    if holder in {HUB, side}:
        return ""
    if holder in description.closed_names:
        return HOLD
    if holder not in {participant.name for participant in run.chosen}:
        return "" if before is None else before.reason
    return _REASONS.get(description.participant(holder).state, "")


def _replaced(run: Run, side: str, issued: Mapping[int, Issuance]) -> set[int]:
    """What a later certificate has replaced for good: its key is retired, the gateways have switched, it is in use nowhere.

    The journal names no counterpart, and a side may hold a client certificate for each: whose successor was signed last is
    not known, so the last one of them all counts.
    """
    signed = {serial: (datetime.fromisoformat(record.time), serial) for serial, record in issued.items()}
    last: dict[tuple[str, str], tuple[datetime, int]] = {}
    for serial, record in issued.items():
        place = (record.holder, record.artefact)
        last[place] = max(last.get(place, signed[serial]), signed[serial])
    return {
        serial
        for serial, record in issued.items()
        if last[record.holder, record.artefact] != signed[serial]
        and last[record.holder, record.artefact][0] + SWITCHED <= run.now
        and run.known_keys.retired(record.key)
        and not _in_use(run, side, record)
    }


def _in_use(run: Run, side: str, record: Issuance) -> bool:
    """Whether the listeners accept it still, beside the one that replaced it; or it serves again, as it came back from a backup."""
    paths = [layout.issued_path(side, record.holder, f"{record.artefact}{which}") for which in ("", ".previous")]
    if record.holder == side:
        paths.append(f"{layout.store_folder(side, record.artefact)}/certificate.pem")
    return any(record.fingerprint == _fingerprint(run, path) for path in paths)


def _fingerprint(run: Run, path: str) -> str:
    """Of the certificate in a file of the store; empty where there is none, or what is left of it is none."""
    pem = run.tree.read(path)
    with suppress(CertificateUnreadable):
        return "" if pem is None else fingerprint(read_certificate(pem))
    return ""


def _differs(standing: Iterable[Revoked], wanted: Iterable[Revoked], issued: Mapping[int, Issuance], now: datetime) -> bool:
    """Whether the entries are others, but for those of certificates that have ended: they leave with the next list."""
    live = {serial for serial, record in issued.items() if datetime.fromisoformat(record.not_after) > now}
    return {entry for entry in standing if entry.serial in live} != {entry for entry in wanted if entry.serial in live}


def _journal(run: Run, side: str, revoked: Mapping[int, Revoked]) -> None:
    """What the list is to say is so from now on, and a hold that is over is forgotten."""
    journal = RevocationJournal(run.tree)
    for serial, before in journal.revoked(side).items():
        if serial not in revoked and before.reason == HOLD:
            journal.write(side, serial, None)
    for serial, entry in revoked.items():
        journal.write(side, serial, Revocation(entry.reason, entry.since.isoformat()))
