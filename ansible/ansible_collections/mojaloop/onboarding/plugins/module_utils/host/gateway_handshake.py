# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Proof at the data plane: a new TLS handshake, trusting nothing but the one certificate that must be presented."""

from __future__ import annotations

import errno
import socket
import ssl
from typing import Iterable

TIMEOUT = 5.0
PARTIAL_CHAIN = 0x80000
"""X509_V_FLAG_PARTIAL_CHAIN: the certificate itself is the anchor (``ssl`` names it from Python 3.10 on)."""
_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


def certificates(pem: str) -> list[str]:
    """The certificates of a PEM file, one text each."""
    return [_BEGIN + part.split(_BEGIN, 1)[1] + _END + "\n" for part in pem.split(_END) if _BEGIN in part]


def handshake_fault(address: str, port: int, expected: str, *, proxy_protocol: bool) -> str:
    """Why the listener does not present the first certificate of ``expected`` (PEM); empty when it does."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # the certificate itself is compared, which says more than its name
    context.minimum_version = ssl.TLSVersion.TLSv1_3  # in TLS 1.2 the listener would refuse before our side has seen it
    context.verify_flags |= PARTIAL_CHAIN
    context.load_verify_locations(cadata=certificates(expected)[0])
    try:
        with socket.create_connection((address, port), timeout=TIMEOUT) as connection:
            if proxy_protocol:
                connection.sendall(b"PROXY UNKNOWN\r\n")
            with context.wrap_socket(connection):
                return ""
    except OSError as error:
        return str(error)


def server_fault(host: str, port: int, name: str, trusted: str) -> str:
    """Why no TLS connection to a server is made that must hold a name, under this trust (PEM); empty when one is."""
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=trusted)
        with socket.create_connection((host, port), timeout=TIMEOUT) as connection, context.wrap_socket(connection, server_hostname=name):
            return ""
    except (OSError, ValueError) as error:
        return str(error)


def absent(addresses: Iterable[str]) -> list[str]:
    """Which of these the host has not: a gateway would find no way out from there, and say so to its callers alone."""
    return [address for address in addresses if _bind_error(address, 0) in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}]


def taken(address: str, port: int) -> bool:
    """Whether someone listens there. Threat: a second gateway is let in beside the first (SO_REUSEPORT), and shares its connections."""
    return _bind_error(address, port) == errno.EADDRINUSE


def _bind_error(address: str, port: int) -> int:
    """The error number of taking an address and port; 0 when it can be taken. A host may have been booted without IPv6."""
    wide = ":" in address
    try:
        with socket.socket(socket.AF_INET6 if wide else socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what has closed and still lingers is no listener
            if wide:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind((address, port))
    except OSError as error:
        return error.errno or 0
    return 0
