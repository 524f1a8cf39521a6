# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A hub with its two probe participants and no bank, reached by real OpenSSH: configured, then proved from outside."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from support.labs import Lab
from support.openssh import OpenSsh

from ansible_collections.mojaloop.onboarding.plugins.module_utils.lab.vantage import enter_command

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("probe-hosts"),
    pytest.mark.skipif(not all(map(shutil.which, ("ssh", "haproxy", "node"))), reason="needs ssh, haproxy and node"),
]
TASKS = """\
- hosts: controller
  gather_facts: false
  tasks:
    - mojaloop.onboarding.verification:
        description: "{{ onboarding_description }}"
        state: "{{ onboarding_state }}"
"""
"""The controller stands outside of the lab's networks here: it reaches no authorization server, so that no status follows."""
NOTHING_SENT = 4
"""Exit status of a verification that could send nothing."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The hub and the probes' machine."""
    made = Lab(tmp_path_factory.mktemp("probes"), without=("redbank", "bluebank", "greenbank"))
    (made.folder / "verify.yml").write_text(TASKS, encoding="utf-8")
    made.done("lab.yml")
    try:
        yield made
    finally:
        made.remove()


@pytest.fixture(scope="module")
def openssh(lab: Lab) -> OpenSsh:
    """Keys for the machines."""
    return OpenSsh(lab.folder / "ssh", lab.state)


def reached(lab: Lab, openssh: OpenSsh, *probe_hosts: str, controller: str) -> None:
    """Write hosts.yml: the gateway and the probe hosts over SSH, the controller where it is."""
    hosts = {"controller": {"ansible_connection": controller}, "hub-gateway": openssh.variables("hub-gateway")}
    named = {name: openssh.variables(name) for name in probe_hosts}
    content = {"plugin": "mojaloop.onboarding.hub", "hosts": hosts, **({"probe_hosts": named} if named else {})}
    (lab.description / "hosts.yml").write_text(yaml.safe_dump(content), encoding="utf-8")


def latest(lab: Lab) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads((lab.state / "evidence" / "verification.json").read_text(encoding="utf-8"))["cases"]
    return cases


def test_1_a_gateway_is_configured_over_ssh(lab: Lab, openssh: OpenSsh) -> None:
    reached(lab, openssh, controller="mojaloop.onboarding.lab")
    played = lab.done("onboard.yml")
    assert {entry for entry in played.changed if entry.startswith("hub-gateway")}
    # A token came through the gateway, and a call passed.
    assert "One right call passed: probe-one, probe-two." in played.output
    before = lab.snapshot()
    assert lab.done("onboard.yml").changed == []
    assert lab.snapshot() == before


def test_2_where_no_host_can_send_nothing_is_claimed(lab: Lab, openssh: OpenSsh) -> None:
    reached(lab, openssh, controller="local")
    played = lab.play(str(lab.folder / "verify.yml"))
    assert played.status == NOTHING_SENT, played.output
    assert "Nothing was proved" in played.output
    assert {(case["verdict"], case["transcript"]) for case in latest(lab)} == {("not-provable-from-here", "")}


def test_3_two_probe_participants_prove_the_listener(lab: Lab, openssh: OpenSsh) -> None:
    reached(lab, openssh, "probes", "stranger", controller="local")
    played = lab.play(str(lab.folder / "verify.yml"))
    assert played.status == 0, played.output
    cases = latest(lab)
    verdicts = {case["verdict"] for case in cases}
    assert verdicts == {"passed", "not-provable-from-here"}
    proved = {case["key"]: case for case in cases if case["verdict"] == "passed" and case["participant"] == "probe-one"}
    assert {"token-and-call", "expired", "other-certificate", "other-token", "other-address", "outside-roles", "stranger"} <= proved.keys()
    assert proved["stranger"]["refuser"] == "hub-gateway's firewall counter"
    assert "from 203.0.113.51 on probes to 203.0.113.10" in proved["token-and-call"]["transcript"]
    listed = subprocess.run(
        [*enter_command(lab.state, "probes"), "sh", "-c", "ls -d /tmp/onboarding-* || true"], capture_output=True, check=True
    )
    assert listed.stdout == b""


def test_4_a_probe_host_that_is_not_reached_is_named(lab: Lab, openssh: OpenSsh) -> None:
    reached(lab, openssh, "probes", controller="local")
    written = yaml.safe_load((lab.description / "hosts.yml").read_text(encoding="utf-8"))
    for variables in (written["probe_hosts"]["probes"], written["hosts"]["hub-gateway"]):
        # Another name: the client still holds a connection to the one before.
        variables |= {"ansible_host": "gone", "ansible_ssh_common_args": "-F none -o ProxyCommand=false"}
    (lab.description / "hosts.yml").write_text(yaml.safe_dump(written), encoding="utf-8")
    played = lab.play(str(lab.folder / "verify.yml"))
    assert played.status == NOTHING_SENT, played.output
    assert "cannot be reached" in latest(lab)[0]["detail"]
