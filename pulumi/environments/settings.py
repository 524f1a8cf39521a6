# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What only a cluster decides, as typed values: the configuration of a stack, judged once, with all its problems at a time.

The keys, their types and their defaults are declared in the ``Pulumi.yaml`` of each program; the rules are here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from . import parts
from .parts import ConnectionManagerSettings, KeycloakSettings, PaymentManagerSettings, TestingToolkitSettings
from .reading import DOMAIN, NAME, Reader, Values, keys


class SourceAddress(StrEnum):
    """How the ingress gateway learns where a call comes from: the connection itself, or the PROXY protocol of a load balancer."""

    DIRECT = "direct"
    PROXY_PROTOCOL = "proxy-protocol"


class ServiceType(StrEnum):
    """How the cluster makes the ingress gateway reachable."""

    LOAD_BALANCER = "LoadBalancer"
    NODE_PORT = "NodePort"
    CLUSTER_IP = "ClusterIP"


@dataclass(frozen=True)
class ClusterSettings:
    """What every stack says of its cluster. The field names are the keys in ``Pulumi.yaml``, written in its way (``proxyImage``)."""

    description: str
    """Folder of the environment's description; empty: the folder of the environment's name in ``inventories``."""
    context: str
    """The context of the kubeconfig file that KUBECONFIG names."""
    proxy_image: str
    """Istio's proxy, by digest."""
    replicas: int
    """Replicas of each gateway and of each workload that can have several."""
    service_type: ServiceType
    source_address: SourceAddress
    server_certificate: str
    """Name of the Secrets in which the gateways find their certificate, key and the CA of their clients."""
    mesh_namespace: str
    """Where istiod runs."""


@dataclass(frozen=True)
class HubSettings(ClusterSettings):
    """The hub's stack."""

    internal_domain: str
    """Domain of the hub's internal interfaces (``intapi.<domain>``)."""
    internal_sources: tuple[str, ...]
    """Networks whose calls the internal gateway accepts; none: nothing passes."""
    certificate_issuer: str
    """ClusterIssuer of cert-manager for the internal gateway's hosts; empty: someone else writes their Secret."""
    release: str
    """Helm release of the Mojaloop services: the prefix of their names."""
    connection_manager: ConnectionManagerSettings | None
    """None: this hub has none; so with what follows."""
    keycloak: KeycloakSettings | None
    testing_toolkit: TestingToolkitSettings | None


@dataclass(frozen=True)
class DfspSettings(ClusterSettings):
    """The stack of one managed participant."""

    exchange: str
    """Folder of the published exchange; empty: that of the environment's state folder."""
    hub_stack: str
    """The hub's stack, which takes the place of the exchange where one organisation runs both; empty: the exchange counts."""
    connector_image: str
    """The Mojaloop SDK (sdk-scheme-adapter), by digest; empty: the participant's connector is none."""
    cache_image: str
    """Redis, by digest; empty likewise."""
    backend_image: str
    """The participant's core connector (or the Testing Toolkit in its place), or its Ozone Connect server, by digest."""
    payment_manager: PaymentManagerSettings | None
    """None: the participant has none."""


def parse_hub_settings(values: Values, *, where: str) -> HubSettings:
    """The settings from the raw texts of a stack's configuration; SettingsError with every problem, keys that nothing reads included."""
    reader = Reader(values, known=keys(HubSettings))
    settings = HubSettings(
        **_of_the_cluster(reader),
        internal_domain=reader.matching("internalDomain", DOMAIN, "a domain name"),
        internal_sources=reader.networks("internalSources"),
        certificate_issuer=parts.issuer(reader),
        release=reader.matching("release", NAME, "the name of a Helm release"),
        connection_manager=parts.connection_manager(reader),
        keycloak=parts.keycloak(reader),
        testing_toolkit=parts.testing_toolkit(reader),
    )
    reader.end(where)
    return settings


def parse_dfsp_settings(values: Values, *, where: str) -> DfspSettings:
    """As ``parse_hub_settings``, for the stack of a managed participant."""
    reader = Reader(values, known=keys(DfspSettings))
    settings = DfspSettings(
        **_of_the_cluster(reader),
        exchange=values.get("exchange") or "",
        hub_stack=reader.matching("hubStack", re.compile(r"([\w.-]+/){0,2}[\w.-]+|"), "<organization>/mojaloop-hub/<environment>"),
        connector_image=reader.image("connectorImage", optional=True),
        cache_image=reader.image("cacheImage", optional=True),
        backend_image=reader.image("backendImage"),
        payment_manager=parts.payment_manager(reader),
    )
    reader.end(where)
    return settings


def _of_the_cluster(reader: Reader) -> dict[str, Any]:
    return {
        "description": reader.values.get("description") or "",
        "context": reader.matching("context", re.compile(r"[^\s]+"), "the name of a context"),
        "proxy_image": reader.image("proxyImage"),
        "replicas": reader.number("replicas", 1, 20),
        "service_type": reader.choice("serviceType", ServiceType),
        "source_address": reader.choice("sourceAddress", SourceAddress),
        "server_certificate": reader.matching("serverCertificate", NAME, "the name of a Secret"),
        "mesh_namespace": reader.matching("meshNamespace", NAME, "the name of a namespace"),
    }
