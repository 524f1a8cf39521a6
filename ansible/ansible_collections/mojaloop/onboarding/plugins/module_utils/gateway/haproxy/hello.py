# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one health check that is answered without a client certificate, at a listener of its own, as HAProxy 2.6 configuration.

A listener that asks for certificates ends the handshake without one, as the same scheme demands; so the check needs another. It
answers one path, to callers' addresses alone, and tells what is behind it of no certificate.
"""

from __future__ import annotations

from .. import rules
from ..model import Inbound
from ..policy import HANDSHAKE_SECONDS, OWNED, OWNED_FAMILIES
from .connections import host, shares
from .lines import CURRENT, NO_TUNNEL, PARTING, log_format, map_file, refusal


def hello_sections(inbound: Inbound) -> list[str]:
    """The frontend, where the profile and the description have one; GatewayError when a value may not enter."""
    if inbound.hello is None:
        return []
    listener, path = inbound.hello
    place = f"{host(str(listener.address))}:{listener.port}"
    allowed = rules.checked(rules.BASE_PATH, f"{inbound.base_path}{path}", what="path of a health check")
    proxied = " accept-proxy" if inbound.proxy_protocol else ""
    return [
        "frontend hello",
        f'    bind {place}{proxied} ssl crt "{CURRENT}/server.pem" alpn http/1.1',
        *shares("session" if inbound.proxy_protocol else "connection"),
        f"    timeout client {HANDSHAKE_SECONDS}s",
        log_format("refused=%[var(txn.refused)] %HM"),
        PARTING,
        *NO_TUNNEL,
        f'    http-request set-var(txn.network) "src,map_ip({map_file("networks")})"',
        *refusal("address-mismatch", "unless { var(txn.network) -m found }"),
        *refusal("certificate-unknown", f"unless {{ method GET }} {{ path -m str {allowed} }}"),
        *(f"    http-request del-header {name}" for name in OWNED),
        *(f"    http-request del-header {prefix} -m beg" for prefix in OWNED_FAMILIES),
        "    default_backend services",
        "",
    ]
