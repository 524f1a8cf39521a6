# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The outputs of a stack are judged before a playbook uses them, wherever they come from."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.mojaloop.onboarding.plugins.module_utils.environments.stack_outputs import (
    exported_outputs,
    outputs_of_stack,
    stack_outputs,
)
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import OnboardingError

GATEWAY: dict[str, Any] = {
    "namespace": "istio-ingress-ext",
    "gateway": "ext-gateway",
    "listener": "interop-gateway",
    "host": "api.hub.example",
    "port": 443,
    "certificate": "vault-tls-cert",
    "addresses": ["198.51.100.10", "lb-1.cloud.example"],
}
HUB: dict[str, Any] = {
    "format": 1,
    "environment": "live",
    "servicesNamespace": "mojaloop",
    "fspiopGateway": GATEWAY,
    "internalGateway": GATEWAY,
    "egressGateway": {"namespace": "istio-egress", "gateway": "egress-gateway"},
}
DFSP: dict[str, Any] = {
    "format": 1,
    "environment": "live",
    "participant": "greenbank",
    "namespace": "greenbank",
    "callbackGateway": GATEWAY,
    "connectorService": "greenbank-sdk-scheme-adapter-api-svc",
    "secrets": {"client": "hub-client-tls"},
}
TEMPLATE = "{{ lookup('pipe', 'touch executed') }}"


def _bytes(values: object) -> bytes:
    return json.dumps(values).encode()


@pytest.mark.parametrize(("values", "side"), [(HUB, "hub"), (DFSP, "greenbank")])
def test_right_outputs_are_read(values: dict[str, Any], side: str) -> None:
    found = stack_outputs(_bytes(values), where="x")
    assert (found.side, found.environment, found.values) == (side, "live", values)


def test_what_a_later_release_adds_is_left_out() -> None:
    assert stack_outputs(_bytes({**HUB, "further": TEMPLATE}), where="x").values == HUB


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"format": 2}, "newer release"),
        ({"format": None}, "no outputs of a stack"),
        ({"environment": TEMPLATE}, "environment"),
        ({"fspiopGateway": {**GATEWAY, "host": TEMPLATE}}, r"fspiopGateway\.host"),
        ({"fspiopGateway": {**GATEWAY, "port": True}}, r"fspiopGateway\.port"),
        ({"fspiopGateway": {**GATEWAY, "addresses": [TEMPLATE]}}, r"fspiopGateway\.addresses"),
        ({"fspiopGateway": []}, "fspiopGateway"),
        ({"participant": "../hub"}, "participant"),
    ],
)
def test_wrong_outputs_are_refused_by_name(changed: dict[str, Any], says: str) -> None:
    with pytest.raises(OnboardingError, match=says):
        stack_outputs(_bytes({**HUB, **changed}), where="x")


def test_what_is_no_json_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "hub.json"
    file.write_text("{", encoding="utf-8")
    with pytest.raises(OnboardingError, match="is no JSON"):
        exported_outputs(str(file))
    with pytest.raises(OnboardingError, match="cannot be read"):
        exported_outputs(str(tmp_path / "none.json"))


def test_a_machine_without_pulumi_is_an_error_with_a_way_out() -> None:
    with pytest.raises(OnboardingError, match="name exported files"):
        outputs_of_stack("hub", "live", program="no-such-pulumi")


def test_what_pulumi_says_when_it_refuses_is_shown(tmp_path: Path) -> None:
    program = tmp_path / "pulumi"
    program.write_text("#!/bin/sh\necho 'error: no stack named live' >&2\nexit 255\n", encoding="utf-8")
    program.chmod(0o755)
    with pytest.raises(OnboardingError, match="no stack named live"):
        outputs_of_stack("hub", "live", program=str(program))


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    """An inventory file that names two exported files."""
    for name, values in (("hub", HUB), ("greenbank", DFSP)):
        (tmp_path / f"{name}.json").write_bytes(_bytes(values))
    file = tmp_path / "stacks.yml"
    file.write_text("plugin: mojaloop.onboarding.pulumi_stack\nfiles: [hub.json, greenbank.json]\n", encoding="utf-8")
    return file


def _listed(inventory: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("ansible-inventory")), "-i", str(inventory), "--list"]
    environment = {
        "PATH": str(Path(sys.executable).parent),
        "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true",
        "HOME": str(inventory.parent),
    }
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=inventory.parent, env=environment)


def test_ansible_finds_the_outputs_of_both_sides(inventory: Path) -> None:
    listed = _listed(inventory)
    assert listed.returncode == 0, listed.stderr
    variables = json.loads(listed.stdout)["_meta"]["hostvars"]["controller"]
    assert variables["onboarding_kubernetes"]["hub"]["environment"] == {"__ansible_unsafe": "live"}  # no template in it is evaluated
    assert _plain(variables) == {"onboarding_kubernetes": {"hub": HUB, "greenbank": DFSP}}


def _plain(found: Any) -> Any:  # noqa: ANN401 -- JSON
    """The values without Ansible's marks."""
    if isinstance(found, dict):
        return found.get("__ansible_unsafe", {key: _plain(value) for key, value in found.items()})
    return [_plain(each) for each in found] if isinstance(found, list) else found


def test_ansible_stops_at_outputs_that_are_wrong(inventory: Path) -> None:
    (inventory.parent / "hub.json").write_bytes(_bytes({**HUB, "environment": TEMPLATE}))
    listed = _listed(inventory)
    assert listed.returncode != 0
    assert "holds wrong outputs: environment" in " ".join(listed.stderr.split())
    assert not (inventory.parent / "executed").exists()
