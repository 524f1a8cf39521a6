# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Certificates as read: parsed once, wholly, or not at all."""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import TypeVar, cast

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import NameOID

from .inputs import KIBI, InputRefused, check_input
from .keys import key_kind, public_digest

Chain = tuple[x509.Certificate, ...]
"""Issuing CA first, up to and with the root."""
Kind = TypeVar("Kind", bound=x509.ExtensionType)


class CertificateUnreadable(ValueError):
    """PEM that holds no certificate, or one that this library cannot read wholly."""


@lru_cache(maxsize=4096)
def read_certificates(pem: bytes) -> Chain:
    """All certificates of a PEM file, in its order (at least one); CertificateUnreadable otherwise."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            return tuple(_whole(certificate) for certificate in x509.load_pem_x509_certificates(pem))
    except x509.InvalidVersion as error:
        msg = f"holds a certificate of version {error.parsed_version + 1}; allowed: version 3 (RFC 5280 section 4.1.2.1)"
        raise CertificateUnreadable(msg) from error
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        msg = "is not a certificate in PEM, or is damaged"
        raise CertificateUnreadable(msg) from error


def read_certificate(pem: bytes) -> x509.Certificate:
    """The one certificate of a PEM file; CertificateUnreadable when there is none, another thing, or several."""
    certificates = read_certificates(pem)
    if len(certificates) != 1:
        msg = f"holds {len(certificates)} certificates; allowed: 1"
        raise CertificateUnreadable(msg)
    return certificates[0]


def received_certificate(pem: bytes, *, where: str) -> x509.Certificate:
    """The one certificate of a counterpart's file (PEM, at most 64 KiB); InputRefused with the codes of ``check_input``."""
    check_input(pem, labels=("CERTIFICATE",), most=1, limit=64 * KIBI, where=where)
    try:
        return read_certificate(pem)
    except CertificateUnreadable as error:
        raise InputRefused("unreadable", str(error), where=where) from error


def certificate_pem(*certificates: x509.Certificate) -> bytes:
    """One or more certificates in PEM, in this order."""
    return b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in certificates)


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 (hex, 64 characters) of the certificate in DER."""
    return certificate.fingerprint(hashes.SHA256()).hex()


@lru_cache(maxsize=4096)
def certificate_key(certificate: x509.Certificate) -> tuple[str, str]:
    """Kind and digest (see ``keys.public_digest``) of a certificate's public key."""
    public = certificate.public_key()
    return key_kind(public), public_digest(public)


@lru_cache(maxsize=4096)
def signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the issuer's key made this certificate's signature and the issuer's name is in it (RFC 5280 section 6.1.3)."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether BasicConstraints say CA=TRUE."""
    constraints = extension(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.ca


def short_name(certificate: x509.Certificate) -> str:
    """A subject's common name (or the whole subject) for people, in ASCII."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return ascii(str(names[0].value) if names else certificate.subject.rfc4514_string())[:120]


def extension(certificate: x509.Certificate, kind: type[Kind]) -> Kind | None:
    """The value of an extension, or None."""
    return cast("Kind | None", _extensions(certificate).get(kind.oid))


@lru_cache(maxsize=4096)
def _extensions(certificate: x509.Certificate) -> dict[x509.ObjectIdentifier, x509.ExtensionType]:
    return {extension.oid: extension.value for extension in certificate.extensions}


@lru_cache(maxsize=4096)
def serial_number(certificate: x509.Certificate) -> int:
    """The serial number, also one that is not positive: the library warns of those whenever they are looked at."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        return certificate.serial_number


def _whole(certificate: x509.Certificate) -> x509.Certificate:
    """Touch what is parsed late, so that nothing raises later."""
    certificate.public_key()
    _ = (certificate.subject, certificate.issuer, _extensions(certificate), certificate.serial_number)
    _ = (certificate.not_valid_before_utc, certificate.not_valid_after_utc, certificate.signature_hash_algorithm)
    return certificate
