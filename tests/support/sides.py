# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sides with all that they publish: real keys, made once in a test process."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.keys import DryRunKeys, public_pem

_RSA = DryRunKeys()


@dataclass(frozen=True)
class Material:
    """A side's exchange key and certificate, and the files it publishes."""

    exchange_key: rsa.RSAPrivateKey
    exchange: x509.Certificate
    files: dict[str, bytes]


def name_of(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def self_signed(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, common_name: str) -> x509.Certificate:
    start, name = datetime.now(UTC) - timedelta(days=1), name_of(common_name)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), start, start + timedelta(days=365))
    return builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(key, hashes.SHA256())


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def rsa_key(kind: str = "rsa-3072") -> rsa.RSAPrivateKey:
    key = _RSA.make(kind)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def request(common_name: str) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateSigningRequestBuilder(name_of(common_name))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@cache
def side(name: str) -> Material:
    """The side of this name; the same one however often it is asked for."""
    exchange_key = rsa_key()
    exchange = self_signed(exchange_key, name)
    authority = self_signed(ec.generate_private_key(ec.SECP256R1()), f"{name} CA")
    files = {
        "ca.pem": pem(authority),
        "client.csr": request(name),
        "exchange.pem": pem(exchange),
        "jws.pem": public_pem(rsa_key("rsa-2048").public_key()),
        "endpoints.json": b'{"format": 1}\n',
    }
    return Material(exchange_key, exchange, files)
