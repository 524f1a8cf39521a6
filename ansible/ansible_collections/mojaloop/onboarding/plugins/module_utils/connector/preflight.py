# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an SDK does not check itself before it starts, and then fails of in the first payment: each fault with its reason code.

It starts without a signing key, without peers' keys, with certificates that have ended, and with the default ILP secret.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from ..pki.certificates import CertificateUnreadable, extension, read_certificates, signed_by
from ..pki.faults import Fault
from ..pki.keys import public_digest
from .ilp import VERSIONS
from .material import ilp_secret_fault
from .schema import check, variables

_EC_MARK = b"BEGIN EC PRIVATE KEY"


@dataclass(frozen=True)
class Installed:
    """What stands on the connector's host: variables, files by their path, and peers' keys by FSPIOP id (None: no such folder)."""

    variables: Mapping[str, str] = field(repr=False)
    files: Mapping[str, bytes] = field(repr=False)
    peer_keys: Mapping[str, bytes] | None


@dataclass(frozen=True)
class Expected:
    """What it is held against. Keys are public (PEM), ``hub_ca`` the hub's CA that signs clients; empty values are not checked."""

    era: str
    hub: str
    peers: Mapping[str, bytes]
    signing_key: bytes = b""
    server_name: str = ""
    own_ca: bytes = b""
    hub_ca: bytes = b""
    ilp_version: str = "1"


def preflight(installed: Installed, expected: Expected, now: datetime) -> list[Fault]:
    """Every fault that shows without a connection, in the order of the documents' steps."""
    checks = (_variables, _files, _inbound, _outbound, _signing_key, _peer_keys, _ilp, _oauth)
    view = _View(installed, expected, now)
    return [fault for each in checks for fault in each(view)]


@dataclass(frozen=True)
class _View:
    installed: Installed
    expected: Expected
    now: datetime

    def on(self, name: str, default: str) -> bool:
        return self.installed.variables.get(name, default) in {"true", "1"}

    def file(self, name: str) -> bytes | None:
        return self.installed.files.get(self.installed.variables.get(name, ""))


def _variables(view: _View) -> Iterator[Fault]:
    for wrong in check(view.expected.era, view.installed.variables):
        yield Fault(wrong.reason, f"{wrong.name} {wrong.what}", wrong.name)


def _files(view: _View) -> Iterator[Fault]:
    kinds = variables(view.expected.era)
    for name, value in sorted(view.installed.variables.items()):
        paths = {"file": [value], "files": value.split(",")}.get(kinds.get(name, ""), [])
        for path in paths:
            if path not in view.installed.files:
                yield Fault("file-missing", f"{path} does not exist or cannot be read", name)


def _inbound(view: _View) -> Iterator[Fault]:
    if not view.on("INBOUND_MUTUAL_TLS_ENABLED", "false"):
        return
    yield from _set(view, "IN_CA_CERT_PATH", "IN_SERVER_CERT_PATH", "IN_SERVER_KEY_PATH")
    names = ("IN_SERVER_CERT_PATH", "IN_SERVER_KEY_PATH")
    yield from _identity(view, names, ExtendedKeyUsageOID.SERVER_AUTH, view.expected.own_ca, view.expected.server_name)
    yield from _trust(view, "IN_CA_CERT_PATH")


def _outbound(view: _View) -> Iterator[Fault]:
    if not view.on("OUTBOUND_MUTUAL_TLS_ENABLED", "false"):
        return
    yield from _set(view, "OUT_CA_CERT_PATH", "OUT_CLIENT_CERT_PATH", "OUT_CLIENT_KEY_PATH")
    yield from _identity(view, ("OUT_CLIENT_CERT_PATH", "OUT_CLIENT_KEY_PATH"), ExtendedKeyUsageOID.CLIENT_AUTH, view.expected.hub_ca, "")
    yield from _trust(view, "OUT_CA_CERT_PATH")


def _set(view: _View, *names: str) -> Iterator[Fault]:
    for name in names:
        if not view.installed.variables.get(name):
            yield Fault("file-missing", f"{name} is not set: the SDK starts, and every handshake fails", name)


def _identity(view: _View, names: tuple[str, str], purpose: x509.ObjectIdentifier, authority: bytes, host: str) -> Iterator[Fault]:
    pem, key = (view.file(name) for name in names)
    if pem is None or key is None:
        return
    try:
        certificates = read_certificates(pem)
    except CertificateUnreadable as error:
        yield Fault("certificate-unreadable", str(error), names[0])
        return
    own = certificates[0]
    yield from _key_fault(own, key, names[1])
    yield from _dates(own, view.now, names[0])
    usage = extension(own, x509.ExtendedKeyUsage)
    if usage is not None and purpose not in usage:
        yield Fault("certificate-purpose", "lacks the extended key usage for this direction", names[0])
    if host and not _names(own, host):
        yield Fault("certificate-name", f"does not name the host {host}", names[0])
    if authority and not any(signed_by(own, issuer) for issuer in (*certificates[1:], *read_certificates(authority))):
        yield Fault("certificate-chain", "is not signed by the CA that the counterpart expects", names[0])


def _dates(certificate: x509.Certificate, now: datetime, name: str) -> Iterator[Fault]:
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if end < now:
        yield Fault("certificate-expired", f"ended on {end:%Y-%m-%d %H:%M:%S} UTC", name)
    if start > now:
        yield Fault("certificate-not-yet-valid", f"is valid from {start:%Y-%m-%d %H:%M:%S} UTC", name)


def _key_fault(certificate: x509.Certificate, key: bytes, name: str) -> Iterator[Fault]:
    loaded = _private(key)
    if loaded is None:
        yield Fault("key-unreadable", "is not a private key in PEM without a passphrase", name)
    elif public_digest(loaded.public_key()) != public_digest(certificate.public_key()):
        yield Fault("key-does-not-match", "is not the key of the certificate: the SDK ends at once, with status 0", name)


def _names(certificate: x509.Certificate, host: str) -> bool:
    names = extension(certificate, x509.SubjectAlternativeName)
    stated = {name.lower() for name in names.get_values_for_type(x509.DNSName)} if names else set()
    addresses = {str(address) for address in names.get_values_for_type(x509.IPAddress)} if names else set()
    return bool({host.lower(), f"*.{host.lower().partition('.')[2]}"} & stated) or host in addresses


def _trust(view: _View, name: str) -> Iterator[Fault]:
    for path in view.installed.variables.get(name, "").split(","):
        pem = view.installed.files.get(path)
        try:
            found = read_certificates(pem) if pem is not None else ()
        except CertificateUnreadable as error:
            yield Fault("certificate-unreadable", str(error), name)
            continue
        for certificate in found:
            yield from _dates(certificate, view.now, name)


def _signing_key(view: _View) -> Iterator[Fault]:
    name = "JWS_SIGNING_KEY_PATH"
    if not view.on("JWS_SIGN", "true"):
        yield Fault("signing-off", "messages leave unsigned, and the others refuse them", "JWS_SIGN")
        return
    pem = view.file(name)
    if pem is None:
        if not view.installed.variables.get(name):
            yield Fault("signing-key-missing", "is not set: the SDK starts, and every transfer fails", name)
        return
    key = _private(pem)
    if key is None:
        yield Fault("signing-key-unreadable", "is not a private key in PEM without a passphrase", name)
        return
    if isinstance(key, ec.EllipticCurvePrivateKey) and (view.expected.era == "18" or _EC_MARK not in pem):
        yield Fault("signing-key-unsupported", "is an EC key that this version signs with wrongly; use RSA", name)
    if view.expected.signing_key and _digest(view.expected.signing_key) != public_digest(key.public_key()):
        yield Fault("signing-key-differs", "is not the key whose public half was shared", name)


def _peer_keys(view: _View) -> Iterator[Fault]:
    name = "JWS_VERIFICATION_KEYS_DIRECTORY"
    if not view.on("VALIDATE_INBOUND_JWS", "true"):
        yield Fault("validation-off", "signatures of others are not checked", "VALIDATE_INBOUND_JWS")
    held, wanted = view.installed.peer_keys, view.expected.peers
    if held is None:
        yield Fault("verification-folder-missing", "does not exist: every signed callback is refused", name)
        return
    if view.expected.hub not in held:
        yield Fault("hub-key-missing", f"{view.expected.hub}.pem is not there: the hub's own errors are refused", name)
    for peer in sorted(set(wanted) - set(held) - {view.expected.hub}):
        yield Fault("peer-key-missing", f"{peer}.pem is not there", name)
    for peer in sorted(set(held) - set(wanted)):
        yield Fault("peer-key-unknown", f"{peer}.pem is of no side that the hub vouches for", name)
    for peer in sorted(set(held) & set(wanted)):
        found = _digest(held[peer])
        if not found:
            yield Fault("peer-key-unreadable", f"{peer}.pem holds no public key", name)
        elif found != _digest(wanted[peer]):
            yield Fault("peer-key-differs", f"{peer}.pem is not the key that the hub vouches for", name)


def _ilp(view: _View) -> Iterator[Fault]:
    faulty = ilp_secret_fault(view.installed.variables.get("ILP_SECRET", ""))
    if faulty:
        yield faulty
    if not view.on("CHECK_ILP", "true"):
        yield Fault("ilp-check-off", "fulfilments are not checked", "CHECK_ILP")
    spoken = view.installed.variables.get("ILP_VERSION", VERSIONS[0])
    if spoken != view.expected.ilp_version:
        yield Fault("ilp-version-differs", f"is {spoken}; the scheme agreed on {view.expected.ilp_version}", "ILP_VERSION")


def _oauth(view: _View) -> Iterator[Fault]:
    for name in ("OAUTH_TOKEN_ENDPOINT", "OAUTH_CLIENT_KEY", "OAUTH_CLIENT_SECRET"):
        if not view.installed.variables.get(name):
            yield Fault("credentials-missing", "is not set: calls leave without a token", name)


def _private(pem: bytes) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | None:
    try:
        key = serialization.load_pem_private_key(pem, None)
    except (TypeError, ValueError):
        return None
    return key if isinstance(key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)) else None


def _digest(pem: bytes) -> str:
    """Digest of a public key, or of a certificate's; empty for anything else."""
    try:
        if b"BEGIN CERTIFICATE" in pem:
            return public_digest(read_certificates(pem)[0].public_key())
        return public_digest(serialization.load_pem_public_key(pem))
    except (TypeError, ValueError):
        return ""
