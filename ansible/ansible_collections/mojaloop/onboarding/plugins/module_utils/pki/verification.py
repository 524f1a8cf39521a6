# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every artefact is verified again on every run: the surface of verification, each answer a list of faults."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from cryptography import x509

from ..description.model import Side
from ..description.profiles import CertificateRule, Profile
from .artefacts import artefact_faults
from .certificate_checks import DIRECTORY, DUE, OWN, RECEIVED, SERVER, Examined, examine
from .certificates import Chain, certificate_key, fingerprint, serial_number, short_name
from .chains import authority_expiry, authority_marks, chain_faults
from .faults import Fault

__all__ = [
    "Chain",
    "artefact_faults",
    "authority_expiry",
    "authority_marks",
    "certificate_faults",
    "chain_faults",
    "directory_certificate_faults",
    "duplicate_serials",
    "expiry_notice",
    "received_authority_faults",
    "received_certificate_faults",
    "received_server_faults",
    "stray_faults",
]


def certificate_faults(
    certificate: x509.Certificate, *, rule: CertificateRule, holder: Side, chain: Chain, now: datetime, key_digest: str = ""
) -> list[Fault]:
    """What is wrong with a certificate that our own CA signed (or the holder itself: empty chain) for this rule and holder."""
    return examine(OWN, Examined(certificate, rule, holder, chain, now, key_digest))


def received_certificate_faults(
    certificate: x509.Certificate, *, rule: CertificateRule, holder: Side, chain: Chain, now: datetime, key_digest: str = ""
) -> list[Fault]:
    """What is wrong with a certificate that a counterpart's CA signed for the holder with tools of its own."""
    return examine(RECEIVED, Examined(certificate, rule, holder, chain, now, key_digest))


def directory_certificate_faults(
    certificate: x509.Certificate, *, rule: CertificateRule, holder: Side, chain: Chain, now: datetime, key_digest: str = ""
) -> list[Fault]:
    """What is wrong with a certificate that the scheme's directory signed for the holder (see ``trust.named``)."""
    return examine(DIRECTORY, Examined(certificate, rule, holder, chain, now, key_digest))


def received_server_faults(
    certificate: x509.Certificate, *, rule: CertificateRule, counterpart: Side, chain: Chain, now: datetime
) -> list[Fault]:
    """What is wrong with a counterpart's published server certificate: names its approved host, chains to its CA, in time.

    That it ends soon makes it no less usable: see ``expiry_notice``.
    """
    return examine(SERVER, Examined(certificate, rule, counterpart, chain, now, ""))


def expiry_notice(certificate: x509.Certificate, *, rule: CertificateRule, holder: Side, chain: Chain, now: datetime) -> list[Fault]:
    """``certificate-expires-soon`` for someone else's certificate that is usable and due for renewal by its holder."""
    return examine(DUE, Examined(certificate, rule, holder, chain, now, ""))


def received_authority_faults(chain: Chain, *, profile: Profile, others: Mapping[str, str], now: datetime) -> list[Fault]:
    """What is wrong with a counterpart's CA chain (see ``authority.read_chain``).

    ``others`` maps the ``authority_marks`` of every other side's chain to that side's name: a CA that carries another's
    name or key could speak for the other. That it ends soon is reported by ``authority_expiry``.
    """
    faults = list(chain_faults(chain, now))
    faults += [
        Fault("authority-key-kind", f"{short_name(authority)} has a key of kind {kind}; allowed: {', '.join(profile.authority.key_kinds)}")
        for authority in chain
        if (kind := certificate_key(authority)[0]) not in profile.authority.key_kinds
    ]
    shared = sorted((others[mark], mark.partition(":")[0]) for mark in authority_marks(chain) if mark in others)
    faults += [Fault("authority-of-another-side", f"has the same {what} as the CA of {side}") for side, what in shared]
    return faults


def duplicate_serials(certificates: Iterable[x509.Certificate]) -> list[Fault]:
    """``serial-duplicate`` for each serial number that two different certificates of one issuer carry (RFC 5280 section 4.1.2.2)."""
    carriers: dict[tuple[bytes, int], set[str]] = {}
    for certificate in certificates:
        carriers.setdefault((certificate.issuer.public_bytes(), serial_number(certificate)), set()).add(fingerprint(certificate))
    return [
        Fault("serial-duplicate", f"serial {serial:x} is in {len(prints)} certificates of one CA: {', '.join(sorted(prints))}")
        for (_, serial), prints in sorted(carriers.items())
        if len(prints) > 1
    ]


def stray_faults(unfinished: Iterable[str]) -> list[Fault]:
    """``stray-temporary-file`` for each path that ``DiskTree.unfinished`` names."""
    return [Fault("stray-temporary-file", "was left by an interrupted run", path) for path in unfinished]
