# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Paths that TLS refuses are refused here: OpenSSL is asked about every one, and both agree."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier
from unit.pki.bench import GREEN, NOW, rule

from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.faults import Fault
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.path_checks import (
    constrained_name,
    critical_extension,
    withheld_usage,
)
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.verification import (
    certificate_faults,
    directory_certificate_faults,
    received_certificate_faults,
    received_server_faults,
)

Extensions = list[tuple[x509.ExtensionType, bool]]
KEY = ec.generate_private_key(ec.SECP256R1())
UNKNOWN = x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
ANY = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE


def name(organisation: str, common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation), x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def certificate(subject: x509.Name, issuer: x509.Name, *, ca: bool, more: Extensions) -> x509.Certificate:
    builder = x509.CertificateBuilder(issuer, subject, KEY.public_key(), x509.random_serial_number(), NOW, NOW + timedelta(days=300))
    builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    for extension, critical in more:
        builder = builder.add_extension(extension, critical)
    return builder.sign(KEY, hashes.SHA256())


def path(root: Extensions, middle: Extensions, leaf: Extensions) -> tuple[x509.Certificate, ...]:
    """Leaf, intermediate, root: a server certificate for api.redbank.example and 192.0.2.7."""
    top, between, own = name("Root", "Root"), name("Redbank", "CA"), name("Redbank", "api.redbank.example")
    names = x509.SubjectAlternativeName([x509.DNSName("api.redbank.example"), x509.IPAddress(ip_address("192.0.2.7"))])
    ours: Extensions = [(x509.ExtendedKeyUsage([SERVER]), False), (names, False), *leaf]
    return (
        certificate(own, between, ca=False, more=ours),
        certificate(between, top, ca=True, more=middle),
        certificate(top, top, ca=True, more=root),
    )


def constraints(permitted: list[x509.GeneralName] | None = None, excluded: list[x509.GeneralName] | None = None) -> Extensions:
    return [(x509.NameConstraints(permitted, excluded), True)]


def dns(*names: str) -> list[x509.GeneralName]:
    return [x509.DNSName(one) for one in names]


def addresses(*networks: str) -> list[x509.GeneralName]:
    return [x509.IPAddress(ip_network(one)) for one in networks]


def directory(*parts: str) -> list[x509.GeneralName]:
    kinds = (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME)
    return [x509.DirectoryName(x509.Name([x509.NameAttribute(kind, part) for kind, part in zip(kinds, parts, strict=False)]))]


CONSTRAINED: dict[str, Extensions] = {
    "permitted domain": constraints(dns("redbank.example")), "permitted host": constraints(dns("api.redbank.example")),
    "permitted other case": constraints(dns("REDBANK.example")), "permitted any": constraints(dns("")),
    "permitted other domain": constraints(dns("bluebank.example")), "permitted end of a label": constraints(dns("bank.example")),
    "permitted two": constraints(dns("bluebank.example", "example")), "permitted with a dot": constraints(dns(".redbank.example")),
    "permitted below it": constraints(dns("x.api.redbank.example")), "excluded domain": constraints(None, dns("redbank.example")),
    "excluded other": constraints(None, dns("bluebank.example")), "excluded within": constraints(dns("example"), dns("redbank.example")),
    "permitted network": constraints(addresses("192.0.2.0/24")), "permitted other network": constraints(addresses("198.51.100.0/24")),
    "permitted other version": constraints(addresses("2001:db8::/32")), "excluded address": constraints(None, addresses("192.0.2.7/32")),
    "permitted organisation": constraints(directory("Redbank")), "permitted other organisation": constraints(directory("Bluebank")),
    "excluded organisation": constraints(None, directory("Redbank")), "excluded name": constraints(None, directory("Redbank", "CA")),
    "permitted mail alone": constraints([x509.RFC822Name("redbank.example")]),
}  # fmt: skip
LEAF, MIDDLE, ROOT = 0, 1, 2
CRITICAL: dict[str, tuple[int, Extensions]] = {
    "unknown at the leaf": (LEAF, [(UNKNOWN, True)]), "unknown at the CA": (MIDDLE, [(UNKNOWN, True)]),
    "unknown at the root": (ROOT, [(UNKNOWN, True)]),
    "unknown and not critical": (LEAF, [(UNKNOWN, False)]),
    "TLS feature": (LEAF, [(x509.TLSFeature([x509.TLSFeatureType.status_request]), True)]),
    "OCSP no check": (LEAF, [(x509.OCSPNoCheck(), True)]),
    "key identifier": (LEAF, [(x509.SubjectKeyIdentifier.from_public_key(KEY.public_key()), True)]),
    "key usage": (LEAF, [(x509.KeyUsage(True, False, False, False, False, False, False, False, False), True)]),
    "policies": (MIDDLE, [(x509.CertificatePolicies([x509.PolicyInformation(ObjectIdentifier("2.5.29.32.0"), None)]), True)]),
    "usage of the CA, right": (MIDDLE, [(x509.ExtendedKeyUsage([SERVER, CLIENT]), False)]),
    "usage of the CA, other": (MIDDLE, [(x509.ExtendedKeyUsage([CLIENT]), False)]),
    "usage of the CA, any": (MIDDLE, [(x509.ExtendedKeyUsage([ANY]), False)]),
    "usage of the root, other": (ROOT, [(x509.ExtendedKeyUsage([CLIENT]), True)]),
}  # fmt: skip


def ours(made: tuple[x509.Certificate, ...]) -> list[str]:
    leaf, *chain = made
    found = (critical_extension(made), constrained_name(leaf, tuple(chain)), withheld_usage(tuple(chain), ("server_auth",)))
    return [what for what in found if what]


def openssl(folder: Path, made: tuple[x509.Certificate, ...]) -> bool:
    """Whether OpenSSL accepts the path for a TLS server."""
    for file, content in zip(("leaf", "middle", "root"), made, strict=True):
        (folder / f"{file}.pem").write_bytes(content.public_bytes(serialization.Encoding.PEM))
    command = [
        "openssl",
        "verify",
        "-no_check_time",
        "-purpose",
        "sslserver",
        "-CAfile",
        "root.pem",
        "-untrusted",
        "middle.pem",
        "leaf.pem",
    ]
    return subprocess.run(command, cwd=folder, capture_output=True, timeout=60, check=False).returncode == 0


@pytest.mark.parametrize("where", [MIDDLE, ROOT], ids=["CA", "root"])
@pytest.mark.parametrize("case", CONSTRAINED)
def test_name_constraints_are_judged_as_openssl_does(tmp_path: Path, case: str, where: int) -> None:
    more: list[Extensions] = [[], [], []]
    more[where] = CONSTRAINED[case]
    made = path(more[ROOT], more[MIDDLE], more[LEAF])
    assert (not ours(made)) is openssl(tmp_path, made), ours(made)


@pytest.mark.parametrize("case", CRITICAL)
def test_extensions_are_judged_as_openssl_does(tmp_path: Path, case: str) -> None:
    where, found = CRITICAL[case]
    more: list[Extensions] = [[], [], []]
    more[where] = found
    made = path(more[ROOT], more[MIDDLE], more[LEAF])
    assert (not ours(made)) is openssl(tmp_path, made), ours(made)


def test_some_are_accepted_and_some_are_not() -> None:
    """The control: neither verdict is the only one."""
    verdicts = [bool(ours(path([], found, []))) for found in CONSTRAINED.values()]
    assert 5 < sum(verdicts) < len(verdicts) - 5


REFUSED: dict[str, tuple[int, Extensions]] = {
    "critical-extension": CRITICAL["unknown at the CA"],
    "name-constraints": (MIDDLE, CONSTRAINED["permitted other domain"]),
    "authority-usage": CRITICAL["usage of the CA, other"],
}


def of_own(made: tuple[x509.Certificate, ...]) -> list[Fault]:
    return certificate_faults(made[0], rule=rule("server"), holder=GREEN, chain=made[1:], now=NOW, key_digest="")


def of_received(made: tuple[x509.Certificate, ...]) -> list[Fault]:
    return received_certificate_faults(made[0], rule=rule("server"), holder=GREEN, chain=made[1:], now=NOW, key_digest="")


def of_directory(made: tuple[x509.Certificate, ...]) -> list[Fault]:
    return directory_certificate_faults(made[0], rule=rule("server"), holder=GREEN, chain=made[1:], now=NOW, key_digest="")


def of_server(made: tuple[x509.Certificate, ...]) -> list[Fault]:
    return received_server_faults(made[0], rule=rule("server"), counterpart=GREEN, chain=made[1:], now=NOW)


@pytest.mark.parametrize("judge", [of_own, of_received, of_directory, of_server])
@pytest.mark.parametrize("reason", REFUSED)
def test_every_list_of_checks_has_what_tls_refuses(judge: Callable[[tuple[x509.Certificate, ...]], list[Fault]], reason: str) -> None:
    where, extensions = REFUSED[reason]
    more: list[Extensions] = [[], [], []]
    more[where] = extensions
    found, right = ({fault.reason for fault in judge(made)} for made in (path(more[ROOT], more[MIDDLE], more[LEAF]), path([], [], [])))
    assert found - right == {reason}
