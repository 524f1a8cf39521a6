# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names, hosts and ports that deployments of Mojaloop rely on: kept, or different for a reason that stands here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.hosted_participants import MANAGER, describe_hosted
from support.pulumi_mocks import Recording

from .conftest import Run

Found = Callable[[Recording], object]


@dataclass(frozen=True)
class Row:
    """What the reference deployment has, what this program has (none: its reason), where that is found."""

    reference: str
    here: object
    found: Found
    reason: str = ""


def _routes(hub: Recording, name: str) -> dict[str, str]:
    routes = hub.find("VirtualService", name)["spec"]["http"]
    return {
        match["uri"].get("exact") or match["uri"]["prefix"].rstrip("/"): route["route"][0]["destination"]["host"].split(".")[0]
        for route in routes
        for match in route["match"]
    }


def _listener(hub: Recording) -> dict[str, object]:
    return dict(hub.find("Gateway", "interop-gateway")["spec"]["servers"][0])


ROWS = [
    Row("Gateway interop-gateway", "interop-gateway", lambda hub: hub.find("Gateway", namespace="istio-ingress-ext")["metadata"]["name"]),
    Row("its Secret vault-tls-cert", "vault-tls-cert", lambda hub: _listener(hub)["tls"]["credentialName"]),  # type: ignore[index]
    Row("VirtualService interop-vs", ["api.hub.lab"], lambda hub: hub.find("VirtualService", "interop-vs")["spec"]["hosts"]),
    Row(
        "VirtualService int-interop-vs on intapi",
        ["intapi.int.hub.example"],
        lambda hub: hub.find("VirtualService", "int-interop-vs")["spec"]["hosts"],
    ),
    Row("/participants", "moja-account-lookup-service", lambda hub: _routes(hub, "interop-vs")["/participants"]),
    Row("/parties", "moja-account-lookup-service", lambda hub: _routes(hub, "interop-vs")["/parties"]),
    Row("/quotes", "moja-quoting-service", lambda hub: _routes(hub, "interop-vs")["/quotes"]),
    Row("/fxQuotes", "moja-quoting-service", lambda hub: _routes(hub, "interop-vs")["/fxQuotes"]),
    Row("/bulkQuotes", "moja-quoting-service", lambda hub: _routes(hub, "interop-vs")["/bulkQuotes"]),
    Row("/transfers", "moja-ml-api-adapter-service", lambda hub: _routes(hub, "interop-vs")["/transfers"]),
    Row("/fxTransfers", "moja-ml-api-adapter-service", lambda hub: _routes(hub, "interop-vs")["/fxTransfers"]),
    Row("/bulkTransfers", "moja-bulk-api-adapter-service", lambda hub: _routes(hub, "interop-vs")["/bulkTransfers"]),
    Row("/transactionRequests", "moja-transaction-requests-service", lambda hub: _routes(hub, "interop-vs")["/transactionRequests"]),
    Row("/authorizations", "moja-transaction-requests-service", lambda hub: _routes(hub, "interop-vs")["/authorizations"]),
    Row("/ping", "ml-participant-connection-test-svc", lambda hub: _routes(hub, "interop-vs")["/ping"]),
    Row("/admin on intapi", "moja-centralledger-service", lambda hub: _routes(hub, "int-interop-vs")["/admin"]),
    Row("/als-admin on intapi", "moja-account-lookup-service-admin", lambda hub: _routes(hub, "int-interop-vs")["/als-admin"]),
    Row("port 443 of extapi", 8443, lambda hub: _listener(hub)["port"]["number"], "the description names host and port"),  # type: ignore[index]
    Row(
        "AuthorizationPolicy interop-jwt",
        None,
        lambda hub: [each for each in hub.objects if each["metadata"]["name"] == "interop-jwt"],
        "it lets every valid token pass: here a floor lets nothing pass but what a participant's own policy allows",
    ),
    Row(
        "AuthorizationPolicy dfsp-whitelist-ingress-policy",
        None,
        lambda hub: [each for each in hub.objects if "whitelist" in each["metadata"]["name"]],
        "one list for all lets one participant's address pass for another: addresses stand in each participant's own policy",
    ),
    Row(
        "EnvoyFilter proxy-protocol",
        None,
        lambda hub: [each for each in hub.objects if each["metadata"]["name"] == "proxy-protocol"],
        "Istio has a setting of its own for it: gatewayTopology.proxyProtocol",
    ),
]


def _variable(name: str, variable: str) -> Found:
    return lambda found: found.find("ConfigMap", name)["data"].get(variable)


def _port_of(service: str, port: str) -> Found:
    return lambda found: next(each["port"] for each in found.find("Service", service)["spec"]["ports"] if each["name"] == port)


PAYMENT_MANAGER_ROWS = [
    Row("portal-<dfsp>", ["portal-greenbank.banks.example"], lambda found: _hosts(found, "greenbank-portal-vs")),
    Row("exp-<dfsp>", ["exp-greenbank.banks.example"], lambda found: _hosts(found, "greenbank-experience-vs")),
    Row("<dfsp>-sdk-scheme-adapter-api-svc:4000", 4000, _port_of("greenbank-sdk-scheme-adapter-api-svc", "inbound")),
    Row("SDK 4001 outbound", 4001, _port_of("greenbank-sdk-scheme-adapter-api-svc", "outbound")),
    Row("SDK 4004 metrics", 4004, _port_of("greenbank-sdk-scheme-adapter-api-svc", "metrics")),
    Row("management-api 9000", 9000, _port_of("management-api", "http")),
    Row("management-api 4005 control", 4005, _port_of("management-api", "control")),
    Row("<dfsp>-connector-gateway", "greenbank-connector-gateway", lambda found: _named(found, "Gateway", "connector")),
    Row("client pm4ml-<dfsp>", "pm4ml-greenbank", _variable("experience-api", "AUTH_CLIENT_ID")),
    Row(
        "realm pm4mls-<dfsp>",
        "https://login.example/realms/pm4mls-greenbank/.well-known/openid-configuration",
        _variable("experience-api", "AUTH_DISCOVERY_ENDPOINT"),
    ),
    Row(
        "Secret pm4ml-external-switch-client-secret",
        "pm4ml-external-switch-client-secret",
        lambda found: found.find("Deployment", "management-api")["spec"]["template"]["spec"]["containers"][0]["env"][0]["valueFrom"][
            "secretKeyRef"
        ]["name"],
    ),
    Row(
        "KubernetesAuthEngineRole kubernetes-pm4ml-role-<dfsp>",
        None,
        _variable("management-api", "VAULT_K8S_ROLE"),
        "onboard.yml makes an AppRole whose secret id ends, in a Vault that need not know the cluster",
    ),
    Row(
        "mount secret/<dfsp>/<dfsp>",
        "secrets-greenbank",
        _variable("management-api", "VAULT_MOUNT_KV"),
        "a mount of its own: no policy of one participant names a path of another's",
    ),
]


def _hosts(found: Recording, name: str) -> object:
    return found.find("VirtualService", name)["spec"]["hosts"]


def _named(found: Recording, kind: str, part: str) -> object:
    return next(each["metadata"]["name"] for each in found.objects if each["kind"] == kind and part in each["metadata"]["name"])


@pytest.fixture(scope="module")
def hosted(run_dfsp: Run, repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """A participant with a Payment Manager."""
    folder = describe_hosted(tmp_path_factory.mktemp("hosted") / "lab", repository)
    return run_dfsp(description=str(folder), paymentManager=MANAGER)


@pytest.mark.parametrize("row", PAYMENT_MANAGER_ROWS, ids=lambda row: row.reference)
def test_a_name_of_payment_manager_is_kept_or_differs_for_a_reason(row: Row, hosted: Recording) -> None:
    assert (row.found(hosted) or None) == row.here
    assert row.here is not None or row.reason


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.reference)
def test_a_name_is_kept_or_differs_for_a_reason(row: Row, hub: Recording) -> None:
    assert (row.found(hub) or None) == row.here
    assert row.here is not None or row.reason


def test_the_prefix_of_the_services_is_the_name_of_the_release(run_hub: Run) -> None:
    assert _routes(run_hub(release="hub"), "interop-vs")["/quotes"] == "hub-quoting-service"
