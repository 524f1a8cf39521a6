# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Descriptions of participants with another connector than the lab's have, for the programs of Pulumi."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import yaml

IMAGE = "registry.example/istio/proxyv2@sha256:" + "1" * 64
MANAGER: dict[str, Any] = {
    "managementImage": IMAGE,
    "experienceImage": IMAGE,
    "portalImage": IMAGE,
    "vault": "http://vault.vault.svc:8200",
    "portalDomain": "banks.example",
    "portalSources": ["198.51.100.64/26"],
    "identityProvider": "https://login.example",
    "identityNetworks": ["198.51.100.10/32"],
    "managerNetworks": ["203.0.113.12/32"],
    "certificateIssuer": "operator-ca",
}
"""What a stack says of a Payment Manager."""


API_HUB: dict[str, Any] = {
    "fspiop_id": "ozone",
    "url": "https://cm.oasis.preprod.apihub.lab:443",
    "addresses": ["203.0.113.10"],
    "egress_addresses": ["203.0.113.11/32"],
}
"""What the API Hub of the lab publishes."""


def describe_hosted(folder: Path, repository: Path) -> Path:
    """The lab's hub with a Connection Manager, and greenbank with a Payment Manager that is hosted here; the folder."""
    lab = repository / "inventories/lab"
    hub = yaml.safe_load((lab / "hub.yml").read_text(encoding="utf-8"))
    hub["hub"]["connection_manager"] = {"url": "https://mcm.hub.example/pm4mlapi", "ca_file": "{state}/lab/manager-ca.pem"}
    values = yaml.safe_load((lab / "participants/greenbank.yml").read_text(encoding="utf-8"))
    for key in ("gateways", "firewall", "ca", "net_debit_cap", "notification_addresses"):
        del values[key]
    authentication = {
        "kind": "client-credentials",
        "token_url": "https://auth.hub.example/realms/dfsps/token",
        "client_id": "greenbank",
        "secret_file": "oauth.secret",
    }
    values |= {
        "hosting": "self-hosted",
        "transport": {"kind": "connection-manager", "authentication": authentication},
        "connector": {"kind": "payment-manager", "vault_url": "https://vault.example:8200", "vault_token_file": "vault.token"},
    }
    (folder / "participants").mkdir(parents=True)
    (folder / "hub.yml").write_text(yaml.safe_dump(hub), encoding="utf-8")
    (folder / "participants/greenbank.yml").write_text(yaml.safe_dump(values), encoding="utf-8")
    return folder


KEYCLOAK = {
    "kind": "keycloak",
    "issuer": "https://auth.hub.example/realms/dfsps",
    "admin_url": "https://keycloak.int.hub.example",
    "admin_client_id": "registrar",
    "admin_secret_file": "{state}/lab/admin-secret",
    "token_endpoint": "https://auth.hub.example/realms/dfsps/protocol/openid-connect/token",
    "jwks_url": "https://auth.hub.example/realms/dfsps/protocol/openid-connect/certs",
    "audience": "https://api.hub.lab",
    "ca_file": "{state}/lab/authorization-server/ca.pem",
    "certificate_bound_tokens": True,
}
"""An authorization server as a description has it."""


def describe_live(folder: Path, repository: Path, participants: int = 0) -> Path:
    """An environment called live, with a Keycloak: the lab's hub and as many managed participants as asked for; the folder."""
    lab = repository / "inventories/lab"
    hub = yaml.safe_load((lab / "hub.yml").read_text(encoding="utf-8"))
    hub["hub"]["authorization_server"] = KEYCLOAK
    (folder / "participants").mkdir(parents=True)
    (folder / "hub.yml").write_text(yaml.safe_dump({**hub, "environment": "live"}), encoding="utf-8")
    like = yaml.safe_load((lab / "participants/greenbank.yml").read_text(encoding="utf-8"))
    for number in range(participants):
        address, name = f"198.51.100.{number + 1}", f"bank{number}"
        endpoint = {"url": f"https://fspiop.{name}.lab:8443", "addresses": [address]}
        gateway = {**like["gateways"][0], "host": f"{name}-gateway", "inbound": [{"address": address, "port": 8443}]}
        values = {**like, "id": name, "organisation": name, "endpoint": endpoint, "gateways": [gateway]}
        values["egress_addresses"] = [f"{address}/32"]
        (folder / f"participants/{name}.yml").write_text(yaml.safe_dump(values), encoding="utf-8")
    return folder


def describe_lfi(folder: Path, repository: Path) -> Path:
    """The lab of the API Hub, whose LFI has an Ozone Connect server; the folder."""
    shutil.copytree(repository / "inventories/uae-lab", folder, dirs_exist_ok=True)
    path = folder / "participants/oasis.yml"
    path.write_text(path.read_text(encoding="utf-8") + "connector: ozone-connect\n", encoding="utf-8")
    return folder


def hub_outputs(**changed: object) -> dict[str, Any]:
    """What the stack of the lab's hub hands on; ``changed`` are facts of its gateway for FSPIOP."""
    common = {"namespace": "istio-ingress-ext", "gateway": "ext-gateway", "certificate": "vault-tls-cert", "addresses": []}
    fspiop = {**common, "listener": "interop-gateway", "host": "api.hub.lab", "port": 8443, **changed}
    internal = {**common, "listener": "int-interop-gateway", "host": "intapi.int.hub.example", "port": 443}
    return {
        "format": 1,
        "environment": "lab",
        "servicesNamespace": "mojaloop",
        "fspiopGateway": fspiop,
        "internalGateway": internal,
        "egressGateway": {"namespace": "istio-egress", "gateway": "egress-gateway"},
    }
