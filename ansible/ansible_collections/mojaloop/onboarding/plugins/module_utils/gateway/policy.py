# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What every gateway holds to, whichever product it is: TLS, methods, paths, tokens, headers, connections, and how it refuses."""

from __future__ import annotations

from dataclasses import dataclass

CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305",
)  # fmt: skip
"""TLS 1.2: forward secrecy and authenticated encryption only (NIST SP 800-52r2 section 3.3.1)."""
SUITES = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
CURVES = ("X25519", "P-256", "P-384")
"""Mozilla's intermediate profile (Server Side TLS, guidelines 5.7), which the versions and suites above keep to as well."""

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
"""What an API behind the inbound listener answers. Threat: TRACE repeats what the gateway added; others mean what their reader likes."""
PATH = r"^/[A-Za-z0-9/._~!$&()*+,=:@%-]*$"
DOTS = r"(^|/)\.\.?(/|$)"
ENCODED = r"%(2e|2f|5c|25|3b|7f|[01][0-9a-f]|$|.$|[^0-9a-f]|.[^0-9a-f])"
"""Encoded dot, slash, backslash, percent, semicolon, control characters, and percent signs that encode nothing."""

ALGORITHMS = ("RS256", "ES256")
"""Signatures of access tokens: what every product here verifies with a public key. No RSA-PSS: HAProxy 2.6 has none."""
AUDIENCES = 8
"""Members of a token's audience list that are looked at."""
LEEWAY = 30
"""Seconds a token may be ahead of this host's clock."""

CLAIMS = ("exp", "nbf", "iss", "aud", "client_id", "azp", "scope", "cnf", "x5t#S256")
"""Members of a token that are judged: none may be there twice, at any depth (readers differ in which of two they take)."""
TEXTS = ("iss", "client_id", "azp", "scope", "x5t#S256")
"""Those of them that are texts."""

OWNED = (
    "client-ip", "connection", "fastly-client-ip", "forwarded", "remote-user", "te", "trailer", "true-client-ip",
    "x-client-ip", "x-cluster-client-ip", "x-real-ip", "x-user",
)  # fmt: skip
OWNED_FAMILIES = (
    "cf-", "client-cert", "ssl-client-", "x-amzn-",
    "x-arr-", "x-auth-request-", "x-authenticated-", "x-client-cert", "x-consumer-", "x-credential-",
    "x-envoy-", "x-forwarded-", "x-http-method", "x-jwt-", "x-method-", "x-ms-client-", "x-original-", "x-refused-", "x-remote-",
    "x-rewrite-", "x-ssl-", "x-tls-", "x-wso2-",
)  # fmt: skip
"""What proxies and their services take as said by the proxy: who calls, from where, with what certificate, which URL or method is meant.

Threat: ``connection`` may name any header of the request, FSPIOP-Source too, which the next proxy then drops (RFC 9110 section 7.6.1).
"""

CONNECTIONS = 8000
"""What a process can have: twice as many files, which is what hosts commonly permit a service."""
SPARED = 1000
"""Connections that the inbound side never takes: calls out and the management of the process go on whatever comes in."""
HANDSHAKE_SECONDS = 5
"""How long a client may be silent while it owes the gateway something: a handshake, the rest of a request, the reading of an answer."""
REQUEST_SECONDS = 10
"""In which a request must be there as a whole."""
SERVER_SECONDS = 30
"""In which a server answers; and how long a connection may be idle between requests."""
DRAIN_SECONDS = 60
"""How long an old process may finish what it began after a reload: an idle connection ends after 30 s, and what it asks at its
last moment is answered within 30 s more."""


@dataclass(frozen=True)
class Refusal:
    """An answer of a gateway itself: HTTP status, FSPIOP error code (API Definition, section 7.6), and its text."""

    status: int
    code: str
    text: str

    def body(self, reason: str) -> str:
        """The FSPIOP error body."""
        return f'{{"errorInformation":{{"errorCode":"{self.code}","errorDescription":"{self.text} ({reason})"}}}}'


_TOKEN = Refusal(401, "3000", "The access token is missing or does not hold.")
_FORBIDDEN = Refusal(403, "3000", "The caller may not do this.")
_HEADER = Refusal(400, "3101", "A header does not agree with the request.")
_MISSING = Refusal(400, "3102", "A mandatory header is missing.")
_UNKNOWN = Refusal(404, "3002", "Unknown URI.")
_METHOD = Refusal(405, "3000", "The API has no such method.")

REFUSALS = {
    "certificate-unknown": _FORBIDDEN, "address-mismatch": _FORBIDDEN,
    "path-suspicious": _UNKNOWN, "method-unknown": _METHOD,
    "source-missing": _MISSING, "source-header": _FORBIDDEN, "destination-missing": _MISSING, "destination-header": _FORBIDDEN,
    "uri-header": _HEADER, "method-header": _HEADER,
    "token-missing": _TOKEN, "token-malformed": _TOKEN, "token-algorithm": _TOKEN, "token-key-unknown": _TOKEN, "token-signature": _TOKEN,
    "token-expired": _TOKEN, "token-not-yet-valid": _TOKEN, "token-issuer": _TOKEN, "token-audience": _TOKEN, "token-binding": _TOKEN,
    "token-client": _TOKEN,
    "role-missing": _FORBIDDEN, "destination-unknown": _UNKNOWN,
}  # fmt: skip
"""By reason, in the order in which an inbound listener judges; the first reason wins."""
