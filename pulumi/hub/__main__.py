# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The hub's environment on Kubernetes: what exists without any participant."""

from __future__ import annotations

import pulumi

from environments.cluster import ClusterTarget
from environments.hub import HubGateways, HubNamespaces
from environments.stack import export, read_hub_stack

settings, hub = read_hub_stack()
cluster = ClusterTarget("cluster", settings.context)
namespaces = HubNamespaces("namespaces", settings, cluster.options)
gateways = HubGateways("gateways", settings, hub, pulumi.ResourceOptions(provider=cluster.provider, depends_on=[namespaces]))
export(gateways.outputs.exported())
