# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The cluster that a stack describes."""

from __future__ import annotations

import pulumi
import pulumi_kubernetes as kubernetes

from .components import Component


class ClusterTarget(Component):
    """A context of the kubeconfig file that KUBECONFIG names.

    The file's content is read by the provider alone: given to it by the program, it would stand in the stack's state.
    """

    def __init__(self, name: str, context: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        # What someone else changed in an object of this stack is set right, though it is theirs by Kubernetes' book.
        self.provider = kubernetes.Provider(f"{name}-kubernetes", context=context, enable_patch_force=True, opts=self.child)
        self.register_outputs({"context": context})

    @property
    def options(self) -> pulumi.ResourceOptions:
        """Options of a component whose objects belong on this cluster."""
        return pulumi.ResourceOptions(provider=self.provider)
