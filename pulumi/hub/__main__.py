# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The hub's environment on Kubernetes: what exists without any participant."""

from __future__ import annotations

import pulumi

from environments.cluster import ClusterTarget
from environments.connection_manager import ConnectionManager
from environments.hub import GATEWAYS, INTERNAL, HubGateways, HubNamespaces
from environments.keycloak import Keycloak
from environments.stack import export, read_hub_stack
from environments.testing_toolkit import TestingToolkit

settings, hub = read_hub_stack()
cluster = ClusterTarget("cluster", settings.context)
namespaces = HubNamespaces("namespaces", settings, cluster.options)
inside = pulumi.ResourceOptions(provider=cluster.provider, depends_on=[namespaces])
gateways = HubGateways("gateways", settings, hub, inside)
internal = (INTERNAL, GATEWAYS[INTERNAL])
manager = ConnectionManager("connection-manager", settings, hub, internal, inside)
keycloak = Keycloak("authorization-server", settings, hub, internal, inside)
simulators = TestingToolkit("simulators", settings, hub, internal, inside)
export(gateways.outputs.exported())
