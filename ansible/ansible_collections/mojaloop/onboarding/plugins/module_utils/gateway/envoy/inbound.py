# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The inbound listeners of an Envoy gateway, the routes behind them, and the filter that verifies tokens."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from ...description.model import EnvoyGateway, Listener
from ...errors import GatewayError
from ...oauth.model import TOKEN_PATH
from .. import policy, rules
from ..model import HeaderRule, Inbound, TokenRules
from .messages import (
    BUFFER,
    TYPE,
    Message,
    address,
    connection_manager,
    connections_log,
    from_file,
    of_request,
    refusing,
    route,
    routes_of,
    script_filter,
    secret,
    tls_parameters,
)
from .script import INBOUND

JWT_PROVIDER = "authorization-server"


def inbound_listeners(inbound: Inbound, gateway: EnvoyGateway) -> list[Message]:
    """One listener for each address, alike but for it."""
    return [_listener(number, where, inbound, gateway) for number, where in enumerate(inbound.listeners)]


def inbound_routes(inbound: Inbound, fspiop_id: str) -> Message:
    """The route configuration without its tables, which the host puts into the last route's metadata."""
    routes = [route("services", {"cluster": "services"})]
    endpoint = inbound.token_endpoint
    if endpoint is not None:
        place = f"[{endpoint.host}]" if ":" in endpoint.host else rules.checked(rules.HOST, endpoint.host, what="address")
        path = rules.checked(rules.BASE_PATH, endpoint.path, what="token path") or "/"
        rewritten = {"pattern": {"regex": "^.*$"}, "substitution": path}
        action = {"cluster": "authorization-server", "regex_rewrite": rewritten, "host_rewrite_literal": f"{place}:{endpoint.port}"}
        routes.append(route("authorization-server", action))
    return routes_of("inbound", [*routes, refusing(_facts(inbound, fspiop_id))])


def token_filter(tokens: TokenRules) -> Message:
    """The filter that verifies signatures (ECDS): it lets every request go on, and notes what it has verified."""
    keys = [_jwk(name, pem) for name, pem in tokens.keys]
    provider: Message = {
        "forward": True,
        "from_headers": [{"name": "Authorization", "value_prefix": "Bearer "}],
        "payload_in_metadata": "claims",
        "failed_status_in_metadata": "failed",
        "clock_skew_seconds": policy.LEEWAY,
        "local_jwks": {"inline_string": json.dumps({"keys": keys}, sort_keys=True)},
    }
    either = {"requirements": [{"provider_name": JWT_PROVIDER}, {"allow_missing_or_failed": {}}]}
    return {
        "@type": f"{TYPE}extensions.filters.http.jwt_authn.v3.JwtAuthentication",
        "providers": {JWT_PROVIDER: provider},
        "rules": [{"match": {"prefix": "/"}, "requires": {"requires_any": either}}],
    }


def _listener(number: int, where: Listener, inbound: Inbound, gateway: EnvoyGateway) -> Message:
    context = {
        "@type": f"{TYPE}extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        "common_tls_context": {
            "tls_params": tls_parameters(),
            "alpn_protocols": ["http/1.1"],
            "tls_certificate_sds_secret_configs": [secret(gateway, "server")],
            "validation_context_sds_secret_config": secret(gateway, "callers-ca"),
        },
        "require_client_certificate": True,
        "disable_stateless_session_resumption": True,
        "disable_stateful_session_resumption": True,
    }
    tokens = [_token_discovery(gateway)] if inbound.tokens else []
    facts = f"participant={of_request('participant')} refused={of_request('refused')} %REQ(:METHOD)% resource={of_request('resource')}"
    manager = connection_manager("inbound", gateway, [*tokens, script_filter(INBOUND)], facts)
    made: Message = {
        "name": f"inbound-{number}",
        "address": address(where),
        "filter_chains": [
            {
                "filters": [{"name": "http", "typed_config": manager}],
                "transport_socket": {"name": "tls", "typed_config": context},
                "transport_socket_connect_timeout": f"{policy.HANDSHAKE_SECONDS}s",
            }
        ],
        "per_connection_buffer_limit_bytes": BUFFER,
        "access_log": connections_log(gateway),
    }
    if inbound.proxy_protocol:
        config = {"@type": f"{TYPE}extensions.filters.listener.proxy_protocol.v3.ProxyProtocol"}
        made["listener_filters"] = [{"name": "proxy_protocol", "typed_config": config}]
        made["listener_filters_timeout"] = f"{policy.HANDSHAKE_SECONDS}s"
    return made


def _token_discovery(gateway: EnvoyGateway) -> Message:
    """Signing keys change without a change of the listener, so that no connection ends for them."""
    kinds = [f"{TYPE}extensions.filters.http.jwt_authn.v3.JwtAuthentication"]
    return {"name": "tokens", "config_discovery": {"config_source": from_file(gateway, "tokens.json"), "type_urls": kinds}}


def _facts(inbound: Inbound, fspiop_id: str) -> Message:
    """What the script holds requests against, whoever calls."""
    made: Message = {
        "base": rules.checked(rules.BASE_PATH, inbound.base_path, what="base path"),
        "methods": _set(policy.METHODS),
        "header": inbound.header_rule.value,
        "owned": _set(policy.OWNED),
        "families": list(policy.OWNED_FAMILIES),
    }
    if inbound.header_rule is HeaderRule.DESTINATION:
        made["own"] = rules.checked(rules.FSPIOP_ID, fspiop_id, what="FSPIOP id")
    if inbound.token_endpoint is not None:
        made["token_path"] = inbound.base_path + TOKEN_PATH
    return {**made, **(_token_facts(inbound.tokens) if inbound.tokens else {})}


def _token_facts(tokens: TokenRules) -> Message:
    return {
        "issuer": rules.checked(rules.URL, tokens.issuer, what="issuer"),
        "audience": rules.checked(rules.URL, tokens.audience, what="audience"),
        "bound": tokens.certificate_bound,
        "keys": _set(rules.checked(rules.KEY_ID, name, what="key id") for name, _pem in tokens.keys),
        "algorithms": _set(policy.ALGORITHMS),
        "claims": list(policy.CLAIMS),
        "texts": list(policy.TEXTS),
        "audiences": policy.AUDIENCES,
        "leeway": policy.LEEWAY,
    }


def _set(names: Iterable[str]) -> Message:
    return dict.fromkeys(names, True)


def _jwk(name: str, pem: bytes) -> Message:
    """A public key as RFC 7517 has it; GatewayError for a kind that no token is signed with."""
    kid = rules.checked(rules.KEY_ID, name, what="key id")
    key = load_pem_public_key(pem)
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        return {"kty": "RSA", "kid": kid, "alg": "RS256", "use": "sig", "n": _number(numbers.n), "e": _number(numbers.e)}
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        point = key.public_numbers()
        return {"kty": "EC", "kid": kid, "alg": "ES256", "use": "sig", "crv": "P-256", "x": _number(point.x, 32), "y": _number(point.y, 32)}
    raise GatewayError(
        f"the key {kid} is neither RSA nor P-256", where="gateway", remedy="Fetch the signing keys anew: run the role oauth_clients."
    )


def _number(value: int, size: int = 0) -> str:
    return base64.urlsafe_b64encode(value.to_bytes(size or (value.bit_length() + 7) // 8, "big")).rstrip(b"=").decode()
