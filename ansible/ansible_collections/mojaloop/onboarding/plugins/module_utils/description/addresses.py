# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Addresses, networks and URLs of a description: strict reading, and which ranges an environment may name.

An IPv4-mapped IPv6 address is the IPv4 address: an allowlist that held it as IPv6 would never match (RFC 4291 section
2.5.5.2), and one that held a prefix around it would silently hold all of IPv4.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from .documents import shown
from .model import Address, EnvironmentKind, Network
from .spec import Refused

WIDEST = {4: 16, 6: 32}
"""Shortest prefix, in bits, that needs no word of acceptance."""

HIGHEST_PORT = 65535
_HTTP_PORT = 80

_LONGEST_NAME = 253
_NETWORK = "an IPv4 or IPv6 address or network, such as 203.0.113.5, 203.0.113.0/24 or 2001:db8::/48"
_ADDRESS = "an IPv4 or IPv6 address, such as 203.0.113.5 or 2001:db8::5"
_LEADING_ZERO = re.compile(r"(^|\.)0[0-9]")
_PORT = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3}){3}:[0-9]+|\[.*\](:[0-9]+)?")
_CHARACTERS = re.compile(r"[0-9A-Fa-f:.]+")
_PREFIX = re.compile(r"0|[1-9][0-9]{0,2}")
_MAPPED = IPv6Network("::ffff:0:0/96")

_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_DNS_NAME = re.compile(rf"({_LABEL}\.)*[a-z]([a-z0-9-]{{0,61}}[a-z0-9])?")
_URL = re.compile(r"https://(?P<host>\[[^\]/]*\]|[^:/\[\]]*)(:(?P<port>[0-9]*))?(?P<path>/.*)?")
_PATH = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?")


@dataclass(frozen=True)
class Url:
    """An https URL. ``text`` as written (issuers are compared letter by letter); ``path`` without a trailing slash."""

    text: str
    host: str
    port: int
    path: str

    @property
    def address(self) -> Address | None:
        """The host when it is an address, else None."""
        return None if _DNS_NAME.fullmatch(self.host) else _unmapped(ip_address(self.host.strip("[]")))


def parse_network(text: str) -> Network:
    """An address or network in its one spelling; ``Refused`` names what is wrong."""
    address, slash, prefix = text.partition("/")
    _refuse_shapes(text, address, _NETWORK)
    if slash and not _PREFIX.fullmatch(prefix):
        raise Refused(f"{shown(text)} (its part after / is not a prefix length)", _NETWORK)
    network = _network(text)
    if isinstance(network, IPv4Network):
        return network
    return _unmapped_network(text, network)


def parse_address(text: str) -> Address:
    """One address, IPv4-mapped ones as IPv4; ``Refused`` names what is wrong."""
    if "/" in text:
        raise Refused(f"{shown(text)} (a network)", _ADDRESS)
    _refuse_shapes(text, text, _ADDRESS)
    try:
        return _unmapped(ip_address(text))
    except ValueError:
        raise Refused(shown(text), _ADDRESS) from None


def parse_url(text: str) -> Url:
    """An https URL without credentials, query and fragment (RFC 3986 section 3); ``Refused`` names what is wrong."""
    wanted = "https://<host>[:<port>][/<path>]"
    if "@" in text:
        raise Refused("a URL with credentials or an @ (not shown)", wanted)
    if not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        raise Refused(f"{shown(text)} (spaces, backslashes or characters beyond ASCII)", f"{wanted}, host names in their xn-- form")
    if "?" in text or "#" in text:
        raise Refused(f"{shown(text)} (with a query or fragment)", wanted)
    parts = _URL.fullmatch(text)
    if not parts:
        raise Refused(shown(text), wanted)
    path = parts["path"] or ""
    if not _PATH.fullmatch(path):
        raise Refused(f"the path {shown(path)}", "segments of letters, digits and . _ ~ -, none empty, none starting with a dot")
    return Url(text, _host(parts["host"]), _port(parts["port"]), path.rstrip("/"))


def parse_internal_url(text: str) -> Url:
    """As ``parse_url``, but http:// too (port 80 where none is given): for what stands in the hub's own network."""
    scheme, _, rest = text.partition("://")
    if scheme != "http":
        return parse_url(text)
    url = parse_url(f"https://{rest}")
    parts = _URL.fullmatch(url.text)
    return replace(url, text=text, port=url.port if parts and parts["port"] else _HTTP_PORT)


def parse_endpoint_url(text: str) -> Url:
    """As ``parse_url``, with a host name: the server certificate names it (Mojaloop PKI Best Practices section 5.4)."""
    url = parse_url(text)
    if url.address is not None:
        raise Refused(f"the address {shown(url.host)} as host", "a DNS name, because the server certificate carries it")
    return url


def special_range(network: Network) -> str:
    """The name of the special range that a network lies in or touches; empty for plain unicast."""
    first, last, wide = int(network.network_address), int(network.broadcast_address), too_wide(network)
    for version, lowest, highest, name in _BOUNDS:
        inside = lowest <= first and last <= highest
        # What is so wide that it only touches a range is judged by its width.
        if version == network.version and (inside or (not wide and first <= highest and lowest <= last)):
            return name
    return ""


def refused_range(network: Network, kind: EnvironmentKind, *, private_accepted: bool = False) -> str:
    """The special range that this kind of environment may not name; empty when the network may be named."""
    found = special_range(network)
    if found == "private" and private_accepted:
        return ""
    return found if found in _REFUSED[kind] else ""


def too_wide(network: Network) -> bool:
    """Whether the prefix is shorter than /16 (IPv4) or /32 (IPv6)."""
    return network.prefixlen < WIDEST[network.version]


def forbidden_target(url: Url) -> bool:
    """Whether a URL leads to this machine or to a cloud's metadata service (server-side request forgery)."""
    if local_name(url.host):
        return True
    if url.address is None:
        return False
    return url.address in _METADATA or special_range(ip_network(url.address)) in _NEVER | {"loopback", "link-local"}


def local_name(host: str) -> bool:
    """Whether a name means this machine or a cloud's metadata service wherever it is looked up."""
    return host in _LOCAL_NAMES or host.endswith((".localhost", ".localdomain"))


def _refuse_shapes(text: str, address: str, wanted: str) -> None:
    """Say plainly what people write by mistake; the address parser alone would say only that it is none."""
    if "%" in text:
        raise Refused(f"{shown(text)} (with a zone id)", wanted)
    if _PORT.fullmatch(text):
        raise Refused(f"{shown(text)} (with a port or brackets)", wanted)
    if not _CHARACTERS.fullmatch(address):
        raise Refused(f"{shown(text)} (names are not resolved)", wanted)
    if _LEADING_ZERO.search(address) and "." in address:
        raise Refused(f"{shown(text)} (leading zeros may be read as octal)", wanted)


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError:
        pass
    try:
        loose = ip_network(text, strict=False)
    except ValueError:
        raise Refused(shown(text), _NETWORK) from None
    raise Refused(f"{shown(text)} (host bits are set)", f"the network itself, {loose}, or one address")


def _unmapped(address: Address) -> Address:
    return getattr(address, "ipv4_mapped", None) or address


def _unmapped_network(text: str, network: IPv6Network) -> Network:
    if network.subnet_of(_MAPPED):
        return IPv4Network((int(network.network_address) & 0xFFFFFFFF, network.prefixlen - 96))
    if network.prefixlen and network.supernet_of(_MAPPED):
        raise Refused(f"{shown(text)} (it holds every IPv4 address in its IPv6 form)", _NETWORK)
    return network


def _host(text: str) -> str:
    wanted = "a DNS name in lower case, an IPv4 address, or an IPv6 address in brackets"
    if len(text) <= _LONGEST_NAME and _DNS_NAME.fullmatch(text):
        return text
    bracketed = text.startswith("[")
    try:
        address: Address = parse_address(text[1:-1]) if bracketed else IPv4Address(text)
    except ValueError:
        raise Refused(f"the host {shown(text)}", wanted) from None
    return f"[{address}]" if isinstance(address, IPv6Address) else str(address)


def _port(text: str | None) -> int:
    if text is None:
        return 443
    if not re.fullmatch(r"[1-9][0-9]{0,4}", text) or int(text) > HIGHEST_PORT:
        raise Refused(f"the port {shown(text)}", "a port from 1 to 65535")
    return int(text)


def _ranges(*texts: str) -> tuple[Network, ...]:
    return tuple(ip_network(text) for text in texts)


_SPECIAL: dict[str, tuple[Network, ...]] = {
    "loopback": _ranges("127.0.0.0/8", "::1/128"),
    "unspecified": _ranges("0.0.0.0/8", "::/128"),
    "multicast": _ranges("224.0.0.0/4", "ff00::/8"),
    "reserved": _ranges("240.0.0.0/4", "192.0.0.0/24", "::/96", "100::/64"),
    "link-local": _ranges("169.254.0.0/16", "fe80::/10"),
    "documentation": _ranges("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"),
    "translated": _ranges("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"),
    "private": _ranges("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "198.18.0.0/15", "fc00::/7", "fec0::/10"),
}
"""From the IANA special-purpose address registries (RFC 6890); the first range that meets names the network.

Translated: NAT64 (RFC 6052, 8215), 6to4 (RFC 3056) and Teredo (RFC 4380) stand for IPv4 addresses that the allowlist does not see.
"""

_BOUNDS = [
    (special.version, int(special.network_address), int(special.broadcast_address), name)
    for name, ranges in _SPECIAL.items()
    for special in ranges
]
_LOCAL_NAMES = frozenset({
    "localhost", "localhost4", "localhost6", "localdomain", "ip6-localhost", "ip6-loopback", "loopback",
    "metadata", "metadata.google.internal",
})  # fmt: skip
_METADATA = frozenset({ip_address("169.254.169.254"), ip_address("100.100.100.200"), ip_address("fd00:ec2::254")})
_NEVER = frozenset({"unspecified", "multicast", "reserved"})
_REFUSED: dict[EnvironmentKind, frozenset[str]] = {
    EnvironmentKind.LAB: _NEVER,
    EnvironmentKind.PRE_PRODUCTION: _NEVER | {"loopback", "link-local", "documentation", "translated", "private"},
    EnvironmentKind.PRODUCTION: _NEVER | {"loopback", "link-local", "documentation", "translated", "private"},
}
