# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Payment Manager's portal: its pages, the API that serves them, and the client as which that one knows a user at an identity provider.

Source of the variables: ``src/config.js`` of mojaloop-payment-manager-experience-api 4, and the pages' Dockerfile.
"""

from __future__ import annotations

import json

from .dfsp_facts import DfspFacts
from .gateway_workload import participants_gateway
from .ingress import IngressGatewayArgs
from .internal_host import TLS_PORT, InternalHostArgs, route_to
from .parts import PaymentManagerSettings
from .sdk_variables import CACHE, CACHE_PORT, MANAGER
from .settings import DfspSettings
from .workload import SecretKey, WorkloadArgs

EXPERIENCE, PORTAL = "experience-api", "payment-manager-ui"
EXPERIENCE_PORT, PORTAL_PORT, MANAGER_PORT = 3000, 8080, 9000
SECRET = "pm4ml-portal"  # noqa: S105 -- the name of a Secret
CERTIFICATE = "portal-tls-cert"
"""The Secret with the portal's certificate, its key, and the CA of the certificates of the participant's staff."""


def portal_gateway_name(facts: DfspFacts) -> str:
    """What the portal's gateway is called, and the label of its pods: no other participant's, as with the gateway for the hub."""
    return f"{facts.namespace}-portal-gateway"


def portal_host(manager: PaymentManagerSettings, facts: DfspFacts) -> str:
    """Where its pages are."""
    return f"portal-{facts.namespace}.{manager.portal_domain}"


def experience_host(manager: PaymentManagerSettings, facts: DfspFacts) -> str:
    """Where the API of its pages is."""
    return f"exp-{facts.namespace}.{manager.portal_domain}"


def client_id(facts: DfspFacts) -> str:
    """Its client at the identity provider."""
    return f"pm4ml-{facts.namespace}"


def portal_workloads(settings: DfspSettings, manager: PaymentManagerSettings, facts: DfspFacts) -> list[WorkloadArgs]:
    """The API, which starts once its Secret is there, and the pages."""
    return [
        WorkloadArgs(
            name=EXPERIENCE,
            namespace=facts.namespace,
            owner=facts.participant,
            image=manager.experience_image,
            replicas=settings.replicas,
            service=EXPERIENCE,
            ports={"http": EXPERIENCE_PORT},
            probe="http",
            settings=experience_variables(manager, facts),
            secrets={"AUTH_CLIENT_SECRET": SecretKey(SECRET, "client_secret"), "APP_KEYS": SecretKey(SECRET, "session_key")},
            scratch=("/tmp",),  # noqa: S108 -- a folder of the pod's own
            memory="256Mi",
            awaited=False,
        ),
        WorkloadArgs(
            name=PORTAL,
            namespace=facts.namespace,
            owner=facts.participant,
            image=manager.portal_image,
            replicas=settings.replicas,
            service=PORTAL,
            ports={"http": PORTAL_PORT},
            probe="http",
            settings={"API_BASE_URL": f"https://{experience_host(manager, facts)}"},
            scratch=("/tmp", "/var/cache/nginx", "/var/run"),  # noqa: S108 -- as above
            memory="128Mi",
        ),
    ]


def experience_variables(manager: PaymentManagerSettings, facts: DfspFacts) -> dict[str, str]:
    """The variables of experience-api; a session lives in Redis, and its cookie travels by TLS alone."""
    realm = f"{manager.identity_provider}/realms/pm4mls-{facts.namespace}"
    return {
        "LISTEN_PORT": str(EXPERIENCE_PORT),
        "MOCK_DATA": "false",
        "LOG_INDENT": "0",
        "ENV_ID": "1",
        "DFSP_ID": facts.fspiop_id,
        "MANAGEMENT_ENDPOINT": f"{MANAGER}:{MANAGER_PORT}",
        "SESSION_REDIS_URL": f"redis://{CACHE}:{CACHE_PORT}/2",
        "SESSION_SECURE": "true",
        "SESSION_HTTP_ONLY": "true",
        "AUTH_DISCOVERY_ENDPOINT": f"{realm}/.well-known/openid-configuration",
        "AUTH_CLIENT_ID": client_id(facts),
        "AUTH_RESOURCE_NAME": client_id(facts),
        "AUTH_SCOPES": "roles",
        "AUTH_REDIRECT_URI": f"https://{experience_host(manager, facts)}/auth",
        "AUTH_LOGGED_IN_LANDING_URL": f"https://{portal_host(manager, facts)}/",
    }


def client_representation(manager: PaymentManagerSettings, facts: DfspFacts) -> str:
    """The client, as Keycloak's administration takes it; the provider makes its secret, and no one can log in elsewhere with it."""
    client = {
        "clientId": client_id(facts),
        "enabled": True,
        "protocol": "openid-connect",
        "publicClient": False,
        "standardFlowEnabled": True,
        "implicitFlowEnabled": False,
        "directAccessGrantsEnabled": False,
        "serviceAccountsEnabled": False,
        "redirectUris": [f"https://{experience_host(manager, facts)}/auth"],
        "webOrigins": [f"https://{portal_host(manager, facts)}"],
    }
    return json.dumps(client, indent=1, sort_keys=True)


def portal_gateway(settings: DfspSettings, manager: PaymentManagerSettings, facts: DfspFacts) -> IngressGatewayArgs:
    """The gateway of the participant's staff."""
    return IngressGatewayArgs(
        workload=participants_gateway(settings, facts, portal_gateway_name(facts), TLS_PORT),
        listener=portal_gateway_name(facts),
        host=portal_host(manager, facts),
        port=TLS_PORT,
        certificate=CERTIFICATE,
        routes_name=f"{facts.namespace}-portal-vs",
        routes_namespace=facts.namespace,
        routes=[{"route": route_to(PORTAL, PORTAL_PORT)}],
    )


def experience_served(manager: PaymentManagerSettings, facts: DfspFacts) -> InternalHostArgs:
    """The host of the API, at the same gateway."""
    routes = [{"route": route_to(EXPERIENCE, EXPERIENCE_PORT)}]
    host, own = experience_host(manager, facts), facts.namespace
    return InternalHostArgs(f"{own}-experience", host, own, routes, CERTIFICATE, own, portal_gateway_name(facts), facts.participant)
