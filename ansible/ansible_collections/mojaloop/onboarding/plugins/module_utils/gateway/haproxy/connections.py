# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who may hold how many connections, and for how long, as HAProxy 2.6 configuration.

Threat: one participant, with all its addresses together and without any certificate, takes every connection that the gateway
can have, and the others cannot come in. So connections are counted by participant, as soon as the source address is known.
Behind a load balancer that is with its PROXY header, which HAProxy reads on a listener of its own: on one that speaks TLS too
nothing can be judged before the handshake.
"""

from __future__ import annotations

from hashlib import sha256

from ...description.model import Listener
from .. import rules
from ..model import Inbound
from ..policy import CONNECTIONS, HANDSHAKE_SECONDS, REQUEST_SECONDS, SPARED
from .lines import CURRENT, map_file

SHARE = 500
"""Connections that one participant may hold; all addresses of no participant have one share together."""
LOW_SHARE = 16
"""And while more than five sevenths are in use: the rest is kept for those who hold few."""
OTHERS = "-"
"""The share of addresses of no participant."""

WHOLE_REQUEST = f"    http-request wait-for-body time {REQUEST_SECONDS}s"
"""Threat: a body that comes byte by byte is never silent for long. What is longer than a buffer counts by its connection alone."""


def arrival(inbound: Inbound, socket: str) -> list[str]:
    """The sections from the listeners to where requests are read: the head of that frontend comes last.

    ``socket``: names this gateway among those of its host. Connections that came with a PROXY header are handed over at an
    abstract socket: the process has given up the account that could reach a file.
    """
    if not inbound.proxy_protocol:
        most = CONNECTIONS - SPARED
        return [
            "frontend inbound",
            *(f"    bind {_place(listener)} {_tls()}" for listener in inbound.listeners),
            *_shares("connection", most),
            f"    timeout client {HANDSHAKE_SECONDS}s",
        ]
    place = f"abns@onboarding-{sha256(socket.encode()).hexdigest()[:32]}"
    most = (CONNECTIONS - SPARED) // 2
    return [
        "frontend arrivals",
        "    mode tcp",
        "    no log",
        "    option tcplog",
        *(f"    bind {_place(listener)} accept-proxy" for listener in inbound.listeners),
        *_shares("session", most),
        "    timeout client 1m",
        "    default_backend arrived",
        "",
        "backend arrived",
        "    mode tcp",
        "    timeout server 1m",
        f"    server inbound {place} send-proxy-v2",
        "",
        "frontend inbound",
        f"    bind {place} {_tls()} accept-proxy",
        f"    maxconn {most}",
        f"    timeout client {HANDSHAKE_SECONDS}s",
    ]


def host(address: str) -> str:
    """An address or name as HAProxy writes it before a port; GatewayError when it may not enter."""
    rules.checked(rules.HOST, address, what="address")
    return f"[{address}]" if ":" in address else address


def _place(listener: Listener) -> str:
    return f"{host(str(listener.address))}:{listener.port}"


def _tls() -> str:
    return f'ssl crt "{CURRENT}/server.pem" ca-file "{CURRENT}/callers-ca.pem" verify required alpn http/1.1'


def shares(level: str) -> list[str]:
    """As ``arrival`` counts connections, for a frontend that needs few."""
    return _shares(level, SPARED // 10)


def _shares(level: str, most: int) -> list[str]:
    """``level``: ``connection`` judges before anything is read, ``session`` after the PROXY header."""
    return [
        f"    maxconn {most}",
        "    stick-table type string len 64 size 20k expire 1m store conn_cur",
        f'    tcp-request {level} track-sc0 "src,map_ip({map_file("shares")},{OTHERS})"',
        f"    tcp-request {level} reject if {{ sc0_conn_cur gt {SHARE} }}",
        f"    tcp-request {level} reject if {{ fe_conn gt {most * 5 // 7} }} {{ sc0_conn_cur gt {LOW_SHARE} }}",
    ]
