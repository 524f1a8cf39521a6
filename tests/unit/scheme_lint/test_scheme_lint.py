# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The scheme lint: each rule is met by one certificate and missed by another that differs in that alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from ansible_collections.mojaloop.onboarding.plugins.module_utils.command.main import main
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import Side
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.contents import usages
from ansible_collections.mojaloop.onboarding.plugins.module_utils.scheme_lint.report import lint
from ansible_collections.mojaloop.onboarding.plugins.module_utils.scheme_lint.rules import LEAVES, RULES
from ansible_collections.mojaloop.onboarding.plugins.module_utils.scheme_lint.subjects import Held
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree

ROOT = Path(__file__).resolve().parents[3]
LAB = ROOT / "inventories" / "lab"
NOW = datetime(2026, 11, 1, tzinfo=UTC)
RULE = {rule.name: rule for rule in RULES}
Change = Callable[[x509.CertificateBuilder], x509.CertificateBuilder]


@cache
def key(kind: str) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    return ec.generate_private_key(ec.SECP256R1()) if kind == "ec" else rsa.generate_private_key(65537, int(kind))


def named(*attributes: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes])


FULL = named((NameOID.COUNTRY_NAME, "KE"), (NameOID.ORGANIZATION_NAME, "Bank"), (NameOID.COMMON_NAME, "fspiop.greenbank.lab"))
EXTENSIONS: dict[str, tuple[x509.ExtensionType, ...]] = {
    "ca": (x509.BasicConstraints(ca=True, path_length=0), usages("key_cert_sign", "crl_sign")),
    "server": (
        x509.SubjectAlternativeName([x509.DNSName("fspiop.greenbank.lab")]),
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
    ),
    "client": (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]),),
    "jws": (usages("digital_signature"),),
}
REVOCATION = (
    x509.CRLDistributionPoints([x509.DistributionPoint([x509.UniformResourceIdentifier("http://crl.example/a")], None, None, None)]),
    x509.AuthorityInformationAccess(
        [x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier("http://ocsp.example"))]
    ),
)


def held(  # noqa: PLR0913 -- one for each fact that a case makes wrong
    artefact: str,
    *,
    kind: str = "",
    subject: x509.Name = FULL,
    days: int = 365,
    extensions: tuple[x509.ExtensionType, ...] | None = None,
    signer: str = "",
    mode: int = 0o600,
    list_days: int | None = 1,
) -> Held:
    """An artefact of greenbank that meets every rule, but for what is named."""
    own = key(kind or {"ca": "4096", "jws": "2048"}.get(artefact, "ec"))
    by = key(signer) if signer else own
    builder = x509.CertificateBuilder(subject, subject, own.public_key(), 7, NOW, NOW + timedelta(days=days))
    for extension in EXTENSIONS[artefact] + REVOCATION if extensions is None else extensions:
        builder = builder.add_extension(extension, critical=False)
    certificate = builder.sign(by, hashes.SHA256())
    return Held(greenbank(), artefact, f"store/greenbank/{artefact}", (certificate,), mode, list_days)


@cache
def greenbank() -> Side:
    return load_description(LAB, state="/nowhere").participant("greenbank")


MISSES: dict[str, tuple[str, dict[str, object]]] = {
    "CA2-root": ("ca", {"signer": "2048"}),
    "CA2-key": ("ca", {"kind": "2048"}),
    "CA3-ca": ("ca", {"extensions": (x509.BasicConstraints(ca=True, path_length=None), usages("crl_sign"))}),
    "CA3-leaf": ("server", {"extensions": (*EXTENSIONS["server"], x509.BasicConstraints(ca=True, path_length=None))}),
    "CA4": ("ca", {"days": 3660}),
    "CE1-key": ("client", {"kind": "1024"}),
    "CE2": ("client", {"subject": named((NameOID.COUNTRY_NAME, "KE"), (NameOID.COMMON_NAME, "x"))}),
    "CE2-country": ("client", {"subject": named((NameOID.ORGANIZATION_NAME, "Bank"), (NameOID.COMMON_NAME, "x"))}),
    "CE3": ("server", {"extensions": (x509.SubjectAlternativeName([x509.DNSName("other.lab")]),)}),
    "CE4": ("client", {"extensions": EXTENSIONS["client"]}),
    "CE5": ("client", {"days": 732}),
    "CE6": ("client", {"extensions": EXTENSIONS["server"]}),
    "CE7": ("jws", {"extensions": (usages("digital_signature", "key_encipherment"),)}),
    "CE11": ("ca", {"list_days": 30}),
    "CE13": ("client", {"mode": 0o640}),
    "JW1": ("jws", {"kind": "ec"}),
    "JW5": ("jws", {"kind": "4096"}),
}


@pytest.mark.parametrize("name", MISSES)
def test_each_rule_sees_the_one_wrong_fact_and_passes_its_control(name: str) -> None:
    artefact, wrong = MISSES[name]
    assert artefact in RULE[name].artefacts
    assert RULE[name].check(held(artefact, **wrong))  # type: ignore[arg-type]
    assert RULE[name].check(held(artefact)) == ""


def test_every_rule_but_the_hash_has_a_case() -> None:
    # The library signs with no weak hash: the next test has a certificate of such a kind.
    assert set(RULE) - set(MISSES) == {"CE1-hash"}


def test_a_weak_hash_is_seen() -> None:
    class Sha1:
        signature_hash_algorithm = hashes.SHA1()  # noqa: S303 -- what is to be refused

    assert "sha1" in RULE["CE1-hash"].check(replace(held("client"), certificates=(Sha1(),)))  # type: ignore[arg-type]


@pytest.mark.parametrize("artefact", ["ca", *LEAVES])
def test_what_meets_every_rule_draws_no_verdict(artefact: str) -> None:
    assert [rule.name for rule in RULES if artefact in rule.artefacts and rule.check(held(artefact))] == []


def store(folder: Path, **certificates: Held) -> DiskTree:
    tree = DiskTree(folder)
    for name, each in certificates.items():
        tree.write(f"store/greenbank/{name}/certificate.pem", b"".join(one.public_bytes(Encoding.PEM) for one in each.certificates))
    return tree


def test_one_key_for_two_purposes_is_named(tmp_path: Path) -> None:
    tree = store(tmp_path, server=held("server"), jws=held("jws", kind="ec"))
    verdicts, judged = lint(tree, load_description(LAB, state=str(tmp_path)))
    assert judged == 2
    assert [(each.path, each.found) for each in verdicts if each.rule == "CE8"] == [
        ("store/greenbank/jws", "the key of store/greenbank/server")
    ]


def test_the_command_names_file_rule_and_remedy_and_fails_for_a_must(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store(tmp_path, jws=held("jws", kind="4096"))
    assert main(["lint", "-i", str(LAB / "hosts.yml"), "--state", str(tmp_path)]) == 1
    assert "store/greenbank/jws: JW5 (must, SIG 3.1 table 1)" in capsys.readouterr().out


def test_the_command_ends_well_where_only_accepted_differences_are_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store(tmp_path, ca=held("ca", kind="ec", list_days=None), jws=held("jws"))
    assert main(["lint", "-i", str(LAB / "hosts.yml"), "--state", str(tmp_path)]) == 0
    assert "2 artefacts: 0 must, 0 should, 1 accepted differences." in capsys.readouterr().out


def test_the_command_says_open_where_nothing_was_judged(tmp_path: Path) -> None:
    assert main(["lint", "-i", str(LAB / "hosts.yml"), "--state", str(tmp_path)]) == 3
