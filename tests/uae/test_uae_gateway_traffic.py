# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The listeners of hub and LFI by real traffic on this machine alone: who is known by a subject, what is answered without a certificate."""

from __future__ import annotations

import base64
import http.client
import json
import os
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from support.ports import free_port
from support.trust_framework import StandInDirectory
from unit.steps.conftest import Site
from unit.uae.conftest import BANK, HUB, LFI, OZONE

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.loading import load_description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import Listener
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.desired import gateway_model
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.haproxy.release import render
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.model import GatewayModel
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.tables import written
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree

LOCAL = ip_address("127.0.0.1")
SECONDS = 10
HELLO = {"hello": {"address": "203.0.113.20", "port": 8443}}
HUB_GATEWAY = {
    "host": "hub-gateway",
    "kind": "haproxy",
    "log": "stdout",
    "inbound": [{"address": "203.0.113.10", "port": 443}],
    "inbound_backend": {"address": "127.0.0.1", "port": 3000},
    "outbound": {"address": "127.0.0.1", "port": 3100},
}


class Backend(ThreadingHTTPServer):
    """Answers 200 with the headers it was given."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Echo)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()


class _Echo(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """The headers as JSON."""
        content = json.dumps({name.lower(): value for name, value in self.headers.items()}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_POST(self) -> None:
        """As for GET."""
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@dataclass
class Gateways:
    """Both gateways on loopback, each in front of one backend; ports by what listens there."""

    site: Site
    directory: StandInDirectory
    ports: dict[str, int]

    def identity(self, folder: str) -> bytes:
        """Certificate, chain and key of a folder of the store."""
        return b"".join(self.site.read(f"store/{folder}/{name}.pem") for name in ("certificate", "chain", "key"))

    def signed(self, *units: str, organisation: str = OZONE.legal_name, name: str = OZONE.id) -> bytes:
        """A client certificate of the directory with these units in its subject, and its key."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pairs = [(NameOID.COUNTRY_NAME, "AE"), (NameOID.ORGANIZATION_NAME, organisation)]
        pairs += [*((NameOID.ORGANIZATIONAL_UNIT_NAME, unit) for unit in units), (NameOID.COMMON_NAME, name)]
        subject = x509.Name([x509.NameAttribute(oid, value) for oid, value in pairs])
        request = x509.CertificateSigningRequestBuilder(subject).sign(key, hashes.SHA256())
        return _pem(self.directory.sign(request, "OPF UAE CLIENT TRANSPORT"), key)

    def ask(self, where: str, identity: bytes | None, path: str, method: str = "GET", **headers: str) -> tuple[int, str, dict[str, Any]]:
        """Status, why the gateway refused, and what the backend was given; ssl.SSLError where the handshake ended."""
        context = ssl.create_default_context(cadata=self.directory.root.public_bytes(serialization.Encoding.PEM).decode())
        context.check_hostname = False
        if identity:
            with tempfile.NamedTemporaryFile() as file:
                file.write(identity)
                file.flush()
                context.load_cert_chain(file.name)
        connection = http.client.HTTPSConnection("127.0.0.1", self.ports[where], context=context, timeout=SECONDS)
        return _asked(connection, method, path, headers)

    def call(self, where: str, path: str, **headers: str) -> tuple[int, str, dict[str, Any]]:
        """As the side's own services call out."""
        return _asked(http.client.HTTPConnection("127.0.0.1", self.ports[where], timeout=SECONDS), "GET", path, headers)


def _asked(connection: http.client.HTTPConnection, method: str, path: str, headers: dict[str, str]) -> tuple[int, str, dict[str, Any]]:
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        content = response.read()
        return response.status, response.getheader("x-refused-because", ""), json.loads(content) if response.status == 200 else {}
    finally:
        connection.close()


def _pem(certificate: x509.Certificate, key: rsa.RSAPrivateKey) -> bytes:
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(*form)


def _self_signed() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, OZONE.id)])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 7, now.replace(year=now.year - 1), now.replace(year=now.year + 1))
    return _pem(builder.sign(key, hashes.SHA256()), key)


def _local(model: GatewayModel, ports: dict[str, int], side: str, backend: int, folder: Path) -> GatewayModel:
    """The model with every address on loopback; who is known by what stays as it is."""
    assert model.inbound is not None
    hello = (Listener(LOCAL, ports["hello"]), model.inbound.hello[1]) if model.inbound.hello else None
    callers = tuple(replace(caller, networks=(ip_network("127.0.0.1/32"),)) for caller in model.inbound.callers)
    inbound = replace(
        model.inbound, listeners=(Listener(LOCAL, ports[side]),), callers=callers, backend=Listener(LOCAL, backend), hello=hello
    )
    destinations = tuple(
        replace(each, addresses=(LOCAL,), port=ports[each.participant], sources=(ip_network("127.0.0.1/32"),))
        for each in model.outbound.destinations
    )
    outbound = replace(model.outbound, listener=Listener(LOCAL, ports[f"{side} out"]), destinations=destinations)
    own = replace(model.gateway, stats_socket=str(folder / "stats.sock"), log="stdout")  # type: ignore[call-arg]
    return replace(model, inbound=inbound, outbound=outbound, gateway=own)


def _started(model: GatewayModel, root: Path) -> subprocess.Popen[bytes]:
    release = render(model)
    contents = {**release.files, **{f"maps/{name}.map": written(entries) for name, entries in release.maps.items()}}
    for name, content in contents.items():
        root.joinpath(name).parent.mkdir(parents=True, exist_ok=True)
        root.joinpath(name).write_bytes(content)
    parts = [*sorted(root.glob("parts/*.cfg")), *sorted(root.glob("destinations/*/backend.cfg"))]
    configuration = root / "haproxy.cfg"
    configuration.write_text("global\n" + "\n".join(part.read_text() for part in parts))
    with root.joinpath("log").open("wb") as log:
        return subprocess.Popen(
            ["haproxy", "-f", configuration], env={**os.environ, "ONBOARDING_CURRENT": str(root)}, stdout=log, stderr=log
        )


def _await(ports: dict[str, int]) -> None:
    deadline = time.monotonic() + SECONDS
    for port in ports.values():
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)


@pytest.fixture(scope="module")
def gateways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateways]:
    root, directory = tmp_path_factory.mktemp("uae"), StandInDirectory.make(OZONE, LFI)
    described = {
        **HUB,
        "directory": {**HUB["directory"], "authorities": directory.digests},
        "hub": {**HUB["hub"], "gateways": [HUB_GATEWAY]},
    }
    bank = {**BANK, "gateways": [{**BANK["gateways"][0], **HELLO}]}
    site, now = Site(root / "site", described, {"oasis": bank}).describe(), datetime.now(UTC)
    site.run(now=now)
    directory.carry(site.state)
    site.run(now=now)
    description = load_description(site.root / "description", state=str(site.state))
    ports = {name: free_port() for name in ("hub", "oasis", "hub out", "oasis out", "hello")}
    backend = Backend()
    processes = []
    for side in ("hub", "oasis"):
        model = gateway_model(description, side, description.side(side).gateways[0], DiskTree(site.state))
        processes.append(_started(_local(model, ports, side, backend.server_address[1], root / side), root / side))
    try:
        _await(ports)
        yield Gateways(site, directory, ports)
    finally:
        for process in processes:
            process.kill()
            process.wait()
        backend.shutdown()
        backend.server_close()


def test_the_right_organisation_is_answered_and_shown_to_what_is_behind(gateways: Gateways) -> None:
    right = gateways.identity("hub/client/oasis")
    status, _why, given = gateways.ask("oasis", right, "/hello-mtls", client_cert=":Zm9yZ2Vk:")
    assert status == 200
    shown = x509.load_der_x509_certificate(base64.b64decode(given["client-cert"].strip(":")))
    assert shown == x509.load_pem_x509_certificate(right)


@pytest.mark.parametrize("side", ["oasis", "hub"])
def test_without_the_directorys_certificate_no_handshake_ends_well(gateways: Gateways, side: str) -> None:
    right = gateways.identity("hub/client/oasis" if side == "oasis" else "oasis/client/hub")
    for wrong in (None, _self_signed()):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            gateways.ask(side, wrong, "/hello-mtls")
    assert gateways.ask(side, right, "/hello-mtls")[0] == 200


def test_another_organisation_of_the_same_ca_is_refused(gateways: Gateways) -> None:
    for side, identity in (("oasis", gateways.identity("oasis/client/hub")), ("hub", gateways.identity("hub/client/oasis"))):
        assert gateways.ask(side, identity, "/hello-mtls")[:2] == (403, "certificate-unknown")


def test_another_application_of_the_lfi_is_not_its_c3(gateways: Gateways) -> None:
    other = gateways.signed(LFI.id, organisation=LFI.legal_name, name=LFI.id)
    assert gateways.ask("hub", other, "/hello-mtls")[:2] == (403, "certificate-unknown")
    right = gateways.signed(LFI.id, organisation=LFI.legal_name, name=LFI.clients[0])
    assert gateways.ask("hub", right, "/hello-mtls")[0] == 200


def test_two_units_in_one_subject_are_no_ones(gateways: Gateways) -> None:
    double = gateways.signed(OZONE.id, LFI.id, organisation=LFI.legal_name, name=LFI.id)
    assert gateways.ask("oasis", double, "/hello-mtls")[:2] == (403, "certificate-unknown")
    # Control: a renewed certificate of the right organisation is known at once, with nothing announced.
    assert gateways.ask("oasis", gateways.signed(OZONE.id), "/hello-mtls")[0] == 200


def test_one_path_is_answered_without_a_certificate_and_nothing_else(gateways: Gateways) -> None:
    status, _why, given = gateways.ask("hello", None, "/hello", client_cert=":Zm9yZ2Vk:")
    assert status == 200
    assert "client-cert" not in given
    for path, method in (
        ("/hello-mtls", "GET"),
        ("/accounts", "GET"),
        ("/hello", "POST"),
        ("/hello/../accounts", "GET"),
        ("//hello", "GET"),
    ):
        assert gateways.ask("hello", None, path, method)[:2] == (403, "certificate-unknown")


def test_calls_name_the_provider(gateways: Gateways) -> None:
    right = gateways.identity("hub/client/oasis")
    assert gateways.ask("oasis", right, "/accounts")[:2] == (400, "destination-missing")
    assert gateways.ask("oasis", right, "/accounts", o3_provider_id="other")[:2] == (403, "destination-header")
    assert gateways.ask("oasis", right, "/accounts", o3_provider_id="oasis")[0] == 200
    assert gateways.ask("oasis", right, "/consent/event/patch", "POST", o3_provider_id="oasis")[0] == 200


def test_each_side_calls_the_other_through_its_own_gateway(gateways: Gateways) -> None:
    status, _why, given = gateways.call("hub out", "/accounts", o3_provider_id="oasis")
    assert (status, given["host"]) == (200, f"connect.oasis.example:{gateways.ports['oasis']}")
    assert gateways.call("hub out", "/accounts", o3_provider_id="another")[0] == 404
    for asked, host in ((None, "cm"), ("hh.oasis.preprod.apihub.example", "hh"), ("evil.example", "cm")):
        status, _why, given = gateways.call("oasis out", "/consents", **({"host": asked} if asked else {}))
        assert (status, given["host"]) == (200, f"{host}.oasis.preprod.apihub.example:{gateways.ports['hub']}")
