# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What TLS refuses of a certificate for the sake of its path: critical extensions, name constraints, usages of the CAs.

OpenSSL's rules (3.0), which gateways and connectors apply; a certificate must not be installed first and refused in the handshake.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from .certificates import Chain, extension, short_name

_UNDERSTOOD = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.CERTIFICATE_POLICIES, ExtensionOID.CRL_DISTRIBUTION_POINTS,
        ExtensionOID.EXTENDED_KEY_USAGE, ExtensionOID.INHIBIT_ANY_POLICY, ExtensionOID.KEY_USAGE, ExtensionOID.NAME_CONSTRAINTS,
        ExtensionOID.OCSP_NO_CHECK,
        ExtensionOID.POLICY_CONSTRAINTS, ExtensionOID.POLICY_MAPPINGS, ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
    }
)  # fmt: skip
"""Critical extensions that OpenSSL processes (``X509_supported_extension``)."""
_PURPOSES = {"server_auth": ExtendedKeyUsageOID.SERVER_AUTH, "client_auth": ExtendedKeyUsageOID.CLIENT_AUTH}


def critical_extension(path: Iterable[x509.Certificate]) -> str | None:
    """RFC 5280 section 4.2: whoever does not understand a critical extension refuses the certificate."""
    for certificate in path:
        unknown = [each.oid.dotted_string for each in certificate.extensions if each.critical and each.oid not in _UNDERSTOOD]
        if unknown:
            return f"{short_name(certificate)} has the critical extension {unknown[0][:80]}, which TLS refuses; allowed: not critical"
    return None


def withheld_usage(chain: Chain, wanted: Iterable[str]) -> str | None:
    """A CA that states extended key usages signs for these alone."""
    for authority in chain:
        stated = extension(authority, x509.ExtendedKeyUsage)
        missing = [name for name in wanted if stated is not None and _PURPOSES[name] not in stated]
        if missing:
            return f"{short_name(authority)} may not sign for {missing[0]}, as its extended key usages do not name it"
    return None


def constrained_name(certificate: x509.Certificate, chain: Chain) -> str | None:
    """RFC 5280 section 4.2.1.10: the names of a certificate lie within what every CA above it permits."""
    for below, authority in enumerate(chain):
        constraints = extension(authority, x509.NameConstraints)
        if constraints is None:
            continue
        permitted, excluded = constraints.permitted_subtrees or (), constraints.excluded_subtrees or ()
        for name in (each for one in (certificate, *chain[:below]) for each in _names(one)):
            if not _permitted(name, permitted, excluded):
                shown = name.value.rfc4514_string() if isinstance(name, x509.DirectoryName) else str(name.value)
                return f"names {ascii(shown)[:120]}, which the name constraints of {short_name(authority)} do not permit"
    return None


def _names(certificate: x509.Certificate) -> Iterator[x509.GeneralName]:
    yield x509.DirectoryName(certificate.subject)
    yield from extension(certificate, x509.SubjectAlternativeName) or ()


def _permitted(name: x509.GeneralName, permitted: Iterable[x509.GeneralName], excluded: Iterable[x509.GeneralName]) -> bool:
    """Within one of the permitted subtrees of its kind, where there are any, and in none of the excluded ones."""
    of_kind = [base for base in permitted if type(base) is type(name)]
    against = [base for base in excluded if type(base) is type(name)]
    within = _WITHIN.get(type(name))
    if within is None:  # a kind whose constraints are not judged here, nor by every reader
        return not of_kind and not against
    return (not of_kind or any(within(name.value, base.value) for base in of_kind)) and not any(
        within(name.value, base.value) for base in against
    )


def _below_domain(name: str, base: str) -> bool:
    name, base = name.lower(), base.lower()
    return not base or name == base or name.endswith(base if base.startswith(".") else f".{base}")


def _below_directory(name: x509.Name, base: x509.Name) -> bool:
    parts, wanted = ([[(each.oid, str(each.value).casefold()) for each in rdn] for rdn in one.rdns] for one in (name, base))
    return parts[: len(wanted)] == wanted


_WITHIN: Mapping[type[x509.GeneralName], Callable[[Any, Any], bool]] = {
    x509.DNSName: _below_domain,
    x509.DirectoryName: _below_directory,
    x509.IPAddress: lambda address, network: address.version == network.version and address in network,
}
