# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every variable that an SDK version reads, with its type: what is misspelt there is ignored in silence.

Source: ``src/config.js`` of ``@mojaloop/sdk-scheme-adapter`` 18.0.2 (npm), and ``modules/api-svc/src/config.js`` of the
24.x releases (repository mojaloop/sdk-scheme-adapter; read, not run).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from ..errors import ConnectorError

LONGEST_PORT = 65535


@dataclass(frozen=True)
class Wrong:
    """One variable that the SDK would ignore or die of; ``reason`` is the stable code. The value is never in ``what``."""

    name: str
    reason: str
    what: str


_COMMON = {
    "flag": """INBOUND_MUTUAL_TLS_ENABLED OUTBOUND_MUTUAL_TLS_ENABLED CHECK_ILP MULTIPLE_PARTIES_RESPONSE AUTO_ACCEPT_QUOTES
        AUTO_ACCEPT_PARTY AUTO_ACCEPT_R2P_BUSINESS_QUOTES AUTO_ACCEPT_R2P_DEVICE_OTP AUTO_ACCEPT_PARTICIPANTS_PUT
        USE_QUOTE_SOURCE_FSP_AS_TRANSFER_PAYEE_FSP VALIDATE_INBOUND_JWS VALIDATE_INBOUND_PUT_PARTIES_JWS JWS_SIGN
        JWS_SIGN_PUT_PARTIES ENABLE_TEST_FEATURES ENABLE_OAUTH_TOKEN_ENDPOINT REJECT_EXPIRED_QUOTE_RESPONSES
        REJECT_TRANSFERS_ON_EXPIRED_QUOTES REJECT_EXPIRED_TRANSFER_FULFILS ALLOW_TRANSFER_WITHOUT_QUOTE RESERVE_NOTIFICATION
        SEND_FINAL_NOTIFICATION_IF_REQUESTED ALLOW_DIFFERENT_TRANSFER_TRANSACTION_ID PM4ML_ENABLED""",
    "port": """INBOUND_LISTEN_PORT OUTBOUND_LISTEN_PORT TEST_LISTEN_PORT METRICS_SERVER_LISTEN_PORT MGMT_API_WS_PORT
        OAUTH_TOKEN_ENDPOINT_LISTEN_PORT""",
    "number": """EXPIRY_SECONDS MULTIPLE_PARTIES_RESPONSE_SECONDS OAUTH_REFRESH_SECONDS REQUEST_PROCESSING_TIMEOUT_SECONDS LOG_INDENT""",
    "text": """MGMT_API_WS_URL DFSP_ID ILP_SECRET JWS_VERIFICATION_KEYS_DIRECTORY OAUTH_TOKEN_ENDPOINT_CLIENT_KEY
        OAUTH_TOKEN_ENDPOINT_CLIENT_SECRET WSO2_BEARER_TOKEN OAUTH_CLIENT_KEY OAUTH_CLIENT_SECRET
        OUTBOUND_ERROR_STATUSCODE_EXTENSION_KEY""",
    "file": "IN_SERVER_CERT_PATH IN_SERVER_KEY_PATH OUT_CLIENT_CERT_PATH OUT_CLIENT_KEY_PATH JWS_SIGNING_KEY_PATH PROXY_CONFIG_PATH",
    "files": "IN_CA_CERT_PATH OUT_CA_CERT_PATH",
    "endpoint": """PEER_ENDPOINT ALS_ENDPOINT QUOTES_ENDPOINT BULK_QUOTES_ENDPOINT TRANSACTION_REQUESTS_ENDPOINT TRANSFERS_ENDPOINT
        BULK_TRANSFERS_ENDPOINT BACKEND_ENDPOINT""",
    "url": "CACHE_URL OAUTH_TOKEN_ENDPOINT",
    "versions": "RESOURCE_VERSIONS",
}
_EVENTS = "BROKER_LIST GROUP_ID CLIENT_ID"
_ONLY = {
    "18": {"flag": "AUTO_ACCEPT_R2P_DEVICE_QUOTES", "number": "WSO2_AUTH_FAILURE_REQUEST_RETRIES"},
    "24": {
        "flag": """ENABLE_BACKEND_EVENT_HANDLER ENABLE_FSPIOP_EVENT_HANDLER MULTI_DFSP AUTO_ACCEPT_R2P_PARTY OAUTH_MUTUAL_TLS_ENABLED
            LOG_IS_JSON_OUTPUT BACKEND_REQUEST_RETRY_ENABLED GET_TRANSFER_REQUEST_RETRY_ENABLED""",
        "number": """MGMT_API_LATENCY_ASSUMPTION MANAGEMENT_API_POLL_INTERVAL_MS UNSUBSCRIBE_TIMEOUT_MS OAUTH_REFRESH_RETRY_SECONDS
            OIDC_AUTH_FAILURE_REQUEST_RETRIES FSPIOP_API_SERVER_MAX_REQUEST_BYTES BACKEND_API_SERVER_MAX_REQUEST_BYTES REDIS_CACHE_TTL
            PATCH_NOTIFICATION_GRACE_TIME_MS BACKEND_REQUEST_RETRY_MAX_RETRIES BACKEND_REQUEST_RETRY_DELAY_MS
            BACKEND_REQUEST_RETRY_MAX_DELAY_MS BACKEND_REQUEST_RETRY_BACKOFF_FACTOR GET_TRANSFER_REQUEST_RETRY_MAX_RETRIES
            GET_TRANSFER_REQUEST_RETRY_DELAY_MS GET_TRANSFER_REQUEST_RETRY_MAX_DELAY_MS GET_TRANSFER_REQUEST_RETRY_BACKOFF_FACTOR""",
        "text": " ".join(
            ["OIDC_BEARER_TOKEN SUPPORTED_CURRENCIES GET_SERVICES_FXP_RESPONSE"]
            + [f"{side}_EVENT_CONSUMER_{word}" for side in ("BACKEND", "FSPIOP") for word in (*_EVENTS.split(), "TOPICS")]
            + [f"{side}_EVENT_PRODUCER_{word}" for side in ("BACKEND", "FSPIOP") for word in ("BROKER_LIST", "CLIENT_ID", "TOPIC")]
        ),
        "endpoint": "FX_QUOTES_ENDPOINT FX_TRANSFERS_ENDPOINT PING_ENDPOINT",
        "level": "LOG_LEVEL",
        "api": "API_TYPE",
        "ilp": "ILP_VERSION",
        "object": "ID_GENERATOR",
        "trace": "TRACE_FLAGS",
    },
}
REQUIRED = ("PEER_ENDPOINT", "BACKEND_ENDPOINT")
SECRETS = frozenset({"ILP_SECRET", "OAUTH_CLIENT_SECRET", "OAUTH_TOKEN_ENDPOINT_CLIENT_SECRET", "WSO2_BEARER_TOKEN", "OIDC_BEARER_TOKEN"})
"""Variables whose values are never shown. No SDK version reads any of them from a file."""
RUN = {"18": True, "24": False}
"""Whether this pack's tests run that version for real: 24 is not on npm."""

_RELEASED = r"[A-Za-z]\w*=[0-9]+\.[0-9]+"
_PATTERNS = {
    "flag": ("true or false", r"true|false"),
    "number": ("a whole number", r"[0-9]{1,10}"),
    "text": ("text", r"[ -~]+"),
    "file": ("an absolute path", r"/[ -~]+"),
    "files": ("absolute paths with commas", r"/[^,]+(,/[^,]+)*"),
    "endpoint": ("<host>:<port>[/<path>] without a scheme", r"(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}(/[!-~]*)?"),
    "url": ("a URL", r"[a-z]+://[!-~]+"),
    "versions": ("such as transfers=1.1,quotes=1.0", rf"{_RELEASED}(,{_RELEASED})*"),
    "level": ("trace, debug, verbose, audit, perf, info, warn, error or fatal", r"trace|debug|verbose|audit|perf|info|warn|error|fatal"),
    "api": ("fspiop or iso20022", r"fspiop|iso20022"),
    "ilp": ("1 or 4", r"[14]"),
    "trace": ("two hexadecimal digits in lower case", r"[0-9a-f]{2}"),
}


def _port(value: str) -> bool:
    return value.isascii() and value.isdigit() and 0 < int(value) <= LONGEST_PORT


def _object(value: str) -> bool:
    try:
        return isinstance(json.loads(value), dict)
    except ValueError:
        return False


_CHECKS: dict[str, tuple[str, Callable[[str], bool]]] = {
    "port": (f"a port from 1 to {LONGEST_PORT}", _port),
    "object": ("a JSON object", _object),
}


def variables(era: str) -> dict[str, str]:
    """Type by name of every variable that this major version reads; ConnectorError for one that is not known here."""
    if era not in _ONLY:
        remedy = f"Known are the versions {' and '.join(_ONLY)}."
        raise ConnectorError(f"version {era!r} of the SDK is not known", where="connector", remedy=remedy, reason="version-unknown")
    tables = (_COMMON, _ONLY[era])
    return {name: kind for table in tables for kind, names in table.items() for name in names.split()}


def check(era: str, given: Mapping[str, str]) -> list[Wrong]:
    """Everything that is wrong with these variables for this major version, sorted by name."""
    known = variables(era)
    found = [Wrong(name, "variable-missing", "is required") for name in REQUIRED if name not in given]
    for name, value in given.items():
        if name not in known:
            found.append(Wrong(name, "variable-unknown", f"is not read by version {era}{_nearest(name, known)}"))
        elif not _right(known[name], value):
            found.append(Wrong(name, "variable-type", f"is not {_allowed(known[name])}"))
    return sorted(found, key=lambda wrong: wrong.name)


def _right(kind: str, value: str) -> bool:
    if kind in _CHECKS:
        return _CHECKS[kind][1](value)
    return re.fullmatch(_PATTERNS[kind][1], value) is not None


def _allowed(kind: str) -> str:
    return _CHECKS[kind][0] if kind in _CHECKS else _PATTERNS[kind][0]


def _nearest(name: str, known: Mapping[str, str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f" (did you mean {near[0]}?)" if near else ""
