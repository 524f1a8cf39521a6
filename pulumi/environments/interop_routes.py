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


def interop_routes(release: str, namespace: str, base: str = "") -> list[dict[str, Any]]:
    """The routes of FSPIOP below a base path, which the services do not see; a path that none of them names gets 404."""
    services = {resource: f"{release}-{service}" for resource, service in FSPIOP.items()} | PING
    # Without the slash, /transfers would take /transfersX too.
    return [
        _route(match, _destination(service, namespace), rewrite)
        for resource, service in services.items()
        for match, rewrite in _matches(resource, base)
    ]


def admin_routes(release: str, namespace: str) -> list[dict[str, Any]]:
    """The routes of the administration interfaces, first in line before those of FSPIOP: the prefix is taken away."""
    return [_route({"prefix": f"{prefix}/"}, _destination(f"{release}-{service}", namespace), "/") for prefix, service in ADMIN.items()]


def callback_routes(service: str, port: int, base: str) -> list[dict[str, Any]]:
    """Everything below a participant's base path, which its connector does not see."""
    destination = {"host": service, "port": {"number": port}}
    return [_route({"prefix": f"{base}/"}, destination, "/" if base else "")]


def _matches(resource: str, base: str) -> list[tuple[dict[str, str], str]]:
    """How the paths of a resource are recognised, and what each becomes (empty: it stays)."""
    exact, below = {"exact": f"{base}{resource}"}, {"prefix": f"{base}{resource}/"}
    return [(exact, resource if base else ""), (below, f"{resource}/" if base else "")]


def _destination(service: str, namespace: str) -> dict[str, Any]:
    return {"host": f"{service}.{namespace}.svc.cluster.local", "port": {"number": SERVICE_PORT}}


def _route(match: Mapping[str, str], destination: Mapping[str, Any], rewrite: str) -> dict[str, Any]:
    route: dict[str, Any] = {"match": [{"uri": match}], "route": [{"destination": destination}]}
    if rewrite:
        route["rewrite"] = {"uri": rewrite}
    return route
