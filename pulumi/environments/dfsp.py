# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A managed participant's environment: its namespace, its connector with what that needs, and the gateway for the hub's callbacks."""

from __future__ import annotations

import pulumi
import pulumi_kubernetes as kubernetes

from .components import Component, metadata
from .dfsp_facts import DfspFacts
from .gateway_workload import SELECTOR, GatewayWorkloadArgs, pod_port
from .ingress import ISTIO_NETWORKING, CallbackGateway, IngressGatewayArgs, gateway_outputs
from .interop_routes import callback_routes
from .namespaces import GuardedNamespace, GuardedNamespaceArgs, Quota
from .openings import Opening, Way
from .outputs import DfspOutputs
from .sdk_variables import (
    BACKEND_PORT,
    CACHE_PORT,
    INBOUND,
    METRICS,
    OUTBOUND,
    SECRET_NAMES,
    sdk_mounts,
    sdk_secrets,
    sdk_variables,
)
from .settings import DfspSettings
from .workload import APP, Workload, WorkloadArgs

SDK, CACHE, BACKEND = "sdk-scheme-adapter", "redis", "core-connector"


class DfspNamespace(Component):
    """The participant's namespace, from which only the hub is reached, and which only the hub reaches."""

    def __init__(self, name: str, settings: DfspSettings, facts: DfspFacts, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        GuardedNamespace(facts.namespace, dfsp_namespace(settings, facts), self.child)
        self.register_outputs({"namespace": facts.namespace})


class ConnectorStack(Component):
    """The Mojaloop SDK with its cache, and the participant's backend (its core connector, or the Testing Toolkit in its place)."""

    def __init__(self, name: str, settings: DfspSettings, facts: DfspFacts, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        for args in connector_workloads(settings, facts):
            Workload(f"{facts.namespace}-{args.name}", args, self.child)
        kubernetes.apiextensions.CustomResource(
            f"{facts.namespace}-hub-entry",
            api_version=ISTIO_NETWORKING,
            kind="ServiceEntry",
            metadata=metadata("hub", facts.participant, facts.namespace),
            spec=hub_entry(facts),
            opts=self.child,
        )
        kubernetes.apiextensions.CustomResource(
            f"{facts.namespace}-registry-only",
            api_version=ISTIO_NETWORKING,
            kind="Sidecar",
            metadata=metadata("registry-only", facts.participant, facts.namespace),
            spec={
                "egress": [{"hosts": ["./*", f"{settings.mesh_namespace}/*"]}],
                "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"},
            },
            opts=self.child,
        )
        self.register_outputs({"service": sdk_service(facts)})


class CallbackEdge(Component):
    """The gateway on which the hub's callbacks arrive."""

    def __init__(self, name: str, settings: DfspSettings, facts: DfspFacts, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        args = callback_gateway(settings, facts)
        gateway = CallbackGateway(f"{facts.namespace}-callbacks", args, self.child)
        self.outputs = DfspOutputs(
            environment=facts.environment,
            participant=facts.participant,
            namespace=facts.namespace,
            callbacks=gateway_outputs(args, gateway.addresses),
            connector_service=sdk_service(facts),
            secrets=dict(SECRET_NAMES),
        )
        self.register_outputs(self.outputs.exported())


def gateway_name(facts: DfspFacts) -> str:
    """What the participant's gateway is called, its Gateway object and the label of its pods.

    Threat: a Gateway chooses pods by label in every namespace. With one label for all participants, each one's pods would serve the
    others' listeners too.
    """
    return f"{facts.namespace}-connector-gateway"


def sdk_service(facts: DfspFacts) -> str:
    """The name by which the SDK is reached inside its namespace."""
    return f"{facts.namespace}-sdk-scheme-adapter-api-svc"


def dfsp_namespace(settings: DfspSettings, facts: DfspFacts) -> GuardedNamespaceArgs:
    """The namespace: the hub's addresses reach the gateway, the gateway the SDK, the SDK the hub, its cache and the backend."""
    own, gateway, sdk = facts.namespace, {SELECTOR: gateway_name(facts)}, {APP: SDK}
    port = pod_port(facts.port)
    openings = {
        "allow-hub": Opening(Way.FROM, ports=(port,), own_pods=gateway, networks=facts.hub_sources),
        "allow-to-hub": Opening(Way.TO, ports=(facts.hub_port,), own_pods=sdk, networks=facts.hub_addresses),
        **_between("gateway-to-connector", own, gateway, sdk, INBOUND),
        **_between("connector-to-cache", own, sdk, {APP: CACHE}, CACHE_PORT),
        **_between("connector-to-backend", own, sdk, {APP: BACKEND}, BACKEND_PORT),
        **_between("backend-to-connector", own, {APP: BACKEND}, sdk, OUTBOUND),
    }
    quota = Quota("8", "16Gi", 8 * settings.replicas + 4)
    return GuardedNamespaceArgs(own, facts.participant, settings.mesh_namespace, quota, openings)


def _between(name: str, namespace: str, caller: dict[str, str], called: dict[str, str], port: int) -> dict[str, Opening]:
    """Both ends of one way inside a namespace: a connection needs the leave of the one and of the other."""
    return {
        f"{name}-out": Opening(Way.TO, namespace, (port,), own_pods=caller, pods=called),
        f"{name}-in": Opening(Way.FROM, namespace, (port,), own_pods=called, pods=caller),
    }


def connector_workloads(settings: DfspSettings, facts: DfspFacts) -> list[WorkloadArgs]:
    """The SDK, its cache, the backend. The SDK starts once the playbooks have written its Secrets: no run waits for it."""
    return [
        WorkloadArgs(
            name=CACHE,
            namespace=facts.namespace,
            owner=facts.participant,
            image=settings.cache_image,
            replicas=1,
            service=CACHE,
            ports={"redis": CACHE_PORT},
            probe="redis",
            scratch=("/data",),
            # What is in here belongs to calls under way, and is worth nothing after a restart.
            arguments=("--save", "", "--appendonly", "no", "--maxmemory", "192mb", "--maxmemory-policy", "noeviction"),
            memory="256Mi",
        ),
        WorkloadArgs(
            name=BACKEND,
            namespace=facts.namespace,
            owner=facts.participant,
            image=settings.backend_image,
            replicas=settings.replicas,
            service=BACKEND,
            ports={"http": BACKEND_PORT},
            probe="http",
            settings={"OUTBOUND_ENDPOINT": f"http://{sdk_service(facts)}:{OUTBOUND}"},
            scratch=("/tmp",),  # noqa: S108 -- a folder of the pod's own
        ),
        WorkloadArgs(
            name=SDK,
            namespace=facts.namespace,
            owner=facts.participant,
            image=settings.connector_image,
            replicas=settings.replicas,
            service=sdk_service(facts),
            ports={"inbound": INBOUND, "outbound": OUTBOUND, "metrics": METRICS},
            probe="metrics",
            settings=sdk_variables(facts, cache=CACHE, backend=BACKEND),
            secrets=sdk_secrets(),
            mounts=sdk_mounts(),
            scratch=("/tmp",),  # noqa: S108 -- as above
            awaited=False,
        ),
    ]


def hub_entry(facts: DfspFacts) -> dict[str, object]:
    """The one host outside the cluster that the participant's services may call; the SDK's own TLS goes through untouched."""
    return {
        "hosts": [facts.hub_host],
        "location": "MESH_EXTERNAL",
        "resolution": "STATIC",
        "addresses": [network.partition("/")[0] for network in facts.hub_addresses],
        "endpoints": [{"address": network.partition("/")[0]} for network in facts.hub_addresses],
        "ports": [{"number": facts.hub_port, "name": "tls", "protocol": "TLS"}],
        "exportTo": ["."],
    }


def callback_gateway(settings: DfspSettings, facts: DfspFacts) -> IngressGatewayArgs:
    """The gateway of the participant's described host, which hands everything on to the SDK."""
    return IngressGatewayArgs(
        workload=GatewayWorkloadArgs(
            gateway=gateway_name(facts),
            namespace=facts.namespace,
            owner=facts.participant,
            image=settings.proxy_image,
            replicas=settings.replicas,
            ports=((facts.port, pod_port(facts.port)),),
            service_type=settings.service_type,
            source_address=settings.source_address,
        ),
        listener=gateway_name(facts),
        host=facts.host,
        port=facts.port,
        certificate=settings.server_certificate,
        routes_name=f"{facts.namespace}-connector-vs",
        routes_namespace=facts.namespace,
        routes=callback_routes(sdk_service(facts), INBOUND, facts.base_path),
        base_path=facts.base_path,
    )
