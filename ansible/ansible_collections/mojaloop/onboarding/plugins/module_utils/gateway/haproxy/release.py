# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A gateway model as an HAProxy 2.6 release: files for the host, and maps that change without a reload.

How the files become one configuration on the host: ``host.gateway_release``.
"""

from __future__ import annotations

from collections.abc import Iterable

from ...description.model import HaproxyGateway
from ...document_steps import Phase
from ...errors import GatewayError
from .. import rules
from ..model import Destination, GatewayModel, Identity, Inbound
from ..policy import CIPHERS, CONNECTIONS, CURVES, DRAIN_SECONDS, SUITES
from ..release import FileRule, Release
from ..tables import OPERATORS, maps, operators
from .hello import hello_sections
from .inbound import inbound_sections
from .internal import internal_sections
from .lines import map_file
from .outbound import destination_section, outbound_sections

RULES = (
    FileRule("tokens/*", "configuration-differs", (Phase.OAUTH,)),
    FileRule("destinations/*/client.pem", "certificate-differs", (Phase.CLIENT_INSTALLED,)),
    FileRule("destinations/*/ca.pem", "trust-differs", Phase.AUTHORITY_INSTALLED),
    FileRule("destinations/*/backend.cfg", "configuration-differs", (Phase.URLS,)),
    FileRule("server.pem", "certificate-differs", (Phase.SERVER_MADE,)),
    FileRule("callers-ca.pem", "trust-differs", (Phase.CALLER_ACCEPTED,)),
    FileRule("token-ca.pem", "trust-differs", (Phase.OAUTH,)),
)


def render(model: GatewayModel) -> Release:
    """The release of a model whose inbound listener is complete; GatewayError when a value may not enter."""
    if model.inbound is None:
        msg = f"{model.host}: a gateway without a server certificate cannot be rendered"
        raise ValueError(msg)
    own = _described(model)
    destinations = [destination for destination in model.outbound.destinations if destination.reachable]
    inbound = inbound_sections(model.inbound, model.fspiop_id, own.stats_socket)
    sections = [*inbound, *hello_sections(model.inbound), *internal_sections(model.inbound), *outbound_sections(model.outbound)]
    files = {
        "parts/00-process.cfg": _process(own),
        "parts/10-listeners.cfg": "\n".join(sections).encode(),
        **_inbound_files(model.inbound),
        **_destination_files(destinations),
    }
    made = maps(model.inbound.callers, destinations, routed=model.outbound.routed)
    made[OPERATORS] = operators(model.inbound.internal.operators if model.inbound.internal else {})
    used = {name: entries for name, entries in made.items() if map_file(name) in files["parts/10-listeners.cfg"].decode()}
    return Release(files, used, RULES)


def _described(model: GatewayModel) -> HaproxyGateway:
    if not isinstance(model.gateway, HaproxyGateway):
        raise GatewayError(f"is of kind {model.gateway.kind}, and no HAProxy", where=model.host)
    return model.gateway


def _process(gateway: HaproxyGateway) -> bytes:
    socket = rules.checked(rules.FILE, gateway.stats_socket, what="socket")
    log = "stdout format raw" if gateway.log == "stdout" else rules.checked(rules.FILE, gateway.log, what="log socket")
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
        *(f"    ssl-default-{end}-ciphers {':'.join(CIPHERS)}" for end in ("bind", "server")),
        *(f"    ssl-default-{end}-ciphersuites {':'.join(SUITES)}" for end in ("bind", "server")),
        f"    ssl-default-bind-curves {':'.join(CURVES)}",
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


def _inbound_files(inbound: Inbound) -> dict[str, bytes]:
    tokens = inbound.tokens.keys if inbound.tokens else ()
    return {
        "server.pem": _identity(inbound.identity),
        "callers-ca.pem": rules.bundle(inbound.trusted),
        **{f"tokens/{rules.checked(rules.KEY_ID, name, what='key id')}.pem": key for name, key in tokens},
        **({"token-ca.pem": rules.bundle(inbound.token_endpoint.ca)} if inbound.token_endpoint else {}),
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
