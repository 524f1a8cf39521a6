# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keycloak as the hub's authorization server: the realm of its participants and that of its staff, on a database that exists already.

Participants reach it by TLS that ends in it: it binds their tokens to the certificates that it sees. Its clients are not made
here: a participant's is the playbooks' (they register, renew and revoke it), the staff's are its administrator's.
"""

from __future__ import annotations

import json

import pulumi
import pulumi_kubernetes as kubernetes

from ansible_collections.mojaloop.onboarding.plugins.module_utils.oauth.keycloak.realm import representation

from . import connection_manager
from .components import HUB, Component, metadata
from .hub_facts import HubFacts
from .ingress import ISTIO_SECURITY
from .internal_host import InternalHost, InternalHostArgs, route_to
from .namespaces import GuardedNamespaceArgs, Quota
from .openings import Opening, Way, both_ends, namespace_of
from .parts import KeycloakSettings
from .settings import HubSettings, ServiceType
from .workload import APP, SecretKey, Workload, WorkloadArgs

NAMESPACE = NAME = "keycloak"
PORT, TLS_PORT = 8080, 8443
TLS_SECRET = "keycloak-tls"  # noqa: S105 -- the name of a Secret
CLUSTER_PORTS = (7800, 57800)
"""Where its replicas tell each other of sessions (JGroups), and whether they are alive."""
STAFF_REALM = "hub-operators"
IMPORTED = "/opt/keycloak/data/import"
SECRETS = {
    "KC_BOOTSTRAP_ADMIN_USERNAME": SecretKey("keycloak-admin", "username"),
    "KC_BOOTSTRAP_ADMIN_PASSWORD": SecretKey("keycloak-admin", "password"),
    "KC_DB_USERNAME": SecretKey("keycloak-database", "username"),
    "KC_DB_PASSWORD": SecretKey("keycloak-database", "password"),
}


class Keycloak(Component):
    """Its pods, and the host under which the internal gateway serves its pages and its administration."""

    def __init__(
        self, name: str, settings: HubSettings, hub: HubFacts, gateway: tuple[str, str], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """``gateway``: the namespace of the internal gateway, and the value of its label ``istio``."""
        super().__init__(name, opts)
        if settings.keycloak:
            Workload(NAME, workload(settings, settings.keycloak, hub), self.child)
            self._token_edge(settings)
            routes = [{"route": route_to(NAME, PORT)}]
            served = InternalHostArgs(NAME, host(settings), NAMESPACE, routes, settings.server_certificate, *gateway)
            InternalHost(f"{NAME}-host", served, self.child)
        self.register_outputs({"host": host(settings)})

    def _token_edge(self, settings: HubSettings) -> None:
        """The way of the participants; the mesh leaves its TLS alone."""
        kubernetes.core.v1.Service(
            f"{NAME}-token-edge",
            metadata=metadata(f"{NAME}-tokens", HUB, NAMESPACE),
            spec={
                "type": settings.service_type,
                "selector": {APP: NAME},
                "ports": [{"name": "tls", "port": 443, "target_port": TLS_PORT}],
                **({} if settings.service_type is ServiceType.CLUSTER_IP else {"external_traffic_policy": "Local"}),
            },
            opts=self.child,
        )
        kubernetes.apiextensions.CustomResource(
            f"{NAME}-own-tls",
            api_version=ISTIO_SECURITY,
            kind="PeerAuthentication",
            metadata=metadata(f"{NAME}-tokens", HUB, NAMESPACE),
            spec={
                "selector": {"matchLabels": {APP: NAME}},
                "mtls": {"mode": "STRICT"},
                "portLevelMtls": {str(TLS_PORT): {"mode": "DISABLE"}},
            },
            opts=self.child,
        )


def host(settings: HubSettings) -> str:
    """Where the internal gateway serves it."""
    return f"keycloak.{settings.internal_domain}"


def namespace_args(settings: HubSettings, keycloak: KeycloakSettings, gateway_namespace: str) -> GuardedNamespaceArgs:
    """Its namespace: the internal gateway and Connection Manager reach it, and it reaches its database."""
    pods = {APP: NAME}
    openings = {
        "allow-internal-gateway": Opening(Way.FROM, gateway_namespace, (PORT,)),
        "allow-to-database": Opening(Way.TO, namespace_of(keycloak.database), own_pods=pods),
    }
    if keycloak.sources:
        openings["allow-participants"] = Opening(Way.FROM, ports=(TLS_PORT,), own_pods=pods, networks=keycloak.sources)
    for port in CLUSTER_PORTS:
        openings |= both_ends(f"replicas-{port}", NAMESPACE, pods, pods, port)
    if settings.connection_manager:
        openings["allow-connection-manager"] = Opening(Way.FROM, connection_manager.NAMESPACE, (PORT,), own_pods=pods)
    return GuardedNamespaceArgs(NAMESPACE, HUB, settings.mesh_namespace, Quota("4", "16Gi", 2 * settings.replicas + 2), openings)


def workload(settings: HubSettings, keycloak: KeycloakSettings, hub: HubFacts) -> WorkloadArgs:
    """Its pods, which start once their Secrets are there. A realm is imported where there is none of its name, and never again."""
    return WorkloadArgs(
        name=NAME,
        namespace=NAMESPACE,
        owner=HUB,
        image=keycloak.image,
        replicas=settings.replicas,
        service=NAME,
        ports={"http": PORT, "https": TLS_PORT},
        probe="http",
        settings=variables(settings, keycloak, hub),
        secrets=SECRETS,
        mounts={"/secrets/tls": TLS_SECRET},
        files={f"{IMPORTED}/{name}.json": json.dumps(representation(name), indent=1, sort_keys=True) for name in (hub.realm, STAFF_REALM)},
        scratch=("/tmp", "/opt/keycloak/data/tmp"),  # noqa: S108 -- folders of the pod's own
        arguments=("start", "--optimized", "--import-realm"),
        memory="1536Mi",
        awaited=False,
    )


def variables(settings: HubSettings, keycloak: KeycloakSettings, hub: HubFacts) -> dict[str, str]:
    """Its pages' TLS ends at the gateway, which says in its headers how it was called; tokens name the issuer of the description."""
    place, _, port = keycloak.database.rpartition(":")
    return {
        "KC_DB": keycloak.database_kind,
        "KC_DB_URL_HOST": place,
        "KC_DB_URL_PORT": port,
        "KC_DB_URL_DATABASE": "keycloak",
        "KC_HOSTNAME": hub.token_issuer.issuer.removesuffix(f"/realms/{hub.realm}"),
        "KC_HOSTNAME_ADMIN": f"https://{host(settings)}",
        "KC_HTTP_ENABLED": "true",
        "KC_HTTPS_PORT": str(TLS_PORT),
        "KC_HTTPS_CERTIFICATE_FILE": "/secrets/tls/tls.crt",
        "KC_HTTPS_CERTIFICATE_KEY_FILE": "/secrets/tls/tls.key",
        "KC_TRUSTSTORE_PATHS": "/secrets/tls/ca.crt",
        "KC_PROXY_HEADERS": "xforwarded",
        "KC_LOG_CONSOLE_OUTPUT": "json",
    }
