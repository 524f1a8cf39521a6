# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lines of an HAProxy 2.6 configuration that several sections need."""

from __future__ import annotations

from ..policy import DOTS, ENCODED, PATH, REFUSALS

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


def log_format(facts: str) -> str:
    """One line a request. Its end tells why a server could not be spoken with: an impostor's certificate, for one."""
    return f'    log-format "%ci:%cp [%tr] %ft %b/%s %Ta %ST %B {facts} server=%[bc_err_str] %[ssl_bc_err_str]"'


def refusal(reason: str, *conditions: str) -> list[str]:
    """A line for each condition, with the reason for the log, and one for the answer with an FSPIOP error body."""
    answer = REFUSALS[reason]
    closing = " hdr connection close" if reason in CLOSING else ""
    challenge = " hdr www-authenticate 'Bearer error=\"invalid_token\"'" if answer.status == 401 else ""  # noqa: PLR2004
    return [
        *(f"    http-request set-var(txn.refused) str({reason}) {condition}" for condition in conditions),
        (
            f"    http-request return status {answer.status} content-type application/json string '{answer.body(reason)}' "
            f"hdr x-refused-by gateway hdr x-refused-because {reason}{challenge}{closing} if {{ var(txn.refused) -m found }}"
        ),
    ]


def clean_path(base_path: str = "") -> list[str]:
    """Refuse what another reader of the path may understand differently (RFC 3986 section 6.2.2; CWE-22)."""
    return refusal(
        "path-suspicious",
        f"unless {{ url -m beg / }} {{ path -m reg '{PATH}' }}",
        f"if {{ path -m sub // }} || {{ path -m reg '{DOTS}' }} || {{ path -m reg -i '{ENCODED}' }}",
        *([f"unless {{ path -m beg {base_path}/ }}"] if base_path else []),
    )


def map_file(name: str) -> str:
    """The map's name as the running process knows it."""
    return f"{CURRENT}/maps/{name}.map"
