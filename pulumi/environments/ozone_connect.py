# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An LFI's edge: its own Ozone Connect server behind its gateway, which the API Hub calls, and its calls to the API Hub.

There is no FSPIOP here: the API Hub says in ``o3-provider-id`` whom it calls, and proves itself by the certificate that a policy pins.
"""

from __future__ import annotations

import pulumi

from .components import Component
from .dfsp_facts import ConnectorKind, DfspFacts
from .gateway_workload import SELECTOR
from .openings import Opening, Way, both_ends
from .sdk_variables import CLIENT_SECRET, SECRETS
from .settings import DfspSettings
from .workload import APP, Workload, WorkloadArgs

NAME = "ozone-connect"
PORT = 8080
SECRET_NAMES = {"client": CLIENT_SECRET}
"""The certificate with which the LFI calls the API Hub (C3 of its application), with its key and the CA of the API Hub."""


class OzoneConnect(Component):
    """The LFI's server, where its connector is ``ozone-connect``."""

    def __init__(self, name: str, settings: DfspSettings, facts: DfspFacts, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        if facts.connector is ConnectorKind.OZONE_CONNECT:
            Workload(f"{facts.namespace}-{NAME}", server(settings, facts), self.child)
        self.register_outputs({"service": NAME})


def server(settings: DfspSettings, facts: DfspFacts) -> WorkloadArgs:
    """The LFI builds its image; where it listens, whom it calls and with which files, it reads from its variables."""
    return WorkloadArgs(
        name=NAME,
        namespace=facts.namespace,
        owner=facts.participant,
        image=settings.backend_image,
        replicas=settings.replicas,
        service=NAME,
        ports={"http": PORT},
        probe="http",
        settings={
            "PORT": str(PORT),
            "LFI_CODE": facts.fspiop_id,
            "API_HUB_URL": f"https://{facts.hub_host}:{facts.hub_port}{facts.hub_path}",
            "OUT_CA_CERT_PATH": f"{SECRETS}/client/ca.crt",
            "OUT_CLIENT_CERT_PATH": f"{SECRETS}/client/tls.crt",
            "OUT_CLIENT_KEY_PATH": f"{SECRETS}/client/tls.key",
        },
        mounts={f"{SECRETS}/client": CLIENT_SECRET},
        scratch=("/tmp",),  # noqa: S108 -- a folder of the pod's own
        awaited=False,
    )


def ozone_openings(facts: DfspFacts, gateway: str) -> dict[str, Opening]:
    """The gateway reaches the server, and the server the API Hub."""
    pods = {APP: NAME}
    return {
        "allow-to-hub": Opening(Way.TO, ports=(facts.hub_port,), own_pods=pods, networks=facts.hub_addresses),
        **both_ends("gateway-to-ozone-connect", facts.namespace, {SELECTOR: gateway}, pods, PORT),
    }
