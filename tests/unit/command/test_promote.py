# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A participant goes from pre-production into production: the plan, what is written, and that its evidence counts there."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from tools.description_files import GREENBANK, Folder

from ansible_collections.mojaloop.onboarding.plugins.module_utils.command.main import main
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.portable import portable_digest
from ansible_collections.mojaloop.onboarding.plugins.module_utils.exchange.signed_evidence import sign_evidence

FILE = "participants/greenbank.yml"
NOW = datetime.now(UTC)
NO_GATE = "gate: {kind: none, reason: the first environment of the scheme}\n"


class Way:
    """Pre-production with greenbank and evidence of it, and production without greenbank, which asks for that evidence."""

    def __init__(self, folder: Path) -> None:
        self.before, self.after, self.state = Folder.made(folder / "pre"), Folder.made(folder / "live"), folder / "state"
        self.before.edit("hub.yml", "environment: live\nkind: production", "environment: pre\nkind: pre-production")
        self.before.edit("hub.yml", NO_GATE, "")
        (self.after.path / FILE).unlink()
        key = rsa.generate_private_key(65537, 3072)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "switch")])
        certificate = x509.CertificateBuilder(name, name, key.public_key(), 1, NOW, NOW + timedelta(days=9)).sign(key, hashes.SHA256())
        signer = f"sha256:{certificate.fingerprint(hashes.SHA256()).hex()}"
        self.after.edit("hub.yml", NO_GATE, f'gate: {{kind: evidence, signers: ["{signer}"]}}\n')
        for number, suites in enumerate((["security"], ["security", "end-to-end", "sla"], ["end-to-end"])):
            content: dict[str, Any] = {
                "environment": "pre", "kind": "pre-production", "hub": "switch", "participant": "greenbank", "organisation": "Green Bank",
                "profile": "mojaloop 1", "at": NOW.isoformat(), "material": "", "override": "", "cases": [],
                "portable": portable_digest(self.before.load().participant("greenbank")),
                "suites": {each: {"step": each, "passed": True, "counts": {"passed": 1}} for each in suites},
            }  # fmt: skip
            proof = self.state / "evidence" / "greenbank" / f"2026120{number}T000000.000000Z.json"
            proof.parent.mkdir(parents=True, exist_ok=True)
            proof.write_bytes(sign_evidence(content, certificate.public_bytes(serialization.Encoding.PEM), key))

    def promote(self, *more: str, who: str = "greenbank", to: Folder | None = None) -> int:
        place = (to or self.after).path / "hosts.yml"
        return main(["promote", who, "-i", str(self.before.path / "hosts.yml"), "--state", str(self.state), "--to", str(place), *more])


@pytest.fixture
def way(tmp_path: Path) -> Way:
    return Way(tmp_path)


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_plan_says_what_becomes_of_everything_and_writes_nothing(way: Way, capsys: pytest.CaptureFixture[str]) -> None:
    before = _files(way.after.path)
    assert way.promote() == 3
    shown = capsys.readouterr().out
    assert _files(way.after.path) == before
    for words in ("carried over organisation", "to be described endpoint, egress_addresses", "made anew keys, CA", "+ id: greenbank"):
        assert words in " ".join(shown.split())
    assert way.promote("--json") == 3
    found = json.loads(capsys.readouterr().out)
    becomes = {step["what"].split()[0]: step["becomes"] for step in found["steps"]}
    assert {becomes[name] for name in ("id", "organisation", "currencies", "roles", "connector", "evidence")} == {"carried over"}
    assert (found["outcome"], found["written"]) == ("open", False)


def test_once_its_own_is_described_the_participant_is_let_in_by_its_evidence(way: Way, capsys: pytest.CaptureFixture[str]) -> None:
    assert way.promote("--write") == 0
    written = (way.after.path / FILE).read_text(encoding="utf-8")
    assert "45.60.2" not in written
    assert "first_publication" not in written
    # The latest evidence of each suite: the first run's is older than the second's, which has its suite too.
    assert yaml.safe_load(written)["evidence"] == ["20261202T000000.000000Z.json", "20261201T000000.000000Z.json"]
    wanted = [problem for problem in way.after.problems() if problem.startswith(FILE)]
    assert wanted
    assert {problem.split(": ")[1] for problem in wanted} == {"endpoint", "gateways"}
    own = {
        name: value for name, value in yaml.safe_load(GREENBANK).items() if name in ("endpoint", "egress_addresses", "gateways", "firewall")
    }
    way.after.write(FILE, written + yaml.safe_dump(own))
    assert [problem for problem in way.after.problems() if problem.startswith(FILE)] == []
    assert "greenbank" in {each.name for each in way.after.load().participants}
    before = _files(way.after.path)
    assert way.promote("--write") == 0
    assert "is there, and is left as it is" in capsys.readouterr().out
    assert _files(way.after.path) == before


def test_a_target_that_describes_it_otherwise_is_named_and_left_alone(way: Way, capsys: pytest.CaptureFixture[str]) -> None:
    way.after.write(FILE, GREENBANK.replace("roles: [quotes]", "roles: [parties, quotes]\nunproved: it is the first"))
    before = _files(way.after.path)
    assert way.promote("--write") == 1
    assert "differs roles quotes here, parties, quotes there" in " ".join(capsys.readouterr().out.split())
    assert _files(way.after.path) == before


def test_nothing_goes_backwards_to_itself_or_over_a_file_with_problems(way: Way, capsys: pytest.CaptureFixture[str]) -> None:
    assert way.promote(who="nobank") == 1
    assert way.promote(who="probe-one") == 1
    assert way.promote(to=way.before) == 1
    assert "Promote from lab to pre-production to production." in capsys.readouterr().err
    way.before.edit("hub.yml", "environment: pre\nkind: pre-production", "environment: old\nkind: production\n" + NO_GATE)
    way.after.edit("hub.yml", "kind: production", "kind: pre-production")
    assert way.promote() == 1
    way.after.edit("hub.yml", "kind: pre-production", "kind: production")
    way.after.write(FILE, "format: 1\nid: greenbank\n")
    before = _files(way.after.path)
    assert way.promote("--write") == 1
    assert "is there and has problems" in capsys.readouterr().err
    assert _files(way.after.path) == before
