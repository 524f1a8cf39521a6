# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a stack hands on: addresses and names in a form with a version of its own, and no secret."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pulumi

FORMAT = 1
"""Rises when a key changes its meaning or goes away; a new key does not raise it."""


@dataclass(frozen=True)
class GatewayOutputs:
    """One ingress gateway: where its objects are, what it serves, and the addresses that a load balancer was given."""

    namespace: str
    gateway: str
    """Value of the label ``istio`` of its pods."""
    listener: str
    """Name of the Gateway object."""
    host: str
    port: int
    certificate: str
    """Name of the Secret with its certificate, its key and the CA of its clients."""
    addresses: pulumi.Output[list[str]]


@dataclass(frozen=True)
class HubOutputs:
    """The hub's environment, for the playbooks that go on from here."""

    environment: str
    services_namespace: str
    fspiop: GatewayOutputs
    internal: GatewayOutputs
    egress_namespace: str
    egress_gateway: str

    def exported(self) -> dict[str, Any]:
        """The outputs of the stack."""
        return {
            "format": FORMAT,
            "environment": self.environment,
            "servicesNamespace": self.services_namespace,
            "fspiopGateway": dict(vars(self.fspiop)),
            "internalGateway": dict(vars(self.internal)),
            "egressGateway": {"namespace": self.egress_namespace, "gateway": self.egress_gateway},
        }


@dataclass(frozen=True)
class DfspOutputs:
    """One managed participant's environment, for the playbooks that go on from here."""

    environment: str
    participant: str
    namespace: str
    callbacks: GatewayOutputs
    connector_service: str
    secrets: dict[str, str]
    """What is awaited: the name of each Secret that someone else writes, by what it is for."""

    def exported(self) -> dict[str, Any]:
        """The outputs of the stack."""
        return {
            "format": FORMAT,
            "environment": self.environment,
            "participant": self.participant,
            "namespace": self.namespace,
            "callbackGateway": dict(vars(self.callbacks)),
            "connectorService": self.connector_service,
            "secrets": self.secrets,
        }
