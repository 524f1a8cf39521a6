# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ingress gateways: one for FSPIOP, which participants reach, and one for the hub's own staff and tools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from .components import Component, metadata
from .gateway_identity import (
    allow_networks_spec,
    allow_nothing_spec,
    gateway_spec,
    source_once_spec,
    strict_requests_spec,
    token_spec,
)
from .gateway_workload import GatewayWorkload, GatewayWorkloadArgs
from .hub_facts import TokenIssuer
from .outputs import GatewayOutputs

ISTIO_NETWORKING = "networking.istio.io/v1"
ISTIO_SECURITY = "security.istio.io/v1"
ENVOY_FILTER = "networking.istio.io/v1alpha3"


@dataclass(frozen=True)
class IngressGatewayArgs:
    """A gateway's pods, the listener that they serve, and the routes behind it.

    ``listener`` names the Gateway object and its relations, ``routes_name`` the VirtualService in ``routes_namespace``.
    ``certificate`` is the name of the Secret that holds its certificate, its key and the CA of its clients.
    """

    workload: GatewayWorkloadArgs
    listener: str
    host: str
    port: int
    certificate: str
    routes_name: str
    routes_namespace: str
    routes: Sequence[Mapping[str, Any]]
    base_path: str = ""
    """Path in front of the resources of FSPIOP: empty, or ``/…`` without a slash at its end."""


class IngressGateway(Component):
    """A listener with mutual TLS that lets nothing pass until a policy names who may, and judges requests as they will be read."""

    def __init__(self, name: str, args: IngressGatewayArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self._name, self._args = name, args
        self._selector = args.workload.selector
        # The floor stands before the pods do: at no time is there a gateway without it.
        floor = self.policy("floor", ISTIO_SECURITY, "AuthorizationPolicy", allow_nothing_spec(self._selector))
        self.policy("strict-requests", ENVOY_FILTER, "EnvoyFilter", strict_requests_spec(self._selector))
        self._guard()
        workload = GatewayWorkload(f"{name}-pods", args.workload, pulumi.ResourceOptions(parent=self, depends_on=[floor]))
        self._listen(floor)
        self.addresses = workload.addresses
        self.register_outputs({"addresses": self.addresses})

    def policy(self, subject: str, api_version: str, kind: str, spec: Mapping[str, Any]) -> pulumi.Resource:
        """An object of Istio's about this gateway, beside its pods."""
        workload = self._args.workload
        return kubernetes.apiextensions.CustomResource(
            f"{self._name}-{subject}",
            api_version=api_version,
            kind=kind,
            metadata=metadata(f"{self._args.listener}-{subject}", workload.owner, workload.namespace),
            spec=spec,
            opts=self.child,
        )

    def _guard(self) -> None:
        """What one kind of gateway asks for beyond the floor; nothing unless it says so."""

    def _listen(self, floor: pulumi.Resource) -> None:
        args, workload = self._args, self._args.workload
        after = pulumi.ResourceOptions(parent=self, depends_on=[floor])
        kubernetes.apiextensions.CustomResource(
            f"{self._name}-listener",
            api_version=ISTIO_NETWORKING,
            kind="Gateway",
            metadata=metadata(args.listener, workload.owner, workload.namespace),
            spec=gateway_spec(self._selector, host=args.host, port=args.port, certificate=args.certificate),
            opts=after,
        )
        kubernetes.apiextensions.CustomResource(
            f"{self._name}-routes",
            api_version=ISTIO_NETWORKING,
            kind="VirtualService",
            metadata=metadata(args.routes_name, workload.owner, args.routes_namespace),
            spec={"hosts": [args.host], "gateways": [f"{workload.namespace}/{args.listener}"], "http": list(args.routes)},
            opts=after,
        )


class FspiopGateway(IngressGateway):
    """The gateway that participants call: tokens of the hub's authorization server, exactly one FSPIOP-Source.

    Which certificate, token, header and address belong together, the policies of the participants say.
    """

    def __init__(self, name: str, args: IngressGatewayArgs, issuer: TokenIssuer, opts: pulumi.ResourceOptions | None = None) -> None:
        self._issuer = issuer
        super().__init__(name, args, opts)

    def _guard(self) -> None:
        self.policy("tokens", ISTIO_SECURITY, "RequestAuthentication", token_spec(self._selector, self._issuer))
        self.policy("source-once", ENVOY_FILTER, "EnvoyFilter", source_once_spec(self._selector, self._args.base_path))


class CallbackGateway(IngressGateway):
    """The gateway on which a participant takes the hub's callbacks. Which certificate is the hub's, a policy of Ansible's says."""

    def _guard(self) -> None:
        self.policy("source-once", ENVOY_FILTER, "EnvoyFilter", source_once_spec(self._selector, self._args.base_path))


class InternalGateway(IngressGateway):
    """The gateway of the hub's own staff and tools, open to networks that the stack names, to none by default."""

    def __init__(self, name: str, args: IngressGatewayArgs, sources: Sequence[str], opts: pulumi.ResourceOptions | None = None) -> None:
        self._sources = sources
        super().__init__(name, args, opts)

    def _guard(self) -> None:
        if self._sources:
            self.policy("sources", ISTIO_SECURITY, "AuthorizationPolicy", allow_networks_spec(self._selector, self._sources))


def gateway_outputs(args: IngressGatewayArgs, addresses: pulumi.Output[list[str]]) -> GatewayOutputs:
    """What a stack hands on about one gateway."""
    return GatewayOutputs(
        namespace=args.workload.namespace,
        gateway=args.workload.gateway,
        listener=args.listener,
        host=args.host,
        port=args.port,
        certificate=args.certificate,
        addresses=addresses,
    )
