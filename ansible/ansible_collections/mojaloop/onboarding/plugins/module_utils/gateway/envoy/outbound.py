# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The outbound listener of an Envoy gateway, and for each counterpart a cluster with its own client certificate and its own trust.

Threat: with one pooled bundle of CAs, any counterpart's CA could stand in for any other's server.
"""

from __future__ import annotations

from ...description.model import EnvoyGateway
from .. import rules
from ..model import Destination, Outbound
from ..tables import BACKEND
from .clusters import cluster, upstream_tls
from .messages import BUFFER, Message, address, connection_manager, of_request, refusing, route, routes_of, script_filter
from .script import OUTBOUND

_ANY = {4: "0.0.0.0", 6: "::"}  # noqa: S104 -- a source address: the host chooses


def outbound_listener(outbound: Outbound, gateway: EnvoyGateway) -> Message:
    """The plain HTTP listener for the side's own services."""
    facts = f"destination={of_request('destination')} refused={of_request('refused')} %REQ(:METHOD)%"
    manager = connection_manager("outbound", gateway, [script_filter(OUTBOUND)], facts)
    return {
        "name": "outbound",
        "address": address(outbound.listener),
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
        "per_connection_buffer_limit_bytes": BUFFER,
    }


def outbound_routes(outbound: Outbound) -> Message:
    """The route configuration without counterparts: the host puts their routes before the last one."""
    return routes_of("outbound", [refusing({"routed": outbound.routed, "header": outbound.header})])


def destination_route(destination: Destination) -> Message:
    """The route of one counterpart; GatewayError when a value may not enter."""
    name = BACKEND + rules.checked(rules.PARTICIPANT, destination.participant, what="participant")
    host = rules.checked(rules.HOST, destination.host, what="host name")
    base = rules.checked(rules.BASE_PATH, destination.base_path, what="base path")
    action: Message = {"cluster": name, "host_rewrite_literal": f"{host}:{destination.port}"}
    if base:
        action["regex_rewrite"] = {"pattern": {"regex": "^/"}, "substitution": f"{base}/"}
    return route(name, action)


def destination_cluster(destination: Destination, gateway: EnvoyGateway) -> Message:
    """The servers of one counterpart, each called from the egress address of its family."""
    owner, found = destination.participant, destination.reachable
    made = cluster(BACKEND + owner, *((str(address), destination.port) for address, _source in found))
    made["transport_socket"] = upstream_tls(
        gateway, f"ca-{owner}", destination.host, announced=destination.host, identity=f"client-{owner}"
    )
    if any(source for _address, source in found):
        sources = {where.version: source or _ANY[where.version] for where, source in reversed(found)}
        first, *others = [{"address": source, "port_value": 0} for source in sources.values()]
        made["upstream_bind_config"] = {"source_address": first}
        if others:
            made["upstream_bind_config"]["extra_source_addresses"] = [{"address": other} for other in others]
    return made
