# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The way out, as HAProxy 2.6 configuration: one backend a counterpart, its own client certificate, its own trust.

Threat: with one pooled bundle of CAs, any counterpart's CA could stand in for any other's server.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from .. import rules
from ..model import Destination, Outbound
from .lines import CURRENT, NO_RESUMPTION, NO_TUNNEL, PARTING, clean_path, log_format, map_file, refusal


def outbound_sections(outbound: Outbound) -> list[str]:
    """The listener for the side's own services."""
    listener = outbound.listener
    address = f"[{listener.address}]" if listener.address.version == 6 else str(listener.address)  # noqa: PLR2004
    return [
        "frontend outbound",
        f"    bind {address}:{listener.port}",
        log_format("destination=%[var(txn.destination)] refused=%[var(txn.refused)] %HM"),
        PARTING,
        *NO_TUNNEL,
        *clean_path(),
        *_choice(outbound),
        "    use_backend %[var(txn.destination)]",
        "",
    ]


def destination_section(destination: Destination) -> str:
    """The backend of one counterpart; GatewayError when a value may not enter or no address can be reached."""
    name = rules.checked(rules.PARTICIPANT, destination.participant, what="participant")
    host = rules.checked(rules.HOST, destination.host, what="host name")
    base = rules.checked(rules.BASE_PATH, destination.base_path, what="base path")
    lines = [
        f"backend to-{name}",
        *([f'    http-request set-uri "{base}%[pathq]"'] if base else []),
        *_name(destination, host),
        *(_server(destination, address, source) for address, source in destination.reachable),
        "",
    ]
    return "\n".join(lines)


def _name(destination: Destination, host: str) -> list[str]:
    """What the server is called in the request. Another of its names is taken from a fixed few, never from the request itself."""
    if not destination.further_hosts:
        return [f"    http-request set-header host {host}:{destination.port}"]
    further = [rules.checked(rules.HOST, each, what="host name") for each in destination.further_hosts]
    return [
        f"    http-request set-var(txn.name) str({host})",
        *(f"    http-request set-var(txn.name) str({each}) if {{ req.hdr(host),field(1,:),lower -m str {each} }}" for each in further),
        f"    http-request set-header host %[var(txn.name)]:{destination.port}",
    ]


def _server(destination: Destination, address: IPv4Address | IPv6Address, source: str) -> str:
    place = f"[{address}]" if address.version == 6 else str(address)  # noqa: PLR2004
    folder = f"{CURRENT}/destinations/{destination.participant}"
    egress = f" source [{source}]" if ":" in source else f" source {source}" if source else ""
    return (
        f'    server at-{str(address).replace(":", "-")} {place}:{destination.port} ssl verify required ca-file "{folder}/ca.pem" '
        f'{_verified(destination)} crt "{folder}/client.pem" {NO_RESUMPTION}{egress}'
    )


def _verified(destination: Destination) -> str:
    """The name that the certificate must have; without ``verifyhost`` it is the announced one."""
    if destination.further_hosts:
        return "sni var(txn.name)"
    return f"verifyhost {destination.host} sni str({destination.host})"


def _choice(outbound: Outbound) -> list[str]:
    header = rules.checked(rules.RESOURCE, outbound.header, what="header")
    only = f'    http-request set-var(txn.destination) "str(*),map_str({map_file("destinations")})"'
    chosen = [
        (
            f'    http-request set-var(txn.destination) "req.fhdr({header}),map_str({map_file("destinations")})" '
            f"if {{ req.fhdr_cnt({header}) eq 1 }}"
        )
    ]
    return [*(chosen if outbound.routed else [only]), *refusal("destination-unknown", "unless { var(txn.destination) -m found }")]
