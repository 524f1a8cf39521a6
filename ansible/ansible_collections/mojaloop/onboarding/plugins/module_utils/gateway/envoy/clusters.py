# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an Envoy gateway connects to, as clusters of its v3 API; trust and client certificates come by SDS."""

from __future__ import annotations

import re

from ...description.model import EnvoyGateway
from .. import policy, rules
from ..model import Inbound, TokenEndpoint
from .messages import TYPE, Message, address, secret, tls_parameters

_ADDRESS = re.compile(r"[0-9.]+|[0-9A-Fa-f]*:[0-9A-Fa-f:.]+")
_CONNECT = "5s"


def inbound_clusters(inbound: Inbound, gateway: EnvoyGateway) -> list[Message]:
    """The services behind the inbound listeners, and the authorization server."""
    backend = (str(inbound.backend.address), inbound.backend.port)
    made = [cluster("services", backend)]
    endpoint = inbound.token_endpoint
    return [*made, authorization_server(endpoint, gateway)] if endpoint else made


def authorization_server(endpoint: TokenEndpoint, gateway: EnvoyGateway) -> Message:
    """Its certificate must hold its name, and be signed by the CA that is described for it."""
    name = rules.checked(rules.HOST, endpoint.name, what="name of the authorization server")
    by_address = _ADDRESS.fullmatch(name) is not None
    made = cluster("authorization-server", (endpoint.host, endpoint.port), static=_ADDRESS.fullmatch(endpoint.host) is not None)
    made["transport_socket"] = upstream_tls(gateway, "token-ca", name, announced="" if by_address else name)
    return made


def upstream_tls(gateway: EnvoyGateway, trust: str, name: str, *, announced: str, identity: str = "") -> Message:
    """TLS towards a server that must show a certificate of this name under this trust; never resumed."""
    held = {"san_type": "IP_ADDRESS" if _ADDRESS.fullmatch(name) else "DNS", "matcher": {"exact": name}}
    common: Message = {
        "tls_params": tls_parameters(),
        "combined_validation_context": {
            "default_validation_context": {"match_typed_subject_alt_names": [held]},
            "validation_context_sds_secret_config": secret(gateway, trust),
        },
    }
    if identity:
        common["tls_certificate_sds_secret_configs"] = [secret(gateway, identity)]
    context: Message = {
        "@type": f"{TYPE}extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        "common_tls_context": common,
        "max_session_keys": 0,
    }
    if announced:
        context["sni"] = announced
    return {"name": "tls", "typed_config": context}


def cluster(name: str, *places: tuple[str, int], static: bool = True) -> Message:
    """Servers at these places, in turn; no health check takes one out."""
    endpoints = [{"endpoint": {"address": address(where)}} for where in places]
    made: Message = {
        "name": name,
        "connect_timeout": _CONNECT,
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]},
        "circuit_breakers": {
            "thresholds": [
                {"max_connections": policy.CONNECTIONS, "max_pending_requests": policy.CONNECTIONS, "max_requests": policy.CONNECTIONS}
            ]
        },
    }
    if not static:
        made["type"] = "STRICT_DNS"
    return made
