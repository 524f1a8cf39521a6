# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The door, as HAProxy 2.6 configuration: who passes is decided here, per request, in this order; the first reason wins.

Every check is written so that a value that cannot be read refuses. Each refusal is two lines: one names the reason for
the log, one answers. All identity comes from the certificate's fingerprint; everything else must agree with it.

Revocation lists are not installed (``crl-file``): a fingerprint that left the map is refused at the next request, on live
and resumed connections too, as no list does; and a list that has expired would refuse everybody.
"""

from __future__ import annotations

import re

from ..description.model import Listener
from ..oauth.model import TOKEN_PATH
from . import rules
from .model import HeaderRule, Inbound, TokenEndpoint, TokenRules

CURRENT = "${ONBOARDING_CURRENT}"
"""The folder of the release; a check before the switch sets it to the release that is not yet current."""
AUDIENCES = 8
"""Members of a token's audience list that are looked at."""
LEEWAY = 30
"""Seconds a token may be ahead of this host's clock."""
ALGORITHMS = ("RS256", "ES256")
"""What ``jwt_verify`` of HAProxy 2.6 verifies with a public key; it has no RSA-PSS."""
CLOSING = ("token-signature",)
"""Threat: after a failed RSA verification HAProxy 2.6 leaves OpenSSL's error queue filled, and the next read of *any*
connection of that thread is taken for broken (haproxy issue 2643): one caller's bad tokens cut the others off. Closing
the caller's connection with the answer empties the queue."""

NO_RESUMPTION = "no-ssl-reuse"
"""Every connection to a server is a full handshake: on a resumed one its certificate is not looked at again."""

PARTING = "    http-after-response set-header connection close if { stopping }"
"""After a reload the old process closes connections with an answer, never while they are idle: a caller's request may be on
its way at that moment, and would be lost. The process' ``close-spread-time infinite`` keeps it from closing idle ones."""

NO_TUNNEL = (
    "    http-request del-header upgrade",
    "    http-response set-var(txn.refused) str(upgrade-answered) if { status 101 }",
    "    http-response deny deny_status 502 if { status 101 }",
)
"""Threat: after a server's 101 (RFC 9110 section 7.8) HAProxy passes raw bytes, and judges none of the requests among them."""

_ANSWERS = {
    401: ("3000", "The access token is missing or does not hold."),
    403: ("3000", "The caller may not do this."),
    400: ("3101", "A header does not agree with the request."),
    404: ("3002", "Unknown URI."),
    405: ("3000", "The API has no such method."),
}
"""FSPIOP error codes by status (API Definition, section 7.6): generic client error, malformed syntax, unknown URI."""
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
"""What an API behind the door answers. Threat: TRACE repeats what the gateway added; others mean what their reader likes."""
_ADDRESS = re.compile(r"[0-9.]+|[0-9A-Fa-f]*:[0-9A-Fa-f:.]+")
_PATH = r"^/[A-Za-z0-9/._~!$&()*+,=:@%-]*$"
_DOTS = r"(^|/)\.\.?(/|$)"
_ENCODED = r"%(2e|2f|5c|25|3b|7f|[01][0-9a-f]|$|.$|[^0-9a-f]|.[^0-9a-f])"
"""Encoded dot, slash, backslash, percent, semicolon, control characters, and percent signs that encode nothing."""

CONNECTIONS = 500
"""Connections that one source address may hold at a door: a sixteenth of what the process can have."""


def inbound_sections(door: Inbound, fspiop_id: str) -> list[str]:
    """The frontend of the door and the backends behind it; GatewayError when a value may not enter."""
    endpoint = door.token_endpoint
    backend = f"{_host(str(door.backend.address))}:{door.backend.port}"
    return [
        "frontend inbound",
        *(_bind(listener, proxy_protocol=door.proxy_protocol) for listener in door.listeners),
        log_format("participant=%[var(txn.participant)] refused=%[var(txn.refused)] %HM resource=%[var(txn.resource)]"),
        PARTING,
        *NO_TUNNEL,
        *(_share() if not door.proxy_protocol else []),
        *_identity(),
        *_path(door.base_path),
        *_own_headers(),
        *([f"    http-request allow if {_token_condition(door.base_path)}"] if endpoint else []),
        *(_source(door) if door.header_rule is HeaderRule.SOURCE else _destination(fspiop_id)),
        *(_token(door.tokens) if door.tokens else []),
        *(_roles(door.resources, scoped=door.tokens is not None) if door.header_rule is HeaderRule.SOURCE else []),
        *([f"    use_backend authorization-server if {_token_condition(door.base_path)}"] if endpoint else []),
        "    default_backend services",
        "",
        "backend services",
        f"    server services {backend}",
        "",
        *(_authorization_server(endpoint) if endpoint else []),
    ]  # fmt: skip


def _share() -> list[str]:
    """Threat: one address, allowed but without a certificate, holds all connections that the process can have."""
    return [
        "    stick-table type ipv6 size 20k expire 1m store conn_cur",
        "    tcp-request connection track-sc0 src",
        f"    tcp-request connection reject if {{ sc0_conn_cur gt {CONNECTIONS} }}",
    ]


def log_format(facts: str) -> str:
    """One line a request. Its end tells why a server could not be spoken with: an impostor's certificate, for one."""
    return f'    log-format "%ci:%cp [%tr] %ft %b/%s %Ta %ST %B {facts} server=%[bc_err_str] %[ssl_bc_err_str]"'


def refusal(reason: str, *conditions: str, status: int) -> list[str]:
    """A line for each condition, with the reason for the log, and one for the answer with an FSPIOP error body."""
    code, text = _ANSWERS[status]
    body = f'{{"errorInformation":{{"errorCode":"{code}","errorDescription":"{text} ({reason})"}}}}'
    closing = " hdr connection close" if reason in CLOSING else ""
    challenge = " hdr www-authenticate 'Bearer error=\"invalid_token\"'" if status == 401 else ""  # noqa: PLR2004
    return [
        *(f"    http-request set-var(txn.refused) str({reason}) {condition}" for condition in conditions),
        (
            f"    http-request return status {status} content-type application/json string '{body}' hdr x-refused-by gateway "
            f"hdr x-refused-because {reason}{challenge}{closing} if {{ var(txn.refused) -m found }}"
        ),
    ]


def clean_path(base_path: str = "") -> list[str]:
    """Refuse what another reader of the path may understand differently (RFC 3986 section 6.2.2; CWE-22)."""
    return refusal(
        "path-suspicious",
        f"unless {{ url -m beg / }} {{ path -m reg '{_PATH}' }}",
        f"if {{ path -m sub // }} || {{ path -m reg '{_DOTS}' }} || {{ path -m reg -i '{_ENCODED}' }}",
        *([f"unless {{ path -m beg {base_path}/ }}"] if base_path else []),
        status=404,
    )


def map_file(name: str) -> str:
    """The map's name as the running process knows it."""
    return f"{CURRENT}/maps/{name}.map"


def _bind(listener: Listener, *, proxy_protocol: bool) -> str:
    host = _host(str(listener.address))
    accept = " accept-proxy" if proxy_protocol else ""
    return (
        f'    bind {host}:{listener.port} ssl crt "{CURRENT}/server.pem" ca-file "{CURRENT}/callers-ca.pem" verify required '
        f"alpn http/1.1{accept}"
    )


def _host(address: str) -> str:
    rules.checked(rules.HOST, address, what="address")
    return f"[{address}]" if ":" in address else address


def _identity() -> list[str]:
    """Certificate and source address: both belong to the same participant, or the request ends here."""
    return [
        "    http-request set-var(txn.fingerprint) ssl_c_der,sha2(256),hex,lower",
        f'    http-request set-var(txn.participant) "var(txn.fingerprint),map_str({map_file("fingerprints")})"',
        *refusal("certificate-unknown", "unless { var(txn.participant) -m found }", status=403),
        f'    http-request set-var(txn.network) "src,map_ip({map_file("networks")})"',
        f'    http-request set-var(txn.allowed) "var(txn.participant),concat(|,txn.network),map_str({map_file("allowed")})"',
        *refusal("address-mismatch", "unless { var(txn.allowed) -m found }", status=403),
    ]


def _path(base_path: str) -> list[str]:
    base = rules.checked(rules.BASE_PATH, base_path, what="base path")
    strip = f",bytes({len(base)})" if base else ""
    return [
        *clean_path(base),
        *refusal("method-unknown", f"unless {{ method {' '.join(METHODS)} }}", status=405),
        f"    http-request set-var(txn.resource) path{strip},field(2,/)",
    ]


def _own_headers() -> list[str]:
    """Headers in which this gateway speaks: copies from outside are removed, and nobody behind it refuses in its name."""
    owned = ("x-client-certificate", "x-real-ip", "forwarded")
    return [
        *(f"    http-request del-header {name}" for name in owned),
        *(f"    http-request del-header {prefix} -m beg" for prefix in ("x-forwarded-", "x-refused-", "x-ssl-")),
        "    http-response del-header x-refused- -m beg if { res.hdr(x-refused-by) -i gateway }",
    ]


def _header_once(name: str, variable: str) -> str:
    """The header stands there exactly once and equals the variable: ``fhdr`` does not split at commas as ``hdr`` does."""
    return f"{{ req.fhdr_cnt({name}) eq 1 }} {{ req.fhdr({name}),strcmp({variable}) eq 0 }}"


def _source(door: Inbound) -> list[str]:
    optional = [("uri-header", "fspiop-uri", "txn.uri"), ("method-header", "fspiop-http-method", "txn.method")]
    base = door.base_path
    lines = [
        f"    http-request set-var(txn.uri) pathq{f',bytes({len(base)})' if base else ''}",
        "    http-request set-var(txn.method) method",
        f'    http-request set-var(txn.fspiop) "var(txn.participant),map_str({map_file("sources")})"',
        *refusal("source-header", f"unless {_header_once(door.header_rule.value, 'txn.fspiop')}", status=403),
    ]
    for reason, name, variable in optional:
        lines += refusal(reason, f"unless {{ req.fhdr_cnt({name}) eq 0 }} || {_header_once(name, variable)}", status=400)
    return lines


def _destination(fspiop_id: str) -> list[str]:
    own = rules.checked(rules.FSPIOP_ID, fspiop_id, what="FSPIOP id")
    return [
        f"    http-request set-var(txn.fspiop) str({own})",
        *refusal("destination-header", f"unless {_header_once(HeaderRule.DESTINATION.value, 'txn.fspiop')}", status=403),
    ]


def _token(tokens: TokenRules) -> list[str]:
    return [
        "    http-request set-var(txn.bearer) http_auth_bearer",
        *refusal("token-missing", "unless { req.fhdr_cnt(authorization) eq 1 } { var(txn.bearer),length gt 0 }", status=401),
        *_signature(tokens),
        *_validity(),
        *_issue(tokens),
        *(_binding() if tokens.certificate_bound else []),
        *_client(),
    ]


def _signature(tokens: TokenRules) -> list[str]:
    """RFC 7515 section 5.2: an allowed algorithm, no critical extension (none is understood), a known key, a signature."""
    names = [rules.checked(rules.KEY_ID, name, what="key id") for name, _key in tokens.keys]
    return [
        "    http-request set-var(txn.alg) var(txn.bearer),jwt_header_query('$.alg')",
        "    http-request set-var(txn.kid) var(txn.bearer),jwt_header_query('$.kid')",
        *refusal(
            "token-algorithm",
            f"unless {{ var(txn.alg) -m str {' '.join(ALGORITHMS)} }}",
            "if { var(txn.bearer),jwt_header_query('$.crit[0]') -m found }",
            status=401,
        ),
        *(f"    http-request set-var(txn.known) bool(true) if {{ var(txn.kid) -m str -- {name} }}" for name in names),
        *refusal("token-key-unknown", "unless { var(txn.known) -m bool }", status=401),
        *(
            f'    http-request set-var(txn.signed) "var(txn.bearer),jwt_verify(txn.alg,{CURRENT}/tokens/{name}.pem)" '
            f"if {{ var(txn.kid) -m str -- {name} }}"
            for name in names
        ),
        *refusal("token-signature", "unless { var(txn.signed) -m int eq 1 }", status=401),
    ]


def _validity() -> list[str]:
    """RFC 7519 sections 4.1.4 and 4.1.5. What is no number reads as 0, and is refused for both."""
    claim = "var(txn.bearer),jwt_payload_query"
    return [
        "    http-request set-var(txn.now) date",
        f"    http-request set-var(txn.exp) {claim}('$.exp','int'),sub(txn.now)",
        f"    http-request set-var(txn.nbf) {claim}('$.nbf','int')",
        "    http-request set-var(txn.ahead) var(txn.nbf),sub(txn.now)",
        *refusal("token-expired", "unless { var(txn.exp) -m int gt 0 }", status=401),
        *refusal(
            "token-not-yet-valid",
            f"unless !{{ {claim}('$.nbf') -m found }} || {{ var(txn.nbf) -m int gt 0 }} {{ var(txn.ahead) -m int le {LEEWAY} }}",
            status=401,
        ),
    ]


def _issue(tokens: TokenRules) -> list[str]:
    """RFC 9068 section 4: issuer exact; the audience a string or a list that holds ours (RFC 7519 section 4.1.3)."""
    issuer = rules.checked(rules.URL, tokens.issuer, what="issuer")
    audience = rules.checked(rules.URL, tokens.audience, what="audience")
    places = ["$.aud", *(f"$.aud[{index}]" for index in range(AUDIENCES))]
    return [
        *refusal("token-issuer", f"unless {{ var(txn.bearer),jwt_payload_query('$.iss') -m str -- {issuer} }}", status=401),
        *(
            f"    http-request set-var(txn.audience) bool(true) if {{ var(txn.bearer),jwt_payload_query('{place}') -m str -- {audience} }}"
            for place in places
        ),
        *refusal("token-audience", "unless { var(txn.audience) -m bool }", status=401),
    ]


def _binding() -> list[str]:
    """RFC 8705 section 3.1: the token works with the certificate that fetched it, and with no other."""
    return [
        "    http-request set-var(txn.thumbprint) ssl_c_der,sha2(256),ub64enc",
        "    http-request set-var(txn.bound) var(txn.bearer),jwt_payload_query('$.cnf.x5t#S256')",
        *refusal("token-binding", "unless { var(txn.bound),strcmp(txn.thumbprint) eq 0 }", status=401),
    ]


def _client() -> list[str]:
    return [
        "    http-request set-var(txn.client) var(txn.bearer),jwt_payload_query('$.azp')",
        (
            "    http-request set-var(txn.client) var(txn.bearer),jwt_payload_query('$.client_id') "
            "if { var(txn.bearer),jwt_payload_query('$.client_id') -m found }"
        ),
        f'    http-request set-var(txn.owner) "var(txn.client),map_str({map_file("clients")})"',
        *refusal("token-client", "unless { var(txn.owner),strcmp(txn.participant) eq 0 }", status=401),
    ]


def _roles(resources: tuple[str, ...], *, scoped: bool) -> list[str]:
    lines = [f'    http-request set-var(txn.role) "var(txn.participant),concat(|,txn.resource),map_str({map_file("roles")})"']
    if not scoped:
        return [*lines, *refusal("role-missing", "unless { var(txn.role) -m found }", status=403)]
    lines.append("    http-request set-var(txn.scope) var(txn.bearer),jwt_payload_query('$.scope')")
    for resource in resources:
        word = rules.checked(rules.RESOURCE, resource, what="resource")
        lines.append(
            f"    http-request set-var(txn.scoped) bool(true) if {{ var(txn.resource) -m str {word} }} "
            f"{{ var(txn.scope) -m reg '(^| ){word}( |$)' }}"
        )
    return [*lines, *refusal("role-missing", "unless { var(txn.role) -m found } { var(txn.scoped) -m bool }", status=403)]


def _token_condition(base_path: str) -> str:
    """A participant without a token fetches one: certificate and address are enough, the server judges the rest."""
    return f"{{ method POST }} {{ url -m str {base_path}{TOKEN_PATH} }}"


def _authorization_server(endpoint: TokenEndpoint) -> list[str]:
    host, name = _host(endpoint.host), rules.checked(rules.HOST, endpoint.name, what="name of the authorization server")
    path = rules.checked(rules.BASE_PATH, endpoint.path, what="token path")
    announced = "" if _ADDRESS.fullmatch(name) else f" sni str({name})"
    return [
        "backend authorization-server",
        f"    http-request set-uri {path or '/'}",
        f"    http-request set-header host {host}:{endpoint.port}",
        "    http-request set-header x-client-certificate %[ssl_c_der,base64]",
        (
            f'    server authorization-server {host}:{endpoint.port} ssl verify required ca-file "{CURRENT}/token-ca.pem" '
            f"verifyhost {name}{announced} {NO_RESUMPTION} init-addr last,libc,none"
        ),
        "",
    ]
