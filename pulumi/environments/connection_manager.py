# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Connection Manager: its API and web pages, behind the internal gateway, on a database and a Vault that exist already."""

from __future__ import annotations

from urllib.parse import urlsplit

import pulumi

from ansible_collections.mojaloop.onboarding.plugins.module_utils.connection_manager.schema import check
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import OnboardingError

from .components import HUB, Component
from .hub_facts import HubFacts
from .internal_host import InternalHost, InternalHostArgs, route_to
from .namespaces import GuardedNamespaceArgs, Quota
from .openings import Opening, Way, namespace_of
from .parts import ConnectionManagerSettings
from .settings import HubSettings
from .workload import APP, SecretKey, Workload, WorkloadArgs

NAMESPACE = "mcm"
ERA = "3"
API, UI = "connection-manager-api", "connection-manager-ui"
API_SERVICE, UI_SERVICE = f"{NAMESPACE}-{API}", f"{NAMESPACE}-{UI}"
API_PORT, UI_PORT, METRICS_PORT = 3001, 8080, 9100
MIGRATE = ("npx", "knex", "--knexfile", "src/knexfile.js", "migrate:latest")
"""The API does not bring its database to its version by itself."""
SECRETS = {
    "DATABASE_PASSWORD": SecretKey("mcm-database", "password"),
    "OPENID_CLIENT_SECRET": SecretKey("mcm-openid", "client_secret"),
    "SESSION_STORE_SECRET": SecretKey("mcm-session", "secret"),
}


class ConnectionManager(Component):
    """The API and the web pages, and the host under which the internal gateway serves both."""

    def __init__(
        self, name: str, settings: HubSettings, hub: HubFacts, gateway: tuple[str, str], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """``gateway``: the namespace of the internal gateway, and the value of its label ``istio``."""
        super().__init__(name, opts)
        if settings.connection_manager:
            for args in workloads(settings, settings.connection_manager, hub):
                Workload(args.service, args, self.child)
            served = InternalHostArgs("mcm", host(settings), NAMESPACE, routes(), settings.server_certificate, *gateway)
            InternalHost("mcm", served, self.child)
        self.register_outputs({"host": host(settings)})


def host(settings: HubSettings) -> str:
    """Where the internal gateway serves Connection Manager."""
    return f"mcm.{settings.internal_domain}"


def routes() -> list[dict[str, object]]:
    """The API under its own path and under the one that participants' agents call, and the pages under all others."""
    api, pages = route_to(API_SERVICE, API_PORT), route_to(UI_SERVICE, UI_PORT)
    return [
        {"match": [{"uri": {"prefix": "/pm4mlapi/"}}], "rewrite": {"uri": "/api/"}, "route": api},
        {"match": [{"uri": {"prefix": "/api/"}}], "route": api},
        {"route": pages},
    ]


def namespace_args(settings: ConnectionManagerSettings, mesh_namespace: str, gateway_namespace: str) -> GuardedNamespaceArgs:
    """Its namespace: the internal gateway reaches it, and it reaches its database, its Vault and the OpenID provider."""
    api = {APP: API}
    openings = {
        "allow-internal-gateway": Opening(Way.FROM, gateway_namespace, (API_PORT, UI_PORT)),
        "allow-to-database": Opening(Way.TO, namespace_of(settings.database), own_pods=api),
        "allow-to-vault": Opening(Way.TO, namespace_of(settings.vault), own_pods=api),
        "allow-to-openid": Opening(Way.TO, settings.openid_namespace, own_pods=api),
    }
    return GuardedNamespaceArgs(NAMESPACE, HUB, mesh_namespace, Quota("4", "8Gi", 20), openings)


def workloads(settings: HubSettings, manager: ConnectionManagerSettings, hub: HubFacts) -> list[WorkloadArgs]:
    """The API and the web pages. The API starts once the Secrets are there, which no one writes before the namespace exists."""
    return [
        WorkloadArgs(
            name=API,
            namespace=NAMESPACE,
            owner=HUB,
            image=manager.api_image,
            replicas=settings.replicas,
            service=API_SERVICE,
            ports={"http": API_PORT, "metrics": METRICS_PORT},
            probe="http",
            settings=variables(settings, manager, hub),
            secrets=SECRETS,
            scratch=("/tmp",),  # noqa: S108 -- a folder of the pod's own
            awaited=False,
            prepare=MIGRATE,
            kubernetes_token=True,
        ),
        WorkloadArgs(
            name=UI,
            namespace=NAMESPACE,
            owner=HUB,
            image=manager.ui_image,
            replicas=settings.replicas,
            service=UI_SERVICE,
            ports={"http": UI_PORT},
            probe="http",
            settings=dict(manager.ui_variables),
            scratch=("/tmp", "/var/cache/nginx", "/var/run"),  # noqa: S108 -- as above
            memory="128Mi",
        ),
    ]


def variables(settings: HubSettings, manager: ConnectionManagerSettings, hub: HubFacts) -> dict[str, str]:
    """The API's variables: what follows from the description, then the stack's own. OnboardingError for a wrong one."""
    decided = _decided(settings, manager, hub)
    further = dict(manager.variables)
    wrong = [f"{each.name} {each.what}" for each in check(ERA, {**further, **decided}, frozenset(SECRETS))]
    wrong += [f"{name} follows from the description" for name in sorted(decided.keys() & further)]
    if wrong:
        raise OnboardingError("; ".join(wrong), where="connectionManager.variables")
    return {**further, **decided}


def _decided(settings: HubSettings, manager: ConnectionManagerSettings, hub: HubFacts) -> dict[str, str]:
    """Without OpenID Connect the API would believe a header of the caller's about its roles: it has no off switch here."""
    database = urlsplit(f"mysql://{manager.database}")
    return {
        "SWITCH_ID": hub.fspiop_id,
        "SWITCH_FQDN": hub.host,
        "CLIENT_URL": f"https://{host(settings)}/",
        "DATABASE_HOST": str(database.hostname),
        "DATABASE_PORT": str(database.port),
        "VAULT_ENDPOINT": manager.vault,
        "VAULT_AUTH_METHOD": "K8S",
        "VAULT_K8S_ROLE": "kubernetes-mcm-role",
        "VAULT_PKI_SERVER_ROLE": "server-cert-role",
        "VAULT_PKI_CLIENT_ROLE": "client-cert-role",
        "VAULT_MOUNT_PKI": "pki-root-ca",
        "VAULT_MOUNT_KV": "secret",
        "VAULT_MOUNT_DFSP_CLIENT_CERT_BUNDLE": "secret/onboarding_pm4mls",
        "VAULT_MOUNT_DFSP_INT_IP_WHITELIST_BUNDLE": "secret/whitelist_pm4mls",
        "VAULT_MOUNT_DFSP_EXT_IP_WHITELIST_BUNDLE": "secret/whitelist_fsps",
        "OPENID_ENABLED": "true",
        "OPENID_ALLOW_INSECURE": "false",
        "OPENID_DISCOVERY_URL": f"{hub.token_issuer.issuer}/.well-known/openid-configuration",
        "WINSTON_REQUEST_META_DATA": "false",
    }
