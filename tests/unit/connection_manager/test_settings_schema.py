# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Connection Manager's API reads: every variable of its documentation, with the documented default."""

from __future__ import annotations

import pytest

from ansible_collections.mojaloop.onboarding.plugins.module_utils.connection_manager.schema import REQUIRED, check, secrets, variables
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import OnboardingError

DOCUMENTED = {
    "PORT": "3001",
    "AUTH_ENABLED": "",
    "AUTH_2FA_ENABLED": "",
    "MTA_ROLE": "Application/MTA",
    "PTA_ROLE": "Application/PTA",
    "EVERYONE_ROLE": "Internal/everyone",
    "APP_OAUTH_CLIENT_KEY": "",
    "APP_OAUTH_CLIENT_SECRET": "",
    "CERTIFICATE_FILE_NAME": "resources/wso2carbon-publickey.cert",
    "EMBEDDED_CERTIFICATE": "",
    "OAUTH2_ISSUER": "",
    "OAUTH2_TOKEN_ISS": "",
    "DATABASE_HOST": "localhost",
    "DATABASE_PORT": "3306",
    "DATABASE_USER": "mcm",
    "DATABASE_PASSWORD": "mcm",
    "DATABASE_SCHEMA": "mcm",
    "DB_RETRIES": "10",
    "RUN_MIGRATIONS": "true",
    "CURRENCY_CODES": "./data/currencyCodes.json",
    "DATA_CONFIGURATION_FILE": "./data/sampleConfiguration.json",
    "TOTP_LABEL": "",
    "TOTP_ISSUER": "MCM",
    "WSO2_MANAGER_SERVICE_USER": "",
    "OAUTH_RESET_PASSWORD_ISSUER": "",
    "OAUTH_RESET_PASSWORD_AUTH_USER": "",
    "OAUTH_RESET_PASSWORD_AUTH_PASSWORD": "",
    "P12_PASS_PHRASE": REQUIRED,
    "EXTRA_CERTIFICATE_CHAIN_FILE_NAME": "",
    "EXTRA_ROOT_CERT_FILE_NAME": "",
    "CFSSL_VERSION": "1.3.4",
    "CFSSL_COMMAND_PATH": "cfssl",
}
"""The table of the documentation of the API."""
RIGHT = {"VAULT_AUTH_METHOD": "K8S", "VAULT_PKI_SERVER_ROLE": "server", "VAULT_PKI_CLIENT_ROLE": "client", "SWITCH_ID": "switch"}


def test_every_documented_variable_is_known_with_its_default() -> None:
    known = variables("1")
    assert {name: known[name].default for name in DOCUMENTED} == DOCUMENTED


def test_right_settings_have_no_problem() -> None:
    assert check("3", RIGHT, frozenset({"DATABASE_PASSWORD"})) == []


@pytest.mark.parametrize(
    ("changed", "name", "says"),
    [
        ({"SWITCH_FQDM": "api.hub.example"}, "SWITCH_FQDM", "did you mean SWITCH_FQDN"),
        ({"PORT": "http"}, "PORT", "a port"),
        ({"OPENID_ENABLED": "TRUE"}, "OPENID_ENABLED", "true or false"),
        ({"AUTH_ENABLED": "TRUE"}, "AUTH_ENABLED", "is not read by era 3"),
        ({"VAULT_MOUNT_DFSP_INT_IP_WHITELIST_BUNDLE": "secret"}, "VAULT_MOUNT_DFSP_INT_IP_WHITELIST_BUNDLE", "<mount>/<path>"),
        ({"DATABASE_PASSWORD": "canary"}, "DATABASE_PASSWORD", "refer to it by name"),
    ],
)
def test_one_wrong_variable_is_named_without_its_value(changed: dict[str, str], name: str, says: str) -> None:
    [wrong] = check("3", {**RIGHT, **changed})
    assert wrong.name == name
    assert says in wrong.what
    assert "canary" not in wrong.what


@pytest.mark.parametrize("name", RIGHT)
def test_a_required_variable_may_not_lack(name: str) -> None:
    [wrong] = check("3", {key: value for key, value in RIGHT.items() if key != name})
    assert (wrong.name, wrong.what) == (name, "is required")


def test_the_secrets_are_known() -> None:
    assert {"DATABASE_PASSWORD", "P12_PASS_PHRASE", "APP_OAUTH_CLIENT_SECRET"} <= secrets("1")
    assert {"DATABASE_PASSWORD", "OPENID_CLIENT_SECRET", "SESSION_STORE_SECRET"} <= secrets("3")


def test_an_unknown_era_is_an_error() -> None:
    with pytest.raises(OnboardingError, match="era '2'"):
        variables("2")
