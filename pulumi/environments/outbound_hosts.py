# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The hosts outside the cluster that a participant's services may call: the mesh knows these, and no other."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pulumi
import pulumi_kubernetes as kubernetes

from .components import Component, metadata
from .dfsp_facts import DfspFacts
from .ingress import ISTIO_NETWORKING
from .settings import DfspSettings

TLS_PORT = 443


class OutboundHosts(Component):
    """The hub's host; with a Payment Manager, Connection Manager and the identity providers too."""

    def __init__(self, name: str, settings: DfspSettings, facts: DfspFacts, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self._facts = facts
        self._object("hub-entry", "ServiceEntry", "hub", hub_entry(facts))
        if settings.payment_manager and facts.payment_manager:
            places = {*facts.payment_manager.calls, _place(settings.payment_manager.identity_provider)}
            self._object("manager-entry", "ServiceEntry", "payment-manager", named_hosts(places))
        known = {
            "egress": [{"hosts": ["./*", f"{settings.mesh_namespace}/*"]}],
            "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"},
        }
        self._object("registry-only", "Sidecar", "registry-only", known)
        self.register_outputs({})

    def _object(self, subject: str, kind: str, name: str, spec: dict[str, Any]) -> None:
        facts = self._facts
        kubernetes.apiextensions.CustomResource(
            f"{facts.namespace}-{subject}",
            api_version=ISTIO_NETWORKING,
            kind=kind,
            metadata=metadata(name, facts.participant, facts.namespace),
            spec=spec,
            opts=self.child,
        )


def hub_entry(facts: DfspFacts) -> dict[str, Any]:
    """The hub's host, at the addresses that a person approved; the caller's own TLS goes through untouched."""
    addresses = [network.partition("/")[0] for network in facts.hub_addresses]
    return {
        "hosts": [facts.hub_host],
        "location": "MESH_EXTERNAL",
        "resolution": "STATIC",
        "addresses": addresses,
        "endpoints": [{"address": address} for address in addresses],
        "ports": [_port(facts.hub_port)],
        "exportTo": ["."],
    }


def named_hosts(places: set[tuple[str, int]]) -> dict[str, Any]:
    """Hosts whose addresses the name service says; NetworkPolicies bound them."""
    return {
        "hosts": sorted({host for host, _port in places}),
        "location": "MESH_EXTERNAL",
        "resolution": "DNS",
        "ports": [_port(port) for port in sorted({port for _host, port in places})],
        "exportTo": ["."],
    }


def _port(number: int) -> dict[str, Any]:
    return {"number": number, "name": f"tls-{number}", "protocol": "TLS"}


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return str(parts.hostname), parts.port or TLS_PORT
