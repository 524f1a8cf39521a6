# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Connection Manager on a host: complete settings, secrets from files alone, and what a release would ignore is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from unit.steps.conftest import site

from ansible_collections.mojaloop.onboarding.plugins.module_utils.connection_manager.hosting import manager_settings
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.inventory import gateway_hosts
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import Description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import DescriptionError, OnboardingError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.remote.tokens import read_token

VAULT = {"VAULT_AUTH_METHOD": "APP_ROLE", "VAULT_PKI_SERVER_ROLE": "server", "VAULT_PKI_CLIENT_ROLE": "client"}


def described(root: Path, **server: object) -> Description:
    """A hub that operates its Connection Manager on a host."""
    made = site(root, "greenbank")
    (root / "passphrase").write_text("four random words", encoding="utf-8")
    facts = {"host": "hub-mcm", "version": "3.4.0", "program": "/opt/mojaloop/mcm", "settings": VAULT, **server}
    made.hub["hub"]["connection_manager"] = {"url": "http://127.0.0.1:3001/api", "server": facts}
    made.describe()
    return load_description(root / "description", state=str(made.state))


def files(description: Description) -> dict[str, str]:
    manager = description.hub.connection_manager
    assert manager
    assert manager.server
    return {name: content.decode() for name, content in manager_settings(description, manager.server, read_token).files.items()}


def test_the_current_release_gets_what_the_description_says_and_its_unit(tmp_path: Path) -> None:
    description = described(tmp_path, secret_files={"DATABASE_PASSWORD": "../word"})
    (tmp_path / "word").write_text("secret-word", encoding="utf-8")
    found = files(description)
    assert "SWITCH_ID=switch\n" in found["connector.env"]
    assert "SWITCH_FQDN=api.switch.example\n" in found["connector.env"]
    assert "DATABASE_PASSWORD=secret-word\n" in found["connector.env"]
    assert "ExecStart=/usr/bin/node /opt/mojaloop/mcm/src/index.js\n" in found["connector.service"]
    assert "secret-word" not in found["connector.service"]
    assert ("hub-mcm", "hub") in {(one.name, one.side) for one in gateway_hosts(description)}


def test_the_first_release_prints_its_secrets_into_no_log(tmp_path: Path) -> None:
    description = described(tmp_path, version="1.7.8", settings={}, secret_files={"P12_PASS_PHRASE": "../word"})
    (tmp_path / "word").write_text("secret-word", encoding="utf-8")
    assert "StandardOutput=null\n" in files(description)["connector.service"]


@pytest.mark.parametrize(
    ("server", "named"),
    [
        ({"settings": {**VAULT, "SWTICH_ID": "x"}}, "SWTICH_ID is not read by era 3"),
        ({"settings": {}}, "VAULT_AUTH_METHOD is required"),
        ({"settings": {**VAULT, "DATABASE_PASSWORD": "word"}}, "DATABASE_PASSWORD is a secret"),
        ({"settings": {**VAULT, "PRIVATE_KEY_LENGTH": "long"}}, "PRIVATE_KEY_LENGTH is not a whole number"),
    ],
)
def test_what_the_release_would_ignore_or_die_of_is_refused(tmp_path: Path, server: dict[str, object], named: str) -> None:
    with pytest.raises(OnboardingError, match=named):
        files(described(tmp_path, **server))


def test_without_its_program_nothing_is_guessed(tmp_path: Path) -> None:
    description = described(tmp_path)
    file = tmp_path / "description" / "hub.yml"
    values = yaml.safe_load(file.read_text(encoding="utf-8"))
    del values["hub"]["connection_manager"]["server"]["program"]
    file.write_text(yaml.safe_dump(values), encoding="utf-8")
    with pytest.raises(DescriptionError, match="program"):
        load_description(tmp_path / "description", state=str(tmp_path))
    assert description.hub.connection_manager
