# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The gate of production: who is active there has evidence of pre-production that is signed by whom hub.yml names."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from tools.description_files import Folder

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.portable import portable_digest
from ansible_collections.mojaloop.onboarding.plugins.module_utils.exchange.signed_evidence import sign_evidence

NONE = "gate: {kind: none, reason: the first environment of the scheme}\n"
INSTEAD = "signed evidence of pre-production, or 'unproved' with the reason why there is none"
NOW = datetime.now(UTC)


class Hub:
    """A hub of pre-production with its exchange key."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(65537, 3072)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "switch")])
        builder = x509.CertificateBuilder(name, name, self.key.public_key(), 1, NOW, NOW + timedelta(days=9))
        self.certificate = builder.sign(self.key, hashes.SHA256())

    @property
    def fingerprint(self) -> str:
        return f"sha256:{self.certificate.fingerprint(hashes.SHA256()).hex()}"

    def evidence(self, portable: str, **changed: object) -> bytes:
        suites = {name: {"step": name, "passed": True, "counts": {"passed": 1}} for name in ("security", "end-to-end", "sla")}
        content: dict[str, Any] = {
            "environment": "pre", "kind": "pre-production", "hub": "switch", "participant": "greenbank", "organisation": "Green Bank",
            "profile": "mojaloop 1", "at": NOW.isoformat(), "portable": portable, "material": "", "override": "", "suites": suites,
            "cases": [],
        }  # fmt: skip
        return sign_evidence(content | changed, self.certificate.public_bytes(serialization.Encoding.PEM), self.key)


@pytest.fixture(scope="module")
def hub() -> Hub:
    return Hub()


@pytest.fixture(scope="module")
def other_hub() -> Hub:
    return Hub()


class Gated:
    """A production environment that asks for evidence of greenbank."""

    def __init__(self, folder: Folder, hub: Hub, more: str = "") -> None:
        self.folder = folder
        self.portable = portable_digest(folder.load().participant("greenbank"))
        folder.edit("hub.yml", NONE, f'gate: {{kind: evidence, signers: ["{hub.fingerprint}"]{more}}}\n')

    def give(self, content: bytes) -> None:
        place = self.folder.path / "participants-files" / "greenbank"
        place.mkdir(parents=True, exist_ok=True)
        (place / "evidence.json").write_bytes(content)
        self.say("evidence: [evidence.json]")

    def say(self, line: str) -> None:
        file = self.folder.path / "participants" / "greenbank.yml"
        file.write_text(f"{file.read_text(encoding='utf-8')}{line}\n", encoding="utf-8")

    def problems(self) -> list[str]:
        """What is wrong with greenbank's file."""
        return [problem.partition(": ")[2] for problem in self.folder.problems() if "greenbank.yml" in problem]

    def is_in_force(self) -> bool:
        return "greenbank" in {each.name for each in self.folder.load().participants}


@pytest.fixture
def gated(folder: Folder, hub: Hub) -> Gated:
    return Gated(folder, hub)


def test_a_participant_with_evidence_of_all_that_is_demanded_is_let_in(gated: Gated, hub: Hub) -> None:
    gated.give(hub.evidence(gated.portable))
    assert (gated.problems(), gated.is_in_force()) == ([], True)


def test_evidence_of_several_runs_is_taken_together(gated: Gated, hub: Hub) -> None:
    place = gated.folder.path / "participants-files" / "greenbank"
    place.mkdir(parents=True)
    for name in ("security", "end-to-end", "sla"):
        (place / f"{name}.json").write_bytes(hub.evidence(gated.portable, suites={name: {"passed": True}}))
    gated.say("evidence: [security.json, end-to-end.json, sla.json]")
    assert gated.problems() == []


def test_without_evidence_a_participant_is_left_as_it_is_and_can_be_shut_out(gated: Gated) -> None:
    assert gated.problems() == [f"evidence: found no evidence of end-to-end, security, sla; allowed: {INSTEAD}"]
    assert not gated.is_in_force()
    gated.folder.edit("participants/greenbank.yml", "state: active", "state: suspended")
    assert (gated.problems(), gated.is_in_force()) == ([], True)


Change = Callable[[Gated, "Hub", "Hub"], bytes]


@pytest.mark.parametrize(
    ("evidence", "said"),
    [
        (lambda gated, _hub, other: other.evidence(gated.portable), "which is none of gate.signers"),
        (lambda gated, hub, _other: hub.evidence(gated.portable).replace(b"Green Bank", b"Green Bane"), "which is not what was signed"),
        (lambda gated, hub, _other: hub.evidence(gated.portable, kind="lab"), "found evidence of an environment of kind 'lab'"),
        (lambda gated, hub, _other: hub.evidence(gated.portable, kind="production"), "of an environment of kind 'production'"),
        (lambda gated, hub, _other: hub.evidence(gated.portable, participant="redbank"), "found evidence of 'redbank'"),
        (lambda _gated, hub, _other: hub.evidence("0" * 64), "of another organisation, currencies, roles or connector"),
        (lambda gated, hub, _other: hub.evidence(gated.portable, suites={"security": {"passed": True}}), "no evidence of end-to-end, sla"),
        (
            lambda gated, hub, _other: hub.evidence(gated.portable, suites={"sla": {"passed": False}}),
            "no evidence of end-to-end, security, sla",
        ),
        (lambda _gated, _hub, _other: b"{}", "which is not an evidence of format 1"),
    ],
)
def test_evidence_that_does_not_count_is_named_with_the_reason(gated: Gated, hub: Hub, other_hub: Hub, evidence: Change, said: str) -> None:
    gated.give(evidence(gated, hub, other_hub))
    assert any(said in problem for problem in gated.problems()), gated.problems()
    assert not gated.is_in_force()


def test_evidence_counts_no_longer_than_the_hub_says(folder: Folder, hub: Hub) -> None:
    gated = Gated(folder, hub, ", days: 30")
    gated.give(hub.evidence(gated.portable, at=(NOW - timedelta(days=31)).isoformat()))
    assert any("evidence older than 30 days" in problem for problem in gated.problems())
    recent = hub.evidence(gated.portable, at=(NOW - timedelta(days=29)).isoformat())
    (gated.folder.path / "participants-files" / "greenbank" / "evidence.json").write_bytes(recent)
    assert gated.problems() == []


@pytest.mark.parametrize(
    ("field", "new"),
    [("roles: [quotes]", "roles: [quotes, transfers]"), ("organisation: Green Bank", "organisation: Green"), ("[USD, KES]", "[USD]")],
)
def test_a_portable_field_that_changes_asks_for_new_evidence(gated: Gated, hub: Hub, field: str, new: str) -> None:
    gated.give(hub.evidence(gated.portable))
    assert gated.problems() == []
    gated.folder.edit("participants/greenbank.yml", field, new)
    assert any("than described here" in problem for problem in gated.problems())


def test_what_is_not_portable_may_differ(gated: Gated, hub: Hub) -> None:
    gated.give(hub.evidence(gated.portable))
    gated.folder.edit("participants/greenbank.yml", "egress_addresses: [45.60.2.21/32", "egress_addresses: [45.60.2.22/32")
    assert gated.problems() == []


def test_an_override_needs_a_reason(gated: Gated) -> None:
    gated.say('unproved: ""')
    assert any(problem.startswith("unproved: found ''; allowed: a reason in words") for problem in gated.problems())
    gated.folder.edit("participants/greenbank.yml", 'unproved: ""', "unproved: moved from the earlier hub, tested there in May")
    assert gated.problems() == []
    assert gated.folder.load().participant("greenbank").unproved == "moved from the earlier hub, tested there in May"


def test_production_says_what_it_takes_for_evidence(folder: Folder) -> None:
    folder.edit("hub.yml", NONE, "")
    assert [problem.partition(": ")[2] for problem in folder.problems()] == [
        "gate: found no such key; allowed: it is required in production: kind evidence, or none with a reason"
    ]
    folder.edit("hub.yml", "kind: production", "kind: pre-production")
    assert folder.problems() == []


def test_a_link_to_another_file_is_no_evidence(gated: Gated, hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.json").write_bytes(hub.evidence(gated.portable))
    place = gated.folder.path / "participants-files" / "greenbank"
    place.mkdir(parents=True)
    (place / "evidence.json").symlink_to(tmp_path / "elsewhere.json")
    gated.say("evidence: [evidence.json]")
    assert any("'evidence.json', a link" in problem for problem in gated.problems())
