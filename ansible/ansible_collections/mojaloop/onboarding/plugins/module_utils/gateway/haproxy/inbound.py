# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The inbound listener, as HAProxy 2.6 configuration: who passes is decided here, per request, in this order; the first reason wins.

Every check is written so that a value that cannot be read refuses. Each refusal is two lines: one names the reason for
the log, one answers. All identity comes from the certificate's fingerprint; everything else must agree with it.

Revocation lists are not installed (``crl-file``): a fingerprint that left the map is refused at the next request, on live
and resumed connections too, as no list does; and a list that has expired would refuse everybody.
"""

from __future__ import annotations

import re

from ...oauth.model import TOKEN_PATH
from .. import rules
from ..model import HeaderRule, Inbound, TokenEndpoint
from ..policy import METHODS, OWNED, OWNED_FAMILIES
from .connections import WHOLE_REQUEST, arrival, host
from .lines import CURRENT, NO_RESUMPTION, NO_TUNNEL, PARTING, clean_path, log_format, map_file, refusal
from .tokens import owner_lines, token_lines

_ADDRESS = re.compile(r"[0-9.]+|[0-9A-Fa-f]*:[0-9A-Fa-f:.]+")


def inbound_sections(inbound: Inbound, fspiop_id: str, socket: str) -> list[str]:
    """The inbound frontend and the backends behind it; GatewayError when a value may not enter. ``socket``: see ``arrival``."""
    endpoint = inbound.token_endpoint
    backend = f"{host(str(inbound.backend.address))}:{inbound.backend.port}"
    return [
        *arrival(inbound, socket),
        log_format("participant=%[var(txn.participant)] refused=%[var(txn.refused)] %HM resource=%[var(txn.resource)]"),
        PARTING,
        *NO_TUNNEL,
        *_identity(inbound.pins),
        *_path(inbound.base_path),
        *_own_headers(shown=bool(inbound.pins)),
        *_health(inbound),
        WHOLE_REQUEST,
        *([f"    http-request allow if {_token_condition(inbound.base_path)}"] if endpoint else []),
        *(_source(inbound) if inbound.header_rule is HeaderRule.SOURCE else _named(inbound, fspiop_id)),
        *([*token_lines(inbound.tokens), *owner_lines()] if inbound.tokens else []),
        *(_roles(inbound) if inbound.resources else []),
        *([f"    use_backend authorization-server if {_token_condition(inbound.base_path)}"] if endpoint else []),
        "    default_backend services",
        "",
        "backend services",
        f"    server services {backend}",
        "",
        *(_authorization_server(endpoint) if endpoint else []),
    ]  # fmt: skip


def _identity(pins: tuple[str, ...]) -> list[str]:
    """Certificate and source address: both belong to the same participant, or the request ends here."""
    return [
        *(_pinned(pins) if pins else _known()),
        *refusal("certificate-unknown", "unless { var(txn.participant) -m found }"),
        f'    http-request set-var(txn.network) "src,map_ip({map_file("networks")})"',
        f'    http-request set-var(txn.allowed) "var(txn.participant),concat(|,txn.network),map_str({map_file("allowed")})"',
        *refusal("address-mismatch", "unless { var(txn.allowed) -m found }"),
    ]


def _known() -> list[str]:
    return [
        "    http-request set-var(txn.fingerprint) ssl_c_der,sha2(256),hex,lower",
        f'    http-request set-var(txn.participant) "var(txn.fingerprint),map_str({map_file("fingerprints")})"',
    ]


def _pinned(pins: tuple[str, ...]) -> list[str]:
    """By the subject, where renewals need not be announced. Threat: of two parts of one name, HAProxy reads the first, others the last."""
    first, *more = pins
    doubled = " || ".join(f"{{ ssl_c_s_dn({part},2) -m found }}" for part in pins)
    return [
        f"    http-request set-var(txn.subject) ssl_c_s_dn({first})",
        *(f"    http-request set-var(txn.part) ssl_c_s_dn({part})" for part in more),
        *("    http-request set-var(txn.subject) var(txn.subject),concat(|,txn.part)" for _part in more),
        f'    http-request set-var(txn.participant) "var(txn.subject),map_str({map_file("subjects")})" unless {doubled}',
    ]


def _path(base_path: str) -> list[str]:
    base = rules.checked(rules.BASE_PATH, base_path, what="base path")
    strip = f",bytes({len(base)})" if base else ""
    return [
        *clean_path(base),
        *refusal("method-unknown", f"unless {{ method {' '.join(METHODS)} }}"),
        f"    http-request set-var(txn.resource) path{strip},field(2,/)",
    ]


def _own_headers(*, shown: bool) -> list[str]:
    """Headers in which a gateway speaks: copies from outside are removed, and no one behind it refuses in its name.

    ``shown``: what is behind it sees the caller's certificate (RFC 9440 section 2.2).
    """
    return [
        *(f"    http-request del-header {name}" for name in OWNED),
        *(f"    http-request del-header {prefix} -m beg" for prefix in OWNED_FAMILIES),
        *(["    http-request set-header client-cert :%[ssl_c_der,base64]:"] if shown else []),
        "    http-response del-header x-refused- -m beg if { res.hdr(x-refused-by) -i gateway }",
    ]


def _health(inbound: Inbound) -> list[str]:
    """Health checks name no participant and need no role."""
    if not inbound.health:
        return []
    paths = " ".join(rules.checked(rules.BASE_PATH, f"{inbound.base_path}{path}", what="path of a health check") for path in inbound.health)
    return [f"    http-request set-var(txn.health) bool(true) if {{ method GET }} {{ path -m str {paths} }}"]


def _header_once(name: str, variable: str) -> str:
    """The header stands there exactly once and equals the variable: ``fhdr`` does not split at commas as ``hdr`` does."""
    return f"{{ req.fhdr_cnt({name}) eq 1 }} {{ req.fhdr({name}),strcmp({variable}) eq 0 }}"


def _there(header: HeaderRule, reason: str, unless: str = "") -> list[str]:
    """A message without its mandatory header is answered as FSPIOP has it (API Definition, section 3.2.1)."""
    return refusal(reason, f"if {{ req.fhdr_cnt({header.value}) eq 0 }}{unless}")


def _source(inbound: Inbound) -> list[str]:
    optional = [("uri-header", "fspiop-uri", "txn.uri"), ("method-header", "fspiop-http-method", "txn.method")]
    base = inbound.base_path
    lines = [
        f"    http-request set-var(txn.uri) pathq{f',bytes({len(base)})' if base else ''}",
        "    http-request set-var(txn.method) method",
        f'    http-request set-var(txn.fspiop) "var(txn.participant),map_str({map_file("sources")})"',
        *_there(inbound.header_rule, "source-missing"),
        *refusal("source-header", f"unless {_header_once(inbound.header_rule.value, 'txn.fspiop')}"),
    ]
    for reason, name, variable in optional:
        lines += refusal(reason, f"unless {{ req.fhdr_cnt({name}) eq 0 }} || {_header_once(name, variable)}")
    return lines


def _named(inbound: Inbound, fspiop_id: str) -> list[str]:
    """The header that names the called side, but for health checks where the profile has any."""
    if inbound.header_rule is HeaderRule.NONE:
        return []
    own = rules.checked(rules.FSPIOP_ID, fspiop_id, what="FSPIOP id")
    but, either = (" !{ var(txn.health) -m bool }", "{ var(txn.health) -m bool } || ") if inbound.health else ("", "")
    return [
        f"    http-request set-var(txn.fspiop) str({own})",
        *_there(inbound.header_rule, "destination-missing", but),
        *refusal("destination-header", f"unless {either}{_header_once(inbound.header_rule.value, 'txn.fspiop')}"),
    ]


def _roles(inbound: Inbound) -> list[str]:
    lines = [f'    http-request set-var(txn.role) "var(txn.participant),concat(|,txn.resource),map_str({map_file("roles")})"']
    if inbound.tokens is None:
        health = " || { var(txn.health) -m bool }" if inbound.health else ""
        return [*lines, *refusal("role-missing", f"unless {{ var(txn.role) -m found }}{health}")]
    lines.append("    http-request set-var(txn.scope) var(txn.bearer),jwt_payload_query('$.scope')")
    for resource in inbound.resources:
        word = rules.checked(rules.RESOURCE, resource, what="resource")
        lines.append(
            f"    http-request set-var(txn.scoped) bool(true) if {{ var(txn.resource) -m str {word} }} "
            f"{{ var(txn.scope) -m reg '(^| ){word}( |$)' }}"
        )
    return [*lines, *refusal("role-missing", "unless { var(txn.role) -m found } { var(txn.scoped) -m bool }")]


WATCHED = "check inter 10s fall 1000000"
"""A handshake as for a token, whose outcome the run reads; it never takes the server out, so that each request is tried still."""


def _token_condition(base_path: str) -> str:
    """A participant without a token fetches one: certificate and address are enough, the server judges the rest."""
    return f"{{ method POST }} {{ url -m str {base_path}{TOKEN_PATH} }}"


def _authorization_server(endpoint: TokenEndpoint) -> list[str]:
    place, name = host(endpoint.host), rules.checked(rules.HOST, endpoint.name, what="name of the authorization server")
    path = rules.checked(rules.BASE_PATH, endpoint.path, what="token path")
    announced, asked = ("", "") if _ADDRESS.fullmatch(name) else (f" sni str({name})", f" check-sni {name}")
    return [
        "backend authorization-server",
        f"    http-request set-uri {path or '/'}",
        f"    http-request set-header host {place}:{endpoint.port}",
        "    http-request set-header x-client-certificate %[ssl_c_der,base64]",
        (
            f'    server authorization-server {place}:{endpoint.port} ssl verify required ca-file "{CURRENT}/token-ca.pem" '
            f"verifyhost {name}{announced} {NO_RESUMPTION} init-addr last,libc,none {WATCHED}{asked}"
        ),
        "",
    ]
