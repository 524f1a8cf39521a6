# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a bearer token is judged, as HAProxy 2.6 configuration.

HAProxy's JSON reader takes the first of two members of one name, a number for the text of it and ``true`` for 1, and finds
nothing where a member is ``null``, a list or an object. So each value that is judged is also looked at in the text itself.
"""

from __future__ import annotations

from .. import rules
from ..model import TokenRules
from ..policy import ALGORITHMS, AUDIENCES, CLAIMS, LEEWAY, TEXTS
from .lines import CURRENT, map_file, refusal

_PARAMETERS = ("alg", "kid")
_NUMBER = r"(0|[1-9][0-9]{0,9})(\.[0-9]+)?\s*[,}]"
"""Seconds since 1970 (RFC 7519 section 2) up to the year 2286. Threat: ``sub`` of HAProxy 2.6 makes the highest number of all
out of a negative one, so that a token with a negative ``exp`` would hold for ever."""
_AUDIENCE = r'("|\[\s*"[^"\\]*"(\s*,\s*"[^"\\]*")*\s*\])'
_ESCAPED_NAME = r'\\u[0-9A-Fa-f]{4}[^"\\]*"\s*:'
"""A name written with escapes (RFC 8259 section 7): HAProxy reads it as another name than the services do."""


def token_lines(tokens: TokenRules) -> list[str]:
    """Refuse a request whose token is missing, not whole or not in force; GatewayError when a value may not enter."""
    return [
        "    http-request set-var(txn.bearer) http_auth_bearer",
        *refusal("token-missing", "unless { req.fhdr_cnt(authorization) eq 1 } { var(txn.bearer),length gt 0 }"),
        "    http-request set-var(txn.head) var(txn.bearer),field(1,.),ub64dec",
        "    http-request set-var(txn.claims) var(txn.bearer),field(2,.),ub64dec",
        *_unambiguous("txn.head", _PARAMETERS, _PARAMETERS),
        *_signature(tokens),
        *_unambiguous("txn.claims", CLAIMS, TEXTS),
        *_validity(),
        *_issue(tokens),
        *(_binding() if tokens.certificate_bound else []),
    ]


def _unambiguous(part: str, once: tuple[str, ...], texts: tuple[str, ...]) -> list[str]:
    """Every reader of the token sees the same: no name that is judged twice or written with escapes, texts are texts."""
    twice = "|".join(rf'"{name}"\s*:[\s\S]*"{name}"\s*:' for name in once)
    return refusal(
        "token-malformed",
        f"if {{ var({part}) -m reg '{twice}' }}",
        f"if {{ var({part}) -m reg '{_ESCAPED_NAME}' }}",
        rf"""if {{ var({part}) -m reg '"({"|".join(texts)})"\s*:\s*[^"\s]' }}""",
    )


def _signature(tokens: TokenRules) -> list[str]:
    """RFC 7515 section 5.2: an allowed algorithm, no critical extension (none is understood), a known key, a signature."""
    names = [rules.checked(rules.KEY_ID, name, what="key id") for name, _key in tokens.keys]
    return [
        "    http-request set-var(txn.alg) var(txn.bearer),jwt_header_query('$.alg')",
        "    http-request set-var(txn.kid) var(txn.bearer),jwt_header_query('$.kid')",
        *refusal(
            "token-algorithm",
            f"unless {{ var(txn.alg) -m str {' '.join(ALGORITHMS)} }}",
            "if { var(txn.head) -m sub '\"crit\"' }",
        ),
        *(f"    http-request set-var(txn.known) bool(true) if {{ var(txn.kid) -m str -- {name} }}" for name in names),
        *refusal("token-key-unknown", "unless { var(txn.known) -m bool }"),
        *(
            f'    http-request set-var(txn.signed) "var(txn.bearer),jwt_verify(txn.alg,{CURRENT}/tokens/{name}.pem)" '
            f"if {{ var(txn.kid) -m str -- {name} }}"
            for name in names
        ),
        *refusal("token-signature", "unless { var(txn.signed) -m int eq 1 }"),
    ]


def _validity() -> list[str]:
    """RFC 7519 sections 4.1.4 and 4.1.5: ``exp`` must be there, ``nbf`` may; both are plain numbers."""
    return [
        "    http-request set-var(txn.now) date",
        "    http-request set-var(txn.left) var(txn.bearer),jwt_payload_query('$.exp','int'),sub(txn.now)",
        "    http-request set-var(txn.ahead) var(txn.bearer),jwt_payload_query('$.nbf','int'),sub(txn.now)",
        *refusal("token-expired", f"unless {{ var(txn.left) -m int gt 0 }} {_is('exp', _NUMBER)}"),
        *refusal(
            "token-not-yet-valid",
            f"unless !{{ var(txn.claims) -m sub '\"nbf\"' }} || {{ var(txn.ahead) -m int le {LEEWAY} }} {_is('nbf', _NUMBER)}",
        ),
    ]


def _is(claim: str, form: str) -> str:
    """The condition that a claim is written in this form."""
    return f"{{ var(txn.claims) -m reg '\"{claim}\"\\s*:\\s*{form}' }}"


def _issue(tokens: TokenRules) -> list[str]:
    """RFC 9068 section 4: issuer exact; the audience a string or a list that holds ours (RFC 7519 section 4.1.3)."""
    issuer = rules.checked(rules.URL, tokens.issuer, what="issuer")
    audience = rules.checked(rules.URL, tokens.audience, what="audience")
    places = ["$.aud", *(f"$.aud[{index}]" for index in range(AUDIENCES))]
    return [
        *refusal("token-issuer", f"unless {{ var(txn.bearer),jwt_payload_query('$.iss') -m str -- {issuer} }}"),
        *(
            f"    http-request set-var(txn.audience) bool(true) if {{ var(txn.bearer),jwt_payload_query('{place}') -m str -- {audience} }}"
            for place in places
        ),
        *refusal("token-audience", f"unless {{ var(txn.audience) -m bool }} {_is('aud', _AUDIENCE)}"),
    ]


def _binding() -> list[str]:
    """RFC 8705 section 3.1: the token works with the certificate that fetched it, and with no other."""
    return [
        "    http-request set-var(txn.thumbprint) ssl_c_der,sha2(256),ub64enc",
        "    http-request set-var(txn.bound) var(txn.bearer),jwt_payload_query('$.cnf.x5t#S256')",
        *refusal("token-binding", "unless { var(txn.bound),strcmp(txn.thumbprint) eq 0 }"),
    ]


def client_lines() -> list[str]:
    """The client that a judged token names (``client_id``, RFC 9068; else ``azp``), as ``txn.client``."""
    return [
        "    http-request set-var(txn.client) var(txn.bearer),jwt_payload_query('$.azp')",
        (
            "    http-request set-var(txn.client) var(txn.bearer),jwt_payload_query('$.client_id') "
            "if { var(txn.bearer),jwt_payload_query('$.client_id') -m found }"
        ),
    ]


def owner_lines() -> list[str]:
    """Refuse a token that is another's than the caller's."""
    return [
        *client_lines(),
        f'    http-request set-var(txn.owner) "var(txn.client),map_str({map_file("clients")})"',
        *refusal("token-client", "unless { var(txn.owner),strcmp(txn.participant) eq 0 }"),
    ]
