# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The egress gateway: the one way from the hub's services to participants. Where it leads is Ansible's to say, per participant."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

from .components import Component, metadata
from .gateway_workload import GatewayWorkload, GatewayWorkloadArgs
from .ingress import ISTIO_NETWORKING, ISTIO_SECURITY


@dataclass(frozen=True)
class EgressGatewayArgs:
    """The gateway's pods, and the namespace whose services may call through them."""

    workload: GatewayWorkloadArgs
    callers_namespace: str
    mesh_namespace: str
    further_namespaces: tuple[str, ...] = ()
    """Whose services the callers know too."""


class EgressGateway(Component):
    """Pods that only the callers' namespace reaches; the callers know no other host outside the mesh than those registered."""

    def __init__(self, name: str, args: EgressGatewayArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        workload = args.workload
        callers = {"from": [{"source": {"namespaces": [args.callers_namespace]}}]}
        known = (workload.namespace, args.mesh_namespace, *args.further_namespaces)
        policy = kubernetes.apiextensions.CustomResource(
            f"{name}-callers",
            api_version=ISTIO_SECURITY,
            kind="AuthorizationPolicy",
            metadata=metadata(f"{workload.gateway}-callers", workload.owner, workload.namespace),
            spec={"selector": {"matchLabels": workload.selector}, "rules": [callers]},
            opts=self.child,
        )
        kubernetes.apiextensions.CustomResource(
            f"{name}-registry-only",
            api_version=ISTIO_NETWORKING,
            kind="Sidecar",
            metadata=metadata("registry-only", workload.owner, args.callers_namespace),
            spec={
                "egress": [{"hosts": ["./*", *(f"{each}/*" for each in known)]}],
                "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"},
            },
            opts=self.child,
        )
        GatewayWorkload(f"{name}-pods", workload, pulumi.ResourceOptions(parent=self, depends_on=[policy]))
        self.register_outputs({"namespace": workload.namespace})
