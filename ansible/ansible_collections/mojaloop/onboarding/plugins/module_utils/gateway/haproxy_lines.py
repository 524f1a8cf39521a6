# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lines of an HAProxy 2.6 configuration that several sections need."""

from __future__ import annotations

CURRENT = "${ONBOARDING_CURRENT}"
"""The folder of the release; a check before the switch sets it to the release that is not yet current."""
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
_MISSING = ("3102", "A mandatory header is missing.")
"""FSPIOP error codes by status (API Definition, section 7.6): generic client error, malformed syntax, unknown URI, missing element."""
_PATH = r"^/[A-Za-z0-9/._~!$&()*+,=:@%-]*$"
_DOTS = r"(^|/)\.\.?(/|$)"
_ENCODED = r"%(2e|2f|5c|25|3b|7f|[01][0-9a-f]|$|.$|[^0-9a-f]|.[^0-9a-f])"
"""Encoded dot, slash, backslash, percent, semicolon, control characters, and percent signs that encode nothing."""


def log_format(facts: str) -> str:
    """One line a request. Its end tells why a server could not be spoken with: an impostor's certificate, for one."""
    return f'    log-format "%ci:%cp [%tr] %ft %b/%s %Ta %ST %B {facts} server=%[bc_err_str] %[ssl_bc_err_str]"'


def refusal(reason: str, *conditions: str, status: int, missing: bool = False) -> list[str]:
    """A line for each condition, with the reason for the log, and one for the answer with an FSPIOP error body."""
    code, text = _MISSING if missing else _ANSWERS[status]
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
