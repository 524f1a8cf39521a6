# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A gateway on a cluster, as the description has it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .model import Endpoint, Gateway


@dataclass(frozen=True)
class KubernetesGateway(Gateway):
    """Istio on a cluster: how its API is reached, and the names that the Pulumi program gave to its parts.

    Its inbound listener leads to the services that the program's routes name; the side's services call by the counterparts' host names.
    """

    kubeconfig_file: str = ""
    context: str = ""
    namespace: str = "istio-ingress-ext"
    gateway: str = "ext-gateway"
    listener: str = "interop-gateway"
    certificate: str = "vault-tls-cert"
    services_namespace: str = "mojaloop"
    egress_namespace: str = "istio-egress"
    egress_gateway: str = "egress-gateway"


def mesh_url(gateways: Iterable[Gateway], endpoint: Endpoint | None) -> str:
    """Where the services of a side on a cluster call a counterpart: TLS to it begins in the egress gateway. Empty for any other side."""
    on_a_cluster = any(isinstance(gateway, KubernetesGateway) for gateway in gateways)
    return f"http://{endpoint.host}{endpoint.base_path}" if on_a_cluster and endpoint else ""
