# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The files with which Payment Manager's management-api starts: its environment, and the requests that it makes.

Source: ``src/config.ts`` of management-api 7. Secrets are in files beside it, never in the environment where it can read a file.
"""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from ..description.model import Hub, Participant
from ..description.transports import ManagerAuthentication, PaymentManagerConnector
from .tenant import Tenant

ENVIRONMENT = "management-api.env"
ROLE_ID, SECRET_ID = "role-id", "secret-id"


def settings_files(hub: Hub, participant: Participant, connector: PaymentManagerConnector, tenant: Tenant) -> dict[str, bytes]:
    """All but the credentials; in their folder, wherever it is mounted (``connector.folder``)."""
    variables = manager_variables(hub, participant, connector, tenant)
    environment = "".join(f"{name}={value}\n" for name, value in sorted(variables.items()) if value)
    return {ENVIRONMENT: environment.encode(), **request_files(participant)}


def manager_variables(hub: Hub, participant: Participant, connector: PaymentManagerConnector, tenant: Tenant) -> dict[str, str]:
    """The variables of management-api, without its secrets; one that is empty does not apply."""
    server = hub.connection_manager
    assert server is not None, "the description was checked"  # noqa: S101
    endpoint, authentication = participant.endpoint, getattr(participant.transport, "authentication", ManagerAuthentication())
    assert endpoint is not None, "the description was checked"  # noqa: S101
    folder, provider = connector.folder, urlsplit(authentication.token_url)
    return {
        "DFSP_ID": participant.fspiop_id,
        "MCM_SERVER_ENDPOINT": server.url,
        "HUB_IAM_PROVIDER_URL": f"{provider.scheme}://{provider.netloc}" if authentication.token_url else server.url,
        "OIDC_TOKEN_ROUTE": provider.path.lstrip("/"),
        "AUTH_ENABLED": "true" if authentication.kind == "client-credentials" else "false",
        "AUTH_CLIENT_ID": authentication.client_id,
        "CALLBACK_URL": endpoint.url,
        "MOJALOOP_CONNECTOR_FQDN": endpoint.host,
        "WHITELIST_IP": ",".join(map(str, participant.egress_addresses)),
        "VAULT_ENDPOINT": connector.vault_url,
        "VAULT_AUTH_METHOD": "APP_ROLE",
        "VAULT_ROLE_ID_FILE": f"{folder}/{ROLE_ID}",
        "VAULT_ROLE_SECRET_ID_FILE": f"{folder}/{SECRET_ID}",
        "VAULT_MOUNT_PKI": tenant.pki,
        "VAULT_MOUNT_KV": tenant.secrets,
        "VAULT_PKI_SERVER_ROLE": "server",
        "VAULT_PKI_CLIENT_ROLE": "client",
        "PRIVATE_KEY_LENGTH": str(tenant.key_bits),
        "PRIVATE_KEY_ALGORITHM": "rsa",
        "CERT_EXPIRY_THRESHOLD_DAYS": "30",
        "REFRESH_INTERVAL_SECONDS": "60",
        "JWS_ROTATION_INTERVAL_MS": str(90 * 24 * 3600 * 1000),
        "CA_CSR_PARAMETERS": f"{folder}/ca-csr.json",
        "DFSP_CLIENT_CSR_PARAMETERS": f"{folder}/client-csr.json",
        "DFSP_SERVER_CSR_PARAMETERS": f"{folder}/server-csr.json",
        "ENABLE_TEST_API": "false",
    }


def request_files(participant: Participant) -> dict[str, bytes]:
    """The subjects and names of the certificates that management-api asks for, by the name of the file."""
    endpoint = participant.endpoint
    assert endpoint is not None, "the description was checked"  # noqa: S101
    subject = {"CN": endpoint.host, "O": participant.organisation, "OU": participant.fspiop_id, "C": participant.country}
    named = {"subject": {name: value for name, value in subject.items() if value}}
    names = {"extensions": {"subjectAltName": {"dns": [endpoint.host], "ips": []}}}
    return {
        "ca-csr.json": _json(named | {"subject": {**named["subject"], "CN": f"{participant.organisation} CA"}}),
        "client-csr.json": _json(named | names),
        "server-csr.json": _json(named | names),
    }


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True) + "\n").encode()
