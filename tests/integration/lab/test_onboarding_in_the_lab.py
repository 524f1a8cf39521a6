# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The main job, whole: a lab is raised, planned, onboarded, verified, extended and removed, as an operator does it; no secret is shown.

The tests of this file are the acts of one story and run in their order.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.counting import record_count
from support.labs import TOKEN, Lab
from support.leaks import search
from support.tls_offers import Offer, offers, outside_at_once, scanned, taken, with_curves

from ansible_collections.mojaloop.onboarding.plugins.module_utils.lab.vantage import enter_command

from .machine_files import misplaced

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.xdist_group("lab-onboarding")]

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


TASKS = """\
- name: Tasks on machines
  hosts: controller, hub-gateway
  gather_facts: false
  tasks:
    - name: Run a module where it is
      ansible.builtin.command: ip -oneline address
      register: addresses
      changed_when: false
    - name: Judge where that was
      ansible.builtin.assert:
        that: "('198.18.0.1/24' if inventory_hostname == 'controller' else '203.0.113.10/24') in addresses.stdout"
    - name: Copy a file to a private folder
      ansible.builtin.copy: {content: "of {{ inventory_hostname }}", dest: /run/copied, mode: "0600"}
    - name: Fetch it again
      ansible.builtin.fetch: {src: /run/copied, dest: "{{ fetched }}/{{ inventory_hostname }}", flat: true}
"""
GATEWAYS = {"hub-gateway": "hub", "greenbank-gateway": "greenbank", "bluebank-gateway": "bluebank"}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    made = Lab(tmp_path_factory.mktemp("story"))
    (made.folder / "tasks.yml").write_text(TASKS, encoding="utf-8")
    try:
        yield made
    finally:
        made.remove()


def test_0_without_the_lab_a_task_on_a_machine_says_what_to_run(story: Lab) -> None:
    down = story.play(str(story.folder / "tasks.yml"), "-e", f"fetched={story.folder}").output
    assert "the lab is not up" in down
    assert "Run playbooks/lab.yml" in down


def test_1_the_lab_is_raised_and_a_second_run_changes_nothing(story: Lab) -> None:
    story.done("lab.yml")
    second = story.done("lab.yml")
    assert second.changed == []


def test_1_a_task_runs_on_a_machine_of_the_lab(story: Lab) -> None:
    story.done(str(story.folder / "tasks.yml"), "-e", f"fetched={story.folder}")
    assert [(story.folder / name).read_text(encoding="utf-8") for name in ("controller", "hub-gateway")] == [
        "of controller",
        "of hub-gateway",
    ]
    assert not Path("/run/copied").exists()


def test_2_the_plan_shows_everything_and_writes_nothing(story: Lab) -> None:
    before = story.snapshot()
    plan = story.done("onboard.yml", "--check", "--diff")
    assert story.snapshot() == before
    assert len(plan.findings) > 50
    story.runs["plan"] = plan


def test_3_the_first_run_does_what_was_planned_and_names_whom_it_awaits(story: Lab) -> None:
    run = story.watched("onboard.yml", sees="AnsiballZ_gateway")
    assert sorted(run.findings) == sorted(story.runs["plan"].findings)
    assert {finding[6] for finding in run.findings if finding[5] == "pending"} == {"redbank"}
    assert "Outcome: pending" in run.output


def test_4_after_the_other_half_has_had_its_turn_everything_is_done(story: Lab) -> None:
    story.done("lab.yml", "-e", "lab_state=advance")
    run = story.watched("onboard.yml")
    assert [finding for finding in run.findings if finding[5] != "change"] == []
    story.done("lab.yml", "-e", "lab_state=advance")
    # From here on one participant's file is as some tools export it; neither the next run nor anyone's verification may mind.
    authority = story.state / "exchange" / "redbank" / "participant" / "ca.pem"
    authority.write_bytes(b"\xef\xbb\xbfBag Attributes\r\n    friendlyName: Banco S\xe3o Jo\xe3o CA\r\n" + authority.read_bytes())


@pytest.mark.parametrize(("machine", "side"), GATEWAYS.items())
def test_4_a_machine_holds_only_keys_of_its_side_and_shows_them_to_no_one(story: Lab, machine: str, side: str) -> None:
    assert misplaced(story, machine, side) == []
    for source, mode, expected in (
        (f"store/{side}/server/key.pem", "0644", "etc/stray 0644"),
        (f"store/{side}/jws/key.pem", "0600", f"store/{side}/jws/key.pem, exponent in etc/stray"),
        ("store/probe-one/client/hub/key.pem", "0600", "store/probe-one/client/hub/key.pem, PEM body in etc/stray"),
    ):
        entering = enter_command(story.state, machine)
        subprocess.run([*entering, "install", "-m", mode, str(story.state / source), "/etc/stray"], check=True)
        assert expected in misplaced(story, machine, side)
        subprocess.run([*entering, "rm", "/etc/stray"], check=True)


def test_5_another_run_changes_nothing_and_reloads_nothing(story: Lab) -> None:
    before = story.snapshot()
    run = story.done("onboard.yml")
    assert run.findings == []
    assert run.changed == []
    assert [result.get("reloads") for result in run.of("gateway")] == [0, 0, 0]
    assert story.snapshot() == before


def test_6_afterwards_the_plan_is_empty(story: Lab) -> None:
    plan = story.done("onboard.yml", "--check", "--diff")
    assert plan.findings == []


def test_7_every_listener_is_proved_with_real_traffic(story: Lab) -> None:
    xml, page = story.folder / "verification.xml", story.folder / "verification.html"
    run = story.watched("verify.yml", "-e", f"junit={xml}", "-e", f"page={page}")
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
    assert "3 of 3 participants with every step done" in run.output
    assert xml.read_text(encoding="utf-8").startswith("<?xml")
    assert page.read_bytes() == (story.state / "evidence" / "verification.html").read_bytes()
    assert page.read_text(encoding="utf-8").count("<details>") == len(cases)


def test_7_no_log_of_a_machine_repeats_a_secret_or_a_token(story: Lab) -> None:
    machines = story.state / "lab" / "machines"
    files = [path for path in machines.rglob("*") if path.is_file() and "log" in path.relative_to(machines).parts[1]]
    logs = {str(path): path.read_bytes() for path in files}
    assert sum(map(len, logs.values())) > 1000
    assert search(story.secrets, logs) == set()
    assert [name for name, content in logs.items() if TOKEN.search(content)] == []


def test_7_a_token_is_recognised() -> None:
    token = b"eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2F1dGgifQ." + b"c2ln" * 20
    assert TOKEN.search(b'{"Authorization": "Bearer ' + token + b'"}')
    assert not TOKEN.search(token.rpartition(b".")[0])


def test_8_a_fourth_participant_is_one_file_and_one_run(story: Lab) -> None:
    (story.description / "participants" / "yellowbank.yml").write_text(FOURTH, encoding="utf-8")
    story.done("lab.yml")
    before = story.snapshot()
    run = story.done("onboard.yml")
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
    story.done("lab.yml", "-e", "lab_state=advance")
    story.done("verify.yml", "-e", "participants=yellowbank")
    assert story.play("onboard.yml").changed == []


LISTENERS = {  # where it is, and a place that its firewall lets in
    "hub": ("203.0.113.10", "greenbank-gateway", "203.0.113.21"),
    "hub over IPv6": ("[2001:db8:6d6f::10]", "greenbank-gateway", "[2001:db8:6d6f::21]"),
    "greenbank": ("203.0.113.20", "hub-gateway", "203.0.113.11"),
    "bluebank": ("203.0.113.30", "hub-gateway", "203.0.113.11"),
    "redbank": ("203.0.113.40", "hub-gateway", "203.0.113.11"),
}


def test_9_every_listener_takes_mozillas_intermediate_profile_and_nothing_else(story: Lab) -> None:
    for name, (address, machine, source) in LISTENERS.items():
        prefix = enter_command(story.state, machine)

        def ask(offer: Offer, place: str = f"{address}:8443", bind: str = f"{source}:0", prefix: list[str] = prefix) -> str:
            return taken(offer, place, "-bind", bind, prefix=prefix)

        outside = [*outside_at_once(), *with_curves(("X448", "P-521"))]
        assert [str(offer) for offer in outside if ask(offer)] == [], name
        within = [offer for offer in offers() if offer.permitted]
        accepted = [offer.suites for offer in within if ask(offer) == offer.suites]
        assert len(accepted) == 6, f"{name}: three suites of TLS 1.3, and three of TLS 1.2 with its kind of key"
        record_count("TLS offers to the listeners of the lab", len(outside) + len(within))


def test_9_sslyze_finds_the_same_of_every_listener(story: Lab) -> None:
    store = story.state / "store"
    for name, (address, machine, source) in LISTENERS.items():
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
        record_count("listeners and servers judged by sslyze", 1)


def test_10_the_lab_is_removed_with_all_keys(story: Lab) -> None:
    gone = story.remove()
    assert "the lab is removed" in gone.output
    assert not story.state.exists()
    assert "there is no lab" in story.play("lab.yml", "-e", "lab_state=absent").output
