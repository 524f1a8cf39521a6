# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The Testing Toolkit at the hub: simulated participants, and the collections that provision and try a hub. Never in production."""

from __future__ import annotations

import json

import pulumi

from .components import HUB, Component
from .hub_facts import HubFacts
from .internal_host import InternalHost, InternalHostArgs, route_to
from .interop_routes import FSPIOP
from .namespaces import GuardedNamespaceArgs, Quota
from .openings import Opening, Way, both_ends
from .parts import TestingToolkitSettings
from .settings import HubSettings
from .workload import APP, Workload, WorkloadArgs

NAMESPACE = "testing-toolkit"
BACKEND, FRONTEND = "ml-testing-toolkit-backend", "ml-testing-toolkit-frontend"
PREFIXES = ("ttkbackend", "ttkfrontend")
"""Of their hosts."""
FSPIOP_PORT, API_PORT, FRONTEND_PORT = 4040, 5050, 6060
USER_CONFIG = "/opt/app/spec_files/user_config.json"
SCRATCH = ("/tmp", "/var/cache/nginx", "/var/run")  # noqa: S108 -- folders of the pod's own


class TestingToolkit(Component):
    """Its two services, and the hosts under which the internal gateway serves them."""

    def __init__(
        self, name: str, settings: HubSettings, hub: HubFacts, gateway: tuple[str, str], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """``gateway``: the namespace of the internal gateway, and the value of its label ``istio``."""
        super().__init__(name, opts)
        if settings.testing_toolkit:
            for args in workloads(settings, settings.testing_toolkit, hub):
                Workload(args.service, args, self.child)
            for prefix, service, port in zip(PREFIXES, (BACKEND, FRONTEND), (API_PORT, FRONTEND_PORT), strict=True):
                routes = [{"route": route_to(service_of(settings, service), port)}]
                served = InternalHostArgs(prefix, host(settings, prefix), NAMESPACE, routes, settings.server_certificate, *gateway)
                InternalHost(prefix, served, self.child)
        self.register_outputs({"host": host(settings, PREFIXES[1])})


def host(settings: HubSettings, prefix: str) -> str:
    """Where the internal gateway serves one of the two."""
    return f"{prefix}.{settings.internal_domain}"


def service_of(settings: HubSettings, service: str) -> str:
    """A service's name: as all of the release's."""
    return f"{settings.release}-{service}"


def namespace_args(settings: HubSettings, services: str, gateway_namespace: str) -> GuardedNamespaceArgs:
    """Its namespace: the internal gateway and the hub's services (in the namespace ``services``) reach it, and it reaches these."""
    backend, frontend = {APP: BACKEND}, {APP: FRONTEND}
    openings = {
        "allow-internal-gateway": Opening(Way.FROM, gateway_namespace, (API_PORT, FRONTEND_PORT)),
        "allow-services": Opening(Way.FROM, services, (FSPIOP_PORT,), own_pods=backend),
        "allow-to-services": Opening(Way.TO, services, own_pods=backend),
        **both_ends("frontend-to-backend", NAMESPACE, frontend, backend, API_PORT),
    }
    return GuardedNamespaceArgs(NAMESPACE, HUB, settings.mesh_namespace, Quota("2", "4Gi", 6), openings)


def workloads(settings: HubSettings, toolkit: TestingToolkitSettings, hub: HubFacts) -> list[WorkloadArgs]:
    """The toolkit and its pages. It keeps what it learns in its memory, so there is one of it."""
    return [
        WorkloadArgs(
            name=BACKEND,
            namespace=NAMESPACE,
            owner=HUB,
            image=toolkit.backend_image,
            replicas=1,
            service=service_of(settings, BACKEND),
            ports={"http": FSPIOP_PORT, "admin": API_PORT},
            probe="admin",
            files={USER_CONFIG: user_config(settings, hub)},
            scratch=("/tmp",),  # noqa: S108 -- a folder of the pod's own
            memory="1Gi",
        ),
        WorkloadArgs(
            name=FRONTEND,
            namespace=NAMESPACE,
            owner=HUB,
            image=toolkit.frontend_image,
            replicas=1,
            service=service_of(settings, FRONTEND),
            ports={"http": FRONTEND_PORT},
            probe="http",
            settings={"API_BASE_URL": f"https://{host(settings, PREFIXES[0])}", "AUTH_ENABLED": "FALSE"},
            scratch=SCRATCH,
            memory="128Mi",
        ),
    ]


def user_config(settings: HubSettings, hub: HubFacts) -> str:
    """In place of the one that it comes with, which holds private keys that everybody has. The mesh's TLS protects its calls."""
    service = "http://{}.mojaloop.svc.cluster.local"
    endpoints = [
        {"method": method, "path": path, "endpoint": service.format(service_of(settings, name))}
        for path, name in FSPIOP.items()
        for method in ("get", "post", "put")
    ]
    values = {
        "VERSION": 1,
        "FSPID": hub.fspiop_id,
        "DEFAULT_USER_FSPID": "testingtoolkitdfsp",
        "CALLBACK_ENDPOINT": service.format(service_of(settings, "ml-api-adapter-service")),
        "CALLBACK_RESOURCE_ENDPOINTS": {"enabled": True, "endpoints": endpoints},
        "SEND_CALLBACK_ENABLE": True,
        "HUB_ONLY_MODE": False,
        "ENDPOINTS_DFSP_WISE": {"dfsps": {}},
        "VERSIONING_SUPPORT_ENABLE": True,
        "TRANSFERS_VALIDATION_WITH_PREVIOUS_QUOTES": True,
        "TRANSFERS_VALIDATION_ILP_PACKET": True,
        "TRANSFERS_VALIDATION_CONDITION": True,
        "INBOUND_MUTUAL_TLS_ENABLED": False,
        "OUTBOUND_MUTUAL_TLS_ENABLED": False,
        "VALIDATE_INBOUND_JWS": False,
        "JWS_SIGN": False,
        "ADVANCED_FEATURES_ENABLED": True,
        "CALLBACK_TIMEOUT": 20000,
    }
    return json.dumps(values, indent=1, sort_keys=True)
