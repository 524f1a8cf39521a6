# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""CA chains: their order, rights and dates, and what no two sides' CAs may share."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache

from cryptography import x509

from .certificates import Chain, certificate_key, extension, short_name, signed_by
from .contents import renewal_moment
from .faults import Fault
from .path_checks import critical_extension
from .requests import SOUND_HASHES


@lru_cache(maxsize=4096)
def authority_marks(chain: Chain) -> frozenset[str]:
    """What no two sides' CAs may have in common: ``name:<DER hex>`` and ``key:<digest>`` of each certificate."""
    names = {f"name:{authority.subject.public_bytes().hex()}" for authority in chain}
    return frozenset(names | {f"key:{certificate_key(authority)[1]}" for authority in chain})


def authority_expiry(chain: Chain, renew_before_days: int, now: datetime) -> list[Fault]:
    """``authority-expires-soon`` for the first CA of a chain that ends within the given days and has not ended yet."""
    for authority in chain:
        end = authority.not_valid_after_utc
        if now <= end < now + timedelta(days=renew_before_days) and now > renewal_moment(authority, renew_before_days, ""):
            return [Fault("authority-expires-soon", f"{short_name(authority)} ends on {end:%Y-%m-%d}")]
    return []


@lru_cache(maxsize=4096)
def chain_faults(chain: Chain, now: datetime) -> tuple[Fault, ...]:
    """What is wrong with a CA chain, issuing CA first, by RFC 5280 section 6.1: order, signatures, CA rights, path lengths, dates."""
    if not chain:
        return (Fault("chain-incomplete", "has no certificate"),)
    faults = []
    for below, authority in enumerate(chain):
        issuer = chain[below + 1] if below + 1 < len(chain) else authority
        faults += [
            Fault(reason, f"{short_name(authority)}: {what}") for reason, what in _authority_checks(authority, issuer, below, now) if what
        ]
    return tuple(faults)


def _authority_checks(
    authority: x509.Certificate, issuer: x509.Certificate, below: int, now: datetime
) -> tuple[tuple[str, str | None], ...]:
    """Reason codes and wordings for one CA of a chain, ``below`` CAs under it."""
    constraints, usage = extension(authority, x509.BasicConstraints), extension(authority, x509.KeyUsage)
    signs = usage is None or usage.key_cert_sign
    is_root = issuer == authority
    signed = signed_by(authority, issuer)
    short = constraints is not None and constraints.path_length is not None and constraints.path_length < below
    weak = not is_root and not isinstance(authority.signature_hash_algorithm, SOUND_HASHES)
    return (
        ("authority-not-ca", None if constraints and constraints.ca and signs else "has no right to sign certificates"),
        ("authority-critical-extension", critical_extension((authority,))),
        ("authority-path-length", f"may have fewer than {below} CAs under it" if short else None),
        ("chain-incomplete", "is not self-signed, and its issuer is not here" if is_root and not signed else None),
        ("chain-order", f"is not signed by {short_name(issuer)}, the next one" if not is_root and not signed else None),
        ("authority-signature-algorithm", "is not signed with SHA-256, SHA-384 or SHA-512" if weak else None),
        ("authority-not-yet-valid", "is not valid yet" if authority.not_valid_before_utc > now else None),
        ("authority-expired", f"ended on {authority.not_valid_after_utc:%Y-%m-%d}" if authority.not_valid_after_utc < now else None),
    )
