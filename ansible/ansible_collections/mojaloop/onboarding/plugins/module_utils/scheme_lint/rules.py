# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The scheme's own rules on certificates and keys, as rows: level, source, what is judged, what to do.

Sources: Mojaloop "PKI Best Practices" (PKI), FSPIOP API "Signature" v1.1 (SIG). The level is the source's own word: *must*
for must, mandatory, required and shall; *should* for the rest. Where this pack differs on purpose, ``accepted`` says why:
such a row is shown and fails nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ..pki.certificates import certificate_key, extension, is_authority, signed_by
from .subjects import Held

Check = Callable[[Held], str]
"""What was found where the rule is not met; empty where it is."""
CA = ("ca",)
TLS = ("server", "client")
LEAVES = ("server", "client", "jws")
_USAGE = {"server": ("serverAuth", ExtendedKeyUsageOID.SERVER_AUTH), "client": ("clientAuth", ExtendedKeyUsageOID.CLIENT_AUTH)}
_TWO_YEARS, _TEN_YEARS = 731, 3653
_STRONG = {hashes.SHA256, hashes.SHA384, hashes.SHA512}


class Level(StrEnum):
    """How firmly the source asks."""

    MUST = "must"
    SHOULD = "should"


@dataclass(frozen=True)
class Rule:
    """One rule of the scheme. ``artefacts`` are those it is about."""

    name: str
    level: Level
    source: str
    says: str
    fix: str
    artefacts: tuple[str, ...]
    check: Check
    accepted: str = ""


def _root(held: Held) -> str:
    last = held.certificates[-1]
    return "" if signed_by(last, last) else "the last certificate of the chain is not self-signed"


def _root_key(held: Held) -> str:
    kind, _ = certificate_key(held.certificates[-1])
    return "" if kind in {"rsa-4096", "rsa-8192"} else f"a root key of kind {kind}"


def _authority(held: Held) -> str:
    usage = extension(held.certificate, x509.KeyUsage)
    missing = [] if is_authority(held.certificate) else ["CA=TRUE"]
    missing += [] if usage and usage.key_cert_sign else ["keyCertSign"]
    return f"lacks {' and '.join(missing)}" if missing else ""


def leaf(held: Held) -> str:
    """A leaf certificate is none of a CA."""
    return "CA=TRUE" if is_authority(held.certificate) else ""


def at_most(days: int) -> Check:
    """Whether a certificate lasts no longer than this."""

    def check(held: Held) -> str:
        length = (held.certificate.not_valid_after_utc - held.certificate.not_valid_before_utc).days
        return f"is valid for {length} days" if length > days else ""

    return check


def _leaf_key(held: Held) -> str:
    kind, _ = certificate_key(held.certificate)
    family, _, bits = kind.partition("-")
    return "" if family == "ec" or (family == "rsa" and int(bits) >= 2048) else f"a key of kind {kind}"  # noqa: PLR2004 -- bits


def _rsa(held: Held) -> str:
    kind, _ = certificate_key(held.certificate)
    return "" if kind.startswith("rsa-") else f"a key of kind {kind}"


def hash_strong(held: Held) -> str:
    """SHA-256 and up."""
    algorithm = held.certificate.signature_hash_algorithm
    return "" if type(algorithm) in _STRONG else f"signed with {algorithm.name if algorithm else 'an unknown hash'}"


def subject_has(*wanted: x509.ObjectIdentifier) -> Check:
    """Whether the subject has these attributes."""

    def check(held: Held) -> str:
        names = {attribute.oid for attribute in held.certificate.subject}
        missing = [str(x509.NameAttribute(oid, "XX").rfc4514_attribute_name) for oid in wanted if oid not in names]
        return f"the subject has no {' and no '.join(missing)}" if missing else ""

    return check


def host_in_names(held: Held) -> str:
    """The endpoint's host is among the alternative names."""
    names = extension(held.certificate, x509.SubjectAlternativeName)
    host = held.side.endpoint.host.strip("[]") if held.side.endpoint else ""
    found = [str(each.value) for each in names] if names else []
    return "" if host in found else f"no subjectAltName {host}"


def _revocation_addresses(held: Held) -> str:
    found = [extension(held.certificate, kind) for kind in (x509.CRLDistributionPoints, x509.AuthorityInformationAccess)]
    missing = [name for name, each in zip(("CRL distribution point", "OCSP address"), found, strict=True) if each is None]
    return f"no {' and no '.join(missing)}" if missing else ""


def tls_usage(held: Held) -> str:
    """The extended key usage of a TLS certificate is its own."""
    usages, (name, wanted) = extension(held.certificate, x509.ExtendedKeyUsage), _USAGE[held.artefact]
    return "" if usages and wanted in usages else f"no {name} in extendedKeyUsage"


def _signs_only(held: Held) -> str:
    usage, extended = extension(held.certificate, x509.KeyUsage), extension(held.certificate, x509.ExtendedKeyUsage)
    more = [] if usage and usage.digital_signature and not (usage.key_encipherment or usage.data_encipherment) else ["other key usages"]
    more += [] if extended is None else ["an extendedKeyUsage"]
    return f"has {' and '.join(more)}" if more else ""


def _signature_length(held: Held) -> str:
    kind, _ = certificate_key(held.certificate)
    return f"a key of kind {kind}: its signature has over 512 characters" if kind == "rsa-4096" else ""


def _list(held: Held) -> str:
    if held.list_days is None:
        return "no revocation list" if held.key_mode else ""
    return f"the revocation list is in force for {held.list_days} days" if held.list_days > 1 else ""


def key_mode(held: Held) -> str:
    """The key file is its owner's alone."""
    return f"the key file has mode {held.key_mode:04o}" if held.key_mode & 0o077 else ""


_FINGERPRINT = "Gateways check the certificate's fingerprint on every request: a revocation takes effect at once and asks no server."
_EC = "A P-256 or P-384 key is at least as strong; set ca.key: rsa-4096 where a counterpart asks for the letter of the rule."

RULES = (
    Rule("CA2-root", Level.MUST, "PKI 5.3", "The root is self-signed.", "Publish the chain up to its root.", CA, _root),
    Rule("CA2-key", Level.SHOULD, "PKI 5.3", "The root key is RSA with 4096 bits or more.", "Set ca.key: rsa-4096.", CA, _root_key, _EC),
    Rule("CA3-ca", Level.MUST, "PKI 5.3", "A CA certificate says CA=TRUE and keyCertSign.", "Import another CA.", CA, _authority),
    Rule("CA3-leaf", Level.MUST, "PKI 5.4", "A leaf says CA=FALSE.", "Renew the certificate.", LEAVES, leaf),
    Rule("CA4", Level.SHOULD, "PKI 5.3", "A root is valid for 10 years.", "Import a CA of at most 10 years.", CA, at_most(_TEN_YEARS)),
    Rule("CE1-key", Level.MUST, "PKI 6.2", "A leaf key has the strength of RSA 2048.", "Set keys.tls or keys.jws.", LEAVES, _leaf_key),
    Rule("CE1-hash", Level.SHOULD, "PKI appendix A", "Signatures use SHA-256 or stronger.", "Renew it.", (*CA, *LEAVES), hash_strong),
    Rule(
        "CE2", Level.MUST, "PKI 5.4", "The subject has CN and O.", "Renew the certificate.", LEAVES,
        subject_has(NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME),
    ),
    Rule(
        "CE2-country", Level.MUST, "PKI 5.4", "The subject has C.", "Set country: in the side's file.", LEAVES,
        subject_has(NameOID.COUNTRY_NAME),
    ),
    Rule("CE3", Level.SHOULD, "RFC 9525 6.3", "A server certificate names its host.", "Renew it.", ("server",), host_in_names),
    Rule(
        "CE4", Level.MUST, "PKI 5.4", "A leaf names its CRL and OCSP servers.", "None in this pack.", TLS,
        _revocation_addresses, _FINGERPRINT,
    ),
    Rule("CE5", Level.SHOULD, "PKI 5.4", "A leaf is valid for 2 years at most.", "Renew it.", LEAVES, at_most(_TWO_YEARS)),
    Rule("CE6", Level.SHOULD, "PKI 5.4 table 1", "A TLS certificate states its own use.", "Renew it.", TLS, tls_usage),
    Rule("CE7", Level.SHOULD, "PKI 5.4 table 1", "A JWS certificate is for signatures alone.", "Renew it.", ("jws",), _signs_only),
    Rule("CE11", Level.SHOULD, "PKI 5.5", "A CRL is refreshed daily.", "Run onboard.yml daily.", CA, _list, _FINGERPRINT),
    Rule(
        "CE13", Level.MUST, "PKI 6.1", "Private keys are protected.", "Set mode 0600; re-key what others could read.", (*CA, *LEAVES),
        key_mode,
    ),
    Rule("JW1", Level.MUST, "SIG 3.3", "A JWS key is RSA.", "Set keys.jws: rsa-3072.", ("jws",), _rsa),
    Rule(
        "JW5", Level.MUST, "SIG 3.1 table 1", "A signature has 512 characters at most.", "Set keys.jws: rsa-3072.", ("jws",),
        _signature_length,
    ),
)  # fmt: skip
