# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names, hosts and ports that deployments of Mojaloop rely on: kept, or different for a reason that stands here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
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


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.reference)
def test_a_name_is_kept_or_differs_for_a_reason(row: Row, hub: Recording) -> None:
    assert (row.found(hub) or None) == row.here
    assert row.here is not None or row.reason


def test_the_prefix_of_the_services_is_the_name_of_the_release(run_hub: Run) -> None:
    assert _routes(run_hub(release="hub"), "interop-vs")["/quotes"] == "hub-quoting-service"
