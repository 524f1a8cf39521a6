# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""No secret of any kind is seen outside the file where it is at home, whatever a run says, leaves behind, or fails at.

The acts of one story, in their order: planned, broken at every step, carried out, and leaked on purpose: the search that
finds nothing before must find all of that.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml
from ansible.parsing.vault import VaultLib, VaultSecret
from support.leaks import contents, search
from support.watched import Watched

from .environment import STEPS, Environment, playbook, task

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

SECRETIVE = ("generate", "sign", "oauth_clients")
"""Steps that have secrets in hand."""
KINDS = {
    "CA passphrase",
    "initial access token",
    "the server's signing key",
    "redbank's exchange.key, exponent",
    "store/hub/ca/key.pem, scalar",
    "store/hub/ca/key.pem, encrypted PEM body",
    "store/hub/server/key.pem, PEM body",
    "store/greenbank/server/key.pem, scalar",
    "store/greenbank/client/hub/key.pem, scalar",
    "store/greenbank/jws/key.pem, exponent",
    "store/greenbank/jws/keystore.passphrase",
    "store/greenbank/jws/keystore.p12",
    "store/hub/exchange/key.pem, first prime",
    "store/greenbank/oauth/credentials.json client_secret",
    "store/hub/oauth/greenbank.json registration_access_token",
    "store/hub/oauth/redbank.json registration_access_token",
}


def leaks(watched: Watched) -> list[str]:
    return sorted(map(str, watched.leaks()))


def test_1_a_plan_shows_no_secret(canaries: Environment) -> None:
    plan = canaries.play("onboard.yml", "--check")
    assert {"missing", "not-published", "not-installed", "not-signed", "oauth-client-missing"} <= {each[4] for each in plan.played.findings}
    assert leaks(plan) == []
    assert not (canaries.state / "store").exists()


@pytest.mark.parametrize("process", ["of the playbook", "of a module"])
def test_2_a_failure_in_any_step_shows_no_secret(canaries: Environment, tmp_path: Path, process: str) -> None:
    canaries.begin_anew()
    (tmp_path / "broken").mkdir()
    # Modules differ from the playbook's own process only in how they are started and end: a few of them show that.
    chosen = STEPS if process == "of the playbook" else [step for step in STEPS if step[0] in SECRETIVE]
    breaks = {"ONBOARDING_TEST_BREAK": json.dumps([place for _, place in chosen]), "ONBOARDING_TEST_BROKEN": str(tmp_path / "broken")}
    # What a task is given as environment needs a process of its own.
    more = {"environment": {"OWN": "process"}} if process == "of a module" else {}
    tasks = [task(step[0], broken=broken) for step in STEPS for broken in ([True, False] if step in chosen else [False])]
    run = canaries.play(playbook(tmp_path, tasks, **more), environment=breaks)
    assert run.played.status == 0, run.played.output
    broken = [each for each in run.played.findings if each[4] == "unexpected"]
    assert len(list((tmp_path / "broken").iterdir())) == len(chosen)
    assert len(broken) >= len(chosen)
    assert run.played.output.count("RuntimeError at ") >= len(chosen)
    assert "broken here by a test" not in run.played.output, "an error's own words may hold what no log may"
    assert {secret.name for secret in canaries.secrets.known} >= KINDS
    assert leaks(run) == []
    started = any(b"AnsiballZ_oauth_clients" in arguments for arguments in run.processes.environments)
    left = any("AnsiballZ_certificates.py" in place for place in run.places())
    assert (started, left) == ((True, True) if process == "of a module" else (False, False))


def test_3_a_run_shows_no_secret_and_no_process_carries_one(canaries: Environment) -> None:
    run = canaries.play("onboard.yml")
    assert {each[4] for each in run.played.findings} == {"awaiting-counterpart"}, run.played.output[-2000:]
    assert leaks(run) == []
    assert run.processes.looks > 20
    assert any(b"ansible-playbook" in arguments for arguments in run.processes.environments)


def test_4_a_passphrase_in_the_environment_stays_in_that_variable(canaries: Environment, tmp_path: Path) -> None:
    variables = {"ONBOARDING_CA_PASSPHRASE": canaries.passphrase, "ONBOARDING_CA_PASSPHRASE_FILE": "/nowhere"}
    run = canaries.play(playbook(tmp_path, [task("generate"), task("sign")]), environment=variables)
    assert [result["faults"] for result in run.played.of("certificates")] == [0, 0]
    found = run.leaks()
    assert {leak.secret for leak in found} == {"CA passphrase"}
    assert {leak.place.partition(" ")[0] for leak in found} == {"environment"}
    assert b"ONBOARDING_CA_PASSPHRASE=" + canaries.passphrase.encode() in b"".join(run.processes.environments.values())


LEAKS: list[dict[str, object]] = [
    {"ansible.builtin.debug": {"msg": "{{ lookup('file', store ~ '/greenbank/server/key.pem') }}"}},
    {"ansible.builtin.debug": {"msg": "{{ ('x' ~ registration.registration_access_token) | b64encode }}"}},
    {"ansible.builtin.copy": {"src": "{{ store }}/greenbank/oauth/credentials.json", "dest": "{{ copy }}", "mode": "0600"}},
    {"ansible.builtin.debug": {"msg": "{{ lookup('file', store ~ '/hub/jws/keystore.passphrase') | urlencode }}"}},
    {
        "ansible.builtin.command": {
            "argv": ["sh", "-c", "sleep 0.5; true", "{{ lookup('file', store ~ '/greenbank/jws/keystore.passphrase') }}"]
        },
        "no_log": True,
    },
    # What a task is given as environment stands in the command that starts it, whatever is not logged.
    {"ansible.builtin.command": {"cmd": "sleep 0.5"}, "environment": {"SECRET": "{{ passphrase }}"}, "no_log": True},
    {"ansible.builtin.copy": {"src": "{{ store }}/hub/exchange/key.pem", "dest": "{{ journal }}/stray", "mode": "0600"}, "no_log": True},
]
"""Ways in which playbooks leak: some that look careful are among them."""


def test_5_what_is_leaked_on_purpose_is_found_wherever_and_however(canaries: Environment, tmp_path: Path) -> None:
    variables = {
        "store": "{{ onboarding_state }}/store",
        "journal": "{{ onboarding_state }}/journal",
        "copy": str(tmp_path / "copy"),
        "registration": "{{ lookup('file', store ~ '/hub/oauth/greenbank.json') | from_json }}",
        "passphrase": f"{{{{ lookup('file', '{canaries.passphrase_file}') }}}}",
    }
    run = canaries.play(playbook(tmp_path, LEAKS, vars=variables))
    assert run.played.status == 0, run.played.output
    found = leaks(run)
    (canaries.state / "journal/stray").unlink()
    expected = (
        "store/greenbank/server/key.pem, scalar in output",
        "store/greenbank/server/key.pem, PEM body in output",
        "store/hub/oauth/greenbank.json registration_access_token in output",
        "store/greenbank/oauth/credentials.json client_secret in output",
        "store/hub/jws/keystore.passphrase in output",
        "store/greenbank/jws/keystore.passphrase in arguments",
        "CA passphrase in output",
        "CA passphrase in arguments",
        "store/hub/exchange/key.pem, exponent in journal/stray",
    )
    assert [each for each in expected if not any(leak.startswith(each) for leak in found)] == [], found


SAFE: list[dict[str, object]] = [
    {
        "block": [
            {
                "ansible.builtin.copy": {"content": "{{ passphrase }}", "dest": "{{ file }}", "mode": "0600"},
                "no_log": True,
                "check_mode": False,
            },
            {"ansible.builtin.include_role": {"name": "certificate_signing"}},
        ],
        "always": [{"ansible.builtin.file": {"path": "{{ file }}", "state": "absent"}, "check_mode": False}],
    }
]
"""As the READMEs of both roles say: the value goes through a private file; only the file's name is in the environment."""


@pytest.mark.parametrize("arguments", [[], ["--check"]], ids=["run", "check"])
def test_6_a_value_from_a_vault_reaches_the_run_unseen(canaries: Environment, tmp_path: Path, arguments: list[str]) -> None:
    password = tmp_path / "vault-password"
    password.write_text("of-the-vault-of-this-test\n", encoding="ascii")
    vault = VaultLib([("default", VaultSecret(password.read_bytes().strip()))])
    (tmp_path / "vaulted.yml").write_bytes(vault.encrypt(yaml.safe_dump({"passphrase": canaries.passphrase})))
    file = tmp_path / "ca-passphrase"
    given = {"ONBOARDING_CA_PASSPHRASE_FILE": "{{ file }}"}
    more = {"vars": {"file": str(file)}, "vars_files": [str(tmp_path / "vaulted.yml")], "environment": given}
    shutil.rmtree(canaries.state / "store/hub/issued/greenbank")
    arguments = ["--vault-password-file", str(password), *arguments]
    run = canaries.play(playbook(tmp_path, SAFE, **more), *arguments, environment={"ONBOARDING_CA_PASSPHRASE_FILE": "/nowhere"})
    assert run.played.status == 0, run.played.output
    (signing,) = run.played.of("certificates")
    assert (signing["changed"], signing["faults"]) == (True, 0)
    assert not file.exists()
    # Ansible itself keeps the content for a moment, in a private file of its own folder for such things.
    assert {leak for leak in leaks(run) if not re.search(r"CA passphrase in .*/local/.* \(mode 0600, ", leak)} == set()
    assert search(canaries.secrets, dict(contents(run.traces))) == set()
