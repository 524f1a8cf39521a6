# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The complete settings of an SDK: behind a gateway and alone, for both versions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from support.authorities import key_pem
from unit.connector.conftest import SECRET, Describe, settings_of

from ansible_collections.mojaloop.onboarding.plugins.module_utils.connector import model
from ansible_collections.mojaloop.onboarding.plugins.module_utils.connector.comparison import plan_connector, release_of
from ansible_collections.mojaloop.onboarding.plugins.module_utils.connector.material import Material, fresh_ilp_secret
from ansible_collections.mojaloop.onboarding.plugins.module_utils.connector.schema import check
from ansible_collections.mojaloop.onboarding.plugins.module_utils.connector.settings import environment_file
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.transports import PaymentManagerConnector
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import ConnectorError, DescriptionError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.host.connector_sdk import read_environment
from ansible_collections.mojaloop.onboarding.plugins.module_utils.payment_manager.connector import connector_environment

VERSIONS = ["18.0.2", "24.19.4"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("alone", [False, True], ids=["gateway", "alone"])
def test_every_variable_is_one_that_the_version_reads(describe: Describe, material: Material, version: str, *, alone: bool) -> None:
    settings = settings_of(describe(alone=alone, version=version), material)
    assert check(settings.era, settings.variables) == []
    secured = ("JWS_SIGN", "VALIDATE_INBOUND_JWS", "VALIDATE_INBOUND_PUT_PARTIES_JWS", "CHECK_ILP")
    assert {settings.variables[name] for name in secured} == {"true"}
    assert settings.variables["DFSP_ID"] == "greenbank"


@pytest.mark.parametrize("version", VERSIONS)
def test_beside_a_payment_manager_no_key_is_named_and_everything_is_pushed(describe: Describe, tmp_path: Path, version: str) -> None:
    connector = PaymentManagerConnector(
        vault_url="https://vault.test", vault_token_file="token", version=version, control="10.0.0.5:4005", inbound_port=8443
    )
    description = describe()
    client = {"client_id": "green-1", "client_secret": SECRET}
    secret = fresh_ilp_secret().decode()
    file = tmp_path / "connector.env"
    file.write_bytes(connector_environment(description, description.participant("greenbank"), connector, client, secret))
    variables = read_environment(file)
    assert check(version.partition(".")[0], variables) == []
    assert [name for name in variables if name.endswith(("_PATH", "_DIRECTORY"))] == []
    wanted = {
        "PM4ML_ENABLED": "true",
        "MGMT_API_WS_URL": "10.0.0.5",
        "MGMT_API_WS_PORT": "4005",
        "INBOUND_LISTEN_PORT": "8443",
        "INBOUND_MUTUAL_TLS_ENABLED": "true",
        "OUTBOUND_MUTUAL_TLS_ENABLED": "true",
        "PEER_ENDPOINT": "api.hub.lab:8443",
        "OAUTH_TOKEN_ENDPOINT": "https://api.hub.lab:8443/oauth2/token",
        "OAUTH_CLIENT_SECRET": SECRET,
        "ILP_SECRET": secret,
    }
    assert {name: variables[name] for name in wanted} == wanted


def test_behind_a_gateway_everything_goes_through_it(describe: Describe, material: Material) -> None:
    settings = settings_of(describe(), material)
    wanted = {
        "INBOUND_LISTEN_PORT": "3000",
        "INBOUND_MUTUAL_TLS_ENABLED": "false",
        "OUTBOUND_MUTUAL_TLS_ENABLED": "false",
        "PEER_ENDPOINT": "127.0.0.1:3100",
        "OAUTH_TOKEN_ENDPOINT": "http://127.0.0.1:3100/oauth2/token",
    }
    assert {name: settings.variables[name] for name in wanted} == wanted
    assert settings.public_ports == ()
    assert set(settings.files) == {model.SIGNING_KEY, model.UNIT}
    assert b"IPAddressDeny=any\nIPAddressAllow=localhost\n" in settings.files[model.UNIT]


def test_without_a_gateway_it_ends_and_starts_mutual_tls_itself(describe: Describe, material: Material) -> None:
    settings = settings_of(describe(alone=True), material)
    wanted = {
        "INBOUND_LISTEN_PORT": "4000",
        "INBOUND_MUTUAL_TLS_ENABLED": "true",
        "OUTBOUND_MUTUAL_TLS_ENABLED": "true",
        "IN_SERVER_CERT_PATH": "/etc/mojaloop/connector/current/server.pem",
        "PEER_ENDPOINT": "api.hub.lab:8443",
        "OAUTH_TOKEN_ENDPOINT": "https://api.hub.lab:8443/oauth2/token",
    }
    assert {name: settings.variables[name] for name in wanted} == wanted
    assert settings.public_ports == (4000,)
    assert b"IPAddressDeny" not in settings.files[model.UNIT]
    assert settings_of(describe(alone=True, version="24.19.4"), material).variables["OAUTH_MUTUAL_TLS_ENABLED"] == "true"


def test_the_environment_file_is_read_back_as_it_was_meant(describe: Describe, material: Material, tmp_path: Path) -> None:
    settings = settings_of(describe(), material)
    file = tmp_path / "connector.env"
    file.write_bytes(environment_file(settings))
    assert read_environment(file) == dict(settings.variables)
    assert f"OAUTH_CLIENT_SECRET='{SECRET}'\n".encode() in file.read_bytes()


@pytest.mark.parametrize("secret", ["a'b", "a\nb", "ä"])
def test_a_value_that_no_environment_file_carries_is_refused_and_not_shown(describe: Describe, material: Material, secret: str) -> None:
    spoilt = replace(material, credentials={**material.credentials, "client_secret": secret})
    with pytest.raises(ConnectorError) as caught:
        environment_file(settings_of(describe(), spoilt))
    assert caught.value.reason == "settings-wrong"
    assert secret not in str(caught.value)


def test_the_descriptions_own_variables_are_taken(describe: Describe, material: Material) -> None:
    assert settings_of(describe(settings={"EXPIRY_SECONDS": "45"}), material).variables["EXPIRY_SECONDS"] == "45"


@pytest.mark.parametrize(
    "name", ["ILP_SECRET", "JWS_SIGN", "CHECK_ILP", "PEER_ENDPOINT", "WSO2_BEARER_TOKEN", "ALLOW_TRANSFER_WITHOUT_QUOTE"]
)
def test_what_follows_from_the_onboarding_cannot_be_set_by_hand(describe: Describe, material: Material, name: str) -> None:
    with pytest.raises(ConnectorError, match=f"{name} cannot be set"):
        settings_of(describe(settings={name: "true"}), material)


def test_a_misspelt_variable_of_the_description_is_refused(describe: Describe, material: Material) -> None:
    with pytest.raises(ConnectorError, match=r"EXPIRY_SECOND is not read by version 18 \(did you mean EXPIRY_SECONDS\?\)"):
        settings_of(describe(settings={"EXPIRY_SECOND": "45"}), material)


def test_an_ec_key_is_delivered_in_the_form_that_the_library_signs_with(describe: Describe, material: Material) -> None:
    pkcs8 = key_pem(ec.generate_private_key(ec.SECP256R1()))
    assert b"BEGIN PRIVATE KEY" in pkcs8
    made = settings_of(describe(version="24.19.4"), replace(material, signing_key=pkcs8))
    assert b"BEGIN EC PRIVATE KEY" in made.files[model.SIGNING_KEY]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ({"version": "18.0.2", "ilp_version": "4"}, "version 18 speaks no other"),
        ({"version": "17.0.0"}, "connector.version"),
        ({"backend": "http://127.0.0.1"}, "connector.backend"),
        ({"settings": {"x": "1"}}, "connector.settings"),
    ],
)
def test_a_wrong_description_is_named(describe: Describe, words: dict[str, object], found: str) -> None:
    broken = describe(**words).broken
    assert len(broken) == 1
    assert found in broken[0][1][0]


def test_a_description_without_a_version_is_named(describe: Describe, material: Material) -> None:
    with pytest.raises((DescriptionError, KeyError)):
        describe(version=None).participant("greenbank")


OBSERVED = {"running": True, "installed": "", "files": {}, "peer_keys": {}}


def test_own_keys_restart_the_connector_and_those_of_others_do_not(describe: Describe, material: Material) -> None:
    settings = settings_of(describe(), material)
    release = release_of(settings)
    first = plan_connector("greenbank", "host", settings, OBSERVED, starts=True)
    assert (first.release, first.keys) == (True, True)
    keys = {
        finding.artefact.removeprefix("connector/host/peer-keys/"): finding.reason for finding in first.findings if finding.step == "jws-3"
    }
    assert keys == dict.fromkeys(("greenbank.pem", "bluebank.pem", "switch.pem"), "peer-key-missing")
    digests = dict.fromkeys(keys, "")
    there = {**OBSERVED, "installed": release.digest, "files": release.digests, "peer_keys": digests | {"redbank.pem": ""}}
    second = plan_connector("greenbank", "host", settings, there, starts=True)
    assert (second.release, second.keys) == (False, True)
    assert {finding.reason for finding in second.findings} == {"peer-key-differs", "peer-key-unknown"}
    renewed = settings_of(describe(), replace(material, signing_key=key_pem(ec.generate_private_key(ec.SECP256R1()))))
    third = plan_connector("greenbank", "host", renewed, there, starts=True)
    assert third.release
    assert ("jws-4", "connector/host/jws.pem", "differs") in {(one.step, one.artefact, one.reason) for one in third.findings}
