# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which of the Mojaloop services answers which resource of FSPIOP: routes of a VirtualService."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SERVICE_PORT = 80
FSPIOP: Mapping[str, str] = {
    "/participants": "account-lookup-service",
    "/parties": "account-lookup-service",
    "/quotes": "quoting-service",
    "/fxQuotes": "quoting-service",
    "/bulkQuotes": "quoting-service",
    "/transfers": "ml-api-adapter-service",
    "/fxTransfers": "ml-api-adapter-service",
    "/bulkTransfers": "bulk-api-adapter-service",
    "/transactionRequests": "transaction-requests-service",
    "/authorizations": "transaction-requests-service",
}
"""Resource to service, without the prefix of the Helm release."""
PING = {"/ping": "ml-participant-connection-test-svc"}
"""Answered by a service of its own, whose name has no prefix."""
ADMIN: Mapping[str, str] = {"/admin": "centralledger-service", "/als-admin": "account-lookup-service-admin"}
"""What the hub's own staff and tools reach on the internal gateway: the prefix is taken away."""


def interop_routes(release: str, namespace: str) -> list[dict[str, Any]]:
    """The routes of FSPIOP; a path that none of them names ends at the gateway with 404."""
    services = {resource: f"{release}-{service}" for resource, service in FSPIOP.items()} | PING
    return [_route(resource, service, namespace) for resource, service in services.items()]


def admin_routes(release: str, namespace: str) -> list[dict[str, Any]]:
    """The routes of the administration interfaces, first in line before those of FSPIOP."""
    return [_route(prefix, f"{release}-{service}", namespace, rewrite="/") for prefix, service in ADMIN.items()]


def _route(path: str, service: str, namespace: str, *, rewrite: str = "") -> dict[str, Any]:
    # Without the slash, /transfers would take /transfersX too.
    route: dict[str, Any] = {
        "match": [{"uri": {"exact": path}}, {"uri": {"prefix": f"{path}/"}}],
        "route": [{"destination": {"host": f"{service}.{namespace}.svc.cluster.local", "port": {"number": SERVICE_PORT}}}],
    }
    if rewrite:
        route["match"] = [{"uri": {"prefix": f"{path}/"}}]
        route["rewrite"] = {"uri": rewrite}
    return route
