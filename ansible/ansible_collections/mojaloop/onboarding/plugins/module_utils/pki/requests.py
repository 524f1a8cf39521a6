# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Certificate signing requests (PKCS#10, RFC 2986): ours to make, the counterpart's to read with care."""

from __future__ import annotations

from dataclasses import dataclass

from ..description.model import Side
from ..description.profiles import CertificateRule
from .keys import PrivateKey, PublicKey


@dataclass(frozen=True)
class Request:
    """What was read from a counterpart's request. Nothing in here reaches a certificate but the public key.

    ``digest`` is the SHA-256 (hex) of the request in DER; ``wants`` names what only a CA may have or no one should ask
    for: ``ca``, ``key_cert_sign``, ``crl_sign``, ``any_extended_key_usage``. ``other_names`` are SANs that are neither
    DNS names nor URIs, as ``kind:value``.
    """

    public_key: PublicKey
    common_name: str
    dns_names: tuple[str, ...]
    uri_names: tuple[str, ...]
    other_names: tuple[str, ...]
    wants: tuple[str, ...]
    digest: str


def make_request(key: PrivateKey, *, rule: CertificateRule, side: Side) -> bytes:
    """A request (PEM) for this side's certificate, with the subject and SAN that the rule gives it."""
    raise NotImplementedError


def read_request(pem: bytes, *, where: str) -> Request:
    """A counterpart's request, its self-signature verified; SigningRefused with a reason code (at most 16 KiB, 100 names)."""
    raise NotImplementedError
