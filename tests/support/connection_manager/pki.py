# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The certificates and verdicts of the stand-ins, as lenient as the real servers were seen to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Verdict = dict[str, object]
EARLIER = timedelta(hours=1)
"""Certificates begin in the past: a test may take its time from a moment before they were made."""
OIDS = {
    "CN": NameOID.COMMON_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "L": NameOID.LOCALITY_NAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "C": NameOID.COUNTRY_NAME,
    "emailAddress": NameOID.EMAIL_ADDRESS,
}


@dataclass(frozen=True)
class Authority:
    """A CA and its key."""

    key: rsa.RSAPrivateKey
    certificate: x509.Certificate


@lru_cache(maxsize=8)
def _spare(number: int, bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def new_key(number: int, bits: int = 2048) -> rsa.RSAPrivateKey:
    """A key; the same number gives the same one again, because making them is dear."""
    return _spare(number, bits)


def name(parts: dict[str, str]) -> x509.Name:
    """A distinguished name."""
    return x509.Name([x509.NameAttribute(OIDS[part], value) for part, value in parts.items() if value and part in OIDS])


def pem(found: x509.Certificate | x509.CertificateSigningRequest, *, crlf: bool = False) -> str:
    """PEM text; the later era writes CRLF."""
    text = found.public_bytes(serialization.Encoding.PEM).decode()
    return text.replace("\n", "\r\n") if crlf else text


def key_pem(key: rsa.RSAPrivateKey) -> str:
    """A private key."""
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def certificates(text: str | None) -> list[x509.Certificate]:
    """All certificates of a text; ValueError when there is none in it."""
    return x509.load_pem_x509_certificates(text.encode()) if text else []


def make_authority(parts: dict[str, str], number: int) -> Authority:
    """A new CA."""
    key, subject, now = new_key(number, 3072), name(parts), datetime.now(UTC) - 2 * EARLIER
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=365))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    builder = builder.add_extension(usage, critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    return Authority(key, builder.sign(key, hashes.SHA256()))


def sign(
    authority: Authority, request: x509.CertificateSigningRequest, *, common_name: str = "", days: int = 30, server: bool = False
) -> x509.Certificate:
    """What the server signs: the request's subject, or for an empty one ``common_name``, for clients and servers alike."""
    now = datetime.now(UTC) - EARLIER
    subject = request.subject if list(request.subject) else name({"CN": common_name})
    public, until = request.public_key(), now + timedelta(days=days)
    builder = x509.CertificateBuilder(authority.certificate.subject, subject, public, x509.random_serial_number(), now, until)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    usages = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
    builder = builder.add_extension(x509.ExtendedKeyUsage(usages[1:] if server else usages), critical=False)
    known = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    builder = builder.add_extension(known, critical=False)
    if common_name:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(common_name)]), critical=False)
    return builder.sign(authority.key, hashes.SHA256())


def make_request(key: rsa.RSAPrivateKey, parts: dict[str, str], dns: Sequence[str] = ()) -> x509.CertificateSigningRequest:
    """A request; the later era's has an empty subject."""
    builder = x509.CertificateSigningRequestBuilder(name(parts))
    if dns:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in dns]), critical=False)
    return builder.sign(key, hashes.SHA256())


def same_key(one: x509.Certificate | x509.CertificateSigningRequest, other: x509.Certificate | x509.CertificateSigningRequest) -> bool:
    """Whether both are about one public key."""
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return one.public_key().public_bytes(*form) == other.public_key().public_bytes(*form)


def signed_by(certificate: x509.Certificate, chain: Sequence[x509.Certificate]) -> bool:
    """Whether one of a chain has signed it."""
    for authority in chain:
        try:
            certificate.verify_directly_issued_by(authority)
        except (ValueError, TypeError, InvalidSignature):
            continue
        return True
    return False


def info(found: x509.Certificate | x509.CertificateSigningRequest) -> dict[str, object]:
    """What the servers tell of a certificate or request."""
    by_oid = {oid: part for part, oid in OIDS.items()}
    subject = {by_oid[each.oid]: str(each.value) for each in found.subject if each.oid in by_oid}
    if isinstance(found, x509.CertificateSigningRequest):
        return {"subject": subject}
    dates = {"notBefore": found.not_valid_before_utc.isoformat(), "notAfter": found.not_valid_after_utc.isoformat()}
    return {"subject": subject, "serialNumber": str(found.serial_number), **dates}


def verdict(code: str, right: bool | None, *, result: str = "") -> Verdict:  # noqa: FBT001
    """One entry of ``validations``; ``right`` None: not performed."""
    performed = right is not None
    found = result or ("NOT_AVAILABLE" if right is None else "VALID" if right else "INVALID")
    return {"validationCode": code, "performed": performed, "result": found, "message": code.lower(), "messageTemplate": "", "data": {}}


def state_of(verdicts: Sequence[Verdict]) -> str:
    """``VALID`` where no single check is ``INVALID``."""
    return "INVALID" if any(each["result"] == "INVALID" for each in verdicts) else "VALID"
