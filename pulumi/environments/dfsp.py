# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A managed participant's environment: its namespace, the way out to the hub, and the gateway for the hub's calls."""

from __future__ import annotations

import pulumi

from .components import Component
from .connector import connector_openings, sdk_service
from .dfsp_facts import ConnectorKind, DfspFacts
from .gateway_workload import SELECTOR, participants_gateway, pod_port
from .ingress import CallbackGateway, IngressGateway, IngressGatewayArgs, gateway_outputs
from .interop_routes import callback_routes
from .namespaces import GuardedNamespace, GuardedNamespaceArgs, Quota
from .openings import Opening, Way
from .outputs import DfspOutputs
from .ozone_connect import NAME as OZONE_CONNECT
from .ozone_connect import PORT as OZONE_PORT
from .ozone_connect import SECRET_NAMES as OZONE_SECRETS
from .ozone_connect import ozone_openings
from .payment_manager import SECRET_NAMES as MANAGER_SECRETS
from .payment_manager import payment_manager_openings
from .sdk_variables import INBOUND, secret_names
from .settings import DfspSettings


class DfspNamespace(Component):
    """The participant's namespace, from which only the hub is reached, and which only the hub reaches."""

    def __init__(self, name: str, settings: DfspSettings, facts: DfspFacts, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        GuardedNamespace(facts.namespace, dfsp_namespace(settings, facts), self.child)
        self.register_outputs({"namespace": facts.namespace})


class CallbackEdge(Component):
    """The gateway on which the hub's callbacks arrive. Those of FSPIOP name their source in a header, which is counted here."""

    def __init__(self, name: str, settings: DfspSettings, facts: DfspFacts, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        args = callback_gateway(settings, facts)
        kind = IngressGateway if facts.connector is ConnectorKind.OZONE_CONNECT else CallbackGateway
        gateway = kind(f"{facts.namespace}-callbacks", args, self.child)
        self.outputs = DfspOutputs(
            environment=facts.environment,
            participant=facts.participant,
            namespace=facts.namespace,
            callbacks=gateway_outputs(args, gateway.addresses),
            connector_service=served(facts)[0],
            secrets=awaited_secrets(facts),
        )
        self.register_outputs(self.outputs.exported())


def gateway_name(facts: DfspFacts) -> str:
    """What the participant's gateway is called, its Gateway object and the label of its pods.

    Threat: a Gateway chooses pods by label in every namespace. With one label for all participants, each one's pods would serve the
    others' listeners too.
    """
    return f"{facts.namespace}-connector-gateway"


def served(facts: DfspFacts) -> tuple[str, int]:
    """The service behind the gateway, and its port."""
    if facts.connector is ConnectorKind.OZONE_CONNECT:
        return OZONE_CONNECT, OZONE_PORT
    return sdk_service(facts), INBOUND


def awaited_secrets(facts: DfspFacts) -> dict[str, str]:
    """The name of each Secret that someone else writes, by what it is for."""
    if facts.connector is ConnectorKind.OZONE_CONNECT:
        return dict(OZONE_SECRETS)
    further = MANAGER_SECRETS if facts.connector is ConnectorKind.PAYMENT_MANAGER else {}
    return {**secret_names(facts), **further}


def dfsp_namespace(settings: DfspSettings, facts: DfspFacts) -> GuardedNamespaceArgs:
    """The namespace: the hub's addresses reach the gateway, and what each of the participant's services needs is open."""
    hub = Opening(Way.FROM, ports=(pod_port(facts.port),), own_pods={SELECTOR: gateway_name(facts)}, networks=facts.hub_sources)
    ozone = facts.connector is ConnectorKind.OZONE_CONNECT
    openings = {"allow-hub": hub, **(ozone_openings if ozone else connector_openings)(facts, gateway_name(facts))}
    pods = 8 * settings.replicas + 4
    if settings.payment_manager:
        openings |= payment_manager_openings(settings.payment_manager, facts)
        pods += 6 * settings.replicas + 2
    return GuardedNamespaceArgs(facts.namespace, facts.participant, settings.mesh_namespace, Quota("8", "16Gi", pods), openings)


def callback_gateway(settings: DfspSettings, facts: DfspFacts) -> IngressGatewayArgs:
    """The gateway of the participant's described host, which hands everything on to its service."""
    service, port = served(facts)
    return IngressGatewayArgs(
        workload=participants_gateway(settings, facts, gateway_name(facts), facts.port),
        listener=gateway_name(facts),
        host=facts.host,
        port=facts.port,
        certificate=settings.server_certificate,
        routes_name=f"{facts.namespace}-connector-vs",
        routes_namespace=facts.namespace,
        routes=callback_routes(service, port, facts.base_path),
        base_path=facts.base_path,
    )
