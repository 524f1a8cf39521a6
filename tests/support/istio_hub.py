# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A hub on the cluster of the tests: its environment by Pulumi, its gateway in Envoy, a backend, and callers with certificates."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.kubernetes_gateway import KubernetesGateway
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import Listener
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.comparison import Plan, plan
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.kubernetes.release import render
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.kubernetes.target import ClusterTarget
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.model import (
    Caller,
    GatewayModel,
    HeaderRule,
    Identity,
    Inbound,
    Outbound,
    TokenRules,
)

from .authorities import Authority, digest_of
from .istio import Istio, Proxy
from .kubernetes import CONTEXT, ROOT
from .ports import free_port
from .pulumi_runs import Stack, new_stack
from .token_server import AUDIENCE, ISSUER, TokenServer

HOST = "api.hub.lab"
ADDRESSES = {"greenbank": "127.0.0.21", "bluebank": "127.0.0.31", "redbank": "127.0.0.41"}
IMAGE = "registry.example/istio/proxyv2@sha256:" + "1" * 64
SERVICES = ("moja-account-lookup-service", "moja-quoting-service", "moja-ml-api-adapter-service")
Header = tuple[str, str]
PATIENCE = 30.0


class Backend(ThreadingHTTPServer):
    """Stand-in for services, or with ``tls`` for a participant's server: answers 200 to everything, and remembers what it was asked."""

    daemon_threads = True

    def __init__(self, place: tuple[str, int] = ("127.0.0.1", 0), tls: ssl.SSLContext | None = None) -> None:
        super().__init__(place, _Handler)
        self.seen: list[tuple[str, str, list[Header]]] = []
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Broken connections are the other side's business."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        assert isinstance(self.server, Backend)
        self.rfile.read(int(self.headers.get("content-length", "0")))
        self.server.seen.append((self.command, self.path, self.headers.items()))
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_POST = do_PUT = do_GET  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401
        """Keep quiet."""


@dataclass
class Hub:
    """The running hub. ``model`` is what its gateway should be; ``install`` makes it so."""

    istio: Istio
    proxy: Proxy
    stack: Stack
    tokens: TokenServer
    folder: Path
    model: GatewayModel
    authority: Authority
    clients: dict[str, Identity]
    backend: Backend
    open: list[http.client.HTTPConnection] = field(default_factory=list)

    @property
    def inbound(self) -> Inbound:
        assert self.model.inbound is not None
        return self.model.inbound

    @property
    def gateway(self) -> KubernetesGateway:
        assert isinstance(self.model.gateway, KubernetesGateway)
        return self.model.gateway

    def with_callers(self, *callers: Caller) -> GatewayModel:
        return replace(self.model, inbound=replace(self.inbound, callers=callers))

    def plan(self, model: GatewayModel | None = None, participants: set[str] | None = None) -> Plan:
        model = model or self.model
        return plan(model, render(model), ClusterTarget(model, 30).observe(), participants)

    def install(self, model: GatewayModel | None = None, participants: set[str] | None = None) -> dict[str, Any]:
        """Change the gateway to a model; what is in force then."""
        made = self.plan(model, participants)
        _reloads, observed = ClusterTarget(model or self.model, 30).change(made, {})
        return observed

    def caller(self, name: str) -> Caller:
        return next(caller for caller in self.inbound.callers if caller.participant == name)

    def headers(self, name: str, *, source: str = "", **claims: Any) -> list[Header]:  # noqa: ANN401
        """The headers of a right request of a participant, with other claims where a test names some."""
        token = self.tokens.token(f"client-{name}", self.clients[name].certificate, **claims)
        return [("Authorization", f"Bearer {token}"), ("FSPIOP-Source", source or name)]

    def connect(self, name: str, *, address: str = "", identity: Identity | None = None) -> http.client.HTTPConnection:
        """A connection of a participant, with its certificate and from its address unless another is named."""
        identity = identity or self.clients[name]
        file = self.folder / f"client-{time.monotonic_ns()}.pem"
        file.write_bytes(identity.certificate + identity.key)
        context = ssl.create_default_context(cadata=self.authority.pem.decode())
        context.load_cert_chain(file)
        client = _Connection(address or ADDRESSES[name], self.inbound.listeners[0].port, context)
        client.connect()
        self.open.append(client)
        return client

    def ask(self, client: http.client.HTTPConnection, headers: list[Header], path: str = "/parties/MSISDN/1", method: str = "GET") -> int:
        """The status of the answer to a request on this connection."""
        client.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers:
            client.putheader(name, value)
        if method != "GET":
            client.putheader("Content-Length", "0")
        client.endheaders()
        answer = client.getresponse()
        answer.read()
        return answer.status

    def status(self, name: str, *, address: str = "", identity: Identity | None = None, **request: Any) -> int:  # noqa: ANN401
        """The status of a request on a new connection; 0 where it is not even answered."""
        try:
            client = self.connect(name, address=address, identity=identity)
            return self.ask(client, **{"headers": self.headers(name), **request})
        except (OSError, http.client.HTTPException):
            return 0

    def close(self) -> None:
        for client in self.open:
            client.close()
        self.backend.shutdown()
        self.backend.server_close()


class _Connection(http.client.HTTPConnection):
    """A participant's connection to the hub's gateway on this machine; opened again, as clients do, where the gateway has closed it."""

    def __init__(self, source: str, port: int, context: ssl.SSLContext) -> None:
        super().__init__(HOST, port, timeout=10)
        self._source = source
        self._context = context

    def connect(self) -> None:
        raw = socket.create_connection(("127.0.0.1", self.port), 10, (self._source, 0))
        self.sock = self._context.wrap_socket(raw, server_hostname=HOST)


def until(condition: Callable[[], bool]) -> float:
    """Seconds until a condition holds; AssertionError when it does not."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < PATIENCE, "not in time"
        time.sleep(0.02)
    return time.monotonic() - begun


@contextmanager
def running_hub(istio: Istio, tokens: TokenServer, folder: Path) -> Iterator[Hub]:
    """The hub, made by ``pulumi up`` and removed by ``pulumi destroy``."""
    port = free_port()
    stack = new_stack(folder / "stack", ROOT / "pulumi/hub", istio.cluster, "lab")
    settings = {"context": CONTEXT, "internalDomain": "int.hub.example", "proxyImage": IMAGE, "serviceType": "NodePort", "replicas": 1}
    stack.configure("mojaloop-hub", {**settings, "description": str(described(folder, port, tokens.url))})
    stack.run("up", "--yes", "--skip-preview")
    outputs = stack.run("stack", "output", "--json").json
    backend = Backend()
    serve(istio, outputs["servicesNamespace"], backend.server_port)
    hub = _hub(istio, stack, tokens, folder, outputs, backend)
    try:
        yield hub
    finally:
        hub.close()
        stack.run("destroy", "--yes", "--skip-preview", check=False)


def described(folder: Path, port: int, keys: str) -> Path:
    """The lab's description, with the port of this hub's gateway and the place of its authorization server's keys."""
    place = folder / "inventory"
    shutil.copytree(ROOT / "inventories/lab", place)
    file = place / "hub.yml"
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    document["hub"]["endpoint"]["url"] = f"https://{HOST}:{port}"
    document["hub"]["authorization_server"]["jwks_url"] = keys
    for gateway in document["hub"]["gateways"]:
        for listener in gateway["inbound"]:
            listener["port"] = port
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    return place


def serve(istio: Istio, namespace: str, backend: int, services: tuple[str, ...] = SERVICES, port: int = 80) -> None:
    """Have the services that the hub's routes name be on this machine: no container runs behind them."""
    spec = {
        "hosts": [f"{service}.{namespace}.svc.cluster.local" for service in services],
        "ports": [{"number": port, "name": "http", "protocol": "HTTP", "targetPort": backend}],
        "location": "MESH_INTERNAL",
        "resolution": "STATIC",
        "endpoints": [{"address": "127.0.0.1"}],
    }
    entry = {"apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry", "metadata": {"name": "services", "namespace": namespace}}
    istio.cluster.kubectl("apply", "--filename=-", content=json.dumps({**entry, "spec": spec}))


def start_gateway(istio: Istio, namespace: str, name: str, identities: int = 0) -> Proxy:
    """Envoy in place of the pods of a gateway, believing what their template says; ``identities``: see ``Istio.gateway``."""
    found = istio.cluster.kubectl("get", "deployment", name, f"--namespace={namespace}", "--output=json").stdout
    annotations = json.loads(found)["spec"]["template"]["metadata"]["annotations"]
    return istio.gateway(namespace, name, json.loads(annotations["proxy.istio.io/config"])["gatewayTopology"], identities)


def _hub(istio: Istio, stack: Stack, tokens: TokenServer, folder: Path, outputs: dict[str, Any], backend: Backend) -> Hub:
    fspiop, egress = outputs["fspiopGateway"], outputs["egressGateway"]
    gateway = KubernetesGateway(
        kind="kubernetes",
        name="hub-gateway",
        host="",
        inbound=(Listener(ip_address("127.0.0.1"), int(fspiop["port"])),),
        kubeconfig_file=str(istio.cluster.kubeconfig),
        context=CONTEXT,
        namespace=fspiop["namespace"],
        gateway=fspiop["gateway"],
        listener=fspiop["listener"],
        certificate=fspiop["certificate"],
        services_namespace=outputs["servicesNamespace"],
        egress_namespace=egress["namespace"],
        egress_gateway=egress["gateway"],
    )
    proxy = start_gateway(istio, gateway.namespace, gateway.gateway)
    authority = Authority("Hub CA")
    clients = {name: authority.identity(name) for name in ADDRESSES}
    callers = tuple(_caller(name, identity) for name, identity in clients.items())
    rules = TokenRules(ISSUER, AUDIENCE, (), certificate_bound=True)
    inbound = Inbound(
        gateway.inbound, False, authority.identity(HOST, server=True), authority.pem, callers, HeaderRule.SOURCE, gateway.inbound_backend,
        resources=("parties", "quotes", "transfers"), tokens=rules, host=fspiop["host"],
    )  # fmt: skip
    model = GatewayModel("hub", "switch", gateway, inbound, Outbound(gateway.outbound, (), routed=True))
    return Hub(istio, proxy, stack, tokens, folder, model, authority, clients, backend)


def _caller(name: str, identity: Identity) -> Caller:
    networks = (ip_network(f"{ADDRESSES[name]}/32"),)
    return Caller(name, name, (digest_of(identity.certificate).hex(),), networks, (f"client-{name}",), ("parties", "transfers"))
