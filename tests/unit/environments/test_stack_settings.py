# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A stack's configuration is declared once, judged once, and refused with all its problems."""

from __future__ import annotations

from pathlib import Path

import pulumi
import pytest
import yaml

from environments.reading import SettingsError, keys
from environments.settings import HubSettings, parse_hub_settings

from .conftest import IMAGE, Run

RIGHT: dict[str, str | None] = {
    "context": "lab",
    "internalDomain": "int.hub.example",
    "internalSources": '["198.51.100.0/24"]',
    "proxyImage": IMAGE,
    "replicas": "2",
    "serviceType": "LoadBalancer",
    "sourceAddress": "direct",
    "serverCertificate": "vault-tls-cert",
    "meshNamespace": "istio-system",
    "release": "moja",
}


def test_the_program_declares_every_setting_and_no_other(repository: Path) -> None:
    declared = yaml.safe_load((repository / "pulumi/hub/Pulumi.yaml").read_text(encoding="utf-8"))["config"]
    assert sorted(declared) == sorted(keys(HubSettings))
    assert [key for key, each in declared.items() if not each.get("description") or not each.get("type")] == []


def test_right_settings_are_taken() -> None:
    settings = parse_hub_settings(RIGHT, where="Pulumi.lab.yaml")
    assert (settings.replicas, settings.internal_sources, settings.description) == (2, ("198.51.100.0/24",), "")


def test_every_problem_is_named_at_once() -> None:
    wrong = {**RIGHT, "replicas": "0", "proxyImage": "istio/proxyv2:1.31", "context": None, "sourceAddress": "guess", "replica": "3"}
    with pytest.raises(SettingsError) as caught:
        parse_hub_settings(wrong, where="Pulumi.lab.yaml")
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("Pulumi.lab.yaml: ")
    assert [line.split(":")[0].strip() for line in lines[1:]] == ["replica", "context", "proxyImage", "replicas", "sourceAddress"]


@pytest.mark.parametrize(
    "sources", ['["0.0.0.0/0"]', '["::/0"]', '["10.0.0.0/7"]', '["198.51.100.1/24"]', "[1]", '{"a": 1}', "198.51.100.0/24"]
)
def test_a_network_that_is_none_or_nearly_everything_is_refused(sources: str) -> None:
    with pytest.raises(SettingsError, match="internalSources"):
        parse_hub_settings({**RIGHT, "internalSources": sources}, where="Pulumi.lab.yaml")


def test_the_program_ends_with_the_problems_and_without_a_trace(run_hub: Run) -> None:
    with pytest.raises(pulumi.RunError, match=r"Pulumi\.lab\.yaml: .*\n  replicas: found '0'; allowed: 1 to 20"):
        run_hub(replicas=0)


def test_a_description_that_lacks_the_authorization_server_is_an_error(run_hub: Run, tmp_path: Path, repository: Path) -> None:
    folder = tmp_path / "lab"
    folder.mkdir()
    text = yaml.safe_load((repository / "inventories/lab/hub.yml").read_text(encoding="utf-8"))
    del text["hub"]["authorization_server"]
    (folder / "hub.yml").write_text(yaml.safe_dump(text), encoding="utf-8")
    with pytest.raises(pulumi.RunError, match="authorization_server"):
        run_hub(description=str(folder))
