# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What all components here have in common: their type's name, the parent of their children, the labels of their objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi

if TYPE_CHECKING:
    from pulumi_kubernetes.meta.v1 import ObjectMetaArgsDict

OWNER = "onboarding.mojaloop.io/owner"
"""Label of every object: ``hub``, or the participant whose object it is."""
HUB = "hub"


class Component(pulumi.ComponentResource):
    """A component whose children have it as their parent, and with it its provider of Kubernetes."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None) -> None:
        super().__init__(f"mojaloop:environments:{type(self).__name__}", name, {}, opts)
        self.child = pulumi.ResourceOptions(parent=self)


def labels(owner: str) -> dict[str, str]:
    """The labels that every object of an owner carries."""
    return {"app.kubernetes.io/managed-by": "pulumi", "app.kubernetes.io/part-of": "mojaloop", OWNER: owner}


def metadata(name: str, owner: str, namespace: str = "", **more: str) -> ObjectMetaArgsDict:
    """An object's name, place and labels. ``more`` are labels of its own."""
    made: ObjectMetaArgsDict = {"name": name, "labels": {**labels(owner), **more}}
    if namespace:
        made["namespace"] = namespace
    return made
