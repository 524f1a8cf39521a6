# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The way out of the cluster to one counterpart: its host name leads through the egress gateway, which proves itself and knows it.

The side's services call ``http://HOST/…``; the mesh carries that to the egress gateway under mutual TLS of its own. There TLS to the
counterpart begins: with the client certificate that the counterpart signed, trusting its CA alone, for its name alone. The addresses
are those approved; no name is resolved. Nothing else leaves: a NetworkPolicy opens these addresses and this port.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...errors import GatewayError
from ...remote.kubernetes import DESTINATION_RULE, GATEWAY, NETWORK_POLICY, SECRET, SERVICE_ENTRY, VIRTUAL_SERVICE, Kind
from .. import rules
from ..model import Destination
from .place import Object, Place, encoded, made, slug

MESH_PORT, EGRESS_PORT = 80, 443
"""Where the side's services call a counterpart's host, and the port of the egress gateway's service."""
_SPECS = ("entry", "origination", "listener", "subset", "route", "opening")


def callback_name(participant: str) -> str:
    """The name of a counterpart's objects."""
    return f"callback-{slug(participant)}"


def callback_objects(place: Place, destination: Destination) -> dict[str, Object]:
    """The objects of one counterpart by what they are for, in the order in which they are made; GatewayError for an unfit value.

    None where no approved address can be reached from the side's egress addresses.
    """
    if not destination.reachable:
        return {}
    return {"secret": _secret(place, destination), **dict(_Callback(place, destination).objects())}


def _secret(place: Place, destination: Destination) -> Object:
    own = destination.identity
    data = {"tls.crt": own.certificate + own.chain, "tls.key": own.key, "ca.crt": rules.bundle(destination.trusted)}
    content = {"type": "kubernetes.io/tls", "data": {key: encoded(value) for key, value in data.items()}}
    return _made(SECRET, place, destination, content)


def _made(kind: Kind, place: Place, destination: Destination, content: dict[str, Any], suffix: str = "") -> Object:
    name = callback_name(destination.participant) + suffix
    return made(kind, place, name, content, participant=destination.participant, namespace=place.on.egress_namespace)


class _Callback:
    """The names that the objects of one counterpart share."""

    def __init__(self, place: Place, destination: Destination) -> None:
        rules.checked(rules.PARTICIPANT, destination.participant, what="participant")
        self._place, self._destination = place, destination
        self._host = rules.checked(rules.HOST, destination.host, what="host name")
        self._name = callback_name(destination.participant)
        self._gateway = f"{place.on.egress_namespace}/{self._name}"
        self._egress = f"{place.on.egress_gateway}.{place.on.egress_namespace}.svc.cluster.local"
        self._seen_by = [".", place.on.services_namespace]
        if destination.port == MESH_PORT:
            remedy = "A counterpart's endpoint is https on another port."
            raise GatewayError(f"has port {MESH_PORT}, where the mesh is called", where=destination.participant, remedy=remedy)

    def objects(self) -> Iterator[tuple[str, Object]]:
        specs = (
            (SERVICE_ENTRY, self._entry()), (DESTINATION_RULE, self._origination()), (GATEWAY, self._listener()),
            (DESTINATION_RULE, self._subset()), (VIRTUAL_SERVICE, self._route()), (NETWORK_POLICY, self._opening()),
        )  # fmt: skip
        for name, (kind, spec) in zip(_SPECS, specs, strict=True):
            yield name, _made(kind, self._place, self._destination, {"spec": spec}, "-mesh" if name == "subset" else "")

    def _entry(self) -> dict[str, Any]:
        ports = [
            {"number": MESH_PORT, "name": "http", "protocol": "HTTP"},
            {"number": self._destination.port, "name": "https", "protocol": "HTTPS"},
        ]
        addresses = [{"address": str(address)} for address, _source in self._destination.reachable]
        spec = {"hosts": [self._host], "location": "MESH_EXTERNAL", "resolution": "STATIC", "ports": ports, "endpoints": addresses}
        return {**spec, "exportTo": self._seen_by}

    def _origination(self) -> dict[str, Any]:
        tls = {"mode": "MUTUAL", "credentialName": self._name, "sni": self._host, "subjectAltNames": [self._host]}
        port = {"port": {"number": self._destination.port}, "tls": tls}
        # Only the egress gateway begins TLS here: a service's own proxy knows no such rule.
        return {"host": self._host, "exportTo": ["."], "trafficPolicy": {"portLevelSettings": [port]}}

    def _listener(self) -> dict[str, Any]:
        port = {"number": EGRESS_PORT, "name": f"https-{self._name}", "protocol": "HTTPS"}
        server = {"hosts": [self._host], "port": port, "tls": {"mode": "ISTIO_MUTUAL"}}
        return {"selector": {"istio": self._place.on.egress_gateway}, "servers": [server]}

    def _subset(self) -> dict[str, Any]:
        port = {"port": {"number": EGRESS_PORT}, "tls": {"mode": "ISTIO_MUTUAL", "sni": self._host}}
        subset = {"name": self._name, "trafficPolicy": {"portLevelSettings": [port]}}
        return {"host": self._egress, "exportTo": self._seen_by, "subsets": [subset]}

    def _route(self) -> dict[str, Any]:
        inside = {"match": [{"gateways": ["mesh"], "port": MESH_PORT}], "route": [_to(self._egress, EGRESS_PORT, self._name)]}
        outside = {"match": [{"gateways": [self._gateway], "port": EGRESS_PORT}], "route": [_to(self._host, self._destination.port)]}
        return {"hosts": [self._host], "gateways": ["mesh", self._gateway], "exportTo": self._seen_by, "http": [inside, outside]}

    def _opening(self) -> dict[str, Any]:
        blocks = [
            {"ipBlock": {"cidr": f"{address}/{32 if address.version == 4 else 128}"}}  # noqa: PLR2004
            for address, _source in self._destination.reachable
        ]
        rule = {"to": blocks, "ports": [{"protocol": "TCP", "port": self._destination.port}]}
        return {"podSelector": {"matchLabels": {"istio": self._place.on.egress_gateway}}, "policyTypes": ["Egress"], "egress": [rule]}


def _to(host: str, port: int, subset: str = "") -> dict[str, Any]:
    return {"destination": {"host": host, "port": {"number": port}, **({"subset": subset} if subset else {})}}
