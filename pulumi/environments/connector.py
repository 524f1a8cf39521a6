# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The Mojaloop SDK in a participant's environment, with its cache and the participant's backend."""

from __future__ import annotations

import pulumi

from .components import Component
from .dfsp_facts import ConnectorKind, DfspFacts
from .gateway_workload import SELECTOR
from .openings import Opening, Way, both_ends
from .sdk_variables import (
    BACKEND,
    BACKEND_PORT,
    CACHE,
    CACHE_PORT,
    INBOUND,
    METRICS,
    OUTBOUND,
    SDK,
    sdk_mounts,
    sdk_secrets,
    sdk_variables,
)
from .settings import DfspSettings
from .workload import APP, Workload, WorkloadArgs


class ConnectorStack(Component):
    """The Mojaloop SDK with its cache, and the participant's backend (its core connector, or the Testing Toolkit in its place)."""

    def __init__(self, name: str, settings: DfspSettings, facts: DfspFacts, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        if facts.connector is not ConnectorKind.OZONE_CONNECT:
            for args in connector_workloads(settings, facts):
                Workload(f"{facts.namespace}-{args.name}", args, self.child)
        self.register_outputs({"service": sdk_service(facts)})


def sdk_service(facts: DfspFacts) -> str:
    """The service of the SDK, by the name that deployments know."""
    return f"{facts.namespace}-{SDK}-api-svc"


def connector_openings(facts: DfspFacts, gateway: str) -> dict[str, Opening]:
    """The gateway reaches the SDK, the SDK the hub, its cache and the backend, and the backend the SDK."""
    own, pods, sdk = facts.namespace, {SELECTOR: gateway}, {APP: SDK}
    return {
        "allow-to-hub": Opening(Way.TO, ports=(facts.hub_port,), own_pods=sdk, networks=facts.hub_addresses),
        **both_ends("gateway-to-connector", own, pods, sdk, INBOUND),
        **both_ends("connector-to-cache", own, sdk, {APP: CACHE}, CACHE_PORT),
        **both_ends("connector-to-backend", own, sdk, {APP: BACKEND}, BACKEND_PORT),
        **both_ends("backend-to-connector", own, {APP: BACKEND}, sdk, OUTBOUND),
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
            settings=sdk_variables(facts),
            secrets=sdk_secrets(),
            mounts=sdk_mounts(facts),
            scratch=("/tmp",),  # noqa: S108 -- as above
            awaited=False,
        ),
    ]
