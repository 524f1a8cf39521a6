# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One managed participant's environment on Kubernetes. Its stack is called `<environment>.<participant>`."""

from __future__ import annotations

import pulumi

from environments.cluster import ClusterTarget
from environments.dfsp import CallbackEdge, ConnectorStack, DfspNamespace
from environments.stack import export, read_dfsp_stack

settings, facts = read_dfsp_stack()
cluster = ClusterTarget("cluster", settings.context)
namespace = DfspNamespace("namespace", settings, facts, cluster.options)
inside = pulumi.ResourceOptions(provider=cluster.provider, depends_on=[namespace])
connector = ConnectorStack("connector", settings, facts, inside)
callbacks = CallbackEdge("callbacks", settings, facts, inside)
export(callbacks.outputs.exported())
