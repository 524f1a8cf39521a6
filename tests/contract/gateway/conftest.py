# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A real gateway on loopback with everything around it: CAs, certificates, tokens, a backend, an authorization server."""

from __future__ import annotations

import base64
import datetime as dt
import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from support.authorities import Authority, digest_of
from support.ports import free_port

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import Listener
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.comparison import Plan
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.model import (
    Caller,
    Destination,
    GatewayModel,
    HeaderRule,
    Identity,
    Inbound,
    Outbound,
    TokenEndpoint,
    TokenRules,
)

from .drivers import Envoy, Haproxy, Product

LOCAL = ip_address("127.0.0.1")
ISSUER, AUDIENCE = "https://auth.hub.test", "https://api.hub.test"
NOW = dt.datetime.now(dt.UTC)


def b64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


class TokenSigner:
    """An authorization server's key: RSA (RS256) or P-256 (ES256)."""

    def __init__(self, kid: str, algorithm: str) -> None:
        self.kid, self.algorithm = kid, algorithm
        self.key: Any = rsa.generate_private_key(65537, 2048) if algorithm[0] in "RP" else ec.generate_private_key(ec.SECP256R1())
        self.public = self.key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def token(self, claims: dict[str, Any], **header: Any) -> str:  # noqa: ANN401
        head = {"alg": self.algorithm, "kid": self.kid, "typ": "at+jwt", **header}
        head = {name: value for name, value in head.items() if value is not None}
        return self.signed(json.dumps(head), json.dumps(claims))

    def signed(self, head: str, claims: str) -> str:
        """A token of these texts, whether they are JSON or not."""
        text = f"{b64(head.encode())}.{b64(claims.encode())}"
        return f"{text}.{b64(self._sign(text.encode()))}"

    def _sign(self, text: bytes) -> bytes:
        if self.algorithm == "RS256":
            signed: bytes = self.key.sign(text, padding.PKCS1v15(), hashes.SHA256())
            return signed
        if self.algorithm == "PS256":
            return bytes(self.key.sign(text, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256()))
        r, s = decode_dss_signature(self.key.sign(text, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


class Recorder(ThreadingHTTPServer):
    """An HTTP server that answers 200 to everything and remembers what it was asked."""

    daemon_threads = True

    def __init__(self, identity: Identity | None = None, folder: Path | None = None, callers: bytes = b"") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen: list[tuple[str, str, list[tuple[str, str]]]] = []
        self.upgrading = False
        """Answers 101 to everything, asked or not, and takes what then comes for what was agreed."""
        self.tunnelled: list[bytes] = []
        if identity and folder:
            file = folder / f"recorder-{self.server_port}.pem"
            file.write_bytes(identity.certificate + identity.key)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(file)
            if callers:
                context.load_verify_locations(cadata=callers.decode())
                context.verify_mode = ssl.CERT_REQUIRED
            self.socket = context.wrap_socket(self.socket, server_side=True)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def listener(self) -> Listener:
        return Listener(LOCAL, self.server_port)

    def header(self, name: str) -> list[str]:
        return [value for key, value in self.seen[-1][2] if key.lower() == name]

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Broken connections are the other side's business."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        assert isinstance(self.server, Recorder)
        self.rfile.read(int(self.headers.get("content-length", "0")))
        self.server.seen.append((self.command, self.path, self.headers.items()))
        if self.server.upgrading:
            self.send_response(101)
            self.send_header("connection", "upgrade")
            self.send_header("upgrade", "tls/1.0")
            self.end_headers()
            self.server.tunnelled.append(self.rfile.readline())
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401
        """Keep quiet."""


@dataclass
class Answer:
    status: int
    reason: str
    body: bytes


@dataclass
class Connection:
    """One TLS connection of a caller, kept open between requests."""

    client: http.client.HTTPSConnection

    def ask(self, method: str = "GET", path: str = "/parties/MSISDN/1", headers: list[tuple[str, str]] | None = None) -> Answer:
        self.client.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers or []:
            self.client.putheader(name, value)
        if method != "GET":
            self.client.putheader("content-length", "0")
        self.client.endheaders()
        response = self.client.getresponse()
        return Answer(response.status, response.headers.get("x-refused-because", ""), response.read())


@dataclass
class Bench:
    """Everything one test needs; ``model`` is what the listener should be, tests replace parts of it."""

    root: Path
    driver: Product
    place: Any
    hub_ca: Authority
    signers: list[TokenSigner]
    clients: dict[str, Identity]
    backend: Recorder
    authorization: Recorder
    model: GatewayModel
    authority: type[Authority] = Authority
    signer: type[TokenSigner] = TokenSigner
    digest = staticmethod(digest_of)
    open: list[http.client.HTTPConnection] = field(default_factory=list)

    @property
    def inbound(self) -> Inbound:
        assert self.model.inbound is not None
        return self.model.inbound

    def plan(self, participants: set[str] | None = None) -> Plan:
        return self.driver.plan(self.place, self.model, participants)

    def apply(self, made: Plan | None = None, *, seconds: float = 30) -> dict[str, Any]:
        return self.driver.apply(self.place, self.model, made or self.plan(), seconds=seconds)

    def confirm(self, ticket: str) -> bool:
        return self.driver.confirm(self.place, ticket)

    def observe(self) -> dict[str, Any]:
        return self.driver.observe(self.place)

    def with_destinations(self, *made: Destination) -> GatewayModel:
        assert self.model.outbound is not None
        return replace(self.model, outbound=replace(self.model.outbound, destinations=made))

    def install(self, model: GatewayModel | None = None) -> dict[str, Any]:
        if model:
            self.model = model
        done = self.apply()
        assert self.confirm(done["ticket"])
        return done

    def with_inbound(self, **changed: Any) -> GatewayModel:  # noqa: ANN401
        return replace(self.model, inbound=replace(self.inbound, **changed))

    def connect(self, participant: str, source: str = "", identity: Identity | None = None) -> Connection:
        identity = identity or self.clients[participant]
        context = ssl.create_default_context(cadata=self.hub_ca.pem.decode())
        file = self.root / f"client-{threading.get_ident()}-{time.monotonic_ns()}.pem"
        file.write_bytes(identity.certificate + identity.key)
        context.load_cert_chain(file)
        listener = self.inbound.listeners[0]
        client = http.client.HTTPSConnection("api.hub.test", listener.port, context=context, timeout=10)
        raw = socket.create_connection(("127.0.0.1", listener.port), 10, (source or ADDRESSES.get(participant, "127.0.0.9"), 0))
        self.open.append(client)
        client.sock = context.wrap_socket(raw, server_hostname="api.hub.test")
        return Connection(client)

    def claims(self, participant: str, **changed: Any) -> dict[str, Any]:  # noqa: ANN401
        made = {
            "iss": ISSUER, "aud": AUDIENCE, "client_id": f"client-{participant}", "scope": "openid parties quotes",
            "exp": int(time.time()) + 300, "cnf": {"x5t#S256": b64(digest_of(self.clients[participant].certificate))}, **changed,
        }  # fmt: skip
        return {name: value for name, value in made.items() if value is not None}

    def headers(self, participant: str = "greenbank", **changed: Any) -> list[tuple[str, str]]:  # noqa: ANN401
        token = changed.pop("token", None) or self.signers[0].token(self.claims(participant, **changed))
        return [("authorization", f"Bearer {token}"), ("fspiop-source", participant)]

    def processes(self) -> list[int]:
        """Everything that was started with a file of this bench, whether it answers or not."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                if str(self.root).encode() + b"/" in path.read_bytes():
                    found.append(int(path.parent.name))
        return found

    def close(self) -> None:
        for client in self.open:
            client.close()
        for timer in Path(self.place.folder, "rollback").glob("pending-*"):
            timer.unlink(missing_ok=True)
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)
        for server in (self.backend, self.authorization):
            server.shutdown()
            server.server_close()
        shutil.rmtree(self.root, ignore_errors=True)


ADDRESSES = {"greenbank": "127.0.0.21", "bluebank": "127.0.0.31", "hub": "127.0.0.11"}


def _caller(name: str, identity: Identity, networks: tuple[str, ...], roles: tuple[str, ...]) -> Caller:
    prefixes = tuple(ip_network(network) for network in networks)
    return Caller(name, name, (digest_of(identity.certificate).hex(),), prefixes, (f"client-{name}",), roles)


def _inbound(bench: dict[str, Any]) -> Inbound:
    clients, signers, authorization = bench["clients"], bench["signers"], bench["authorization"]
    return Inbound(
        (Listener(LOCAL, free_port()),), False, bench["hub_ca"].identity("api.hub.test", server=True), bench["hub_ca"].pem,
        (
            _caller("greenbank", clients["greenbank"], ("127.0.0.21/32", "127.0.0.22/32"), ("parties", "quotes", "transfers")),
            _caller("bluebank", clients["bluebank"], ("127.0.0.31/32",), ("parties",)),
        ),
        HeaderRule.SOURCE, bench["backend"].listener, "", ("parties", "quotes", "transfers"),
        TokenRules(ISSUER, AUDIENCE, tuple((signer.kid, signer.public) for signer in signers), certificate_bound=True),
        TokenEndpoint("127.0.0.1", authorization.server_port, "/token", "auth.hub.test", bench["other_ca"].pem),
    )  # fmt: skip


DRIVERS = (Haproxy(), Envoy())


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every case for every product, but those that are about one (``PRODUCTS`` of their module) or that it does not pass."""
    if "driver" not in metafunc.fixturenames:
        return
    kinds, name = getattr(metafunc.module, "PRODUCTS", None), metafunc.function.__name__
    chosen = [one for one in DRIVERS if kinds is None or one.kind in kinds]
    params = [pytest.param(one, id=one.kind, marks=pytest.mark.skip(one.differs[name]) if name in one.differs else ()) for one in chosen]
    metafunc.parametrize("driver", params, indirect=True)


@pytest.fixture
def driver(request: pytest.FixtureRequest) -> Product:
    """The product under test; HAProxy where a case outside this folder does not say."""
    made: Product = getattr(request, "param", DRIVERS[0])
    return made


@pytest.fixture
def bench(driver: Product) -> Iterator[Bench]:
    """A gateway that is not installed yet, and everything around it."""
    with bench_of(driver) as made:
        yield made


@contextmanager
def bench_of(driver: Product) -> Iterator[Bench]:
    """See the fixture ``bench``."""
    root = Path(tempfile.mkdtemp(prefix="gateway-"))
    hub_ca, other_ca = Authority("Hub CA"), Authority("Other CA")
    authorization = Recorder(other_ca.identity("auth.hub.test", server=True), root)
    parts: dict[str, Any] = {
        "hub_ca": hub_ca, "other_ca": other_ca, "backend": Recorder(), "authorization": authorization,
        "clients": {name: hub_ca.identity(name) for name in ("greenbank", "bluebank")},
        "signers": [TokenSigner("key-1", "RS256"), TokenSigner("-key.2", "ES256")],
    }  # fmt: skip
    outbound = Outbound(Listener(LOCAL, free_port()), (), routed=True)
    place = driver.place(root)
    model = GatewayModel("hub", "switch", driver.gateway(place), _inbound(parts), outbound)
    made = Bench(root, driver, place, hub_ca, parts["signers"], parts["clients"], parts["backend"], authorization, model)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def destination() -> Any:  # noqa: ANN401
    """Makes a destination behind a given recorder."""

    def made(name: str, server: Recorder, trusted: bytes, identity: Identity, base_path: str = "") -> Destination:
        sources = (ip_network("127.0.0.11/32"),)
        return Destination(name, name, f"fspiop.{name}.test", server.server_port, base_path, (LOCAL,), trusted, identity, sources)

    return made


@pytest.fixture
def recorder() -> Iterator[Any]:
    """Makes counterparts' servers that demand a client certificate, and ends them."""
    made: list[Recorder] = []

    def start(identity: Identity, folder: Path, callers: bytes) -> Recorder:
        made.append(Recorder(identity, folder, callers))
        return made[-1]

    yield start
    for server in made:
        server.shutdown()
        server.server_close()


@pytest.fixture
def participants(bench: Bench) -> Bench:
    """The listener of greenbank, at which the hub alone calls, with the certificate that bluebank has at the hub's."""
    hub = bench.inbound.callers[1]
    caller = replace(hub, participant="hub", fspiop_id="switch", clients=(), roles=(), networks=(ip_network("127.0.0.11/32"),))
    inbound = bench.with_inbound(callers=(caller,), header_rule=HeaderRule.DESTINATION, tokens=None, token_endpoint=None, resources=())
    bench.install(replace(inbound, side="greenbank", fspiop_id="greenbank"))
    bench.clients["hub"] = bench.clients["bluebank"]
    return bench


@pytest.fixture
def permissive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host whose OpenSSL permits everything, old and weak, to the programs started from here: only their own rules hold."""
    file = tmp_path / "openssl.cnf"
    suites = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_CCM_SHA256"
    anything = f"MinProtocol = TLSv1\nCipherString = ALL:@SECLEVEL=0\nCiphersuites = {suites}\n"
    file.write_text(f"openssl_conf = all\n[all]\nssl_conf = programs\n[programs]\nsystem_default = any\n[any]\n{anything}")
    monkeypatch.setenv("OPENSSL_CONF", str(file))
