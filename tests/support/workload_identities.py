# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Identities of the mesh for a gateway without Istio's agent, and for a caller without a sidecar: signed by Istio's own CA.

Stand-in for the agent's secret discovery (Envoy's ``SecretDiscoveryService``): it serves ``default`` and ``ROOTCA``.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from .authorities import key_pem, pem
from .kubernetes import Cluster

TYPE = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"


@dataclass(frozen=True)
class Identity:
    """A certificate and key of the mesh, and what signed it, all PEM."""

    certificate: bytes
    key: bytes
    authority: bytes

    def context(self, folder: Path) -> ssl.SSLContext:
        """How a caller with this identity begins TLS; the gateway is known by its CA, its certificate has no host name."""
        file = folder / "workload.pem"
        file.write_bytes(self.certificate + self.key)
        context = ssl.create_default_context(cadata=self.authority.decode())
        context.check_hostname = False
        context.load_cert_chain(file)
        return context


def identity(cluster: Cluster, namespace: str, account: str) -> Identity:
    """The identity of a service account."""
    found = json.loads(cluster.kubectl("get", "secret", "istio-ca-secret", "--namespace=istio-system", "--output=json").stdout)["data"]
    authority = base64.b64decode(found["ca-cert.pem"])
    signing = serialization.load_pem_private_key(base64.b64decode(found["ca-key.pem"]), None)
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    name = x509.UniformResourceIdentifier(f"spiffe://cluster.local/ns/{namespace}/sa/{account}")
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    made = (
        x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(x509.load_pem_x509_certificate(authority).subject)
        .public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1)).not_valid_after(now + dt.timedelta(hours=12))
        .add_extension(x509.SubjectAlternativeName([name]), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .sign(signing, hashes.SHA256())  # type: ignore[arg-type]
    )  # fmt: skip
    return Identity(pem(made), key_pem(key), authority)


@contextmanager
def serving(own: Identity) -> Iterator[int]:
    """The port of a server that hands this identity to an Envoy."""

    def answered(requests: Iterator[bytes], _context: grpc.ServicerContext) -> Iterator[bytes]:
        seen = set()
        for request in requests:
            names = frozenset(_texts(request, 3))
            if names not in seen:  # the rest are receipts
                seen.add(names)
                yield _answer([_secret(name, own) for name in sorted(names)])

    method = grpc.stream_stream_rpc_method_handler(answered)
    handler = grpc.method_handlers_generic_handler("envoy.service.secret.v3.SecretDiscoveryService", {"StreamSecrets": method})
    server = grpc.server(ThreadPoolExecutor(max_workers=8))
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(None)


def _secret(name: str, own: Identity) -> bytes:
    """envoy.extensions.transport_sockets.tls.v3.Secret: name = 1, tls_certificate = 2, validation_context = 4; inline_bytes = 2."""
    if name == "ROOTCA":
        return _field(1, name.encode()) + _field(4, _field(1, _field(2, own.authority)))
    return _field(1, name.encode()) + _field(2, _field(1, _field(2, own.certificate)) + _field(2, _field(2, own.key)))


def _answer(secrets: list[bytes]) -> bytes:
    """envoy.service.discovery.v3.DiscoveryResponse: version_info = 1, resources = 2 (Any), type_url = 4, nonce = 5."""
    resources = b"".join(_field(2, _field(1, TYPE.encode()) + _field(2, secret)) for secret in secrets)
    return _field(1, b"1") + resources + _field(4, TYPE.encode()) + _field(5, b"1")


def _field(number: int, content: bytes) -> bytes:
    """A field of bytes, as protocol buffers write it."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    made = b""
    while value > 0x7F:
        made, value = made + bytes([value & 0x7F | 0x80]), value >> 7
    return made + bytes([value])


def _texts(message: bytes, wanted: int) -> Iterator[str]:
    """The texts of a field of a message, whatever else it holds."""
    at = 0
    while at < len(message):
        tag, at = _read(message, at)
        if tag & 7 == 0:
            _value, at = _read(message, at)
        else:
            length, at = _read(message, at)
            if tag >> 3 == wanted:
                yield message[at : at + length].decode()
            at += length


def _read(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value, shift, at = value | (byte & 0x7F) << shift, shift + 7, at + 1
        if not byte & 0x80:
            return value, at
