# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where on a cluster a gateway's objects are, what they are called, and by which labels they are found again.

What is there without any participant (namespaces, gateways, the policy that lets nothing pass) is Pulumi's. These objects follow
the state of the onboarding: a ``pulumi up`` knows none of them, and so cannot undo a suspension.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from ...description.kubernetes_gateway import KubernetesGateway
from ...description.model import HUB
from ...remote.kubernetes import Kind

Object = dict[str, Any]
DOMAIN = "onboarding.mojaloop.io"
GATEWAY, PARTICIPANT, FSPIOP_ID, FILE = (f"{DOMAIN}/{name}" for name in ("gateway", "participant", "fspiop-id", "file"))
"""Labels and annotations; ``FILE`` is the name of the object in the release."""
MANAGED = {"app.kubernetes.io/managed-by": "mojaloop-onboarding", "app.kubernetes.io/part-of": "mojaloop"}
_LABEL = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")


@dataclass(frozen=True)
class Place:
    """One gateway on a cluster: of which side, where it is reached, and what its parts are called there."""

    side: str
    host: str
    """The host name of the side's endpoint, which the listener serves."""
    port: int
    on: KubernetesGateway

    @property
    def selector(self) -> dict[str, str]:
        """The labels of the ingress gateway's pods."""
        return {"istio": self.on.gateway}

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Where its objects are: only a hub has an egress gateway, a participant's connector begins TLS itself."""
        return tuple(dict.fromkeys((self.on.namespace, *((self.on.egress_namespace,) if self.side == HUB else ()))))

    @property
    def labels(self) -> dict[str, str]:
        """The labels that all objects of this gateway carry, and no others do."""
        return {**MANAGED, f"{DOMAIN}/owner": slug(self.side), GATEWAY: slug(self.on.name)}


def slug(name: str) -> str:
    """A name as Kubernetes has them: as it is where it fits, else with the start of its digest, so that no two become one."""
    if _LABEL.fullmatch(name):
        return name
    kept = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:30].strip("-")
    return "-".join(part for part in ("x" if not kept or kept[0].isdigit() else "", kept, sha256(name.encode()).hexdigest()[:8]) if part)


def made(kind: Kind, place: Place, name: str, content: Mapping[str, Any], *, participant: str = "", namespace: str = "") -> Object:
    """An object of this gateway. ``content``: its fields beside the metadata."""
    labels = {**place.labels, **({PARTICIPANT: slug(participant)} if participant else {})}
    metadata: Object = {"name": name, "namespace": namespace or place.on.namespace, "labels": labels}
    if participant:
        # A label cannot hold every name.
        metadata["annotations"] = {PARTICIPANT: participant}
    return {"apiVersion": kind.api, "kind": kind.name, "metadata": metadata, **content}


def participant_of(found: Mapping[str, Any]) -> str:
    """Whose object it is; empty: the gateway's own."""
    return str(found["metadata"].get("annotations", {}).get(PARTICIPANT, ""))


def file_of(found: Mapping[str, Any]) -> str:
    """The object's name in the release; empty: it is none of its files."""
    return str(found["metadata"].get("annotations", {}).get(FILE, ""))


def encoded(content: bytes) -> str:
    """A Secret's value."""
    return base64.b64encode(content).decode("ascii")
