# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A host that no one reaches ends no run in silence: the summary comes, names it, and tells the faults that came before."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.playbooks import ROOT, play

pytestmark = pytest.mark.slow

# The hosts of a lab that was never raised cannot be reached; the controller is this computer.
HOSTS = """\
plugin: mojaloop.onboarding.hub
hosts:
  all: {ansible_connection: mojaloop.onboarding.lab}
  controller: {ansible_connection: local, ansible_python_interpreter: "{{ ansible_playbook_python }}"}
"""


@pytest.mark.parametrize("playbook", ["onboard.yml", "status.yml"])
def test_the_summary_names_every_host_that_was_not_reached_and_the_faults_before(tmp_path: Path, playbook: str) -> None:
    description = tmp_path / "inventories" / "lab"
    shutil.copytree(ROOT / "inventories" / "lab", description)
    (description / "hosts.yml").write_text(HOSTS)
    run = play(playbook, description / "hosts.yml", record=tmp_path / "record.jsonl")
    assert run.status == 2, run.output
    not_reached = run.output.partition("Not reached:\n")[2].partition("\n\n")[0].split("\n")
    assert [line.split(":")[0].strip() for line in not_reached] == ["bluebank-gateway", "greenbank-gateway", "hub-gateway"]
    # No authorization server was raised either: the first play's own fault is reported.
    assert "  hub oauth: hub/" in run.output.partition("Failed:\n")[2].partition("\n\n")[0]
    assert "Outcome: failed" in run.output


@pytest.mark.parametrize("playbook", ["onboard.yml", "status.yml"])
def test_the_summary_says_what_failed_where_every_host_fails(tmp_path: Path, playbook: str) -> None:
    description = tmp_path / "inventories" / "lab"
    shutil.copytree(ROOT / "inventories" / "lab", description)
    (description / "hosts.yml").write_text(HOSTS.replace("mojaloop.onboarding.lab}", "local}"))
    # Reported before a host is asked for anything: this computer stays as it is.
    asked = ("-e", '{"gateway_confirm_within": "soon", "firewall_confirm_within": "later"}')
    run = play(playbook, description / "hosts.yml", *asked, record=tmp_path / "record.jsonl")
    assert run.status == 2, run.output
    failed = run.output.partition("Failed:\n")[2].partition("\n\n")[0]
    for side in ("hub", "greenbank", "bluebank"):
        # A firewall that fails keeps its gateway from nothing: it may be the one that has to end an access.
        assert f"  {side}-gateway: confirm_within: 'later' is no time" in failed
        assert f"  {side}-gateway: confirm_within: 'soon' is no time" in failed
    assert "Outcome: failed" in run.output
