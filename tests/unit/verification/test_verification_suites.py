# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Suites: which there are, how a run of payments is measured, and evidence that others can believe."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from unit.steps.conftest import NOW, Site, site

from ansible_collections.mojaloop.onboarding.plugins.module_utils.command.main import main
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import EnvironmentKind, SdkConnector, State
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.portable import portable_digest
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.profiles import PROFILES
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.testing import SUITE_NAMES
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import DescriptionError, OnboardingError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.exchange.signed_evidence import read_evidence
from ansible_collections.mojaloop.onboarding.plugins.module_utils.lab.site import LabSite
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps.run import make_run
from ansible_collections.mojaloop.onboarding.plugins.module_utils.steps.sequence import Request
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.material import Material
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.model import Result, Verdict
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.page import page
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.payments import Payment
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.plot import plot
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.proving import prove
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.service_level import Measured, measure
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.suites import NOT_IN_PRODUCTION, SUITES, suites_named

TRANSFERS = load_description(Path(__file__).parents[3] / "inventories" / "lab-transfer", state="/nowhere")


def proved(made: Site, *suites: str) -> list[Path]:
    """The signed evidence of a verification from nowhere."""
    prove(Request(str(made.root / "description"), str(made.state), now=NOW), suites=suites)
    return sorted((made.state / "evidence").glob("*/*.json"))


def test_evidence_is_one_signed_file_for_each_participant_and_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = site(tmp_path, "bluebank", "greenbank")
    made.run()
    files = proved(made, *SUITES)
    assert [file.parent.name for file in files] == ["bluebank", "greenbank"]
    evidence = read_evidence(files[1].read_bytes(), "greenbank.json")
    assert {name: each["step"] for name, each in evidence.content["suites"].items()} == {name: each.step for name, each in SUITES.items()}
    assert {case["participant"] for case in evidence.content["cases"]} == {"greenbank"}
    assert evidence.passed == frozenset(), "nothing was tried from here, which shows nothing"
    (made.root / "description" / "hosts.yml").write_text("plugin: mojaloop.onboarding.hub\n")
    arguments = ["evidence", str(files[1]), "-i", str(made.root / "description" / "hosts.yml"), "--state", str(made.state)]
    assert main(arguments) == 0
    assert f"Signed by the exchange key of this hub: sha256:{evidence.signer}" in capsys.readouterr().out


def test_evidence_of_which_any_byte_is_changed_is_refused(tmp_path: Path) -> None:
    made = site(tmp_path, "greenbank", "redbank")
    made.run()
    data = proved(made, "security")[0].read_bytes()
    document = json.loads(data)
    document["evidence"]["suites"]["security"]["passed"] = True
    with pytest.raises(OnboardingError, match="is not what was signed"):
        read_evidence(json.dumps(document).encode(), "forged")
    refused = 0
    for place in range(0, len(data), max(1, len(data) // 150)):
        if data[place : place + 1].isspace():
            continue
        changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        with pytest.raises(OnboardingError):
            read_evidence(changed, "changed")
        refused += 1
    assert refused > 50


def test_the_evidence_of_another_signer_is_distinguished(tmp_path: Path) -> None:
    signers = set()
    for name in ("one", "two"):
        made = site(tmp_path / name, "greenbank")
        made.run()
        signers.add(read_evidence(proved(made, "security")[0].read_bytes(), name).signer)
    assert len(signers) == 2


def test_in_production_no_payment_is_made(tmp_path: Path) -> None:
    run = make_run(
        replace(TRANSFERS, kind=EnvironmentKind.PRODUCTION), DiskTree(tmp_path), sides=["all"], participants=[], now=NOW, dry_run=True
    )
    site = LabSite(run.description, tmp_path)
    cases = [
        case for suite in suites_named(["end-to-end", "sla", "performance", "settlement"]) for case in suite.cases(Material(run, site))
    ]
    assert len(cases) > 20
    assert {case.obstacle for case in cases} == {NOT_IN_PRODUCTION}


def test_a_suite_that_does_not_exist_is_named_with_those_that_do(tmp_path: Path) -> None:
    made = site(tmp_path, "greenbank")
    with pytest.raises(DescriptionError, match=r"sl: found no such suite; allowed: security, end-to-end, sla"):
        proved(made, "sl")


def test_the_suites_that_a_description_may_name_are_those_there_are() -> None:
    assert tuple(SUITES) == SUITE_NAMES
    assert all(set(profile.demanded) <= SUITES.keys() for profile in PROFILES.values())


def test_what_was_measured_is_drawn_and_a_page_with_it_loads_nothing() -> None:
    drawn = plot([1000.0, 2000.0, 4000.0])
    assert drawn.count("<circle") == 3
    assert "p50: 2000" in drawn
    assert "p99: 4000" in drawn
    assert ET.fromstring(drawn).tag == "svg"  # noqa: S314 -- our own text
    shown = Result("load-in", "is paid", "performance", "greenbank", Verdict.PASSED, "x", "y", series=(1000.0, 2000.0))
    kept = {
        "environment": "lab", "hub": "Hub", "description": "", "profile": "mojaloop 1", "at": NOW.isoformat(), "participants": {},
        "left_out": [], "verdicts": {}, "material": {}, "cases": [shown.as_dict()],
    }  # fmt: skip
    assert "<svg" in page(kept)
    assert "style=" not in plot([1.0]), "the page's policy forbids it"


def test_percentiles_are_nearest_ranks_of_what_completed() -> None:
    run = Measured(tuple(number / 100 for number in range(100, 0, -1)), Counter({"ERROR_OCCURRED": 1}), 5.0)
    assert (run.total, run.percentile(95), run.percentile(99)) == (101, 950, 990)
    assert Measured((), Counter({"no answer": 2}), 1.0).percentile(95) == math.inf


def test_a_run_of_payments_is_bounded_and_counts_what_fails() -> None:
    made: list[int] = []

    def pay() -> Payment:
        made.append(len(made))
        if made[-1] == 1:
            raise TimeoutError("timed out")
        return Payment("COMPLETED" if made[-1] else "ERROR_OCCURRED", "" if made[-1] else "3100", 0.5, "")

    run = measure(pay, requests=4, parallel=1)
    assert (len(made), run.seconds, dict(run.errors)) == (4, (0.5, 0.5), {"ERROR_OCCURRED, error 3100": 1, "no answer: timed out": 1})


def test_the_portable_digest_is_of_what_is_the_same_in_every_environment() -> None:
    bank = TRANSFERS.participant("greenbank")
    assert isinstance(bank.connector, SdkConnector)
    same = replace(
        bank, state=State.SUSPENDED, egress_addresses=(), net_debit_cap=(), gateways=(), currencies=tuple(reversed(bank.currencies))
    )
    assert portable_digest(same) == portable_digest(bank)
    others = (
        replace(bank, organisation="Other"),
        replace(bank, currencies=("USD", "KES")),
        replace(bank, roles=()),
        replace(bank, connector=replace(bank.connector, version="24.1.0")),
    )
    assert len({portable_digest(each) for each in (bank, *others)}) == 5
