# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The variables of both SDK versions: a slip of the pen, a wrong type and a name of the other version are found."""

from __future__ import annotations

import pytest

from ansible_collections.mojaloop.onboarding.plugins.module_utils.connector.schema import RUN, SECRETS, check, variables
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import ConnectorError

LEAST = {"PEER_ENDPOINT": "127.0.0.1:3100", "BACKEND_ENDPOINT": "127.0.0.1:3003"}

WRONG = [
    # Names found in published deployment files, which no version reads.
    ("24", "FX_TRANSFERS_ENPOINT", "hub:443", "variable-unknown"),
    ("24", "WSO2_AUTH_FAILURE_REQUEST_RETRIES", "1", "variable-unknown"),
    ("24", "TEST_MUTUAL_TLS_ENABLED", "false", "variable-unknown"),
    ("24", "TEST_CA_CERT_PATH", "/x", "variable-unknown"),
    ("18", "MCM_CLIENT_REFRESH_INTERVAL", "60", "variable-unknown"),
    ("18", "OIDC_AUTH_FAILURE_REQUEST_RETRIES", "1", "variable-unknown"),
    ("18", "ILP_VERSION", "1", "variable-unknown"),
    ("18", "LOG_LEVEL", "info", "variable-unknown"),
    ("18", "JWS_SIGN", "yes", "variable-type"),
    ("18", "INBOUND_LISTEN_PORT", "0", "variable-type"),
    ("18", "INBOUND_LISTEN_PORT", "65536", "variable-type"),
    ("18", "EXPIRY_SECONDS", "-1", "variable-type"),
    ("18", "PEER_ENDPOINT", "https://hub:443", "variable-type"),
    ("18", "PEER_ENDPOINT", "hub", "variable-type"),
    ("18", "JWS_SIGNING_KEY_PATH", "jws.pem", "variable-type"),
    ("18", "IN_CA_CERT_PATH", "/a.pem,b.pem", "variable-type"),
    ("18", "OAUTH_TOKEN_ENDPOINT", "hub/oauth2/token", "variable-type"),
    ("18", "RESOURCE_VERSIONS", "transfers", "variable-type"),
    ("18", "ILP_SECRET", "", "variable-type"),
    ("18", "OAUTH_CLIENT_SECRET", "caf\u00e9-0815", "variable-type"),
    ("24", "ILP_VERSION", "2", "variable-type"),
    ("24", "API_TYPE", "iso", "variable-type"),
    ("24", "ID_GENERATOR", "ulid", "variable-type"),
    ("24", "LOG_LEVEL", "loud", "variable-type"),
    ("24", "TRACE_FLAGS", "1", "variable-type"),
]  # fmt: skip


@pytest.mark.parametrize(("era", "name", "value", "reason"), WRONG, ids=lambda value: str(value)[:24])
def test_a_wrong_variable_is_found(era: str, name: str, value: str, reason: str) -> None:
    assert check(era, LEAST) == []
    found = check(era, {**LEAST, name: value})
    assert [(one.name, one.reason) for one in found] == [(name, reason)]
    assert "0815" not in found[0].what  # a value may be a secret


@pytest.mark.parametrize("era", sorted(RUN))
@pytest.mark.parametrize("name", sorted(LEAST))
def test_a_required_variable_is_missed(era: str, name: str) -> None:
    given = {other: value for other, value in LEAST.items() if other != name}
    assert [(one.name, one.reason) for one in check(era, given)] == [(name, "variable-missing")]


def test_a_slip_of_the_pen_is_answered_with_the_right_name() -> None:
    assert "FX_TRANSFERS_ENDPOINT" in check("24", {**LEAST, "FX_TRANSFERS_ENPOINT": "hub:443"})[0].what


def test_versions_differ_in_what_was_renamed_and_added() -> None:
    old, new = set(variables("18")), set(variables("24"))
    assert old - new == {"AUTO_ACCEPT_R2P_DEVICE_QUOTES", "WSO2_AUTH_FAILURE_REQUEST_RETRIES"}
    assert {"ILP_VERSION", "OAUTH_MUTUAL_TLS_ENABLED", "ENABLE_BACKEND_EVENT_HANDLER", "FX_QUOTES_ENDPOINT"} <= new - old
    assert old | new >= SECRETS


def test_a_version_that_is_not_known_is_an_error() -> None:
    with pytest.raises(ConnectorError) as caught:
        check("23", LEAST)
    assert caught.value.reason == "version-unknown"
