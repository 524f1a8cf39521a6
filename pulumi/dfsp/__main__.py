# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One managed participant's environment on Kubernetes. Its stack is called `<environment>.<participant>`."""

from __future__ import annotations

import pulumi

from environments.cluster import ClusterTarget
from environments.connector import ConnectorStack
from environments.dfsp import CallbackEdge, DfspNamespace
from environments.hub_reference import HubReference
from environments.outbound_hosts import OutboundHosts
from environments.ozone_connect import OzoneConnect
from environments.payment_manager import PaymentManager
from environments.stack import export, read_dfsp_stack

settings, facts = read_dfsp_stack()
cluster = ClusterTarget("cluster", settings.context)
reference = HubReference("hub", settings.hub_stack, facts)
namespace = DfspNamespace("namespace", settings, facts, reference.options(cluster.options))
inside = pulumi.ResourceOptions(provider=cluster.provider, depends_on=[namespace])
outbound = OutboundHosts("outbound", settings, facts, inside)
connector = ConnectorStack("connector", settings, facts, inside)
manager = PaymentManager("payment-manager", settings, facts, inside)
ozone = OzoneConnect("ozone-connect", settings, facts, inside)
callbacks = CallbackEdge("callbacks", settings, facts, inside)
export(callbacks.outputs.exported())
