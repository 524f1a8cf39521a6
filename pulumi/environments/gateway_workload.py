# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The pods of a gateway: Istio's proxy, which istiod completes when they start (its gateway injection)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_kubernetes as kubernetes

from .components import Component, metadata
from .dfsp_facts import DfspFacts
from .settings import DfspSettings, ServiceType, SourceAddress

if TYPE_CHECKING:
    from pulumi_kubernetes.core.v1 import PodTemplateSpecArgsDict, ServiceSpecArgsDict

SELECTOR = "istio"
"""Label by which Istio's objects choose the pods of a gateway."""
READY_PORT = 15021
FIRST_UNPRIVILEGED = 1024


@dataclass(frozen=True)
class GatewayWorkloadArgs:
    """One gateway's pods. ``ports`` maps the ports of its service to those of its pods."""

    gateway: str
    namespace: str
    owner: str
    image: str
    replicas: int
    ports: tuple[tuple[int, int], ...]
    service_type: ServiceType = ServiceType.CLUSTER_IP
    source_address: SourceAddress = SourceAddress.DIRECT

    @property
    def selector(self) -> dict[str, str]:
        """The labels that choose this gateway's pods."""
        return {SELECTOR: self.gateway}


class GatewayWorkload(Component):
    """Deployment, Service, disruption budget and account of a gateway, which may read the Secrets of its own namespace."""

    def __init__(self, name: str, args: GatewayWorkloadArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self._args = args
        self._account(name)
        kubernetes.apps.v1.Deployment(
            f"{name}-deployment",
            metadata=metadata(args.gateway, args.owner, args.namespace),
            spec={"replicas": args.replicas, "selector": {"match_labels": args.selector}, "template": pod_template(args)},
            opts=self.child,
        )
        service = kubernetes.core.v1.Service(
            f"{name}-service",
            metadata=metadata(args.gateway, args.owner, args.namespace),
            spec=service_spec(args),
            opts=self.child,
        )
        kubernetes.policy.v1.PodDisruptionBudget(
            f"{name}-disruptions",
            metadata=metadata(args.gateway, args.owner, args.namespace),
            spec={"max_unavailable": 1, "selector": {"match_labels": args.selector}},
            opts=self.child,
        )
        self.addresses: pulumi.Output[list[str]] = service.status.apply(load_balancer_addresses)
        self.register_outputs({"addresses": self.addresses})

    def _account(self, name: str) -> None:
        args = self._args
        named = metadata(args.gateway, args.owner, args.namespace)
        kubernetes.core.v1.ServiceAccount(f"{name}-account", metadata=named, opts=self.child)
        # istiod hands a proxy only those Secrets that the proxy's account may read itself.
        kubernetes.rbac.v1.Role(
            f"{name}-secrets",
            metadata=named,
            rules=[{"api_groups": [""], "resources": ["secrets"], "verbs": ["get", "watch", "list"]}],
            opts=self.child,
        )
        kubernetes.rbac.v1.RoleBinding(
            f"{name}-secrets-binding",
            metadata=named,
            role_ref={"api_group": "rbac.authorization.k8s.io", "kind": "Role", "name": args.gateway},
            subjects=[{"kind": "ServiceAccount", "name": args.gateway, "namespace": args.namespace}],
            opts=self.child,
        )


def pod_template(args: GatewayWorkloadArgs) -> PodTemplateSpecArgsDict:
    """The pods: a container named ``istio-proxy`` keeps its image, all else of it is istiod's to fill in."""
    own = metadata(args.gateway, args.owner, **args.selector, **{"sidecar.istio.io/inject": "true"})
    annotations = {"inject.istio.io/templates": "gateway", "proxy.istio.io/config": json.dumps({"gatewayTopology": topology(args)})}
    return {
        "metadata": {"labels": own["labels"], "annotations": annotations},
        "spec": {
            "service_account_name": args.gateway,
            "security_context": {
                "run_as_non_root": True,
                "run_as_user": 1337,
                "run_as_group": 1337,
                "seccomp_profile": {"type": "RuntimeDefault"},
            },
            "topology_spread_constraints": [
                {
                    "max_skew": 1,
                    "topology_key": "kubernetes.io/hostname",
                    "when_unsatisfiable": "ScheduleAnyway",
                    "label_selector": {"match_labels": args.selector},
                }
            ],
            "containers": [
                {
                    "name": "istio-proxy",
                    "image": args.image,
                    "ports": [{"container_port": port} for _, port in args.ports],
                    "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"cpu": "2", "memory": "1Gi"}},
                    "readiness_probe": {"http_get": {"path": "/healthz/ready", "port": READY_PORT}},
                    "security_context": {
                        "allow_privilege_escalation": False,
                        "read_only_root_filesystem": True,
                        "capabilities": {"drop": ["ALL"]},
                    },
                }
            ],
        },
    }


def participants_gateway(settings: DfspSettings, facts: DfspFacts, gateway: str, port: int) -> GatewayWorkloadArgs:
    """The pods of a participant's gateway that serves one port to the world outside."""
    return GatewayWorkloadArgs(
        gateway=gateway,
        namespace=facts.namespace,
        owner=facts.participant,
        image=settings.proxy_image,
        replicas=settings.replicas,
        ports=((port, pod_port(port)),),
        service_type=settings.service_type,
        source_address=settings.source_address,
    )


def topology(args: GatewayWorkloadArgs) -> dict[str, object]:
    """Whom the proxy believes: of the certificate, the handshake alone; of the address, a load balancer only where there is one."""
    # What a client writes into X-Forwarded-Client-Cert is replaced by what the handshake proved.
    believed: dict[str, object] = {"forwardClientCertDetails": "SANITIZE_SET"}
    if args.source_address is SourceAddress.PROXY_PROTOCOL:
        believed["proxyProtocol"] = {}
    return believed


def service_spec(args: GatewayWorkloadArgs) -> ServiceSpecArgsDict:
    """The service. One that the world reaches hands over the addresses of its callers as they are."""
    spec: ServiceSpecArgsDict = {
        "type": args.service_type,
        "selector": args.selector,
        "ports": [{"name": f"tls-{port}", "port": port, "target_port": target} for port, target in args.ports],
    }
    if args.service_type is not ServiceType.CLUSTER_IP:
        spec["external_traffic_policy"] = "Local"
    return spec


def load_balancer_addresses(status: kubernetes.core.v1.outputs.ServiceStatus | None) -> list[str]:
    """The addresses or names that a load balancer was given; none until it has some."""
    given = status.load_balancer.ingress if status and status.load_balancer else None
    return [address for each in given or () if (address := each.ip or each.hostname)]


def pod_port(port: int) -> int:
    """Pods without privileges cannot listen below 1024: Istio finds the port behind the service's by itself."""
    return port if port >= FIRST_UNPRIVILEGED else port + 8000
