# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A hub on the cluster of the tests and its participants, onboarded by the playbooks; their requests are real ones."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from contract.registry.drivers import OidcProvider

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import Rfc7591Server
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store import layout
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree

from .istio import Istio
from .istio_hub import HOST, IMAGE, Backend, serve, start_gateway
from .kubernetes import CONTEXT, ROOT
from .playbooks import Played, play
from .ports import free_port
from .published import publish
from .pulumi_runs import Stack, new_stack

ADDRESSES = {"greenbank": "127.0.0.21", "bluebank": "127.0.0.31"}
ENVIRONMENT = "cluster"


@dataclass
class IstioSite:
    """The description and state of the hub's site, its stack, and what stands around it."""

    istio: Istio
    folder: Path
    ports: dict[str, int]
    """Of each side's gateway."""
    server: OidcProvider
    stacks: dict[str, Stack]
    backend: Backend
    played: list[Played] = field(default_factory=list)

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def describe(self, **states: str) -> None:
        """Write the description; ``states`` are those of participants, active where absent."""
        place = self.folder / "inventory"
        (place / "participants").mkdir(parents=True, exist_ok=True)
        files = {
            "hosts.yml": {
                "plugin": "mojaloop.onboarding.hub",
                "state": str(self.state),
                "probe_hosts": {"here": {"ansible_connection": "local"}},
            },
            "hub.yml": self._hub(),
        }
        for name in ADDRESSES:
            files[f"participants/{name}.yml"] = self._participant(name, states.get(name, "active"))
            own = place / f"participants-files/{name}"
            own.mkdir(parents=True, exist_ok=True)
            shutil.copy(self.istio.cluster.kubeconfig, own / "kubeconfig")
        for name, content in files.items():
            (place / name).write_text(yaml.safe_dump(content), encoding="utf-8")

    def _hub(self) -> dict[str, Any]:
        gateway = {
            "kind": "kubernetes",
            "name": "hub-gateway",
            "kubeconfig_file": str(self.istio.cluster.kubeconfig),
            "context": CONTEXT,
            "inbound": [{"address": "127.0.0.1", "port": self.ports["hub"]}],
        }
        hub = {
            "id": "switch",
            "organisation": "Hub",
            "endpoint": {"url": f"https://{HOST}:{self.ports['hub']}", "addresses": ["127.0.0.1"]},
            "egress_addresses": ["127.0.0.1/32"],
            "ca": {"kind": "internal"},
            "keys": {"tls": "ec-p256", "jws": "rsa-2048"},
            "gateways": [gateway],
            "authorization_server": described(self.server),
        }
        common = {"format": 1, "environment": ENVIRONMENT, "kind": "lab", "profile": "mojaloop", "approval": "automatic"}
        return {**common, "hub": hub, "defaults": {"roles": ["parties", "transfers"]}}

    def _participant(self, name: str, state: str) -> dict[str, Any]:
        gateway = {
            "kind": "kubernetes",
            "name": f"{name}-gateway",
            "kubeconfig_file": "kubeconfig",
            "context": CONTEXT,
            "inbound": [{"address": "127.0.0.1", "port": self.ports[name]}],
            "namespace": name,
            "gateway": f"{name}-connector-gateway",
            "listener": f"{name}-connector-gateway",
        }
        return {
            "format": 1,
            "id": name,
            "organisation": name.title(),
            "currencies": ["USD"],
            "hosting": "managed",
            "state": state,
            "endpoint": {"url": f"https://fspiop.{name}.lab:{self.ports[name]}", "addresses": [ADDRESSES[name]]},
            "egress_addresses": [f"{ADDRESSES[name]}/32"],
            "ca": {"kind": "internal"},
            "keys": {"tls": "ec-p256", "jws": "rsa-2048"},
            "gateways": [gateway],
        }

    def play(self, playbook: str = "onboard.yml", *arguments: str) -> Played:
        """Run a playbook as an operator does."""
        inventory = self.folder / "inventory/hosts.yml"
        self.played.append(play(playbook, inventory, *arguments, record=self.folder / f"record-{len(self.played)}.jsonl"))
        return self.played[-1]

    def identity(self, name: str) -> tuple[bytes, bytes]:
        """A participant's client certificate and key, from its own half of the store."""
        tree = DiskTree(self.state)
        found = [tree.read(f"{layout.store_folder(name, 'client', 'hub')}/{part}.pem") for part in ("certificate", "key")]
        assert all(found)
        return found[0] or b"", found[1] or b""

    def stored(self, folder: str) -> bytes:
        """Certificate, chain and key of an artefact of the store."""
        tree = DiskTree(self.state)
        return b"".join(tree.read(f"store/{folder}/{part}.pem") or b"" for part in ("certificate", "chain", "key"))

    @contextmanager
    def counterpart(self, name: str, shown: bytes) -> Iterator[Backend]:
        """A server at a participant's address that shows this certificate, and asks for one that the participant's CA signed."""
        file = self.folder / f"counterpart-{time.monotonic_ns()}.pem"
        file.write_bytes(shown)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(file)
        tls.load_verify_locations(cadata=(DiskTree(self.state).read(f"store/{name}/ca/certificate.pem") or b"").decode())
        tls.verify_mode, tls.verify_flags = ssl.CERT_REQUIRED, tls.verify_flags | ssl.VERIFY_X509_PARTIAL_CHAIN
        server = Backend((ADDRESSES[name], self.ports[name]), tls)
        try:
            yield server
        finally:
            server.shutdown()
            server.server_close()

    def headers(self, name: str) -> list[tuple[str, str]]:
        """A token that the server gave to the participant's client, and who it is."""
        credentials = json.loads(DiskTree(self.state).read(layout.credentials_path(name)) or b"{}")
        file = self.folder / f"{name}-certificate.pem"
        file.write_bytes(self.identity(name)[0])
        token = self.server.token(credentials, file).token
        return [("Authorization", f"Bearer {token}"), ("FSPIOP-Source", name)]

    def connect(self, name: str) -> http.client.HTTPSConnection:
        """A connection of a participant, with the certificate that it was given, from its address."""
        file = self.folder / f"{name}.pem"
        file.write_bytes(b"".join(self.identity(name)))
        authority = [
            DiskTree(self.state).read(f"{layout.store_folder('hub', 'ca')}/{part}.pem") or b"" for part in ("certificate", "chain")
        ]
        context = ssl.create_default_context(cadata=b"".join(authority).decode())
        context.load_cert_chain(file)
        raw = socket.create_connection(("127.0.0.1", self.ports["hub"]), 10, (ADDRESSES[name], 0))
        client = http.client.HTTPSConnection(HOST, self.ports["hub"], context=context, timeout=10)
        client.sock = context.wrap_socket(raw, server_hostname=HOST)
        return client

    def status(self, name: str, headers: list[tuple[str, str]] | None = None) -> int:
        """The status of a participant's request on a new connection; 0 where it is not answered."""
        try:
            with closing(self.connect(name)) as client:
                return ask(client, self.headers(name) if headers is None else headers)
        except (OSError, http.client.HTTPException):
            return 0


def start_callbacks(site: IstioSite, identities: int, *participants: str) -> int:
    """Start the hub's egress gateway and the participants' own gateways, with the backend behind them; the port of the former.

    No pod runs behind the egress gateway's service, nor behind a connector's: the one gets a port of the test's own, in place of
    the other the backend answers.
    """
    cluster, port = site.istio.cluster, free_port()
    ports = [{"name": "tls-443", "port": 443, "targetPort": port}]
    patch = json.dumps({"spec": {"ports": ports}})
    cluster.kubectl("--namespace=istio-egress", "patch", "service", "egress-gateway", "--type=merge", f"--patch={patch}")
    for name in participants:
        service = f"{name}-sdk-scheme-adapter-api-svc"
        cluster.kubectl(f"--namespace={name}", "delete", "service", service)
        serve(site.istio, name, site.backend.server_port, services=(service,), port=4000)
        start_gateway(site.istio, name, f"{name}-connector-gateway")
    start_gateway(site.istio, "istio-egress", "egress-gateway", identities)
    return port


def call_back(port: int, caller: ssl.SSLContext, host: str) -> int:
    """The status of a request of one of the hub's services to a participant's host, as its sidecar brings it to the egress gateway."""
    try:
        raw = socket.create_connection(("127.0.0.1", port), 10)
        with closing(http.client.HTTPSConnection(host, 443, context=caller, timeout=10)) as client:
            client.sock = caller.wrap_socket(raw, server_hostname=host)
            client.request("PUT", "/transfers/1", headers={"FSPIOP-Source": "switch", "FSPIOP-Destination": host.split(".")[1]})
            return client.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0


def ask(client: http.client.HTTPConnection, headers: list[tuple[str, str]]) -> int:
    """The status of the answer to a request on this connection."""
    client.request("GET", "/parties/MSISDN/1", headers=dict(headers))
    answer = client.getresponse()
    answer.read()
    return answer.status


def described(server: OidcProvider) -> dict[str, Any]:
    """The authorization server as a description has it: TLS ends in it, no gateway hands certificates on."""
    known = server.described()
    assert isinstance(known, Rfc7591Server)
    names = ("kind", "issuer", "token_endpoint", "jwks_url", "audience", "ca_file", "registration_url", "initial_access_token_file")
    return {**{name: getattr(known, name) for name in names}, "client_certificate": "tls"}


@contextmanager
def running_site(istio: Istio, server: OidcProvider, folder: Path) -> Iterator[IstioSite]:
    """The environments of the hub and of the participants by ``pulumi up``, with the hub's gateway; no participant is onboarded yet."""
    ports = {name: free_port() for name in ("hub", *ADDRESSES)}
    stacks = {"hub": new_stack(folder / "stacks-hub", ROOT / "pulumi/hub", istio.cluster, "lab")}
    first = new_stack(folder / "stacks-dfsp", ROOT / "pulumi/dfsp", istio.cluster, f"{ENVIRONMENT}.greenbank")
    stacks.update({"greenbank": first, "bluebank": first.beside(f"{ENVIRONMENT}.bluebank")})
    site = IstioSite(istio, folder, ports, server, stacks, Backend())
    site.describe()
    configure(site)
    try:
        for stack in stacks.values():
            stack.run("up", "--yes", "--skip-preview")
        serve(istio, "mojaloop", site.backend.server_port)
        start_gateway(istio, "istio-ingress-ext", "ext-gateway")
        yield site
    finally:
        site.backend.shutdown()
        site.backend.server_close()
        for stack in stacks.values():
            stack.run("destroy", "--yes", "--skip-preview", check=False)


def configure(site: IstioSite) -> None:
    """What the stacks are reported beside the description; the hub's publication stands for what its first run publishes."""
    description = {"context": CONTEXT, "description": str(site.folder / "inventory"), "serviceType": "NodePort", "replicas": 1}
    site.stacks["hub"].configure("mojaloop-hub", {**description, "internalDomain": "int.hub.example", "proxyImage": IMAGE})
    images = dict.fromkeys(("connectorImage", "cacheImage", "backendImage", "proxyImage"), IMAGE)
    hub = {"url": f"https://{HOST}:{site.ports['hub']}", "addresses": ["127.0.0.1"], "egress_addresses": ["127.0.0.1/32"]}
    for name in ADDRESSES:
        exchange = publish(site.folder / "published/exchange", name, **hub)
        site.stacks[name].configure("mojaloop-dfsp", {**description, **images, "exchange": str(exchange)})


KINDS = (
    "authorizationpolicies,envoyfilters,secrets,networkpolicies,"
    "serviceentries,destinationrules,virtualservices,gateways.networking.istio.io"
)


def object_versions(istio: Istio) -> dict[str, str]:
    """The version of each object of the pack on the cluster, by name: it changes when the object does."""
    mine = "--selector=app.kubernetes.io/managed-by=mojaloop-onboarding"
    found = istio.cluster.kubectl("get", KINDS, "--all-namespaces", mine, "--output=json")
    return {
        f"{each['kind']} {each['metadata']['name']}": f"{each['metadata']['uid']}/{each['metadata']['resourceVersion']}"
        for each in json.loads(found.stdout)["items"]
    }
