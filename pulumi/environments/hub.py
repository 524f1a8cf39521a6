# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The hub's environment: which namespaces there are, who may call whom in them, and the gateways at its edges."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import pulumi

from . import connection_manager, keycloak, testing_toolkit
from .components import HUB, Component
from .egress import EgressGateway, EgressGatewayArgs
from .gateway_workload import SELECTOR, GatewayWorkloadArgs, pod_port
from .hub_facts import HubFacts
from .ingress import FspiopGateway, IngressGatewayArgs, InternalGateway, gateway_outputs
from .interop_routes import admin_routes, interop_routes
from .issued_certificate import IssuedCertificate, IssuedCertificateArgs
from .namespaces import GuardedNamespace, GuardedNamespaceArgs, Quota
from .openings import Opening, Way
from .outputs import HubOutputs
from .settings import HubSettings

SERVICES = "mojaloop"
EXTERNAL = "istio-ingress-ext"
INTERNAL = "istio-ingress-int"
EGRESS = "istio-egress"
GATEWAYS = {EXTERNAL: "ext-gateway", INTERNAL: "int-gateway", EGRESS: "egress-gateway"}
"""The gateway of each gateway namespace."""
TLS_PORT = 443


class HubNamespaces(Component):
    """The namespaces of the hub's services and of its gateways."""

    def __init__(self, name: str, settings: HubSettings, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self.made = [GuardedNamespace(args.namespace, args, self.child) for args in hub_namespaces(settings)]
        self.register_outputs({"namespaces": [each.namespace for each in self.made]})

    @property
    def names(self) -> Iterable[pulumi.Output[str]]:
        """Their names, known once they exist."""
        return [each.namespace for each in self.made]


class HubGateways(Component):
    """The gateway that participants call, the one for the hub's own staff, and the one through which the hub calls participants."""

    def __init__(self, name: str, settings: HubSettings, hub: HubFacts, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self._settings, self._hub = settings, hub
        external, internal = external_gateway(settings, hub), internal_gateway(settings)
        self._fspiop = FspiopGateway("fspiop", external, hub.token_issuer, self.child)
        self._internal = InternalGateway("internal", internal, settings.internal_sources, self.child)
        issued = IssuedCertificateArgs(settings.server_certificate, INTERNAL, HUB, internal_hosts(settings), settings.certificate_issuer)
        IssuedCertificate("internal-tls", issued, self.child)
        further = (testing_toolkit.NAMESPACE,) if settings.testing_toolkit else ()
        egress = EgressGatewayArgs(workload(settings, EGRESS, TLS_PORT), SERVICES, settings.mesh_namespace, further)
        EgressGateway("egress", egress, self.child)
        self.outputs = HubOutputs(
            environment=hub.environment,
            services_namespace=SERVICES,
            fspiop=gateway_outputs(external, self._fspiop.addresses),
            internal=gateway_outputs(internal, self._internal.addresses),
            egress_namespace=EGRESS,
            egress_gateway=GATEWAYS[EGRESS],
        )
        self.register_outputs(self.outputs.exported())


def hub_namespaces(settings: HubSettings) -> list[GuardedNamespaceArgs]:
    """The namespaces, each with the ways that stay open: the gateways reach the services, and the services the egress gateway."""
    openings = {
        SERVICES: {
            "allow-within": Opening(Way.FROM, SERVICES),
            "allow-to-within": Opening(Way.TO, SERVICES),
            "allow-external-gateway": Opening(Way.FROM, EXTERNAL),
            "allow-internal-gateway": Opening(Way.FROM, INTERNAL),
            "allow-to-egress-gateway": Opening(Way.TO, EGRESS, (pod_port(TLS_PORT),)),
        },
        EXTERNAL: {"allow-to-services": Opening(Way.TO, SERVICES)},
        INTERNAL: {"allow-to-services": Opening(Way.TO, SERVICES)},
        EGRESS: {"allow-services": Opening(Way.FROM, SERVICES, (pod_port(TLS_PORT),), own_pods={SELECTOR: GATEWAYS[EGRESS]})},
    }
    quotas = {SERVICES: Quota("32", "64Gi", 200)}
    of_a_gateway = Quota("8", "16Gi", 3 * settings.replicas)
    parts = list(_parts(settings))
    for part, ports in parts:
        openings[INTERNAL][f"allow-to-{part.namespace}"] = Opening(Way.TO, part.namespace, ports)
    if settings.testing_toolkit:
        simulators = testing_toolkit.NAMESPACE
        openings[SERVICES]["allow-simulators"] = Opening(Way.FROM, simulators)
        openings[SERVICES]["allow-to-simulators"] = Opening(Way.TO, simulators, (testing_toolkit.FSPIOP_PORT,))
    made = [
        GuardedNamespaceArgs(namespace, HUB, settings.mesh_namespace, quotas.get(namespace, of_a_gateway), ways)
        for namespace, ways in openings.items()
    ]
    return [*made, *(part for part, _ports in parts)]


def _parts(settings: HubSettings) -> Iterator[tuple[GuardedNamespaceArgs, tuple[int, ...]]]:
    """The namespaces of the parts that this hub has, each with the ports that the internal gateway reaches."""
    if settings.connection_manager:
        ports = (connection_manager.API_PORT, connection_manager.UI_PORT)
        yield connection_manager.namespace_args(settings.connection_manager, settings.mesh_namespace, INTERNAL), ports
    if settings.keycloak:
        yield keycloak.namespace_args(settings, settings.keycloak, INTERNAL), (keycloak.PORT,)
    if settings.testing_toolkit:
        yield testing_toolkit.namespace_args(settings, SERVICES, INTERNAL), (testing_toolkit.API_PORT, testing_toolkit.FRONTEND_PORT)


def internal_hosts(settings: HubSettings) -> tuple[str, ...]:
    """Every host of the internal gateway."""
    hosts = [internal_gateway(settings).host]
    if settings.connection_manager:
        hosts.append(connection_manager.host(settings))
    if settings.keycloak:
        hosts.append(keycloak.host(settings))
    if settings.testing_toolkit:
        hosts += [testing_toolkit.host(settings, prefix) for prefix in testing_toolkit.PREFIXES]
    return tuple(hosts)


def external_gateway(settings: HubSettings, hub: HubFacts) -> IngressGatewayArgs:
    """The gateway of the FSPIOP host, which the description names."""
    return IngressGatewayArgs(
        workload=workload(settings, EXTERNAL, hub.port),
        listener="interop-gateway",
        host=hub.host,
        port=hub.port,
        certificate=settings.server_certificate,
        routes_name="interop-vs",
        routes_namespace=SERVICES,
        routes=interop_routes(settings.release, SERVICES, hub.base_path),
        base_path=hub.base_path,
    )


def internal_gateway(settings: HubSettings) -> IngressGatewayArgs:
    """The gateway of the internal host, with the administration interfaces beside FSPIOP."""
    return IngressGatewayArgs(
        workload=workload(settings, INTERNAL, TLS_PORT),
        listener="int-interop-gateway",
        host=f"intapi.{settings.internal_domain}",
        port=TLS_PORT,
        certificate=settings.server_certificate,
        routes_name="int-interop-vs",
        routes_namespace=SERVICES,
        routes=[*admin_routes(settings.release, SERVICES), *interop_routes(settings.release, SERVICES)],
    )


def workload(settings: HubSettings, namespace: str, port: int) -> GatewayWorkloadArgs:
    """The pods of a namespace's gateway. The egress gateway is reached from inside the cluster alone."""
    args = GatewayWorkloadArgs(
        gateway=GATEWAYS[namespace],
        namespace=namespace,
        owner=HUB,
        image=settings.proxy_image,
        replicas=settings.replicas,
        ports=((port, pod_port(port)),),
    )
    if namespace == EGRESS:
        return args
    return replace(args, service_type=settings.service_type, source_address=settings.source_address)
