# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ways through a default-deny policy, as specifications of NetworkPolicy: always to or from a named peer, never the world."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pulumi_kubernetes.networking.v1 import (
        NetworkPolicyPeerArgsDict,
        NetworkPolicyPortArgsDict,
        NetworkPolicySpecArgsDict,
    )

NAMESPACE_NAME = "kubernetes.io/metadata.name"
"""Label that Kubernetes itself writes on every namespace."""
ISTIOD_PORT = 15012
DNS_PORT = 53


class Way(StrEnum):
    """Seen from the pods of the namespace that holds the policy."""

    FROM = "from"
    TO = "to"


@dataclass(frozen=True)
class Opening:
    """TCP (and UDP where said) between the selected pods of a namespace and a peer, on these ports (none: all).

    The peer is another namespace (``pods`` select in it by labels; none: all pods), or ``networks`` outside the cluster.
    ``own_pods`` select by labels; none: all pods.
    """

    way: Way
    namespace: str = ""
    ports: tuple[int, ...] = ()
    own_pods: Mapping[str, str] = field(default_factory=dict)
    pods: Mapping[str, str] = field(default_factory=dict)
    udp: bool = False
    networks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if bool(self.namespace) == bool(self.networks):
            raise ValueError("an opening leads to one namespace, or to networks")

    @classmethod
    def to_dns(cls) -> Opening:
        """To the cluster's name service, which is where Kubernetes has it by convention."""
        return cls(Way.TO, "kube-system", (DNS_PORT,), pods={"k8s-app": "kube-dns"}, udp=True)

    @classmethod
    def to_mesh(cls, mesh_namespace: str) -> Opening:
        """To istiod, which every proxy gets its orders and its certificate from."""
        return cls(Way.TO, mesh_namespace, (ISTIOD_PORT,), pods={"app": "istiod"})


def namespace_of(place: str) -> str:
    """The namespace of a service, by ``<service>.<namespace>.svc…:<port>`` or a URL of it."""
    return place.rpartition("//")[2].split(".")[1]


def both_ends(name: str, namespace: str, caller: Mapping[str, str], called: Mapping[str, str], port: int) -> dict[str, Opening]:
    """Both ends of one way inside a namespace: a connection needs the leave of the one and of the other."""
    return {
        f"{name}-out": Opening(Way.TO, namespace, (port,), own_pods=caller, pods=called),
        f"{name}-in": Opening(Way.FROM, namespace, (port,), own_pods=called, pods=caller),
    }


def network_policy_spec(opening: Opening) -> NetworkPolicySpecArgsDict:
    """The specification of the policy that leaves one way open."""
    peers = _peers(opening)
    ports = _ports(opening)
    selected: NetworkPolicySpecArgsDict = {"pod_selector": {"match_labels": dict(opening.own_pods)} if opening.own_pods else {}}
    if opening.way is Way.FROM:
        return {**selected, "policy_types": ["Ingress"], "ingress": [{"from_": peers, **({"ports": ports} if ports else {})}]}
    return {**selected, "policy_types": ["Egress"], "egress": [{"to": peers, **({"ports": ports} if ports else {})}]}


def _peers(opening: Opening) -> list[NetworkPolicyPeerArgsDict]:
    if opening.networks:
        return [{"ip_block": {"cidr": network}} for network in opening.networks]
    peer: NetworkPolicyPeerArgsDict = {"namespace_selector": {"match_labels": {NAMESPACE_NAME: opening.namespace}}}
    if opening.pods:
        peer["pod_selector"] = {"match_labels": dict(opening.pods)}
    return [peer]


def _ports(opening: Opening) -> list[NetworkPolicyPortArgsDict]:
    protocols = ("TCP", "UDP") if opening.udp else ("TCP",)
    return [{"protocol": protocol, "port": port} for port in opening.ports for protocol in protocols]
