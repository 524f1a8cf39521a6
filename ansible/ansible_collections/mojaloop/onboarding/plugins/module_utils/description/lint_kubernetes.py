# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules about a side whose gateway is on a cluster: what Istio cannot do there is refused where it is described."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import Problem
from .lint import SideText

_KIND = "kubernetes"


def lint_kubernetes(side: SideText) -> Iterator[Problem]:
    """The faults of one side's gateways on clusters."""
    gateways = [(key, gateway) for key, gateway in side.items("gateways") if gateway.get("kind") == _KIND]
    for key, gateway in gateways:
        if gateway.get("source_address") == "proxy-protocol":
            yield side.problem(f"{key}.source_address", "'proxy-protocol'", "direct, with a load balancer that keeps callers' addresses")
        ports = {listener["port"] for listener in gateway.get("inbound") or [] if listener and "port" in listener}
        url = side.get("endpoint.url")
        if url and ports and ports != {url.port}:
            yield side.problem(f"{key}.inbound", f"port {min(ports - {url.port})}", f"{url.port}, the port of endpoint.url")
    server = side.get("authorization_server") or {}
    if gateways and server.get("client_certificate") == "header":
        yield side.problem("authorization_server.client_certificate", "'header'", "tls (Istio hands no certificate on to the server)")
