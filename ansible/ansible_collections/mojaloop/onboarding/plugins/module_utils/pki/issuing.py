# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Issuing: what a certificate says comes from the profile and the description, never from a request."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

from cryptography import x509

from ..description.model import Side
from ..description.profiles import CertificateRule, Profile
from ..errors import SigningRefused
from .certificates import Chain, fingerprint
from .contents import alternative_names, extended_key_usage, key_usage, subject
from .keys import PrivateKey, PublicKey, key_kind, public_digest, signature_hash
from .signers import CertificateSigner, Draft
from .verification import certificate_faults

_SERIAL_TRIES = 8


class SerialJournal(Protocol):
    """A CA's write-ahead journal."""

    def reserve(self, serial: int, record: dict[str, str]) -> bool:
        """Take a serial for good, before anything is signed with it; False when it was ever taken."""

    def record(self, serial: int, record: dict[str, str]) -> None:
        """Note what was signed: who, what, why, policy version, fingerprint. Noting the same again changes nothing."""


def issue(  # noqa: PLR0913 - each is a fact of its own
    signer: CertificateSigner,
    *,
    rule: CertificateRule,
    profile: Profile,
    holder: Side,
    public_key: PublicKey,
    now: datetime,
    serials: SerialJournal,
    why: str,
) -> x509.Certificate:
    """A certificate for the holder's public key; ``policy.check`` comes first and is the caller's.

    ``now`` is timezone-aware. The serial is journalled before it is signed with, the certificate after. AwaitingSignature
    when the signer is offline; SigningRefused ``issuer-expired``, ``issuer-not-yet-valid``, or the fault of a certificate that came
    out wrong.
    """
    until = _end(rule, signer.chain, now)
    begin = now.replace(microsecond=0) - profile.skew
    needed_until = min(until, now + timedelta(days=rule.renew_before_days + 8))
    record = _record(rule, profile, holder, public_key, signer, why)
    leaf = _leaf(rule, holder, public_key, (begin, until), signer.certificate)
    certificate = signer.sign(Draft(record["label"], leaf, public_key, _serials(serials, record, until), needed_until))
    _inspect(certificate, rule, holder, signer.chain, now, public_key)
    serials.record(certificate.serial_number, _signed(record, certificate))
    return certificate


def issue_out_of_time(  # noqa: PLR0913 - as ``issue``
    signer: CertificateSigner,
    *,
    rule: CertificateRule,
    profile: Profile,
    holder: Side,
    public_key: PublicKey,
    period: tuple[datetime, datetime],
    serials: SerialJournal,
    why: str,
) -> x509.Certificate:
    """As ``issue``, but valid in ``period`` only, and not inspected: what a listener must refuse, for proofs.

    SigningRefused ``in-time`` when the period holds the present: this is no second way to a certificate that works.
    """
    begin, until = (moment.replace(microsecond=0) for moment in period)
    if begin <= datetime.now(UTC) <= until:
        raise SigningRefused("in-time", f"{begin:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC holds the present", where=holder.name)
    record = _record(rule, profile, holder, public_key, signer, why)
    leaf = _leaf(rule, holder, public_key, (begin, until), signer.certificate)
    certificate = signer.sign(Draft(record["label"], leaf, public_key, _serials(serials, record, until), until))
    serials.record(certificate.serial_number, _signed(record, certificate))
    return certificate


def _serials(serials: SerialJournal, record: dict[str, str], until: datetime) -> Callable[[], int]:
    """How a signer takes a serial in the journal, for good."""

    def take() -> int:
        for _ in range(_SERIAL_TRIES):
            serial = x509.random_serial_number()
            if serials.reserve(serial, {**record, "not_after": until.isoformat()}):
                return serial
        raise SigningRefused("serial-not-free", f"the journal refused {_SERIAL_TRIES} random serials in a row", where=record["label"])

    return take


def self_signed(key: PrivateKey, *, rule: CertificateRule, profile: Profile, holder: Side, now: datetime) -> x509.Certificate:
    """A self-signed certificate of a leaf's kind (CA=FALSE), for exchange keys and for JWS keys without a CA."""
    begin = now.replace(microsecond=0) - profile.skew
    builder = _leaf(rule, holder, key.public_key(), (begin, _end(rule, (), now)), None)
    return builder.serial_number(x509.random_serial_number()).sign(key, signature_hash(key))


def _end(rule: CertificateRule, chain: Chain, now: datetime) -> datetime:
    """The rule's lifetime from now, but never past the end of the chain, and not before its beginning."""
    begin = max([now, *(certificate.not_valid_before_utc for certificate in chain)])
    if begin > now:
        what = f"the CA's chain begins on {begin:%Y-%m-%d %H:%M} UTC; allowed: one that has begun"
        raise SigningRefused("issuer-not-yet-valid", what)
    end = min([now + timedelta(days=rule.lifetime_days), *(certificate.not_valid_after_utc for certificate in chain)])
    if end <= now:
        raise SigningRefused("issuer-expired", f"the CA's chain ended on {end:%Y-%m-%d}; allowed: a CA within its lifetime")
    return end.replace(microsecond=0)


def _record(
    rule: CertificateRule, profile: Profile, holder: Side, public_key: PublicKey, signer: CertificateSigner, why: str
) -> dict[str, str]:
    return {
        "label": f"{holder.name}/{rule.name}",
        "holder": holder.name,
        "artefact": rule.name,
        "key": public_digest(public_key),
        "issuer": fingerprint(signer.certificate),
        "policy": f"{profile.name} {profile.version}",
        "why": why,
    }


def _signed(record: dict[str, str], certificate: x509.Certificate) -> dict[str, str]:
    """What a revocation list needs to know later of a certificate that is kept nowhere here any more."""
    return {**record, "fingerprint": fingerprint(certificate), "not_after": certificate.not_valid_after_utc.isoformat()}


def _leaf(
    rule: CertificateRule,
    holder: Side,
    public_key: PublicKey,
    period: tuple[datetime, datetime],
    issuer: x509.Certificate | None,
) -> x509.CertificateBuilder:
    """Everything but the serial (RFC 5280 section 4.2); an issuer of None is the holder itself."""
    name, names = subject(rule, holder), alternative_names(rule, holder)
    builder = (
        x509.CertificateBuilder(issuer.subject if issuer else name, name, public_key)
        .not_valid_before(period[0])
        .not_valid_after(period[1])
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(rule, key_kind(public_key)), critical=True)
    )
    if names is not None:
        builder = builder.add_extension(names, critical=False)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False).add_extension(
        _issuer_key(issuer, public_key), critical=False
    )
    extended = extended_key_usage(rule)
    return builder.add_extension(extended, critical=False) if extended else builder


def _issuer_key(issuer: x509.Certificate | None, public_key: PublicKey) -> x509.AuthorityKeyIdentifier:
    """The issuer's own key identifier, as its certificate states it (RFC 5280 section 4.2.1.1)."""
    if issuer is None:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(public_key)
    try:
        stated = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key())  # type: ignore[arg-type]
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(stated)


def _inspect(
    certificate: x509.Certificate, rule: CertificateRule, holder: Side, chain: Chain, now: datetime, public_key: PublicKey
) -> None:
    """What leaves here has passed the checks it will meet, whoever signed it."""
    faults = certificate_faults(certificate, rule=rule, holder=holder, chain=chain, now=now, key_digest=public_digest(public_key))
    if faults:
        raise SigningRefused(faults[0].reason, f"the signed certificate is not in order ({faults[0].detail})", where=holder.name)
