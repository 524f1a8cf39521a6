# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Payment Manager in a participant's environment: management-api, which exchanges with the hub in its stead, and its portal.

What it may do in Vault, the playbooks make (its PKI, its secrets, a policy and an AppRole); the AppRole's two halves are a Secret here.
"""

from __future__ import annotations

import pulumi
import pulumi_kubernetes as kubernetes

from .components import Component, metadata
from .dfsp_facts import DfspFacts, PaymentManagerFacts
from .gateway_workload import SELECTOR, pod_port
from .ingress import InternalGateway
from .internal_host import TLS_PORT, InternalHost
from .issued_certificate import IssuedCertificate, IssuedCertificateArgs
from .openings import Opening, Way, both_ends, namespace_of
from .parts import PaymentManagerSettings
from .portal import (
    CERTIFICATE,
    EXPERIENCE,
    EXPERIENCE_PORT,
    MANAGER_PORT,
    PORTAL,
    PORTAL_PORT,
    SECRET,
    client_representation,
    experience_host,
    experience_served,
    portal_gateway,
    portal_gateway_name,
    portal_host,
    portal_workloads,
)
from .sdk_variables import CACHE, CACHE_PORT, CONTROL_PORT, MANAGER, OAUTH_SECRET, SDK, SECRETS
from .settings import DfspSettings
from .workload import APP, SecretKey, Workload, WorkloadArgs

VAULT_SECRET = "payment-manager-vault"  # noqa: S105 -- the name of a Secret
SECRET_NAMES = {"vault": VAULT_SECRET, "portal": SECRET, "portalCertificate": CERTIFICATE}
"""The Secrets that are awaited beside the SDK's: ``role-id`` and ``secret-id``; ``client_secret`` and ``session_key``; a certificate."""
METRICS_PORT = 4003


class PaymentManager(Component):
    """Its three services, the gateway of its portal, and its client for the identity provider, where the participant has one."""

    def __init__(self, name: str, settings: DfspSettings, facts: DfspFacts, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        manager = settings.payment_manager
        if manager and facts.payment_manager:
            workloads = [management(manager, facts, facts.payment_manager), *portal_workloads(settings, manager, facts)]
            for args in workloads:
                Workload(f"{facts.namespace}-{args.name}", args, self.child)
            self._portal(settings, manager, facts)
        self.register_outputs({"service": MANAGER})

    def _portal(self, settings: DfspSettings, manager: PaymentManagerSettings, facts: DfspFacts) -> None:
        gateway = portal_gateway(settings, manager, facts)
        hosts = (portal_host(manager, facts), experience_host(manager, facts))
        issued = IssuedCertificateArgs(CERTIFICATE, facts.namespace, facts.participant, hosts, manager.certificate_issuer)
        IssuedCertificate(f"{facts.namespace}-portal-tls", issued, self.child)
        InternalGateway(f"{facts.namespace}-portal", gateway, manager.portal_sources, self.child)
        InternalHost(f"{facts.namespace}-experience", experience_served(manager, facts), self.child)
        kubernetes.core.v1.ConfigMap(
            f"{facts.namespace}-portal-client",
            metadata=metadata("pm4ml-portal-client", facts.participant, facts.namespace),
            data={"client.json": client_representation(manager, facts)},
            opts=self.child,
        )


def management(manager: PaymentManagerSettings, facts: DfspFacts, given: PaymentManagerFacts) -> WorkloadArgs:
    """management-api: one of it, because it carries the onboarding on step by step."""
    return WorkloadArgs(
        name=MANAGER,
        namespace=facts.namespace,
        owner=facts.participant,
        image=manager.management_image,
        replicas=1,
        service=MANAGER,
        ports={"http": MANAGER_PORT, "control": CONTROL_PORT, "metrics": METRICS_PORT},
        probe="http",
        settings={
            **given.variables,
            "VAULT_ENDPOINT": manager.vault,
            "VAULT_ROLE_ID_FILE": f"{SECRETS}/vault/role-id",
            "VAULT_ROLE_SECRET_ID_FILE": f"{SECRETS}/vault/secret-id",
            "CACHE_URL": f"redis://{CACHE}:{CACHE_PORT}",
            "INBOUND_LISTEN_PORT": str(MANAGER_PORT),
            "CONTROL_LISTEN_PORT": str(CONTROL_PORT),
        },
        secrets={"AUTH_CLIENT_SECRET": SecretKey(OAUTH_SECRET, "client_secret")} if given.authenticated else {},
        mounts={f"{SECRETS}/vault": VAULT_SECRET},
        files=given.files,
        scratch=("/tmp",),  # noqa: S108 -- a folder of the pod's own
        awaited=False,
    )


def payment_manager_openings(manager: PaymentManagerSettings, facts: DfspFacts) -> dict[str, Opening]:
    """Who reaches whom: management-api's control server is the SDK's alone, and the portal is open to the named networks."""
    own, api, experience = facts.namespace, {APP: MANAGER}, {APP: EXPERIENCE}
    gateway, cache = {SELECTOR: portal_gateway_name(facts)}, {APP: CACHE}
    ports = tuple(sorted({port for _host, port in facts.payment_manager.calls})) if facts.payment_manager else ()
    openings = {
        "allow-to-vault": Opening(Way.TO, namespace_of(manager.vault), own_pods=api),
        "allow-to-manager": Opening(Way.TO, ports=ports, own_pods=api, networks=manager.manager_networks),
        "allow-to-identity": Opening(Way.TO, ports=(TLS_PORT,), own_pods=experience, networks=manager.identity_networks),
        **both_ends("connector-to-manager", own, {APP: SDK}, api, CONTROL_PORT),
        **both_ends("experience-to-manager", own, experience, api, MANAGER_PORT),
        **both_ends("experience-to-cache", own, experience, cache, CACHE_PORT),
        **both_ends("manager-to-cache", own, api, cache, CACHE_PORT),
        **both_ends("portal-to-experience", own, gateway, experience, EXPERIENCE_PORT),
        **both_ends("portal-to-pages", own, gateway, {APP: PORTAL}, PORTAL_PORT),
    }
    if manager.portal_sources:
        openings["allow-staff"] = Opening(Way.FROM, ports=(pod_port(TLS_PORT),), own_pods=gateway, networks=manager.portal_sources)
    return openings
