# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A stand-in for the Open Finance Trust Framework's directory, and for the person who carries files to it and back.

Two throw-away CAs as the real ones are described: RSA 2048, SHA-512, a root and an issuing CA. It sees what a person sees: the files
in ``directory/<side>/outbox``. As the real one it refuses a request whose subject is not as its organisation is registered.
"""

from __future__ import annotations

import base64
import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_USAGES = {"SERVER TRANSPORT": [ExtendedKeyUsageOID.SERVER_AUTH], "CLIENT TRANSPORT": [ExtendedKeyUsageOID.CLIENT_AUTH]}
_BITS = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign",
         "encipher_only", "decipher_only")  # fmt: skip


class UploadRefused(Exception):
    """The directory's no."""


@dataclass(frozen=True)
class Organisation:
    """An organisation as registered: its id, legal name, and the client ids of its applications."""

    id: str
    legal_name: str
    clients: tuple[str, ...] = ()


@dataclass
class StandInDirectory:
    """One environment of the directory. ``now``: its clock; ``days``: for how long it signs."""

    organisations: tuple[Organisation, ...]
    root: x509.Certificate
    issuer: x509.Certificate
    key: rsa.RSAPrivateKey
    now: datetime
    key_sets: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    days: int = 395

    @classmethod
    def make(cls, *organisations: Organisation, now: datetime | None = None, environment: str = "Sandbox") -> StandInDirectory:
        """A new one, with CAs that no one has seen before."""
        now = now or datetime.now(UTC)
        root_key, key = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
        root_name, name = (_name(f"Stand-in {environment} Trust Framework {what} CA - G1") for what in ("Root", "Issuing"))
        root = _authority(root_name, root_key, root_name, root_key, 1, now)
        return cls(organisations, root, _authority(name, key, root_name, root_key, 0, now), key, now)

    @property
    def digests(self) -> list[str]:
        """``sha256:<hex>`` of the CA certificates, as a person compares them."""
        return [f"sha256:{each.fingerprint(hashes.SHA256()).hex()}" for each in (self.issuer, self.root)]

    def sign(self, request: x509.CertificateSigningRequest, kind: str) -> x509.Certificate:
        """The certificate for a request, whose names are taken as they are once the organisation is found to be registered so."""
        self._check(request)
        builder = (
            x509.CertificateBuilder(self.issuer.subject, request.subject, request.public_key(), x509.random_serial_number())
            .not_valid_before(self.now - timedelta(minutes=5))
            .not_valid_after(self.now + timedelta(days=self.days))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_bits("key_encipherment" if "ENC" in kind else "digital_signature"), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(request.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        for extension in request.extensions:
            builder = builder.add_extension(extension.value, critical=False)
        usages = next((found for words, found in _USAGES.items() if words in kind), None)
        if usages:
            builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def _check(self, request: x509.CertificateSigningRequest) -> None:
        said = {attribute.oid: str(attribute.value) for attribute in request.subject}
        known = {each.id: each for each in self.organisations}
        organisation = known.get(said.get(NameOID.ORGANIZATIONAL_UNIT_NAME, ""))
        names = (organisation.id, *organisation.clients) if organisation else ()
        right = organisation is not None and said.get(NameOID.ORGANIZATION_NAME) == organisation.legal_name
        if not right or said.get(NameOID.COUNTRY_NAME) != "AE" or said.get(NameOID.COMMON_NAME) not in names:
            raise UploadRefused(f"no organisation is registered as {request.subject.rfc4514_string()}")
        if not request.is_signature_valid or not isinstance(request.public_key(), rsa.RSAPublicKey):
            raise UploadRefused("the request is not signed by an RSA key")

    def bring_authorities(self, inbox: Path) -> None:
        """As downloaded from the PKI host."""
        _put(inbox / "issuer-ca.pem", self.issuer.public_bytes(serialization.Encoding.PEM))
        _put(inbox / "root-ca.pem", self.root.public_bytes(serialization.Encoding.PEM))

    def carry(self, state: Path) -> list[str]:
        """A person's round: upload whatever lies in an outbox as its request.json says, put certificates and key sets where it says."""
        carried = []
        for file in sorted(state.glob("directory/*/outbox/*/request.json")):
            facts = json.loads(file.read_text(encoding="utf-8"))
            inbox = state / facts["put_into"]
            self.bring_authorities(inbox)
            request = x509.load_pem_x509_csr(file.with_name("request.csr").read_bytes())
            certificate = self.sign(request, facts["type"])
            _put(inbox / f"{file.parent.name}.pem", certificate.public_bytes(serialization.Encoding.PEM))
            keys = self.key_sets.setdefault(facts["key_set"], [])
            keys.append(_jwk(certificate))
            words = facts["key_set"].removesuffix(".jwks").split("/")[-2:]
            _put(inbox / f"{words[0][:8]}-{words[-1]}.jwks", json.dumps({"keys": keys}).encode())
            carried.append(f"{facts['certificate']} of {facts['holder']}: {facts['type']} in {facts['location']}")
        return carried

    def save(self, folder: Path) -> None:
        """Keep it for the next command."""
        key = self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        _put(folder / "issuer-key.pem", key)
        self.bring_authorities(folder)
        _put(folder / "key-sets.json", json.dumps(self.key_sets).encode())

    @classmethod
    def load(cls, folder: Path, *organisations: Organisation) -> StandInDirectory:
        """As it was kept."""
        root, issuer = (x509.load_pem_x509_certificate((folder / f"{name}-ca.pem").read_bytes()) for name in ("root", "issuer"))
        key = serialization.load_pem_private_key((folder / "issuer-key.pem").read_bytes(), None)
        assert isinstance(key, rsa.RSAPrivateKey)
        return cls(organisations, root, issuer, key, datetime.now(UTC), json.loads((folder / "key-sets.json").read_text(encoding="utf-8")))


def _name(common: str) -> x509.Name:
    parts = ((NameOID.COUNTRY_NAME, "AE"), (NameOID.ORGANIZATION_NAME, "Stand-in"), (NameOID.COMMON_NAME, common))
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts])


def _bits(*names: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{bit: bit in names for bit in _BITS})


def _authority(
    name: x509.Name, key: rsa.RSAPrivateKey, issuer: x509.Name, issuer_key: rsa.RSAPrivateKey, length: int, now: datetime
) -> x509.Certificate:
    return (
        x509.CertificateBuilder(issuer, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=length), critical=True)
        .add_extension(_bits("key_cert_sign", "crl_sign"), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .sign(issuer_key, hashes.SHA512())
    )


def _jwk(certificate: x509.Certificate) -> dict[str, Any]:
    key = certificate.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    numbers = key.public_numbers()
    digest = certificate.fingerprint(hashes.SHA256())
    return {"kty": "RSA", "use": "sig", "kid": _word(digest), "n": _integer(numbers.n), "e": _integer(numbers.e)}


def _integer(value: int) -> str:
    return _word(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _word(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _put(file: Path, content: bytes) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
        stream.write(content)
