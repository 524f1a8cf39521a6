# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A further host of an internal gateway, with mutual TLS as all of its hosts: a listener, and the routes behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from .components import HUB, Component, metadata
from .gateway_identity import gateway_spec
from .ingress import ISTIO_NETWORKING

TLS_PORT = 443


@dataclass(frozen=True)
class InternalHostArgs:
    """``name`` prefixes both objects; the listener stands beside the gateway, the routes in the namespace of what they lead to."""

    name: str
    host: str
    namespace: str
    routes: Sequence[Mapping[str, Any]]
    certificate: str
    gateway_namespace: str
    gateway: str
    """Value of the label ``istio`` of the gateway's pods."""
    owner: str = HUB


class InternalHost(Component):
    """The Gateway and the VirtualService of one host."""

    def __init__(self, name: str, args: InternalHostArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        kubernetes.apiextensions.CustomResource(
            f"{name}-listener",
            api_version=ISTIO_NETWORKING,
            kind="Gateway",
            metadata=metadata(f"{args.name}-gateway", args.owner, args.gateway_namespace),
            spec=gateway_spec({"istio": args.gateway}, host=args.host, port=TLS_PORT, certificate=args.certificate),
            opts=self.child,
        )
        kubernetes.apiextensions.CustomResource(
            f"{name}-routes",
            api_version=ISTIO_NETWORKING,
            kind="VirtualService",
            metadata=metadata(f"{args.name}-vs", args.owner, args.namespace),
            spec={"hosts": [args.host], "gateways": [f"{args.gateway_namespace}/{args.name}-gateway"], "http": list(args.routes)},
            opts=self.child,
        )
        self.register_outputs({"host": args.host})


def route_to(service: str, port: int) -> list[dict[str, Any]]:
    """The destination of a route, in the namespace of the VirtualService."""
    return [{"destination": {"host": service, "port": {"number": port}}}]
