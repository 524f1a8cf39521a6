# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a certificate of ours says: subject, names, usages and validity, from the rule and the description alone."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from ipaddress import ip_address

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ..description.model import Side
from ..description.profiles import CertificateRule
from ..errors import SigningRefused

KEY_USAGES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip
"""RFC 5280 section 4.2.1.3, in the order of its bits."""
_EXTENDED = {"server_auth": ExtendedKeyUsageOID.SERVER_AUTH, "client_auth": ExtendedKeyUsageOID.CLIENT_AUTH}
_LONGEST_COMMON_NAME = 64
_MOST_JITTER_DAYS = 7


def id_uri(side: Side) -> str:
    """A side's identity as a URI name: ``urn:fspiop:<FSPIOP id>``."""
    return f"urn:fspiop:{side.fspiop_id}"


def host(side: Side) -> str:
    """The host of a side's listener, brackets of an IPv6 address removed; empty for a side without a listener."""
    return side.endpoint.host.strip("[]") if side.endpoint else ""


def subject(rule: CertificateRule, side: Side) -> x509.Name:
    """``C=<country, if described>, O=<organisation>, CN=<host or FSPIOP id>``; with ``OU`` and an id as CN where a directory signs.

    A host over 64 characters (the limit of a CN) gives way to the id.
    """
    if rule.common_name in {"organisation", "client"}:
        return _registered(rule, side)
    name = _needed_host(rule, side) if rule.common_name == "host" else side.fspiop_id
    if len(name) > _LONGEST_COMMON_NAME:
        name = side.fspiop_id
    return _subject(side.country, side.organisation, name)


def _registered(rule: CertificateRule, side: Side) -> x509.Name:
    registration = side.registration
    name = (registration.client_id if rule.common_name == "client" else registration.organisation_id) if registration else ""
    if registration is None or not name:
        raise SigningRefused(
            "registration-missing", f"{side.name} has no registration for a {rule.title} certificate to name", where=side.name
        )
    return _subject(side.country, side.organisation, name, registration.organisation_id)


@lru_cache(maxsize=4096)
def _subject(country: str, organisation: str, name: str, unit: str = "") -> x509.Name:
    place = [x509.NameAttribute(NameOID.COUNTRY_NAME, country)] if country else []
    units = [x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit)] if unit else []
    own = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation), *units, x509.NameAttribute(NameOID.COMMON_NAME, name)]
    return x509.Name([*place, *own])


def alternative_names(rule: CertificateRule, side: Side) -> x509.SubjectAlternativeName | None:
    """DNS names or IP address of the listener for a ``host`` rule, the identity URI for an ``id`` rule (RFC 5280 section 4.2.1.6).

    None for a rule without names; ``further`` has the further hosts alone.
    """
    if rule.san == "none":
        return None
    if rule.san == "id":
        return _uri_name(id_uri(side))
    further = side.hosts_of(rule.name)
    if rule.san == "further" and not further:
        raise SigningRefused(
            "endpoint-missing", f"{side.name} has no further_hosts for a {rule.title} certificate to name", where=side.name
        )
    return _host_names(() if rule.san == "further" else (_needed_host(rule, side),), further)


@lru_cache(maxsize=4096)
def _uri_name(uri: str) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)])


@lru_cache(maxsize=4096)
def _host_names(first: tuple[str, ...], further: tuple[str, ...]) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([_host_name(name) for name in dict.fromkeys((*first, *further))])


def _host_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def key_usage(rule: CertificateRule, kind: str) -> x509.KeyUsage:
    """The rule's key usages; keyEncipherment is left out for EC keys, which encipher nothing (RFC 5480 section 3)."""
    wanted = set(rule.key_usage) - ({"key_encipherment"} if kind.startswith("ec-") else set())
    return usages(*wanted)


@lru_cache(maxsize=64)
def usages(*names: str) -> x509.KeyUsage:
    """A KeyUsage with exactly these bits set, by their names in ``KEY_USAGES``."""
    return x509.KeyUsage(**{name: name in names for name in KEY_USAGES})


def extended_key_usage(rule: CertificateRule) -> x509.ExtendedKeyUsage | None:
    """The rule's extended key usages; None when it has none."""
    if not rule.extended_key_usage:
        return None
    return x509.ExtendedKeyUsage([_EXTENDED[name] for name in rule.extended_key_usage])


def renewal_moment(certificate: x509.Certificate, renew_before_days: int, name: str, longest_days: int | None = None) -> datetime:
    """When a certificate is due for renewal: ``renew_before_days`` before its end, or earlier by up to 7 days of fixed jitter.

    The jitter is a hash of ``name`` (``<side>/<rule>``), so that not all renew on one day and none moves between runs.
    Never before two thirds of the lifetime, so that short-lived certificates are not renewed at birth. ``longest_days``: as if it
    lasted no longer, whatever its signer has written into it.
    """
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    spread = min(_MOST_JITTER_DAYS, renew_before_days // 8) + 1
    jitter = int.from_bytes(sha256(name.encode()).digest()[:4], "big") % spread
    length = end - start if longest_days is None else min(end - start, timedelta(days=longest_days))
    # From the beginning: whatever years a counterpart's certificate states, this is a moment between the two.
    return start + max(length - timedelta(days=renew_before_days + jitter), length * 2 / 3)


def _needed_host(rule: CertificateRule, side: Side) -> str:
    if not host(side):
        raise SigningRefused("endpoint-missing", f"{side.name} has no endpoint for a {rule.name} certificate to name", where=side.name)
    return host(side)
