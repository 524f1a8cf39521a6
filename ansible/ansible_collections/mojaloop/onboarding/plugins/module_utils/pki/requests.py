# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Certificate signing requests (PKCS#10, RFC 2986): ours to make, the counterpart's to read with care."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ..description.model import Side
from ..description.profiles import CertificateRule
from ..errors import SigningRefused
from .contents import alternative_names, subject
from .inputs import KIBI, InputRefused, check_input
from .keys import PrivateKey, PublicKey, key_kind, signature_hash

MOST_NAMES = 100
SOUND_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)


@dataclass(frozen=True)
class Request:
    """What was read from a counterpart's request. Nothing in here reaches a certificate but the public key.

    ``digest`` is the SHA-256 (hex) of the request in DER; ``wants`` names what only a CA may have or no one should ask
    for: ``ca``, ``key_cert_sign``, ``crl_sign``, ``any_extended_key_usage``. ``common_name`` joins several with a comma,
    which no expected name has. ``other_names`` are SANs that are neither DNS names nor URIs, as ``kind:value``.
    """

    public_key: PublicKey
    common_name: str
    dns_names: tuple[str, ...]
    uri_names: tuple[str, ...]
    other_names: tuple[str, ...]
    wants: tuple[str, ...]
    digest: str
    subject: x509.Name


def make_request(key: PrivateKey, *, rule: CertificateRule, side: Side) -> bytes:
    """A request (PEM) for this side's certificate, with the subject and SAN that the rule gives it."""
    builder, names = x509.CertificateSigningRequestBuilder(subject(rule, side)), alternative_names(rule, side)
    if names is not None:
        builder = builder.add_extension(names, critical=False)
    return builder.sign(key, signature_hash(key)).public_bytes(serialization.Encoding.PEM)


def read_request(pem: bytes, *, where: str) -> Request:
    """A counterpart's request, its self-signature verified; SigningRefused with a reason code.

    ``request-too-large`` (over 16 KiB), ``private-key-received``, ``request-unreadable``, ``request-too-many`` (several
    in one file), ``request-names-too-many`` (over 100), ``key-kind`` (neither EC nor RSA), ``request-hash`` (SHA-1 and
    older), ``request-version``, ``request-key-form``,
    ``request-signature``.
    """
    try:
        check_input(pem, labels=("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"), most=1, limit=16 * KIBI, where=where)
    except InputRefused as error:
        reason = error.reason if error.reason.startswith("private-key") else f"request-{error.reason}"
        raise SigningRefused(reason, error.what, where=where, remedy=error.remedy) from None
    try:
        return _read(pem)
    except SigningRefused as error:
        raise SigningRefused(error.reason, error.what, where=where) from None


@lru_cache(maxsize=4096)
def _read(pem: bytes) -> Request:
    try:
        request = x509.load_pem_x509_csr(pem)
        public, extensions = request.public_key(), request.extensions
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        names = x509.SubjectAlternativeName([])
    except x509.InvalidVersion as error:
        what = f"has version {error.parsed_version + 1}; allowed: version 1 (RFC 2986 section 4.1)"
        raise SigningRefused("request-version", what) from error
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise SigningRefused("request-unreadable", "is not a certificate request in PEM, or is damaged") from error
    if not isinstance(public, EllipticCurvePublicKey | RSAPublicKey):
        raise SigningRefused("key-kind", f"asks for a key of kind {key_kind(public)}; allowed: EC and RSA keys")
    spki = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if spki not in request.tbs_certrequest_bytes:
        # The certificate would be for another form of the key, which its holder's tools may not take for theirs.
        what = "has its key in a form that no certificate here has; allowed: rsaEncryption, or an uncompressed point of a named curve"
        raise SigningRefused("request-key-form", what)
    if len(names) > MOST_NAMES:
        raise SigningRefused("request-names-too-many", f"asks for {len(names):,} names; allowed: {MOST_NAMES}")
    _check_signature(request)
    return Request(
        public_key=public,
        common_name=",".join(str(name.value) for name in request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)),
        dns_names=tuple(names.get_values_for_type(x509.DNSName)),
        uri_names=tuple(names.get_values_for_type(x509.UniformResourceIdentifier)),
        other_names=tuple(_others(names)),
        wants=tuple(_wants(extensions)),
        digest=sha256(request.public_bytes(serialization.Encoding.DER)).hexdigest(),
        subject=request.subject,
    )


@lru_cache(maxsize=4096)
def proves_possession(request: x509.CertificateSigningRequest) -> bool:
    """Whether the request's own key made its signature; ValueError and others for algorithms that this library does not know."""
    return request.is_signature_valid


def _check_signature(request: x509.CertificateSigningRequest) -> None:
    """Proof of possession (RFC 2986 section 4.2): without it anybody could have a certificate made for another's key."""
    try:
        sound = isinstance(request.signature_hash_algorithm, SOUND_HASHES)
        valid = sound and proves_possession(request)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm) as error:
        raise SigningRefused("request-signature", "has a self-signature that cannot be verified") from error
    if not sound:
        raise SigningRefused("request-hash", "is not signed with SHA-256, SHA-384 or SHA-512")
    if not valid:
        raise SigningRefused("request-signature", "has a self-signature that its own public key does not verify")


def _others(names: x509.SubjectAlternativeName) -> Iterable[str]:
    for name in names:
        if not isinstance(name, x509.DNSName | x509.UniformResourceIdentifier):
            yield f"{type(name).__name__}:{name.value}"


def _wants(extensions: x509.Extensions) -> Iterable[str]:
    """What the request asks for beyond any leaf."""
    for extension in extensions:
        value = extension.value
        if isinstance(value, x509.BasicConstraints) and value.ca:
            yield "ca"
        if isinstance(value, x509.KeyUsage) and value.key_cert_sign:
            yield "key_cert_sign"
        if isinstance(value, x509.KeyUsage) and value.crl_sign:
            yield "crl_sign"
        if isinstance(value, x509.ExtendedKeyUsage) and ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in value:
            yield "any_extended_key_usage"
