# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The scheme's rules on what is installed: right after an onboarding, and each missed by what differs in that alone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from support.trust_framework import StandInDirectory
from unit.steps.conftest import NOW, Site
from unit.uae.conftest import LFI

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.scheme_lint.report import lint
from ansible_collections.mojaloop.onboarding.plugins.module_utils.scheme_lint.uae import UAE_RULES
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree

NAMES = {"C": NameOID.COUNTRY_NAME, "O": NameOID.ORGANIZATION_NAME, "OU": NameOID.ORGANIZATIONAL_UNIT_NAME, "CN": NameOID.COMMON_NAME}
RIGHT: dict[str, Any] = {
    "subject": [("C", "AE"), ("O", LFI.legal_name), ("OU", LFI.id), ("CN", LFI.id)],
    "bits": 2048,
    "days": 395,
    "extensions": [
        x509.BasicConstraints(ca=False, path_length=None),
        x509.SubjectAlternativeName([x509.DNSName("connect.oasis.example")]),
        x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]),
    ],
}


def judged(site: Site) -> set[tuple[str, str]]:
    verdicts, count = lint(DiskTree(site.state), load_description(site.root / "description", state=str(site.state)))
    assert count
    return {(verdict.path, verdict.rule) for verdict in verdicts}


def made(directory: StandInDirectory, *, self_signed: bool = False, **changes: Any) -> bytes:  # noqa: ANN401 -- any fact of RIGHT
    facts = {**RIGHT, **changes}
    key = rsa.generate_private_key(public_exponent=65537, key_size=facts["bits"])
    subject = x509.Name([x509.NameAttribute(NAMES[name], value) for name, value in facts["subject"]])
    builder = x509.CertificateBuilder(
        subject if self_signed else directory.issuer.subject, subject, key.public_key(), 7, NOW, NOW + timedelta(days=facts["days"])
    )
    for extension in facts["extensions"]:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(directory.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def test_what_an_onboarding_installs_meets_every_rule(oasis: Site, directory: StandInDirectory) -> None:
    oasis.run()
    directory.carry(oasis.state)
    oasis.run()
    assert judged(oasis) == set()


def _without(*names: str) -> list[tuple[str, str]]:
    return [pair for pair in RIGHT["subject"] if pair[0] not in names]


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ("UA1-key", {"bits": 3072}),
        ("UA2-country", {"subject": [("C", "KE"), *_without("C")]}),
        ("UA2-subject", {"subject": _without("CN")}),
        ("UA2-unit", {"subject": [*RIGHT["subject"], ("OU", "another")]}),
        ("UA3-server", {"extensions": [RIGHT["extensions"][0], RIGHT["extensions"][2]]}),
        ("UA4", {"extensions": RIGHT["extensions"][:2]}),
        ("UA5", {"extensions": [x509.BasicConstraints(ca=True, path_length=None), *RIGHT["extensions"][1:]]}),
        ("UA6", {"days": 400}),
        ("UA7", {"self_signed": True}),
    ],
)
def test_a_rule_is_missed_by_what_differs_in_that_alone(
    oasis: Site, directory: StandInDirectory, rule: str, changes: dict[str, Any]
) -> None:
    oasis.run()
    path = oasis.path("store/oasis/server/certificate.pem")
    path.write_bytes(made(directory))
    assert judged(oasis) == set()
    path.write_bytes(made(directory, **changes))
    assert judged(oasis) == {("store/oasis/server", rule)}


def test_a_key_that_others_can_read_is_named(oasis: Site, directory: StandInDirectory) -> None:
    oasis.run()
    oasis.path("store/oasis/server/certificate.pem").write_bytes(made(directory))
    oasis.path("store/oasis/server/key.pem").chmod(0o640)
    assert judged(oasis) == {("store/oasis/server", "UA8")}


def test_every_rule_has_a_source_and_a_way_to_mend_it() -> None:
    assert all(rule.source and rule.fix and rule.says for rule in UAE_RULES)
    assert len({rule.name for rule in UAE_RULES}) == len(UAE_RULES)
