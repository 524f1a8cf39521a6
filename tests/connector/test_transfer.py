# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Two banks with the real Mojaloop SDK pay each other through all gateways; what would fail is named before the payment.

The tests of this file are the acts of one story and run in their order.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from support.ledger_database import BALANCES, STATE, STATES_OF_AMOUNT
from support.playbooks import ROOT, Played, play
from support.transfers import EXPECTED, TransferLab

from ansible_collections.mojaloop.onboarding.plugins.module_utils.exchange.signed_evidence import read_evidence
from ansible_collections.mojaloop.onboarding.plugins.module_utils.lab.connectors import DELAY_FILE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.xdist_group("transfer-lab")]

NAME = "lab-transfer"


class Story:
    """An environment of the test's own, described as the lab with connectors is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lab = TransferLab(folder / "inventories" / NAME, folder / ".state" / NAME)
        shutil.copytree(ROOT / "inventories" / NAME, self.lab.folder)

    def play(self, playbook: str, *arguments: str) -> Played:
        played = play(playbook, self.lab.folder / "hosts.yml", *arguments, record=self.folder / "record.jsonl", timeout=500)
        assert "Traceback" not in played.output
        return played

    def done(self, playbook: str, *arguments: str) -> Played:
        played = self.play(playbook, *arguments)
        assert played.status == 0, played.output
        return played

    def connector(self, bank: str) -> Path:
        return self.lab.state / "lab" / "machines" / f"{bank}-gateway" / "etc" / "mojaloop" / "connector"

    @property
    def hub_services(self) -> Path:
        return self.lab.state / "lab" / "machines" / "hub-gateway" / "etc" / "mojaloop" / "hub"

    def processes(self) -> dict[str, int]:
        """The process of each connector (ids inside the lab)."""
        machines = self.done("lab.yml").of("lab")[0]["machines"]
        return {machine["name"]: machine["services"]["connector"] for machine in machines if "connector" in machine["services"]}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    made = Story(tmp_path_factory.mktemp("transfer"))
    try:
        for playbook in ("lab.yml", "onboard.yml", "lab.yml"):
            made.done(playbook)
        yield made
    finally:
        made.play("lab.yml", "-e", "lab_state=absent")


def _reasons(played: Played) -> set[tuple[str, str, str]]:
    """Participant, last word of the artefact, and reason of what the connectors' hosts reported."""
    found = played.findings
    return {(one[0], one[3].rpartition("/")[2], one[4]) for one in found if one[3].startswith("connector/")}


@pytest.mark.parametrize(
    ("payer", "payee", "amount", "moved"),
    [
        ("greenbank", "bluebank", "10.5", {"greenbank": "10.5000", "bluebank": "-10.5000"}),
        ("bluebank", "greenbank", "4.25", {"greenbank": "6.2500", "bluebank": "-6.2500"}),
    ],
)
def test_1_a_transfer_completes_and_moves_the_ledgers_positions(
    story: Story, payer: str, payee: str, amount: str, moved: dict[str, str]
) -> None:
    payment = story.lab.pay(payer, payee, amount)
    assert payment.state == "COMPLETED", payment.answer
    assert payment.forwarded == EXPECTED
    assert payment.signatures == 5
    assert payment.ilp_holds
    assert {name: value for name, _code, kind, _active, value in story.lab.rows(BALANCES) if kind == "POSITION"} == moved
    assert story.lab.rows(STATE.format(payment.answer["transferId"])) == [("COMMITTED",)]


def test_1_more_than_the_cap_is_refused_by_the_ledger_and_signed_by_the_hub(story: Story) -> None:
    """The cap is 500. The refusal reaches the payer's SDK, which takes it from no one but the hub."""
    before = story.lab.rows(BALANCES)
    payment = story.lab.pay("greenbank", "bluebank", "493.76")
    assert payment.answer["transferState"]["lastError"]["mojaloopError"]["errorInformation"]["errorCode"] == "4200", payment.answer
    assert story.lab.rows(BALANCES) == before
    assert story.lab.pay("greenbank", "bluebank", "493.75").state == "COMPLETED"
    assert story.lab.pay("bluebank", "greenbank", "493.75").state == "COMPLETED"
    assert story.lab.rows(BALANCES) == before


def test_2_the_switch_refuses_what_did_not_pass_the_hubs_gateway(story: Story) -> None:
    before = story.lab.counts()["refused"].get("not-through-gateway", 0)
    status, answer = story.lab.around_the_gateway()
    assert (status, answer["errorInformation"]["errorDescription"]) == (403, "not-through-gateway")
    assert story.lab.counts()["refused"]["not-through-gateway"] == before + 1


def test_3_a_second_run_changes_nothing(story: Story) -> None:
    second = story.done("onboard.yml")
    assert (second.changed, _reasons(second)) == ([], set())
    assert [result["restarts"] for result in second.of("connector")] == [0, 0, 0]


def test_4_a_wrong_peer_key_is_named_before_the_payment_and_replaced_without_a_restart(story: Story) -> None:
    processes = story.processes()
    keys = story.connector("bluebank") / "peer-keys"
    staged = keys / ".staged"
    staged.write_bytes((keys / "switch.pem").read_bytes())
    staged.replace(keys / "greenbank.pem")
    assert _reasons(story.play("status.yml")) == {("bluebank", "greenbank.pem", "peer-key-differs")}
    assert story.lab.pay("greenbank", "bluebank").state != "COMPLETED"
    assert _reasons(story.done("onboard.yml")) == {("bluebank", "greenbank.pem", "peer-key-differs")}
    assert story.lab.pay("greenbank", "bluebank").state == "COMPLETED"
    assert story.processes() == processes


def test_5_a_wrong_secret_is_named_before_the_payment(story: Story) -> None:
    file = story.connector("greenbank") / "current" / "connector.env"
    right = file.read_bytes()
    lines = [b"OAUTH_CLIENT_SECRET=wrong" if line.startswith(b"OAUTH_CLIENT_SECRET=") else line for line in right.splitlines()]
    file.write_bytes(b"\n".join(lines) + b"\n")
    found = _reasons(story.play("status.yml"))
    assert found == {("greenbank", "connector.env", "differs"), ("greenbank", "OAUTH_CLIENT_SECRET", "token-refused")}
    assert _reasons(story.done("onboard.yml")) == {("greenbank", "connector.env", "differs")}
    assert file.read_bytes() == right
    assert _reasons(story.done("status.yml")) == set()


def test_6_a_connector_passes_the_state_matrix_and_changed_settings_restart_it_alone(story: Story) -> None:
    before = story.processes()
    file = story.lab.folder / "participants" / "greenbank.yml"
    file.write_text(
        file.read_text(encoding="utf-8").replace("kind: sdk\n", "kind: sdk\n  settings: {EXPIRY_SECONDS: '45'}\n"), encoding="utf-8"
    )
    planned = story.play("onboard.yml", "--check")
    assert _reasons(planned) == {("greenbank", "connector.env", "differs")}
    assert planned.findings == story.done("onboard.yml").findings
    after = story.processes()
    assert {name for name, process in after.items() if process != before[name]} == {"greenbank-gateway"}
    again = story.done("onboard.yml")
    assert (again.changed, _reasons(again), story.processes()) == ([], set(), after)
    assert story.lab.pay("greenbank", "bluebank").state == "COMPLETED"


def test_7_what_was_delivered_is_private(story: Story) -> None:
    folders = [*(story.connector(bank) for bank in ("greenbank", "bluebank")), story.hub_services]
    found = [path for folder in folders for path in (folder, *folder.rglob("*")) if not path.is_symlink()]
    assert len(found) > 12
    assert [str(path) for path in found if path.stat().st_mode & 0o077] == []


def test_8_the_hubs_services_have_its_key_and_everyone_elses_in_the_form_that_they_read(story: Story) -> None:
    security = json.loads((story.hub_services / "current" / "endpoint-security.json").read_text(encoding="utf-8"))
    assert security["HUB_PARTICIPANT"] == {"ID": 1, "NAME": "switch"}
    jws = security["ENDPOINT_SECURITY"]["JWS"]
    machine = story.hub_services.parents[2]
    key = machine / jws["JWS_SIGNING_KEY_PATH"].lstrip("/")
    assert key.read_bytes() == (story.lab.state / "store" / "hub" / "jws" / "key.pem").read_bytes()
    folder = machine / jws["JWS_VERIFICATION_KEYS_DIRECTORY"].lstrip("/")
    assert {path.name for path in folder.iterdir()} == {"bluebank.pem", "greenbank.pem", "switch.pem"}


def _suites(story: Story, *suites: str) -> tuple[Played, dict[str, str]]:
    """A verification of greenbank; each case's verdict."""
    played = story.play("verify.yml", "-vv", "-e", f"suites={','.join(suites)}", "-e", "participants=greenbank")
    cases = [case for result in played.of("verification") for case in result["cases"]]
    for case in cases:
        if case["verdict"] != "passed":  # pytest shows it of a test that fails
            sys.stdout.write("\n".join(case[key] for key in ("key", "seen", "detail", "transcript")) + "\n")
    return played, {case["key"]: case["verdict"] for case in cases}


def test_9_the_suites_pass_a_participant_that_answers_well_and_its_evidence_is_signed(story: Story) -> None:
    """The ledger's database is the judge: accepted payments have moved it by 1 USD each, refused ones not at all."""
    file = story.lab.folder / "hub.yml"
    text = file.read_text(encoding="utf-8")
    file.write_text(
        text.replace("p95_ms: 20000, p99_ms: 30000, requests: 6", "p95_ms: 14000, p99_ms: 14000, requests: 2"), encoding="utf-8"
    )
    before = story.lab.positions()
    _played, cases = _suites(story, "end-to-end", "sla")
    ends = ("pays", "is-paid", "wrong-fulfilment", "payee-abort", "over-the-cap", "disabled")
    messages = ("field-missing", "amount-malformed", "condition-malformed", "date-missing")
    assert cases == dict.fromkeys((*ends, *messages, "errors", "p95", "p99"), "passed")
    # Greenbank pays 1 in its own case and once as control, is paid in its case, once as control, and twice for the service level.
    assert {name: after - before[name] for name, after in story.lab.positions().items()} == {"greenbank": -2, "bluebank": 2}
    assert story.lab.rows(STATES_OF_AMOUNT.format("13.01")) == [("ABORTED_ERROR",)]
    (written,) = (story.lab.state / "evidence" / "greenbank").glob("*.json")
    evidence = read_evidence(written.read_bytes(), "evidence")
    assert evidence.passed == {"end-to-end", "sla"}
    own = x509.load_pem_x509_certificate((story.lab.state / "store" / "hub" / "exchange" / "certificate.pem").read_bytes())
    assert evidence.signer == own.fingerprint(SHA256()).hex()


def test_10_a_window_is_settled_in_the_ledger_and_the_load_is_plotted(story: Story) -> None:
    """Greenbank pays 2 and is paid 1 in the window, pays 1 after it: 1 is settled, 1 stays. The load goes both ways."""
    file = story.lab.folder / "hub.yml"
    text = file.read_text(encoding="utf-8").replace("load: {requests: 20, parallel: 1}", "load: {requests: 3, parallel: 1}")
    file.write_text(text, encoding="utf-8")
    before = _balances(story)
    _played, cases = _suites(story, "performance", "settlement")
    assert cases == dict.fromkeys(("load-in", "load-out", "window", "net", "position", "settlement-account"), "passed")
    moved = {key: value - before[key] for key, value in _balances(story).items() if value != before[key]}
    # Whatever bluebank had paid before lies in an earlier window, so only this one's net is settled.
    assert moved == {
        ("greenbank", "POSITION"): 1,
        ("greenbank", "SETTLEMENT"): 1,
        ("bluebank", "POSITION"): -1,
        ("bluebank", "SETTLEMENT"): -1,
    }
    assert "<svg" in (story.lab.state / "evidence" / "verification.html").read_text(encoding="utf-8")


def _balances(story: Story) -> dict[tuple[str, str], Decimal]:
    return {(name, kind): Decimal(value) for name, _code, kind, _active, value in story.lab.rows(BALANCES)}


def test_11_a_slow_participant_fails_the_service_level_alone(story: Story) -> None:
    delay = story.lab.state / "lab" / "machines" / "greenbank-gateway" / DELAY_FILE
    delay.write_text("5000")  # for each of lookup, quote and transfer
    try:
        played, cases = _suites(story, "sla")
    finally:
        delay.unlink()
    # On a busy machine the SDK gives payments up as well.
    assert (played.status != 0, {key: cases[key] for key in ("p95", "p99")}) == (True, {"p95": "failed", "p99": "failed"})
    written = max((story.lab.state / "evidence" / "greenbank").glob("*.json"))
    assert read_evidence(written.read_bytes(), "evidence").passed == frozenset()
