# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who passes an Istio gateway: one AuthorizationPolicy a participant, and one that narrows all of them.

Istio passes a request that any rule of any ALLOW policy allows, if no rule of a DENY policy meets it. Within a rule everything must
hold, while of several values one suffices: what belongs together stands in one rule, what must not be mixed in several.
Identity is the certificate's digest at the start of ``X-Forwarded-Client-Cert``, which the proxy writes itself (Envoy,
``SANITIZE_SET``). Only the start can be believed: a certificate's names stand unescaped further on.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from ...errors import GatewayError
from ...remote.kubernetes import AUTHORIZATION_POLICY, NETWORK_POLICY, SECRET
from .. import rules
from ..model import Caller, HeaderRule, Inbound, TokenRules
from ..policy import METHODS
from ..tables import widest
from .place import FSPIOP_ID, Object, Place, encoded, made, slug

CERTIFICATE_HEADER = "x-forwarded-client-cert"
FIRST_UNPRIVILEGED = 1024
MOST_RULES = 512
"""Rules of one policy (Istio's own bound)."""
_CLAIM = "request.auth.claims[{}]"
Rule = dict[str, Any]


def server_secret(place: Place, inbound: Inbound) -> Object:
    """The listener's certificate with its chain, its key, and the CAs of those who call."""
    identity = inbound.identity
    data = {"tls.crt": identity.certificate + identity.chain, "tls.key": identity.key, "ca.crt": rules.bundle(inbound.trusted)}
    content = {"type": "kubernetes.io/tls", "data": {key: encoded(value) for key, value in data.items()}}
    return made(SECRET, place, place.on.certificate, content)


def narrowed_name(place: Place) -> str:
    """The name of the policy that narrows all others."""
    return f"{place.on.listener}-narrowed"


def policy_name(participant: str) -> str:
    """The name of a participant's policy."""
    return f"caller-{slug(participant)}"


def caller_policy(place: Place, inbound: Inbound, fspiop_id: str, caller: Caller) -> Object | None:
    """What lets one participant pass; None when nothing does. ``fspiop_id`` is the side's own; GatewayError for an unfit value.

    A certificate is allowed with tokens that are bound to it, not with those of the participant's other certificate.
    """
    allowed = [
        _rule(inbound, caller, [_is("request.headers[" + CERTIFICATE_HEADER + "]", f"{presented(certificate)};*"), header, *token])
        for header in [_header(inbound.header_rule, fspiop_id, caller)]
        for certificate in caller.certificates
        for token in _tokens(inbound.tokens, caller, certificate)
    ]
    if not allowed or not caller.networks or not _paths(inbound, caller):
        return None
    if len(allowed) > MOST_RULES:
        raise GatewayError(
            f"needs {len(allowed)} rules of {MOST_RULES}", where=caller.participant, remedy="Remove certificates or clients."
        )
    spec = {"selector": {"matchLabels": place.selector}, "action": "ALLOW", "rules": allowed}
    policy = made(AUTHORIZATION_POLICY, place, policy_name(caller.participant), {"spec": spec}, participant=caller.participant)
    policy["metadata"]["annotations"][FSPIOP_ID] = caller.fspiop_id
    return policy


def caller_opening(place: Place, caller: Caller) -> Object:
    """What lets packets of one participant reach the gateway's pods, in a namespace that takes none by default."""
    blocks = [{"ipBlock": {"cidr": str(network)}} for network in widest(caller.networks)]
    # Pods without privileges listen above 1023: the Pulumi program has their service lead to this port.
    port = place.port if place.port >= FIRST_UNPRIVILEGED else place.port + 8000
    rule = {"from": blocks, "ports": [{"protocol": "TCP", "port": port}]}
    spec = {"podSelector": {"matchLabels": place.selector}, "policyTypes": ["Ingress"], "ingress": [rule]}
    return made(NETWORK_POLICY, place, policy_name(caller.participant), {"spec": spec}, participant=caller.participant)


def narrowing_policy(place: Place, inbound: Inbound) -> Object:
    """What no participant may: other methods than FSPIOP's, and a resource that its token's scope does not name.

    Istio reads ``scope`` as a list of words. A request without a token has none of them.
    """
    refused: list[Rule] = [{"to": [{"operation": {"notMethods": list(METHODS)}}]}]
    if inbound.header_rule is HeaderRule.SOURCE and inbound.tokens:
        refused += [
            {"to": [{"operation": {"paths": _below(inbound, word)}}], "when": [{"key": _CLAIM.format("scope"), "notValues": [word]}]}
            for word in (rules.checked(rules.RESOURCE, resource, what="resource") for resource in inbound.resources)
        ]
    spec = {"selector": {"matchLabels": place.selector}, "action": "DENY", "rules": refused}
    return made(AUTHORIZATION_POLICY, place, narrowed_name(place), {"spec": spec})


def presented(certificate: str) -> str:
    """How the header begins when this certificate was shown: lower-case hex of SHA-256 over its DER."""
    return f"Hash={rules.checked(rules.FINGERPRINT, certificate, what='fingerprint')}"


def thumbprint(certificate: str) -> str:
    """The same digest as a token's ``cnf.x5t#S256`` has it (RFC 8705 section 3.1)."""
    digest = bytes.fromhex(rules.checked(rules.FINGERPRINT, certificate, what="fingerprint"))
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def _rule(inbound: Inbound, caller: Caller, conditions: list[Rule]) -> Rule:
    # The connection's own peer: what a client writes about addresses into headers is not looked at.
    source = {"ipBlocks": [str(network) for network in widest(caller.networks)]}
    return {"from": [{"source": source}], "to": [{"operation": {"paths": _paths(inbound, caller)}}], "when": conditions}


def _header(rule: HeaderRule, fspiop_id: str, caller: Caller) -> Rule:
    named = caller.fspiop_id if rule is HeaderRule.SOURCE else fspiop_id
    return _is(f"request.headers[{rule.value}]", rules.checked(rules.FSPIOP_ID, named, what="FSPIOP id"))


def _tokens(tokens: TokenRules | None, caller: Caller, certificate: str) -> Iterator[list[Rule]]:
    """The conditions of a token, one set for each way in which it may name its client (RFC 9068; Keycloak's ``azp``)."""
    if tokens is None:
        yield []
        return
    common = [
        _is(_CLAIM.format("iss"), rules.checked(rules.URL, tokens.issuer, what="issuer")),
        _is("request.auth.audiences", rules.checked(rules.URL, tokens.audience, what="audience")),
        *([_is(_CLAIM.format("cnf][x5t#S256"), thumbprint(certificate))] if tokens.certificate_bound else []),
    ]
    for client in caller.clients:
        named = rules.checked(rules.CLIENT, client, what="client id")
        yield [*common, _is(_CLAIM.format("client_id"), named)]
        yield [*common, _is(_CLAIM.format("azp"), named), {"key": _CLAIM.format("client_id"), "notValues": ["*"]}]


def _paths(inbound: Inbound, caller: Caller) -> list[str]:
    """Below which paths a participant may ask: its roles at a hub, everything at a participant."""
    base = rules.checked(rules.BASE_PATH, inbound.base_path, what="base path")
    if inbound.header_rule is not HeaderRule.SOURCE:
        return [f"{base}/*"]
    return [path for role in caller.roles for path in _below(inbound, rules.checked(rules.RESOURCE, role, what="role"))]


def _below(inbound: Inbound, resource: str) -> list[str]:
    """The paths of a resource. ``/transfers*`` would be those of another resource too."""
    return [f"{inbound.base_path}/{resource}", f"{inbound.base_path}/{resource}/*"]


def _is(key: str, value: str) -> Rule:
    return {"key": key, "values": [value]}
