# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every variable that Connection Manager's API reads, with its type and default: what is misspelt there is ignored in silence.

Source of era 1: the README of the API ("Connection Manager API", cfssl and WSO2), and its ``Constants.js`` for what the README
leaves out. Source of era 3: ``src/constants/Constants.js`` of releases 3.0 to 3.4 (Vault, OpenID Connect), read, not run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from ..errors import OnboardingError

REQUIRED = "required"


@dataclass(frozen=True)
class Variable:
    """One variable: its kind, and its default (empty: none; ``REQUIRED``: the API does not start without it)."""

    name: str
    kind: str
    default: str


@dataclass(frozen=True)
class Wrong:
    """One variable that the API would ignore or die of. The value is never in ``what``: it may be a secret."""

    name: str
    what: str


_KINDS = {
    "port": r"[1-9][0-9]{0,4}",
    "flag": r"true|false",
    "switch": r"TRUE|FALSE",
    "number": r"[0-9]{1,9}",
    "text": r"[^\r\n]+",
    "secret": r"[^\r\n]+",
    "url": r"https?://[^\s]+",
    "duration": r"[0-9]+(s|m|h|d)",
    "file": r"[^\s]+",
    "path": r"[^\s/]+/[^\s]+",
    "key": r"rsa|ec",
    "vault": r"K8S|APP_ROLE",
}
_ALLOWED = {
    "port": "a port",
    "flag": "true or false",
    "switch": "TRUE or FALSE",
    "number": "a whole number",
    "text": "one line of text",
    "secret": "one line of text",
    "url": "an http or https URL",
    "duration": "a duration such as 24h",
    "file": "the path of a file",
    "path": "a mount and a path in it: <mount>/<path>",
    "key": "rsa or ec",
    "vault": "K8S or APP_ROLE",
}
_DATABASE = """
DATABASE_HOST text localhost
DATABASE_PORT port 3306
DATABASE_USER text mcm
DATABASE_PASSWORD secret mcm
DATABASE_SCHEMA text mcm
DB_RETRIES number 10
DB_CONNECTION_RETRY_WAIT_MILLISECONDS number 1000
EXTRA_CERTIFICATE_CHAIN_FILE_NAME file
EXTRA_ROOT_CERT_FILE_NAME file
PORT port 3001
"""
_OF_ERA = {
    "1": """
AUTH_ENABLED switch
AUTH_2FA_ENABLED switch
MTA_ROLE text Application/MTA
PTA_ROLE text Application/PTA
EVERYONE_ROLE text Internal/everyone
APP_OAUTH_CLIENT_KEY text
APP_OAUTH_CLIENT_SECRET secret
CERTIFICATE_FILE_NAME file resources/wso2carbon-publickey.cert
EMBEDDED_CERTIFICATE text
OAUTH2_ISSUER url
OAUTH2_TOKEN_ISS text
RUN_MIGRATIONS flag true
CURRENCY_CODES file ./data/currencyCodes.json
DATA_CONFIGURATION_FILE file ./data/sampleConfiguration.json
TOTP_LABEL text
TOTP_ISSUER text MCM
TOTP_ADMIN_ISSUER url
TOTP_ADMIN_AUTH_USER text
TOTP_ADMIN_AUTH_PASSWORD secret
WSO2_MANAGER_SERVICE_URL url
WSO2_MANAGER_SERVICE_USER text
WSO2_MANAGER_SERVICE_PASSWORD secret
OAUTH_RESET_PASSWORD_ISSUER url
OAUTH_RESET_PASSWORD_AUTH_USER text
OAUTH_RESET_PASSWORD_AUTH_PASSWORD secret
P12_PASS_PHRASE secret required
CFSSL_VERSION text 1.3.4
CFSSL_COMMAND_PATH text cfssl
ENV_INIT_NAME text
ENV_INIT_CN text
ENV_INIT_C text
ENV_INIT_L text
ENV_INIT_O text
ENV_INIT_OU text
ENV_INIT_ST text
USER_INIT_DFSP_ID text
USER_INIT_NAME text
USER_INIT_MONETARY_ZONE text
USER_INIT_SECURITY_GROUP text
""",
    "3": """
DATABASE_SSL_ENABLED flag false
DATABASE_SSL_VERIFY flag false
DATABASE_SSL_CA text
DB_POOL_SIZE_MAX number 10
VAULT_ENDPOINT url http://127.0.0.1:8233
VAULT_AUTH_METHOD vault required
VAULT_K8S_ROLE text
VAULT_K8S_AUTH_MOUNT_POINT text kubernetes
VAULT_K8S_TOKEN_FILE file /var/run/secrets/kubernetes.io/serviceaccount/token
VAULT_ROLE_ID_FILE file docker/vault/tmp/role-id
VAULT_ROLE_SECRET_ID_FILE file docker/vault/tmp/secret-id
VAULT_PKI_SERVER_ROLE text required
VAULT_PKI_CLIENT_ROLE text required
VAULT_MOUNT_PKI text pki
VAULT_MOUNT_INTERMEDIATE_PKI text pki_int
VAULT_MOUNT_KV text secrets
VAULT_MOUNT_DFSP_CLIENT_CERT_BUNDLE path onboarding_pm4mls
VAULT_MOUNT_DFSP_INT_IP_WHITELIST_BUNDLE path whitelist_pm4mls
VAULT_MOUNT_DFSP_EXT_IP_WHITELIST_BUNDLE path whitelist_fsps
VAULT_SIGN_EXPIRY_HOURS number 43800
PRIVATE_KEY_LENGTH number 4096
PRIVATE_KEY_ALGORITHM key rsa
INTERNAL_CA_TTL duration 8760h
SWITCH_FQDN text switch.example.com
SWITCH_ID text required
SWITCH_EMAIL text switch@hub.local
CLIENT_CSR_PARAMETERS file
SERVER_CSR_PARAMETERS file
CA_CSR_PARAMETERS file
CLIENT_URL url http://mcm.localhost/
LOGIN_CALLBACK url
SESSION_STORE_SECRET secret
SESSION_COOKIE_SAME_SITE_STRICT flag true
OPENID_ENABLED flag false
OPENID_ALLOW_INSECURE flag false
OPENID_DISCOVERY_URL url
OPENID_CLIENT_ID text
OPENID_CLIENT_SECRET secret
OPENID_AUDIENCE text connection-manager-api
OPENID_ENABLE_2FA flag false
OPENID_MTA_GROUP text
OPENID_PTA_GROUP text
OPENID_EVERYONE_GROUP text
OPENID_DFSP_ADMIN_GROUP text
KEYCLOAK_ENABLED flag false
KEYCLOAK_AUTO_CREATE_ACCOUNTS flag true
KEYCLOAK_BASE_URL url
KEYCLOAK_DFSPS_REALM text dfsps
KEYCLOAK_ADMIN_CLIENT_ID text
KEYCLOAK_ADMIN_CLIENT_SECRET secret
ENABLE_KETO flag false
KETO_WRITE_URL url
CERT_MANAGER_ENABLED flag false
CERT_MANAGER_SERVER_CERT_SECRET_NAME text
CERT_MANAGER_SERVER_CERT_SECRET_NAMESPACE text
CERT_MANAGER_JWS_HUB_CERT_SECRET_NAME text
CERT_MANAGER_JWS_HUB_CERT_SECRET_NAMESPACE text
DFSP_WATCHER_ENABLED flag false
PING_PONG_SERVER_URL url
PING_INTERVAL_SECONDS number
METRICS_SERVER_PORT port 9100
METRICS_SERVER_DISABLED flag false
WINSTON_REQUEST_META_DATA flag false
LOG_LEVEL text info
""",
}
ERAS = tuple(_OF_ERA)


def variables(era: str) -> dict[str, Variable]:
    """Every variable that the API of this era (its major version) reads, by name; OnboardingError for an unknown era."""
    if era not in _OF_ERA:
        raise OnboardingError(f"era {era!r} of Connection Manager is not known", remedy=f"Known are {' and '.join(ERAS)}.")
    return {each.name: each for each in (*_rows(_DATABASE), *_rows(_OF_ERA[era]))}


def secrets(era: str) -> frozenset[str]:
    """The variables of this era whose values are secrets."""
    return frozenset(name for name, each in variables(era).items() if each.kind == "secret")


def check(era: str, given: Mapping[str, str], referred: frozenset[str] = frozenset()) -> list[Wrong]:
    """Everything wrong with these variables for this era, by name. ``referred`` are secrets whose values stand elsewhere."""
    known = variables(era)
    missing = (name for name, each in known.items() if each.default == REQUIRED and name not in {*given, *referred})
    found = [Wrong(name, "is required") for name in missing]
    for name in (*given, *referred):
        if name not in known:
            near = get_close_matches(name, known, n=1)
            found.append(Wrong(name, f"is not read by era {era}{f' (did you mean {near[0]}?)' if near else ''}"))
    for name, value in given.items():
        kind = known[name].kind if name in known else "text"
        if not re.fullmatch(_KINDS[kind], value):
            found.append(Wrong(name, f"is not {_ALLOWED[kind]}"))
        if kind == "secret":
            found.append(Wrong(name, "is a secret: refer to it by name"))
    return sorted(found, key=lambda wrong: wrong.name)


def _rows(table: str) -> Iterator[Variable]:
    for line in table.strip().splitlines():
        name, kind, default = (*line.split(" ", 2), "")[:3]
        yield Variable(name, kind, default)
