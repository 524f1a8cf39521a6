# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The Mojaloop SDK's settings on Kubernetes: what is no secret, as variables; what is, as references to Secrets by name."""

from __future__ import annotations

from .dfsp_facts import DfspFacts
from .workload import SecretKey

INBOUND, OUTBOUND, METRICS = 4000, 4001, 4004
BACKEND_PORT, CACHE_PORT = 3003, 6379
SECRETS = "/secrets"
OAUTH_SECRET = "pm4ml-external-switch-client-secret"  # noqa: S105 -- the name of a Secret
ILP_SECRET = "sdk-ilp-secret"  # noqa: S105 -- as above
SECRET_NAMES = {
    "client": "hub-client-tls",
    "jwsKey": "jws-signing-key",
    "peerKeys": "jws-peer-keys",
    "oauth": OAUTH_SECRET,
    "ilp": ILP_SECRET,
}
"""The Secrets that the playbooks write, by what they are for."""
TOKEN_PATH = "/oauth2/token"  # noqa: S105 -- a path


def sdk_variables(facts: DfspFacts, *, cache: str, backend: str) -> dict[str, str]:
    """The variables of sdk-scheme-adapter 24. Mutual TLS of callbacks ends at the gateway; its own calls it makes itself."""
    hub = f"{facts.hub_host}:{facts.hub_port}{facts.hub_path}"
    return {
        "DFSP_ID": facts.fspiop_id,
        "INBOUND_LISTEN_PORT": str(INBOUND),
        "OUTBOUND_LISTEN_PORT": str(OUTBOUND),
        "METRICS_SERVER_LISTEN_PORT": str(METRICS),
        "INBOUND_MUTUAL_TLS_ENABLED": "false",
        "OUTBOUND_MUTUAL_TLS_ENABLED": "true",
        "OAUTH_MUTUAL_TLS_ENABLED": "true",
        "OUT_CA_CERT_PATH": f"{SECRETS}/client/ca.crt",
        "OUT_CLIENT_CERT_PATH": f"{SECRETS}/client/tls.crt",
        "OUT_CLIENT_KEY_PATH": f"{SECRETS}/client/tls.key",
        "PEER_ENDPOINT": hub,
        "OAUTH_TOKEN_ENDPOINT": f"https://{hub}{TOKEN_PATH}",
        "OAUTH_REFRESH_SECONDS": "60",
        "BACKEND_ENDPOINT": f"{backend}:{BACKEND_PORT}",
        "CACHE_URL": f"redis://{cache}:{CACHE_PORT}",
        "SUPPORTED_CURRENCIES": ",".join(facts.currencies),
        "JWS_SIGN": "true",
        "JWS_SIGN_PUT_PARTIES": "true",
        "VALIDATE_INBOUND_JWS": "true",
        "VALIDATE_INBOUND_PUT_PARTIES_JWS": "true",
        "JWS_SIGNING_KEY_PATH": f"{SECRETS}/jws/jws.key",
        "JWS_VERIFICATION_KEYS_DIRECTORY": f"{SECRETS}/peers",
        "CHECK_ILP": "true",
        "REJECT_EXPIRED_QUOTE_RESPONSES": "true",
        "REJECT_TRANSFERS_ON_EXPIRED_QUOTES": "true",
        "REJECT_EXPIRED_TRANSFER_FULFILS": "true",
        "API_TYPE": "fspiop",
        "ENABLE_BACKEND_EVENT_HANDLER": "false",
        "ENABLE_FSPIOP_EVENT_HANDLER": "false",
        "ENABLE_TEST_FEATURES": "false",
        "PM4ML_ENABLED": "false",
        "LOG_LEVEL": "info",
        "LOG_IS_JSON_OUTPUT": "true",
    }


def sdk_secrets() -> dict[str, SecretKey]:
    """The variables whose values are secrets: the SDK reads none of them from a file."""
    return {
        "OAUTH_CLIENT_KEY": SecretKey(OAUTH_SECRET, "client_id"),
        "OAUTH_CLIENT_SECRET": SecretKey(OAUTH_SECRET, "client_secret"),
        "ILP_SECRET": SecretKey(ILP_SECRET, "secret"),
    }


def sdk_mounts() -> dict[str, str]:
    """The Secrets that the SDK reads as files, by the folder."""
    return {
        f"{SECRETS}/client": SECRET_NAMES["client"],
        f"{SECRETS}/jws": SECRET_NAMES["jwsKey"],
        f"{SECRETS}/peers": SECRET_NAMES["peerKeys"],
    }
