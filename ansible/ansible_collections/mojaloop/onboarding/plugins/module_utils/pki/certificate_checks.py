# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is looked at in one certificate: ordered lists of small pure checks with reason codes.

Each check gives None, or the wording of what was found. ``OWN`` holds for what our own CA or the holder itself signed,
``RECEIVED`` and ``SERVER`` for what a counterpart signed with tools of its own: no more than safety needs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address

from cryptography import x509

from ..description.model import Side
from ..description.profiles import CertificateRule, Signer
from .certificates import Chain, certificate_key, extension, is_authority, serial_number, short_name, signed_by
from .contents import alternative_names, extended_key_usage, host, id_uri, key_usage, renewal_moment, subject
from .faults import Fault
from .path_checks import constrained_name, critical_extension, withheld_usage
from .requests import SOUND_HASHES

_BACKDATE = timedelta(days=1)
"""More than any profile's backdate: what not_before may add to a lifetime."""


@dataclass(frozen=True)
class Examined:
    """One certificate and what it is held against. An empty ``key_digest``: the holder's key is not known here."""

    certificate: x509.Certificate
    rule: CertificateRule
    holder: Side
    chain: Chain
    now: datetime
    key_digest: str

    @property
    def issuer(self) -> x509.Certificate | None:
        """Who must have signed; None when that is not known."""
        if self.chain:
            return self.chain[0]
        return self.certificate if self.rule.signer is Signer.SELF else None


def key_kind_allowed(seen: Examined) -> str | None:
    """The rule lists the key kinds."""
    kind = certificate_key(seen.certificate)[0]
    return None if kind in seen.rule.key_kinds else f"has a key of kind {kind}; allowed: {', '.join(seen.rule.key_kinds)}"


def key_matches(seen: Examined) -> str | None:
    """The certificate is about the holder's key."""
    return "is about another key" if seen.key_digest and certificate_key(seen.certificate)[1] != seen.key_digest else None


def issuer_named(seen: Examined) -> str | None:
    """The issuer's name, and its key identifier where both state one (RFC 5280 section 4.2.1.1)."""
    if seen.issuer is None:
        return f"is issued by {_issuer_name(seen)}; the CA that should have issued it is not known here"
    stated = extension(seen.certificate, x509.AuthorityKeyIdentifier)
    real = extension(seen.issuer, x509.SubjectKeyIdentifier)
    same_key = stated is None or stated.key_identifier is None or real is None or stated.key_identifier == real.digest
    if seen.certificate.issuer == seen.issuer.subject and same_key:
        return None
    return f"is issued by {_issuer_name(seen)}{'' if same_key else ' with another key'}; allowed: {short_name(seen.issuer)}"


def issuer_signed(seen: Examined) -> str | None:
    """The named issuer's key made the signature (one with an unsound hash is not even looked at)."""
    if seen.issuer is None or issuer_named(seen) or hash_sound(seen) or signed_by(seen.certificate, seen.issuer):
        return None
    return f"carries a signature that is not that of {short_name(seen.issuer)}"


def hash_sound(seen: Examined) -> str | None:
    """SHA-256 and up (PKI Best Practices, appendix A)."""
    return None if isinstance(seen.certificate.signature_hash_algorithm, SOUND_HASHES) else "is not signed with SHA-256, SHA-384 or SHA-512"


def begun(seen: Examined) -> str | None:
    """Within its validity: the beginning."""
    start = seen.certificate.not_valid_before_utc
    return f"is valid from {start:%Y-%m-%d %H:%M:%S} UTC" if start > seen.now else None


def not_ended(seen: Examined) -> str | None:
    """Within its validity: the end."""
    end = seen.certificate.not_valid_after_utc
    return f"ended on {end:%Y-%m-%d %H:%M:%S} UTC" if end < seen.now else None


def not_due(seen: Examined) -> str | None:
    """In time for renewal, unless the CA itself ends no later: then a new one would not last longer."""
    end = seen.certificate.not_valid_after_utc
    capped = bool(seen.chain) and end >= min(authority.not_valid_after_utc for authority in seen.chain)
    longest = seen.rule.lifetime_days if seen.rule.signer is Signer.DIRECTORY else None
    due = renewal_moment(seen.certificate, seen.rule.renew_before_days, f"{seen.holder.name}/{seen.rule.name}", longest)
    return f"ends on {end:%Y-%m-%d}, renewal was due on {due:%Y-%m-%d}" if not capped and due < seen.now <= end else None


def lifetime_allowed(seen: Examined) -> str | None:
    """No longer than the rule's lifetime."""
    length = seen.certificate.not_valid_after_utc - seen.certificate.not_valid_before_utc
    return (
        f"lasts {length.days} days; allowed: {seen.rule.lifetime_days}" if length > timedelta(seen.rule.lifetime_days) + _BACKDATE else None
    )


def no_authority(seen: Examined) -> str | None:
    """Not a CA (RFC 5280 section 4.2.1.9)."""
    return "is a CA certificate; allowed: CA=FALSE" if is_authority(seen.certificate) else None


def exact_key_usage(seen: Examined) -> str | None:
    """Exactly the rule's key usages."""
    wanted = key_usage(seen.rule, certificate_key(seen.certificate)[0])
    return None if extension(seen.certificate, x509.KeyUsage) == wanted else f"has other key usages than {', '.join(seen.rule.key_usage)}"


def sufficient_key_usage(seen: Examined) -> str | None:
    """Where key usages are stated, they permit signing and no issuing."""
    stated = extension(seen.certificate, x509.KeyUsage)
    fit = stated is None or (stated.digital_signature and not stated.key_cert_sign)
    return None if fit else "has key usages without digitalSignature, or with keyCertSign"


def exact_extended_usage(seen: Examined) -> str | None:
    """Exactly the rule's extended key usages."""
    same = extension(seen.certificate, x509.ExtendedKeyUsage) == extended_key_usage(seen.rule)
    return None if same else f"has other extended key usages than: {', '.join(seen.rule.extended_key_usage) or 'none'}"


def sufficient_extended_usage(seen: Examined) -> str | None:
    """The rule's extended key usages are among those stated (RFC 5280 section 4.2.1.12)."""
    stated, wanted = extension(seen.certificate, x509.ExtendedKeyUsage), extended_key_usage(seen.rule)
    fit = wanted is None or (stated is not None and set(wanted) <= set(stated))
    return None if fit else f"lacks the extended key usage {', '.join(seen.rule.extended_key_usage)}"


def exact_names(seen: Examined) -> str | None:
    """Exactly the names that the rule and the description give."""
    wanted = alternative_names(seen.rule, seen.holder)
    same = extension(seen.certificate, x509.SubjectAlternativeName) == wanted
    return None if same else f"has other alternative names than {', '.join(str(name.value) for name in wanted or ()) or 'none'}"


def names_included(seen: Examined) -> str | None:
    """All names that the rule and the description give are there; a directory may add others."""
    wanted, stated = alternative_names(seen.rule, seen.holder), extension(seen.certificate, x509.SubjectAlternativeName)
    missing = [name for name in wanted or () if name not in (stated or ())]
    return f"lacks the alternative name {missing[0].value}" if missing else None


def permitted_extended_usage(seen: Examined) -> str | None:
    """Where extended key usages are stated, the rule's are among them (RFC 5280 section 4.2.1.12)."""
    return None if extension(seen.certificate, x509.ExtendedKeyUsage) is None else sufficient_extended_usage(seen)


def permitted_key_usage(seen: Examined) -> str | None:
    """Where key usages are stated, the rule's are among them and no CA's."""
    stated = extension(seen.certificate, x509.KeyUsage)
    fit = stated is None or (all(getattr(stated, name) for name in seen.rule.key_usage) and not stated.key_cert_sign)
    return None if fit else f"lacks the key usage {', '.join(seen.rule.key_usage)}, or has keyCertSign"


def names_the_host(seen: Examined) -> str | None:
    """The approved host is among the names, exactly or by a wildcard for its first label (RFC 9525 section 6.3)."""
    wanted, names = host(seen.holder).lower(), extension(seen.certificate, x509.SubjectAlternativeName)
    stated = {name.lower() for name in names.get_values_for_type(x509.DNSName)} if names else set()
    addresses = {str(address) for address in names.get_values_for_type(x509.IPAddress)} if names else set()
    fit = _as_address(wanted) in addresses if _as_address(wanted) else bool({wanted, f"*.{wanted.partition('.')[2]}"} & stated)
    return None if wanted and fit else f"does not name the host {wanted}"


def exact_subject(seen: Examined) -> str | None:
    """Exactly the subject that the rule and the description give."""
    wanted = subject(seen.rule, seen.holder)
    return None if seen.certificate.subject == wanted else f"has another subject than {wanted.rfc4514_string()}"


def names_no_one_else(seen: Examined) -> str | None:
    """An FSPIOP identity in the names is the holder's."""
    names = extension(seen.certificate, x509.SubjectAlternativeName)
    stated = names.get_values_for_type(x509.UniformResourceIdentifier) if names else []
    foreign = [name for name in stated if name.startswith("urn:fspiop:") and name != id_uri(seen.holder)]
    return f"names {foreign[0][:80]!a}; allowed: {id_uri(seen.holder)}" if foreign else None


def serial_sound(seen: Examined) -> str | None:
    """Positive, at most 20 octets (RFC 5280 section 4.1.2.2)."""
    return None if 0 < serial_number(seen.certificate) < 1 << 159 else "has a serial number that is not positive or over 20 octets"


Check = tuple[str, Callable[[Examined], "str | None"]]
_ISSUED: tuple[Check, ...] = (
    ("key-kind", key_kind_allowed),
    ("key-does-not-match", key_matches),
    ("issuer-is-not-ours", issuer_named),
    ("signature-algorithm", hash_sound),
    ("issuer-signature", issuer_signed),
    ("not-yet-valid", begun),
    ("certificate-expired", not_ended),
    ("certificate-expires-soon", not_due),
    ("basic-constraints", no_authority),
    ("critical-extension", lambda seen: critical_extension((seen.certificate, *seen.chain))),
    ("name-constraints", lambda seen: constrained_name(seen.certificate, seen.chain)),
    ("authority-usage", lambda seen: withheld_usage(seen.chain, seen.rule.extended_key_usage)),
)
OWN: tuple[Check, ...] = (
    *_ISSUED,
    ("lifetime-too-long", lifetime_allowed),
    ("key-usage", exact_key_usage),
    ("extended-key-usage", exact_extended_usage),
    ("san", exact_names),
    ("subject", exact_subject),
    ("serial", serial_sound),
)
RECEIVED: tuple[Check, ...] = (
    *_ISSUED,
    ("key-usage", sufficient_key_usage),
    ("extended-key-usage", sufficient_extended_usage),
    ("subject", names_no_one_else),
)
DIRECTORY: tuple[Check, ...] = (
    *_ISSUED,
    ("key-usage", permitted_key_usage),
    ("extended-key-usage", permitted_extended_usage),
    ("san", names_included),
    ("subject", exact_subject),
    ("serial", serial_sound),
)
"""What a scheme's directory signs: its profile of usages is its own, the names must be exact."""
DUE: tuple[Check, ...] = (("certificate-expires-soon", not_due),)
SERVER: tuple[Check, ...] = (
    *(check for check in RECEIVED if check[0] not in {"certificate-expires-soon", "key-does-not-match"}),
    ("san", names_the_host),
)
"""Neither a reason to use it no longer, nor is its key known from elsewhere."""


def examine(checks: tuple[Check, ...], seen: Examined) -> list[Fault]:
    """The faults that these checks find, in their order."""
    return [Fault(reason, what, "certificate.pem") for reason, check in checks if (what := check(seen))]


def _issuer_name(seen: Examined) -> str:
    return ascii(seen.certificate.issuer.rfc4514_string())[:120]


def _as_address(name: str) -> str:
    """The canonical form of an IP address; empty for anything else."""
    try:
        return str(ip_address(name))
    except ValueError:
        return ""
