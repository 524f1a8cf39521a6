# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the lab makes before its programs start: the authorization server's material, the gateways' first configuration.

The authorization server has a CA of its own, so that trusting it is a fact of the description (``ca_file``) and not an
accident of sharing the hub's. The CA's key signs once and is never stored.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import os
import secrets
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ..description.model import EnvoyGateway
from ..gateway.envoy.release import first_files
from ..pki.contents import usages

_LIFETIME = timedelta(days=365)
_BACKDATED = timedelta(minutes=5)
_NO_RELEASE = "releases/none"

_SERVES_NOTHING = """\
# As a fresh installation: no listener is open before the gateway has been configured.
global
    log stdout format raw local0

defaults
    mode http
    timeout connect 5s
    timeout client 10s
    timeout server 10s
"""


def authorization_server_files(address: str, now: datetime | None = None) -> dict[str, bytes]:
    """New material of an authorization server at this IP address: CA, server certificate, signing keys, initial access token."""
    now = now or datetime.now(UTC)
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Lab authorization server CA")])
    authority = _certificate(authority_name, authority_name, authority_key.public_key(), authority_key.public_key(), now)
    authority = authority.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    authority = authority.add_extension(usages("key_cert_sign", "crl_sign"), critical=True)
    server_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, address)])
    server = _certificate(server_name, authority_name, key.public_key(), authority_key.public_key(), now)
    server = server.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    server = server.add_extension(usages("digital_signature"), critical=True)
    server = server.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
    server = server.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    return {
        "ca.pem": authority.sign(authority_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM),
        "certificate.pem": server.sign(authority_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM),
        "key.pem": _pem(key),
        "jwks.json": json.dumps({"keys": [signing_key()]}).encode(),
        "initial-access-token": secrets.token_urlsafe(32).encode(),
    }


def signing_key() -> dict[str, str]:
    """A new RSA 2048 signing key as a private JWK (RFC 7517, RFC 7518 section 6.3), with a key id of its own."""
    numbers = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_numbers()
    public = numbers.public_numbers
    parts = {"n": public.n, "e": public.e, "d": numbers.d, "p": numbers.p, "q": numbers.q}
    parts |= {"dp": numbers.dmp1, "dq": numbers.dmq1, "qi": numbers.iqmp}
    return {
        "kty": "RSA",
        "use": "sig",
        "alg": "RS256",
        "kid": secrets.token_hex(8),
        **{name: _word(value) for name, value in parts.items()},
    }


def write_folder(folder: Path, files: dict[str, bytes]) -> None:
    """Write a folder (0700) of files (0600) that belong together: all of them, or nothing; what is there stays as it is."""
    if folder.exists():
        return
    staged = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir(mode=0o700, parents=True)
    for name, content in files.items():
        with os.fdopen(os.open(staged / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(content)
    staged.rename(folder)


def first_envoy_files(folder: Path, gateway: EnvoyGateway) -> None:
    """Give an Envoy's folder what it can be started with, unless it has it."""
    if not (folder / "live").exists():
        write_folder(folder / "live", {name: json.dumps(content).encode() for name, content in first_files(gateway).items()})


def first_release(folder: Path) -> None:
    """Give a gateway's folder a ``current`` configuration that serves nothing, unless it has one."""
    current = folder / "current"
    if os.path.lexists(current):
        return
    release = folder / _NO_RELEASE
    write_folder(release, {"haproxy.cfg": _SERVES_NOTHING.encode()})
    current.symlink_to(_NO_RELEASE)


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, issuer_key: ec.EllipticCurvePublicKey, now: datetime
) -> x509.CertificateBuilder:
    """Key identifiers included (RFC 5280 sections 4.2.1.1 and 4.2.1.2): Python 3.13 refuses a chain without them."""
    return (
        x509.CertificateBuilder(issuer, subject, key, x509.random_serial_number(), now - _BACKDATED, now + _LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _word(value: int) -> str:
    """Base64urlUInt of RFC 7518 section 2."""
    return base64.urlsafe_b64encode(value.to_bytes((value.bit_length() + 7) // 8, "big")).rstrip(b"=").decode()
