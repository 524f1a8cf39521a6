# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A gateway model as an HAProxy 2.6 release: files for the host, and maps that change without a reload.

A file belongs to a participant when it lies in ``destinations/<participant>/``; all others belong to the side.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from . import rules
from .haproxy_connections import CONNECTIONS
from .haproxy_inbound import inbound_sections
from .haproxy_lines import map_file
from .haproxy_maps import Maps, maps
from .haproxy_outbound import destination_section, outbound_sections, reachable
from .model import Destination, GatewayModel, Identity, Inbound

CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
)
"""TLS 1.2: forward secrecy and authenticated encryption only (NIST SP 800-52r2 section 3.3.1)."""
SUITES = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
CURVES = "X25519:P-256:P-384"
"""Mozilla's intermediate profile (Server Side TLS, guidelines 5.7), which the versions and suites above keep to as well."""
DRAIN_SECONDS = 60
"""How long an old process may finish what it began after a reload: an idle connection ends after 30 s (``timeout
http-keep-alive``), and what it asks at its last moment is answered within 30 s more (``timeout server``)."""


@dataclass(frozen=True)
class Release:
    """``files``: relative name -> content (mode 0600 on the host); ``maps``: name -> key -> value."""

    files: Mapping[str, bytes] = field(repr=False)
    maps: Maps

    @property
    def digests(self) -> dict[str, str]:
        """SHA-256 of each file, by name."""
        return {name: sha256(content).hexdigest() for name, content in sorted(self.files.items())}


def render(model: GatewayModel) -> Release:
    """The release of a model whose inbound door is complete; GatewayError when a value may not enter."""
    if model.inbound is None:
        msg = f"{model.host}: a gateway without a server certificate cannot be rendered"
        raise ValueError(msg)
    destinations = [destination for destination in model.outbound.destinations if reachable(destination)]
    door = [*inbound_sections(model.inbound, model.fspiop_id, model.stats_socket), *outbound_sections(model.outbound)]
    files = {
        "parts/00-process.cfg": _process(model),
        "parts/10-doors.cfg": "\n".join(door).encode(),
        **_door_files(model.inbound),
        **_destination_files(destinations),
    }
    made = maps(model.inbound.callers, destinations, routed=model.outbound.routed)
    used = {name: entries for name, entries in made.items() if map_file(name) in files["parts/10-doors.cfg"].decode()}
    return Release(files, used)


def release_digest(digests: Mapping[str, str]) -> str:
    """What names a release: SHA-256 over the names and digests of its files, 32 hex characters; maps do not count."""
    return sha256("".join(f"{name} {digest}\n" for name, digest in sorted(digests.items())).encode()).hexdigest()[:32]


def _process(model: GatewayModel) -> bytes:
    socket = rules.checked(rules.FILE, model.stats_socket, what="socket")
    log = "stdout format raw" if model.log == "stdout" else rules.checked(rules.FILE, model.log, what="log socket")
    lines = [
        f"    log {log} local0",
        f"    stats socket {socket} mode 600 level admin expose-fd listeners",
        f"    hard-stop-after {DRAIN_SECONDS}s",
        "    close-spread-time infinite",
        f"    maxconn {CONNECTIONS}",
        "    tune.ssl.cachesize 0",
        "    tune.ssl.default-dh-param 2048",
        "    ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets",
        "    ssl-default-server-options ssl-min-ver TLSv1.2",
        *(f"    ssl-default-{end}-ciphers {CIPHERS}" for end in ("bind", "server")),
        *(f"    ssl-default-{end}-ciphersuites {SUITES}" for end in ("bind", "server")),
        f"    ssl-default-bind-curves {CURVES}",
        "",
        "defaults",
        "    mode http",
        "    log global",
        "    option httplog",
        "    option http-restrict-req-hdr-names reject",
        "    option disable-h2-upgrade",
        "    option redispatch 1",
        "    retries 3",
        "    timeout http-request 10s",
        "    timeout connect 5s",
        "    timeout client 30s",
        "    timeout server 30s",
        "    timeout queue 5s",
        "    timeout http-keep-alive 30s",
        "",
        "",
    ]
    return "\n".join(lines).encode()


def _door_files(door: Inbound) -> dict[str, bytes]:
    tokens = door.tokens.keys if door.tokens else ()
    return {
        "server.pem": _identity(door.identity),
        "callers-ca.pem": rules.bundle(door.trusted),
        **{f"tokens/{rules.checked(rules.KEY_ID, name, what='key id')}.pem": key for name, key in tokens},
        **({"token-ca.pem": rules.bundle(door.token_endpoint.ca)} if door.token_endpoint else {}),
    }


def _destination_files(destinations: Iterable[Destination]) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for destination in destinations:
        folder = f"destinations/{destination.participant}"
        files[f"{folder}/backend.cfg"] = (destination_section(destination) + "\n").encode()
        files[f"{folder}/ca.pem"] = rules.bundle(destination.trusted)
        files[f"{folder}/client.pem"] = _identity(destination.identity)
    return files


def _identity(identity: Identity) -> bytes:
    """Certificate, chain and key in the one file that HAProxy reads; the key was checked where it was made."""
    return rules.bundle(identity.certificate) + (rules.bundle(identity.chain) if identity.chain else b"") + identity.key
