# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Certificate revocation lists (X.509 version 2, RFC 5280 section 5): made by a side's own CA, judged when a counterpart's.

A list is always the complete one of one CA. The inbound listeners do not read it: they judge by fingerprint at every request. It is
for whoever else meets these certificates.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from .certificates import Chain, extension, short_name
from .faults import Fault
from .inputs import KIBI, InputRefused, check_input
from .keys import PrivateKey, signature_hash
from .requests import SOUND_HASHES

Kind = TypeVar("Kind", bound=x509.ExtensionType)

LIST = "crl.pem"
LIST_LIMIT = 1024 * KIBI
"""Bytes of a list in PEM: about 13,000 revoked certificates."""
HOLD = x509.ReasonFlags.certificate_hold.value
"""The one reason that may be taken back (RFC 5280 section 5.3.1)."""
GONE = x509.ReasonFlags.cessation_of_operation.value
SUPERSEDED = x509.ReasonFlags.superseded.value
NUMBERS = range(1 << 160)
"""Numbers of lists: at most 20 octets (RFC 5280 section 5.2.3). Python refuses to tell a far longer one to people."""
_PARTIAL = (x509.IssuingDistributionPoint, x509.DeltaCRLIndicator)
"""What makes a list say less than everything, or of more than one CA (RFC 5280 sections 5.2.4 and 5.2.5)."""
_UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


@dataclass(frozen=True, order=True)
class Revoked:
    """One entry: serial number, reason as in RFC 5280 section 5.3.1 (empty: none is stated), since when (UTC, whole seconds)."""

    serial: int
    reason: str
    since: datetime


@dataclass(frozen=True)
class RevocationList:
    """A list as read. ``number`` rises with each list of a CA; ``begins`` is its thisUpdate, ``ends`` its nextUpdate (UTC)."""

    crl: x509.CertificateRevocationList
    number: int
    begins: datetime
    ends: datetime
    entries: frozenset[Revoked]

    def due(self, now: datetime) -> bool:
        """Whether no more than a third of its time is left."""
        return (self.ends - now) * 3 <= self.ends - self.begins


def make_list(issuer: x509.Certificate, key: PrivateKey, *, number: int, revoked: Iterable[Revoked], now: datetime, days: int) -> bytes:
    """A complete list in PEM, signed by the CA: authority key identifier, number, entries by serial; nextUpdate ``days`` from now."""
    begin = now.replace(microsecond=0)
    stated = extension(issuer, x509.SubjectKeyIdentifier)
    by_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
    by_name = None if stated is None else x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(stated)
    builder = (
        x509.CertificateRevocationListBuilder(issuer.subject, begin, begin + timedelta(days=days))
        .add_extension(by_name or by_key, critical=False)
        .add_extension(x509.CRLNumber(number), critical=False)
    )
    for entry in sorted(revoked):
        builder = builder.add_revoked_certificate(_entry(entry))
    return builder.sign(key, signature_hash(key)).public_bytes(serialization.Encoding.PEM)


def read_list(pem: bytes, *, where: str) -> RevocationList:
    """A list in PEM, read wholly; InputRefused otherwise.

    Reason codes: those of ``check_input``, ``crl-scope`` (a delta, a part, an indirect one), ``crl-extension`` (a critical one that is
    not known here: RFC 5280 section 5.2 forbids its use), ``crl-incomplete`` (no number, or no nextUpdate), ``crl-number`` (negative,
    or over 20 octets).
    """
    check_input(pem, labels=("X509 CRL",), most=1, limit=LIST_LIMIT, where=where)
    try:
        crl = x509.load_pem_x509_crl(pem)
        found = {each.oid: each for each in crl.extensions}
        entries = list(crl)
        inner = [each for entry in entries for each in entry.extensions]
        revoked = frozenset(Revoked(entry.serial_number, _reason(entry), entry.revocation_date_utc) for entry in entries)
        begins, ends, _ = crl.last_update_utc, crl.next_update_utc, (crl.issuer, crl.signature_hash_algorithm)
    except _UNREADABLE as error:
        raise InputRefused("unreadable", "is not a revocation list in PEM, or is damaged", where=where) from error
    if any(kind.oid in found for kind in _PARTIAL) or any(isinstance(each.value, x509.CertificateIssuer) for each in inner):
        raise InputRefused("crl-scope", "is a delta, a part, or of several CAs; allowed: the complete list of one CA", where=where)
    unknown = [each.oid.dotted_string for each in (*found.values(), *inner) if each.critical]
    if unknown:
        raise InputRefused("crl-extension", f"has the critical extension {unknown[0][:80]}; allowed: none", where=where)
    number = found.get(x509.CRLNumber.oid)
    if number is None or not isinstance(number.value, x509.CRLNumber) or ends is None:
        raise InputRefused("crl-incomplete", "states no number or no nextUpdate; allowed: a list with both (version 2)", where=where)
    if number.value.crl_number not in NUMBERS:
        raise InputRefused("crl-number", "has a number that is negative or over 20 octets; allowed: RFC 5280 section 5.2.3", where=where)
    return RevocationList(crl, number.value.crl_number, begins, ends, revoked)


def list_faults(found: RevocationList, chain: Chain, *, now: datetime, skew: timedelta) -> list[Fault]:
    """What is wrong with a list that must be that of the chain's issuing CA and in force (RFC 5280 section 6.3.3).

    ``skew``: how far the clock of who made it may be ahead of ours.
    """
    faults = []
    if not list_signed_by(found, chain[0]):
        faults.append(Fault("crl-signature", f"is not signed by {short_name(chain[0])}, the CA known here", LIST))
    if found.begins > now + skew:
        faults.append(Fault("crl-not-yet-valid", f"is of {found.begins:%Y-%m-%d %H:%M:%S} UTC", LIST))
    if found.ends <= now:
        faults.append(Fault("crl-expired", f"was to be followed by another until {found.ends:%Y-%m-%d %H:%M:%S} UTC", LIST))
    return faults


def list_signed_by(found: RevocationList, issuer: x509.Certificate) -> bool:
    """Whether this CA, which may sign lists, signed this one with a sound hash, under its own name and key identifier."""
    by, own = _value(found.crl.extensions, x509.AuthorityKeyIdentifier), extension(issuer, x509.SubjectKeyIdentifier)
    stated = None if by is None else by.key_identifier
    usage, key = extension(issuer, x509.KeyUsage), issuer.public_key()
    permitted = usage is None or usage.crl_sign
    named = found.crl.issuer == issuer.subject and (stated is None or own is None or stated == own.digest)
    if not (permitted and named and isinstance(found.crl.signature_hash_algorithm, SOUND_HASHES)):
        return False
    try:
        return found.crl.is_signature_valid(key)  # type: ignore[arg-type]
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False


def order_faults(found: RevocationList, kept: RevocationList) -> list[Fault]:
    """What is wrong with a list beside the one of the same CA that was kept before: numbers only rise, and never come twice."""
    if found.number < kept.number:
        what = f"has the number {found.number}, and {kept.number} was seen before: an old copy stands there"
        return [Fault("crl-older", what, LIST)]
    if found.number == kept.number and found.crl.tbs_certlist_bytes != kept.crl.tbs_certlist_bytes:
        return [Fault("crl-number-reused", f"differs from what was seen under the same number {found.number}", LIST)]
    return []


def _entry(revoked: Revoked) -> x509.RevokedCertificate:
    builder = x509.RevokedCertificateBuilder(revoked.serial, revoked.since)
    return builder.add_extension(x509.CRLReason(x509.ReasonFlags(revoked.reason)), critical=False).build()


def _reason(entry: x509.RevokedCertificate) -> str:
    stated = _value(entry.extensions, x509.CRLReason)
    return "" if stated is None else stated.reason.value


def _value(extensions: x509.Extensions, kind: type[Kind]) -> Kind | None:
    """The value of an extension, or None; as ``extension``, which keeps what it has read: for certificates, not for lists."""
    return next((each.value for each in extensions if isinstance(each.value, kind)), None)
