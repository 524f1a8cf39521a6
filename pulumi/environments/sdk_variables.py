# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The Mojaloop SDK's settings on Kubernetes: what is no secret, as variables; what is, as references to Secrets by name."""

from __future__ import annotations

from ansible_collections.mojaloop.onboarding.plugins.module_utils.connector.schema import check
from ansible_collections.mojaloop.onboarding.plugins.module_utils.connector.settings import decided, with_further
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import OnboardingError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.oauth.model import TOKEN_PATH

from .dfsp_facts import ConnectorKind, DfspFacts
from .workload import SecretKey

SDK, CACHE, BACKEND, MANAGER = "sdk-scheme-adapter", "redis", "core-connector", "management-api"
INBOUND, OUTBOUND, METRICS = 4000, 4001, 4004
BACKEND_PORT, CACHE_PORT, CONTROL_PORT = 3003, 6379, 4005
SECRETS = "/secrets"
CLIENT_SECRET, JWS_SECRET, PEERS_SECRET = "hub-client-tls", "jws-signing-key", "jws-peer-keys"
OAUTH_SECRET, ILP_SECRET = "pm4ml-external-switch-client-secret", "sdk-ilp-secret"


def secret_names(facts: DfspFacts) -> dict[str, str]:
    """The Secrets that are awaited, by what they are for. With a Payment Manager, that one hands the SDK its keys and certificates."""
    common = {"oauth": OAUTH_SECRET, "ilp": ILP_SECRET}
    if facts.connector is ConnectorKind.PAYMENT_MANAGER:
        return common
    return {"client": CLIENT_SECRET, "jwsKey": JWS_SECRET, "peerKeys": PEERS_SECRET, **common}


def sdk_variables(facts: DfspFacts) -> dict[str, str]:
    """The variables of sdk-scheme-adapter. Mutual TLS of callbacks ends at the gateway; its own calls it makes itself.

    OnboardingError where the description asks for a wrong one.
    """
    hub = f"{facts.hub_host}:{facts.hub_port}{facts.hub_path}"
    plain = {
        **decided(facts.sdk.era, facts.sdk.ilp_version),
        "DFSP_ID": facts.fspiop_id,
        "INBOUND_LISTEN_PORT": str(INBOUND),
        "OUTBOUND_LISTEN_PORT": str(OUTBOUND),
        "METRICS_SERVER_LISTEN_PORT": str(METRICS),
        "INBOUND_MUTUAL_TLS_ENABLED": "false",
        "OUTBOUND_MUTUAL_TLS_ENABLED": "true",
        "PEER_ENDPOINT": hub,
        "OAUTH_TOKEN_ENDPOINT": f"https://{hub}{TOKEN_PATH}",
        "BACKEND_ENDPOINT": f"{BACKEND}:{BACKEND_PORT}",
        "CACHE_URL": f"redis://{CACHE}:{CACHE_PORT}",
        **(_of_a_manager() if facts.connector is ConnectorKind.PAYMENT_MANAGER else _of_files()),
    }
    if facts.sdk.era != "18":
        plain |= {"OAUTH_MUTUAL_TLS_ENABLED": "true", "SUPPORTED_CURRENCIES": ",".join(facts.currencies)}
    made = with_further(facts.sdk.era, facts.sdk.settings, plain)
    wrong = check(facts.sdk.era, made)
    if wrong:
        raise OnboardingError("; ".join(f"{each.name} {each.what}" for each in wrong), where=f"{facts.participant}.yml: connector")
    return made


def sdk_secrets() -> dict[str, SecretKey]:
    """The variables whose values are secrets: the SDK reads none of them from a file."""
    return {
        "OAUTH_CLIENT_KEY": SecretKey(OAUTH_SECRET, "client_id"),
        "OAUTH_CLIENT_SECRET": SecretKey(OAUTH_SECRET, "client_secret"),
        "ILP_SECRET": SecretKey(ILP_SECRET, "secret"),
    }


def sdk_mounts(facts: DfspFacts) -> dict[str, str]:
    """The Secrets that the SDK reads as files, by the folder."""
    if facts.connector is ConnectorKind.PAYMENT_MANAGER:
        return {}
    return {f"{SECRETS}/client": CLIENT_SECRET, f"{SECRETS}/jws": JWS_SECRET, f"{SECRETS}/peers": PEERS_SECRET}


def _of_files() -> dict[str, str]:
    return {
        "OUT_CA_CERT_PATH": f"{SECRETS}/client/ca.crt",
        "OUT_CLIENT_CERT_PATH": f"{SECRETS}/client/tls.crt",
        "OUT_CLIENT_KEY_PATH": f"{SECRETS}/client/tls.key",
        "JWS_SIGNING_KEY_PATH": f"{SECRETS}/jws/jws.key",
        "JWS_VERIFICATION_KEYS_DIRECTORY": f"{SECRETS}/peers",
    }


def _of_a_manager() -> dict[str, str]:
    """Its control server answers without authentication, with private keys in it: only the SDK's pods reach it."""
    return {"PM4ML_ENABLED": "true", "MGMT_API_WS_URL": MANAGER, "MGMT_API_WS_PORT": str(CONTROL_PORT)}
