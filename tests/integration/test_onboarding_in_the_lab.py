# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The main job, whole: a lab is raised, planned, onboarded, verified and extended, as an operator does it.

The tests of this file are the acts of one story and run in their order.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.counting import record_count
from support.playbooks import ROOT, Played, play
from support.tls_offers import Offer, offers, outside_at_once, scanned, taken, with_curves

from ansible_collections.mojaloop.onboarding.plugins.module_utils.lab.vantage import enter_command

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

FOURTH = """
format: 1
id: yellowbank
organisation: Yellow Bank
currencies: [USD]
hosting: managed
endpoint:
  url: https://fspiop.yellowbank.lab:8443
  addresses: [203.0.113.60]
egress_addresses: [203.0.113.61/32]
ca: {kind: internal}
gateways:
  - host: yellowbank-gateway
    kind: haproxy
    inbound:
      - {address: 203.0.113.60, port: 8443}
    inbound_backend: {address: 127.0.0.1, port: 3000}
    outbound: {address: 127.0.0.1, port: 3100}
    log: stdout
firewall: {kind: nftables}
"""


class Story:
    """One environment of the test's own, described as the lab is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.description = folder / "inventories" / "lab"
        shutil.copytree(ROOT / "inventories" / "lab", self.description)
        self.state = folder / ".state" / "lab"
        self.runs: dict[str, Played] = {}

    def play(self, playbook: str, *arguments: str) -> Played:
        played = play(playbook, self.description / "hosts.yml", *arguments, record=self.folder / "record.jsonl")
        assert "Traceback" not in played.output
        return played

    def snapshot(self, *, without: tuple[str, ...] = ()) -> dict[str, tuple[int, int, bytes]]:
        """Inode, modification time and content of every file of the state folder but the lab's own."""
        files = (path for path in self.state.rglob("*") if path.is_file() and not path.is_relative_to(self.state / "lab"))
        relative = {str(path.relative_to(self.state)): path for path in files}
        kept = {name: path for name, path in relative.items() if not name.startswith(("journal/lease", *without))}
        return {name: (path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes()) for name, path in kept.items()}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    told = Story(tmp_path_factory.mktemp("story"))
    try:
        yield told
    finally:
        told.play("lab.yml", "-e", "lab_state=absent")


def test_1_the_lab_is_raised_and_a_second_run_changes_nothing(story: Story) -> None:
    first = story.play("lab.yml")
    assert first.status == 0, first.output
    second = story.play("lab.yml")
    assert second.status == 0, second.output
    assert second.changed == []


def test_2_the_plan_shows_everything_and_writes_nothing(story: Story) -> None:
    before = story.snapshot()
    plan = story.play("onboard.yml", "--check", "--diff")
    assert plan.status == 0, plan.output
    assert story.snapshot() == before
    assert len(plan.findings) > 50
    story.runs["plan"] = plan


def test_3_the_first_run_does_what_was_planned_and_names_whom_it_awaits(story: Story) -> None:
    run = story.play("onboard.yml")
    assert run.status == 0, run.output
    assert sorted(run.findings) == sorted(story.runs["plan"].findings)
    assert {finding[6] for finding in run.findings if finding[5] == "pending"} == {"redbank"}
    assert "Outcome: pending" in run.output


def test_4_after_the_other_half_has_had_its_turn_everything_is_done(story: Story) -> None:
    turn = story.play("lab.yml", "-e", "lab_state=turn")
    assert turn.status == 0, turn.output
    run = story.play("onboard.yml")
    assert run.status == 0, run.output
    assert [finding for finding in run.findings if finding[5] != "change"] == []
    turn = story.play("lab.yml", "-e", "lab_state=turn")
    assert turn.status == 0, turn.output


def test_5_another_run_changes_nothing_and_reloads_nothing(story: Story) -> None:
    before = story.snapshot()
    run = story.play("onboard.yml")
    assert run.status == 0, run.output
    assert run.findings == []
    assert run.changed == []
    assert [result.get("reloads") for result in run.of("gateway")] == [0, 0, 0]
    assert story.snapshot() == before


def test_6_afterwards_the_plan_is_empty(story: Story) -> None:
    plan = story.play("onboard.yml", "--check", "--diff")
    assert plan.status == 0, plan.output
    assert plan.findings == []


def test_7_every_door_is_proved_with_real_traffic(story: Story) -> None:
    xml, page = story.folder / "verification.xml", story.folder / "verification.html"
    run = story.play("verify.yml", "-e", f"junit={xml}", "-e", f"page={page}", "-v")
    assert run.status == 0, run.output
    (verification,) = run.of("verification")
    cases = verification["cases"]
    assert {case["verdict"] for case in cases} <= {"passed", "not-provable-from-here"}
    refused = [case for case in cases if case["control"]]
    assert len(refused) >= 240
    assert {case["key"] for case in cases if case["verdict"] != "passed"} == {"stranger"}, "the firewall of the self-hosted participant"
    record_count("cases of verify.yml in the lab", len(cases))
    record_count("refusals of verify.yml, each beside its accepted control", len(refused))
    assert all(case["refuser"] for case in refused if case["participant"] != "redbank")
    payers = {case["participant"] for case in cases if case["key"].startswith("payer-") and case["verdict"] == "passed"}
    assert payers == {"greenbank", "bluebank", "redbank"}
    assert "5 of 5 participants with every step done" in run.output
    assert xml.read_text(encoding="utf-8").startswith("<?xml")
    assert page.read_bytes() == (story.state / "evidence" / "verification.html").read_bytes()
    assert page.read_text(encoding="utf-8").count("<details>") == len(cases)


def test_8_a_fourth_participant_is_one_file_and_one_run(story: Story) -> None:
    (story.description / "participants" / "yellowbank.yml").write_text(FOURTH, encoding="utf-8")
    assert story.play("lab.yml").status == 0
    before = story.snapshot()
    run = story.play("onboard.yml")
    assert run.status == 0, run.output
    after = story.snapshot()
    touched = {name for name in after if after[name] != before.get(name)} | (before.keys() - after.keys())
    others = {name for name in touched if "yellowbank" not in name and not name.startswith("journal/")}
    assert {name for name in others if not name.startswith("exchange/jws/")} == set()
    keys = {name for name in touched if name.endswith("jws-keys/yellowbank.pem")}
    assert keys == {
        f"store/{side}/jws-keys/yellowbank.pem" for side in ("hub", "greenbank", "bluebank", "yellowbank", "probe-one", "probe-two")
    }
    reloads = {entry["host"]: entry["result"]["reloads"] for entry in run.results if entry["action"] == "mojaloop.onboarding.gateway"}
    assert reloads == {"hub-gateway": 1, "yellowbank-gateway": 1, "greenbank-gateway": 0, "bluebank-gateway": 0}
    # The participant with tools of its own reads the new key in its own time, here now.
    assert story.play("lab.yml", "-e", "lab_state=turn").status == 0
    proof = story.play("verify.yml", "-e", "participants=yellowbank")
    assert proof.status == 0, proof.output
    assert story.play("onboard.yml").changed == []


DOORS = {  # where it is, and a place that its firewall lets in
    "hub": ("203.0.113.10", "greenbank-gateway", "203.0.113.21"),
    "hub over IPv6": ("[2001:db8:6d6f::10]", "greenbank-gateway", "[2001:db8:6d6f::21]"),
    "greenbank": ("203.0.113.20", "hub-gateway", "203.0.113.11"),
    "bluebank": ("203.0.113.30", "hub-gateway", "203.0.113.11"),
    "redbank": ("203.0.113.40", "hub-gateway", "203.0.113.11"),
}


def test_9_every_door_takes_mozillas_intermediate_profile_and_nothing_else(story: Story) -> None:
    for name, (address, machine, source) in DOORS.items():
        prefix = enter_command(story.state, machine)

        def ask(offer: Offer, place: str = f"{address}:8443", bind: str = f"{source}:0", prefix: list[str] = prefix) -> str:
            return taken(offer, place, "-bind", bind, prefix=prefix)

        outside = [*outside_at_once(), *with_curves(("X448", "P-521"))]
        assert [str(offer) for offer in outside if ask(offer)] == [], name
        within = [offer for offer in offers() if offer.permitted]
        accepted = [offer.suites for offer in within if ask(offer) == offer.suites]
        assert len(accepted) == 6, f"{name}: three suites of TLS 1.3, and three of TLS 1.2 with its kind of key"
        record_count("TLS offers to the doors of the lab", len(outside) + len(within))


def test_9_sslyze_finds_the_same_of_every_door(story: Story) -> None:
    store = story.state / "store"
    for name, (address, machine, source) in DOORS.items():
        side = name.split()[0]
        own = store / ("greenbank/client/hub" if side == "hub" else f"hub/client/{side}")
        authority = store / ("hub/received/redbank/ca.pem" if side == "redbank" else f"{side}/ca/certificate.pem")
        options = ("--authority", authority, "--certificate", own / "certificate.pem", "--key", own / "key.pem", "--source", source)
        found = scanned(
            f"{address}:8443",
            f"{'api' if side == 'hub' else 'fspiop'}.{side}.lab",
            *map(str, options),
            prefix=enter_command(story.state, machine),
        )
        assert found["issues"] == {}, name
        assert len(found["suites"]) == 6, name
        record_count("doors and servers judged by sslyze", 1)


def test_10_who_is_suspended_is_shut_out_at_once_and_comes_back(story: Story) -> None:
    file = story.description / "participants" / "greenbank.yml"
    described = file.read_text(encoding="utf-8")
    with live(story) as ask:
        assert ask() == "202"
        file.write_text(f"{described}state: suspended\n", encoding="utf-8")
        assert story.play("onboard.yml").status == 0
        assert ask() == "silence", "the live connection, with certificate, token and address as they were"
    proof = story.play("verify.yml", "-e", "participants=bluebank,greenbank", "-v")
    assert proof.status == 0, proof.output
    assert "1 suspended (greenbank)" in proof.output
    shut = {case["key"]: case for case in proof.of("verification")[0]["cases"] if case["participant"] == "greenbank"}
    assert {key: (case["verdict"], case["refuser"]) for key, case in shut.items()} == {
        "shut-out": ("passed", "greenbank-gateway's firewall counter or hub-gateway's firewall counter"),
        "shut-out-certificate": ("passed", "gateway"),
    }
    file.write_text(described, encoding="utf-8")
    back = story.play("onboard.yml")
    assert back.status == 0, back.output
    assert "Not shown by traffic yet" in back.output, "what was shown before the suspension shows nothing now"
    with live(story) as ask:
        assert ask() == "202"


def test_11_the_secret_of_a_connector_is_renewed_while_it_calls(story: Story) -> None:
    """Two runs: registered and accepted by the gateway, then handed over; with ``revoke_before`` all of it in one."""
    file = story.description / "participants" / "greenbank.yml"
    credentials, described = story.state / "store/greenbank/oauth/credentials.json", file.read_text(encoding="utf-8")
    first = credentials.read_bytes()
    file.write_text(f"{described}oauth: {{renew_before: {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}}}\n", encoding="utf-8")
    with calling(story) as answers:
        for told in ({"oauth-client-renewed", "awaiting-gateways", "map-entry-missing"}, {"oauth-credentials-renewed"}, set()):
            planned, done = story.play("onboard.yml", "--check", "-e", "participants=greenbank"), story.play("onboard.yml")
            assert (planned.status, done.status, done.findings) == (0, 0, planned.findings), done.output
            assert told == {finding[4] for finding in done.findings if finding[1] == "oauth"}
            assert (credentials.read_bytes() == first) is ("awaiting-gateways" in told)
    assert set(answers) == {"202"}, "with the token of the earlier client"
    record_count("requests with an earlier client's token while it was renewed by playbooks, none lost", len(answers))
    file.write_text(f"{described}oauth: {{revoke_before: {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}}}\n", encoding="utf-8")
    with calling(story) as answers:
        assert story.play("onboard.yml").status == 0
    assert (answers[0], answers[-1]) == ("202", "401"), "with the token of a client that was revoked"
    assert story.play("onboard.yml").changed == []
    proof = story.play("verify.yml", "-e", "participants=greenbank")
    assert proof.status == 0, proof.output
    file.write_text(described, encoding="utf-8")


@contextmanager
def calling(story: Story) -> Iterator[list[str]]:
    """Greenbank calls all the time, with the token that it had at first; what it was answered."""
    answers: list[str] = []
    over = threading.Event()
    with live(story) as ask:

        def call() -> None:
            while not over.wait(0.2):
                answers.append(ask())

        caller = threading.Thread(target=call)
        caller.start()
        try:
            yield answers
        finally:
            time.sleep(1)
            over.set()
            caller.join()


@contextmanager
def live(story: Story) -> Iterator[Callable[[], str]]:
    """Greenbank's right request, again and again on one connection; what is asked ends with a status or in silence."""
    words = [sys.executable, "-m", "support.live_connection", str(story.description), str(story.state), "greenbank"]
    command = [*enter_command(story.state, "controller"), "env", f"PYTHONPATH={ROOT / 'tests'}", *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        try:
            assert process.stdout.readline().strip() == "connected"

            def ask() -> str:
                assert process.stdin
                assert process.stdout
                process.stdin.write("again\n")
                process.stdin.flush()
                return process.stdout.readline().strip()

            yield ask
        finally:
            process.kill()
