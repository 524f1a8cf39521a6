# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Namespaces in which nothing is open, nothing is privileged, and nothing grows without a bound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

from .components import Component, metadata
from .openings import Opening, network_policy_spec

POD_SECURITY = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}
"""Kubernetes refuses a pod that asks for a privilege (its Pod Security Standards)."""


@dataclass(frozen=True)
class Quota:
    """The most that the pods of a namespace may ask for together: CPUs, memory, their number."""

    cpu: str
    memory: str
    pods: int


@dataclass(frozen=True)
class GuardedNamespaceArgs:
    """A namespace of an owner. ``openings`` are the ways that its default-deny policy leaves open, by name."""

    namespace: str
    owner: str
    mesh_namespace: str
    quota: Quota
    openings: Mapping[str, Opening]


class GuardedNamespace(Component):
    """A namespace with restricted pod security, mutual TLS in the mesh, a quota, and network policies that deny by default."""

    def __init__(self, name: str, args: GuardedNamespaceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self._args = args
        made = kubernetes.core.v1.Namespace(
            f"{name}-namespace",
            metadata=metadata(args.namespace, args.owner, **{**POD_SECURITY, "istio-injection": "enabled"}),
            opts=self.child,
        )
        self.inside = pulumi.ResourceOptions(parent=self, depends_on=[made])
        self.namespace: pulumi.Output[str] = made.metadata.apply(lambda given: str(given["name"]))
        self._bound(name)
        self._close(name)
        self.register_outputs({"namespace": self.namespace})

    def _bound(self, name: str) -> None:
        args = self._args
        kubernetes.core.v1.ResourceQuota(
            f"{name}-quota",
            metadata=metadata("quota", args.owner, args.namespace),
            spec={"hard": {"requests.cpu": args.quota.cpu, "requests.memory": args.quota.memory, "pods": str(args.quota.pods)}},
            opts=self.inside,
        )
        # A quota refuses containers that ask for nothing: these are asked for in their stead.
        kubernetes.core.v1.LimitRange(
            f"{name}-limits",
            metadata=metadata("limits", args.owner, args.namespace),
            spec={
                "limits": [
                    {
                        "type": "Container",
                        "default_request": {"cpu": "50m", "memory": "128Mi"},
                        "default": {"cpu": "1", "memory": "512Mi"},
                    }
                ]
            },
            opts=self.inside,
        )

    def _close(self, name: str) -> None:
        args = self._args
        kubernetes.networking.v1.NetworkPolicy(
            f"{name}-default-deny",
            metadata=metadata("default-deny", args.owner, args.namespace),
            spec={"pod_selector": {}, "policy_types": ["Ingress", "Egress"]},
            opts=self.inside,
        )
        openings = {"allow-dns": Opening.to_dns(), "allow-mesh": Opening.to_mesh(args.mesh_namespace), **args.openings}
        for opening, way in openings.items():
            kubernetes.networking.v1.NetworkPolicy(
                f"{name}-{opening}",
                metadata=metadata(opening, args.owner, args.namespace),
                spec=network_policy_spec(way),
                opts=self.inside,
            )
        kubernetes.apiextensions.CustomResource(
            f"{name}-mutual-tls",
            api_version="security.istio.io/v1",
            kind="PeerAuthentication",
            metadata=metadata("default", args.owner, args.namespace),
            spec={"mtls": {"mode": "STRICT"}},
            opts=self.inside,
        )
