# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A gateway model as an Envoy release: files for the host, and the tables that it puts into the routes.

How the files become what Envoy watches: ``host.envoy_files``.
"""

from __future__ import annotations

import json

from ...description.model import EnvoyGateway
from ...document_steps import Phase
from ...errors import GatewayError
from .. import policy, rules
from ..model import Destination, GatewayModel, HeaderRule, Identity, Inbound
from ..release import FileRule, Release
from ..tables import maps
from .clusters import inbound_clusters
from .inbound import inbound_listeners, inbound_routes, token_filter
from .messages import TYPE, Message, from_file
from .outbound import destination_cluster, destination_route, outbound_listener, outbound_routes

RULES = (
    FileRule("tokens.json", "configuration-differs", (Phase.OAUTH,)),
    FileRule("destinations/*/client.pem", "certificate-differs", (Phase.CLIENT_INSTALLED,)),
    FileRule("destinations/*/ca.pem", "trust-differs", Phase.AUTHORITY_INSTALLED),
    FileRule("destinations/*/*", "configuration-differs", (Phase.URLS,)),
    FileRule("server.pem", "certificate-differs", (Phase.SERVER_MADE,)),
    FileRule("callers-ca.pem", "trust-differs", (Phase.CALLER_ACCEPTED,)),
    FileRule("token-ca.pem", "trust-differs", (Phase.OAUTH,)),
)
_HEADERS = (HeaderRule.SOURCE, HeaderRule.DESTINATION)
TABLES = ("fingerprints", "sources", "allowed", "clients", "roles", "destinations")


def render(model: GatewayModel) -> Release:
    """The release of a model whose inbound listener is complete; GatewayError when a value may not enter."""
    if model.inbound is None:
        msg = f"{model.host}: a gateway without a server certificate cannot be rendered"
        raise ValueError(msg)
    own = _described(model)
    inbound = model.inbound
    if inbound.pins or inbound.health or inbound.header_rule not in _HEADERS:
        raise GatewayError("Envoy knows callers by certificate and FSPIOP header alone", where=model.host, remedy="Describe kind: haproxy.")
    made: dict[str, object] = {
        "bootstrap.json": _bootstrap(own),
        "listeners.json": [*inbound_listeners(inbound, own), outbound_listener(model.outbound, own)],
        "clusters.json": inbound_clusters(inbound, own),
        "routes-inbound.json": inbound_routes(inbound, model.fspiop_id),
        "routes-outbound.json": outbound_routes(model.outbound),
        **({"tokens.json": token_filter(inbound.tokens)} if inbound.tokens else {}),
    }
    destinations = [destination for destination in model.outbound.destinations if destination.reachable]
    files = {name: _written(value) for name, value in made.items()}
    for destination in destinations:
        files.update(_destination_files(destination, own))
    tables = maps(inbound.callers, destinations, routed=model.outbound.routed)
    return Release({**files, **_identity_files(inbound)}, {name: tables[name] for name in TABLES}, RULES)


def first_files(gateway: EnvoyGateway) -> dict[str, object]:
    """What a process that serves nothing yet is started with, and takes its first release up from."""
    return {"bootstrap.json": _bootstrap(gateway), "listeners.json": {"resources": []}, "clusters.json": {"resources": []}}


def _described(model: GatewayModel) -> EnvoyGateway:
    if not isinstance(model.gateway, EnvoyGateway):
        raise GatewayError(f"is of kind {model.gateway.kind}, and no Envoy", where=model.host)
    return model.gateway


def _bootstrap(gateway: EnvoyGateway) -> Message:
    """What does not change while it runs: who it is, how it is administered, where it looks for the rest."""
    socket = rules.checked(rules.FILE, gateway.admin_socket, what="socket")
    most = {"@type": f"{TYPE}extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig"}
    monitor = {
        "name": "envoy.resource_monitors.global_downstream_max_connections",
        "typed_config": {**most, "max_active_downstream_connections": policy.CONNECTIONS},
    }
    return {
        "node": {"id": gateway.name, "cluster": "mojaloop-onboarding"},
        "admin": {"address": {"pipe": {"path": socket, "mode": 0o600}}},
        "dynamic_resources": {"lds_config": from_file(gateway, "listeners.json"), "cds_config": from_file(gateway, "clusters.json")},
        "overload_manager": {"resource_monitors": [monitor]},
    }


def _identity_files(inbound: Inbound) -> dict[str, bytes]:
    endpoint = inbound.token_endpoint
    return {
        "server.pem": identity_file(inbound.identity),
        "callers-ca.pem": rules.bundle(inbound.trusted),
        **({"token-ca.pem": rules.bundle(endpoint.ca)} if endpoint else {}),
    }


def _destination_files(destination: Destination, gateway: EnvoyGateway) -> dict[str, bytes]:
    folder, identity, trusted = (
        f"destinations/{destination.participant}",
        identity_file(destination.identity),
        rules.bundle(destination.trusted),
    )
    return {
        f"{folder}/route.json": _written(destination_route(destination)),
        f"{folder}/cluster.json": _written(destination_cluster(destination, gateway)),
        f"{folder}/ca.pem": trusted,
        f"{folder}/client.pem": identity,
    }


def identity_file(identity: Identity) -> bytes:
    """Certificate, chain and key in one file; the key was checked where it was made."""
    return rules.bundle(identity.certificate) + (rules.bundle(identity.chain) if identity.chain else b"") + identity.key


def _written(value: object) -> bytes:
    return (json.dumps(value, sort_keys=True, indent=1) + "\n").encode()
