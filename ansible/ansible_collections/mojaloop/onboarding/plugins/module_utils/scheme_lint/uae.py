# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules of the UAE's Open Finance on certificates and keys, as rows.

Sources: nebras-open-finance.com, "Keys & Certificates" (KC), "Certificate Walkthroughs" (CW), "Subject alternative names" (SAN),
"Secure Management" (SM). The level is the source's own word; where pages differ the stricter one counts.
"""

from __future__ import annotations

from cryptography import x509
from cryptography.x509.oid import NameOID

from ..pki.certificates import certificate_key, extension
from .rules import Level, Rule, at_most, hash_strong, host_in_names, key_mode, leaf, subject_has, tls_usage
from .subjects import Held

_LEAVES = ("server", "client", "tenant-server", "response-signature", "jwt", "encryption")
_TRANSPORT = ("server", "client")
_ROTATED = 396
"""13 months."""


def _rsa_2048(held: Held) -> str:
    kind, _ = certificate_key(held.certificate)
    return "" if kind == "rsa-2048" else f"a key of kind {kind}"


def _country(held: Held) -> str:
    found = [str(each.value) for each in held.certificate.subject.get_attributes_for_oid(NameOID.COUNTRY_NAME)]
    return "" if found == ["AE"] else f"C={', '.join(found) or 'nothing'}"


def _unit(held: Held) -> str:
    """One unit, an id of the directory: whose it is was held against the description when the certificate was taken."""
    found = [str(each.value) for each in held.certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)]
    return "" if len(found) == 1 else f"{len(found)} units"


def _no_names(held: Held) -> str:
    names = extension(held.certificate, x509.SubjectAlternativeName)
    return f"names {', '.join(str(each.value) for each in names)[:100]}" if names else ""


def _private_authority(held: Held) -> str:
    return "the issuer is the holder itself" if held.certificate.issuer == held.certificate.subject else ""


_RENEW = "Renew it: a new request goes out to the directory."

UAE_RULES = (
    Rule("UA1-key", Level.MUST, "KC", "A key is RSA with 2048 bits.", _RENEW, _LEAVES, _rsa_2048),
    Rule("UA1-hash", Level.MUST, "KC", "Signatures use SHA-256 or stronger.", _RENEW, _LEAVES, hash_strong),
    Rule("UA2-country", Level.MUST, "KC", "The subject has C=AE.", "Set country: AE.", _LEAVES, _country),
    Rule(
        "UA2-subject", Level.MUST, "KC", "The subject has O and CN.", _RENEW, _LEAVES,
        subject_has(NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME),
    ),
    Rule("UA2-unit", Level.MUST, "KC", "The subject has one OU, the organisation's id.", _RENEW, _LEAVES, _unit),
    Rule("UA3-server", Level.MUST, "SAN", "A server certificate names its host.", _RENEW, ("server",), host_in_names),
    Rule("UA3-client", Level.SHOULD, "SAN", "A client certificate names no host.", _RENEW, ("client",), _no_names),
    Rule("UA4", Level.SHOULD, "RFC 5280 4.2.1.12", "A transport certificate states its own use.", _RENEW, _TRANSPORT, tls_usage),
    Rule("UA5", Level.MUST, "RFC 5280 4.2.1.9", "A leaf says CA=FALSE.", _RENEW, _LEAVES, leaf),
    Rule("UA6", Level.MUST, "SM", "Transport and signing keys serve 13 months at most.", _RENEW, _LEAVES[:-1], at_most(_ROTATED)),
    Rule("UA7", Level.MUST, "KC", "The directory's CA has signed.", _RENEW, _LEAVES, _private_authority),
    Rule("UA8", Level.MUST, "SM", "Private keys are protected.", "Set mode 0600; re-key what others could read.", _LEAVES, key_mode),
)  # fmt: skip
