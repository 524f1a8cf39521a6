# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lab's backends with Mojaloop's own JWS library: what the pack signs is accepted, what is tampered with is not."""

from __future__ import annotations

import http.client
import json
import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, ClassVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID
from support.ports import free_port

from ansible_collections.mojaloop.onboarding.plugins.module_utils.jws import SignatureRefused, sign_request, verify_request

NODE = Path(__file__).resolve().parents[1] / "lab" / "node"
NOW = datetime.now(UTC)
SIDES = ("switch", "greenbank", "bluebank")
KEYS = {name: rsa.generate_private_key(65537, 2048) for name in (*SIDES, "redbank")}
QUOTE = {"quoteId": "b51ec534-ee48-4575-b6a9-ead2955b8069", "amount": {"currency": "USD", "amount": "10.5"}, "note": "é/ü"}

pytestmark = pytest.mark.skipif(
    not (NODE / "node_modules" / "@mojaloop" / "sdk-standard-components").is_dir() or shutil.which("node") is None,
    reason="Node.js packages are not installed: run `make node`",
)


def write_key(path: Path, name: str) -> str:
    path.write_bytes(KEYS[name].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return str(path)


def publish(folder: Path, name: str, key: rsa.RSAPrivateKey) -> None:
    staged = folder / f".{name}.new"
    staged.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    staged.rename(folder / f"{name}.pem")


@dataclass
class Gateway:
    """Stands for the sides' gateways: hands on by FSPIOP-Destination or to the hub, gives out tokens and asks for them."""

    routes: dict[str, int] = field(default_factory=dict)
    seen: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    valid: set[str] = field(default_factory=set)
    server: ThreadingHTTPServer | None = None

    def start(self) -> int:
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status, content = gateway.pass_on(self.command, self.path, headers, body)
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_PUT = do_POST  # noqa: N815 -- names of the standard library

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return int(self.server.server_address[1])

    def pass_on(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        if path == "/oauth2/token":
            self.tokens.append(f"token-{len(self.tokens)}")
            self.valid.add(f"Bearer {self.tokens[-1]}")
            return 200, json.dumps({"access_token": self.tokens[-1], "expires_in": 300}).encode()
        from_hub = headers["fspiop-source"] == "switch" or "authorization" not in headers
        if not from_hub and headers["authorization"] not in self.valid:
            return 401, b""
        self.seen.append((method, headers, body))
        port = self.routes[headers["fspiop-destination"]] if from_hub else self.routes["switch"]
        return ask(port, method, path, headers, body)[0], b""


def ask(port: int, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> tuple[int, dict[str, str], bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request(method, path, body or None, headers)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()


@dataclass
class Backend:
    """One backend's process."""

    name: str
    folder: Path
    settings: dict[str, Any]
    process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        path = self.folder / f"{self.name}.json"
        path.write_text(json.dumps(self.settings))
        self.process = subprocess.Popen(["node", str(NODE / "fspiop_backend.mjs"), str(path)], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        assert "ready" in self.process.stdout.readline()
        # the log is read on, or the backend would stop at a full pipe
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def stop(self) -> int:
        assert self.process
        self.process.terminate()
        status = self.process.wait(10)
        time.sleep(0.05)
        if self.process.stdout:
            self.process.stdout.close()
        return status

    @property
    def port(self) -> int:
        return int(self.settings["listen"]["port"])

    def records(self, message: str | None = None) -> list[dict[str, Any]]:
        query = "" if message is None else f"?id={message}"
        found: list[dict[str, Any]] = json.loads(ask(self.settings["control"]["port"], "GET", f"/messages{query}", {})[2])
        return found

    def wait_for(self, kind: str, message: str) -> dict[str, Any]:
        for _ in range(100):
            for entry in self.records(message):
                if entry["kind"] == kind:
                    return entry
            time.sleep(0.05)
        pytest.fail(f"{self.name} has no {kind} of {message}: {self.records()}")

    def send(self, method: str, path: str, destination: str, body: object = None) -> dict[str, Any]:
        order = json.dumps({"method": method, "path": path, "destination": destination, "body": body}).encode()
        found: dict[str, Any] = json.loads(ask(self.settings["control"]["port"], "POST", "/send", {}, order)[2])
        return found


@dataclass
class Scheme:
    """The hub's backend and two participants', joined by a stand-in for their gateways."""

    folder: Path
    gateway: Gateway
    backends: dict[str, Backend]

    @property
    def keys(self) -> Path:
        return self.folder / "jws-keys"


@pytest.fixture(scope="module")
def scheme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scheme]:
    folder = tmp_path_factory.mktemp("scheme")
    keys = folder / "jws-keys"
    keys.mkdir()
    for name in SIDES:
        publish(keys, name, KEYS[name])
    (folder / "credentials.json").write_text(json.dumps({"client_id": "a", "client_secret": "b", "scope": "quotes"}))
    gateway = Gateway()
    outbound = f"http://127.0.0.1:{gateway.start()}"
    backends = {}
    for name, (listen, control) in zip(SIDES, zip(*[(free_port() for _ in range(6))] * 2, strict=True), strict=True):
        settings = {
            "mode": "hub" if name == "switch" else "participant",
            "id": name,
            "listen": {"address": "127.0.0.1", "port": listen},
            "control": {"address": "127.0.0.1", "port": control},
            "keys_folder": str(keys),
            "outbound": {"url": outbound},
        }
        if name != "switch":
            settings |= {"signing_key_file": write_key(folder / f"{name}.key", name), "credentials_file": str(folder / "credentials.json")}
        gateway.routes[name] = listen
        backends[name] = Backend(name, folder, settings)
        backends[name].start()
    yield Scheme(folder, gateway, backends)
    assert [backend.stop() for backend in backends.values()] == [0, 0, 0]
    if gateway.server:
        gateway.server.shutdown()
        gateway.server.server_close()


def signed(name: str, path: str = "/quotes", destination: str = "switch", **changes: object) -> tuple[str, str, dict[str, str], bytes]:
    """A request of this side to the hub itself, signed by the pack."""
    headers = {"FSPIOP-Source": name, "FSPIOP-Destination": destination, "Date": "Mon, 23 Nov 2026 09:00:00 GMT"}
    request = sign_request(KEYS[name], "POST", f"https://hub{path}", headers, QUOTE | changes)
    return "POST", path, request.headers, request.body


def test_a_quote_goes_through_the_hub_and_its_answer_comes_back(scheme: Scheme) -> None:
    quote = QUOTE | {"quoteId": "through-the-hub"}
    assert scheme.backends["greenbank"].send("POST", "/quotes", "bluebank", quote)["status"] == 202
    callback = scheme.backends["greenbank"].wait_for("callback", "through-the-hub")
    assert (callback["source"], callback["body"]["transferAmount"]) == ("bluebank", QUOTE["amount"])
    assert scheme.backends["bluebank"].wait_for("message", "through-the-hub")["body"] == quote
    assert scheme.backends["switch"].wait_for("forwarded", "through-the-hub")["status"] == 202


def test_the_hub_forwards_bytes_and_signature_as_they_came_and_the_pack_accepts_what_the_library_signed(scheme: Scheme) -> None:
    scheme.gateway.seen.clear()
    scheme.backends["greenbank"].send("POST", "/transfers", "bluebank", {"transferId": "as-they-came", "z": 1, "a": "é"})
    scheme.backends["greenbank"].wait_for("callback", "as-they-came")
    first, second = [(headers, body) for method, headers, body in scheme.gateway.seen if method == "POST"]
    assert first[1] == second[1]
    protected = [name for name in first[0] if name.startswith("fspiop-") or name == "date"]
    assert [first[0][name] for name in protected] == [second[0][name] for name in protected]
    assert "authorization" not in second[0]
    verify_request(KEYS["greenbank"].public_key(), *second)
    with pytest.raises(SignatureRefused):
        verify_request(KEYS["bluebank"].public_key(), *second)


def test_a_lookup_has_no_body_and_needs_no_signature(scheme: Scheme) -> None:
    assert scheme.backends["greenbank"].send("GET", "/parties/MSISDN/4711", "bluebank")["status"] == 202
    callback = scheme.backends["greenbank"].wait_for("callback", "4711")
    assert callback["body"]["party"]["partyIdInfo"]["fspId"] == "bluebank"


def judged(scheme: Scheme, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, str]:
    status, answered, content = ask(scheme.backends["switch"].port, method, path, headers, body)
    if status == 202:
        return status, ""
    assert answered["x-refused-by"] == "backend"
    return status, f"{json.loads(content)['errorInformation']['errorCode']} {answered['x-refused-because']}"


def test_the_library_accepts_what_the_pack_signs_and_refuses_it_tampered_with(scheme: Scheme) -> None:
    method, path, headers, body = signed("greenbank")
    assert judged(scheme, method, path, headers, body) == (202, "")
    assert judged(scheme, method, path, headers, body.replace(b"10.5", b"99.5")) == (400, "3105 signature-invalid")
    for name, value in {"fspiop-uri": "/transfers", "fspiop-destination": "bluebank", "date": "Mon, 23 Nov 2026 09:00:01 GMT"}.items():
        assert judged(scheme, method, path, headers | {name: value}, body) == (400, "3105 signature-header")
    assert judged(scheme, method, path, headers | {"fspiop-source": "bluebank"}, body) == (400, "3105 signature-invalid")
    unsigned = {name: value for name, value in headers.items() if name != "fspiop-signature"}
    assert judged(scheme, method, path, unsigned, body) == (400, "3105 signature-missing")
    assert judged(scheme, method, path, headers, b"") == (400, "3105 signature-body-missing")
    assert judged(scheme, method, path, headers | {"fspiop-source": "../greenbank"}, body) == (400, "3105 signature-key-unknown")
    assert judged(scheme, method, path, headers, body) == (202, "")


def test_a_key_counts_from_the_message_after_it_was_put_there_or_taken_away(scheme: Scheme) -> None:
    message = signed("redbank")
    assert judged(scheme, *message) == (400, "3105 signature-key-unknown")
    publish(scheme.keys, "redbank", KEYS["redbank"])
    assert judged(scheme, *message) == (202, "")
    publish(scheme.keys, "redbank", KEYS["bluebank"])
    assert judged(scheme, *message) == (400, "3105 signature-invalid")
    (scheme.keys / "redbank.pem").unlink()
    assert judged(scheme, *message) == (400, "3105 signature-key-unknown")


def test_an_unknown_destination_is_refused_by_the_hub(scheme: Scheme) -> None:
    assert judged(scheme, *signed("greenbank", destination="no-one")) == (400, "3201 destination-unknown")
    assert judged(scheme, *signed("greenbank", destination="bluebank")) == (202, "")


def test_a_token_that_is_no_longer_accepted_is_fetched_anew(scheme: Scheme) -> None:
    green = scheme.backends["greenbank"]
    assert green.send("GET", "/parties/MSISDN/1", "bluebank")["status"] == 202
    green.wait_for("callback", "1")
    count = len(scheme.gateway.tokens)
    scheme.gateway.valid.clear()
    assert green.send("GET", "/parties/MSISDN/2", "bluebank")["status"] == 202
    green.wait_for("callback", "2")
    assert len(scheme.gateway.tokens) == count + 2  # both participants asked again, once


def issue(folder: Path, name: str, issuer: str = "") -> Path:
    """A certificate (of a CA without issuer) for 127.0.0.1, in <folder>/<name>.pem with its .key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer: tuple[x509.Name, Any] = (subject, key)
    if issuer:
        signer = Authority.known[issuer]
    else:
        Authority.known[name] = signer
    lifetime = (NOW - timedelta(days=1), NOW + timedelta(days=2))
    builder = x509.CertificateBuilder(signer[0], subject, key.public_key(), x509.random_serial_number(), *lifetime)
    builder = builder.add_extension(x509.BasicConstraints(ca=not issuer, path_length=None), critical=True)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
    path = folder / f"{name}.pem"
    path.write_bytes(builder.sign(signer[1], hashes.SHA256()).public_bytes(Encoding.PEM))
    path.with_suffix(".key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


class Authority:
    known: ClassVar[dict[str, tuple[x509.Name, Any]]] = {}


@pytest.fixture
def direct(tmp_path: Path) -> Iterator[Backend]:
    """A side without a gateway: mutual TLS both ways, itself."""
    for name, issuer in (("own-ca", ""), ("server", "own-ca"), ("hub", "own-ca"), ("neighbour", "own-ca"), ("hub-ca", "")):
        issue(tmp_path, name, issuer)
    for name in ("hub-server", "client"):
        issue(tmp_path, name, "hub-ca")
    keys = tmp_path / "jws-keys"
    keys.mkdir()
    publish(keys, "switch", KEYS["switch"])
    listen, control, hub = free_port(), free_port(), free_port()
    settings = {
        "mode": "participant",
        "id": "redbank",
        "listen": {"address": "127.0.0.1", "port": listen},
        "control": {"address": "127.0.0.1", "port": control},
        "keys_folder": str(keys),
        "signing_key_file": write_key(tmp_path / "jws.key", "redbank"),
        "inbound_tls": {
            "certificate_file": str(tmp_path / "server.pem"),
            "key_file": str(tmp_path / "server.key"),
            "client_ca_file": str(tmp_path / "own-ca.pem"),
            "fingerprints": [x509.load_pem_x509_certificate((tmp_path / "hub.pem").read_bytes()).fingerprint(hashes.SHA256()).hex()],
        },
        "outbound": {
            "url": f"https://127.0.0.1:{hub}",
            "local_address": "127.0.0.1",
            "ca_file": str(tmp_path / "hub-ca.pem"),
            "certificate_file": str(tmp_path / "client.pem"),
            "key_file": str(tmp_path / "client.key"),
        },
    }
    backend = Backend("redbank", tmp_path, settings)
    backend.start()
    yield backend
    assert backend.stop() == 0


def over_tls(backend: Backend, certificate: str) -> tuple[int, str]:
    context = ssl.create_default_context(cafile=str(backend.folder / "own-ca.pem"))
    if certificate:
        context.load_cert_chain(backend.folder / f"{certificate}.pem", backend.folder / f"{certificate}.key")
    method, path, headers, body = signed("switch", destination="redbank")
    with closing(http.client.HTTPSConnection("127.0.0.1", backend.port, timeout=10, context=context)) as connection:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers.get("x-refused-because", "")


def test_a_side_without_a_gateway_accepts_exactly_the_hubs_certificate(direct: Backend) -> None:
    assert over_tls(direct, "hub") == (202, "")
    assert over_tls(direct, "neighbour") == (403, "certificate-unknown")
    for unknown in ("", "client"):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            over_tls(direct, unknown)
    assert over_tls(direct, "hub") == (202, "")


def test_a_side_without_a_gateway_shows_its_certificate_and_checks_the_hubs(direct: Backend) -> None:
    port = int(direct.settings["outbound"]["url"].rpartition(":")[2])
    assert serve_once(direct.folder, port, "hub-server", direct)["status"] == 200
    assert "error" in serve_once(direct.folder, port, "server", direct)


def serve_once(folder: Path, port: int, certificate: str, backend: Backend) -> dict[str, Any]:
    """What the backend says of one message to an https server that shows ``certificate`` and asks for one of the hub's CA."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(folder / "hub-ca.pem"))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(folder / f"{certificate}.pem", folder / f"{certificate}.key")
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    plain = server.socket
    server.socket = context.wrap_socket(plain, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        return backend.send("POST", "/quotes", "switch", QUOTE)
    finally:
        server.shutdown()
        server.server_close()
        with suppress(OSError):
            plain.close()
        thread.join(5)
