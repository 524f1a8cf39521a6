# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the tests of keys and certificates share: three sides, their CAs, good artefacts, and forgeries of any kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import (
    CertificateAuthority,
    Endpoint,
    Firewall,
    KeyChoices,
    Participant,
)
from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.profiles import MOJALOOP, CertificateRule
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.authority import Authority, make_authority
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.certificates import Chain, certificate_pem
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.contents import (
    alternative_names,
    extended_key_usage,
    key_usage,
    subject,
    usages,
)
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.issuing import issue, self_signed
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.keys import (
    DryRunKeys,
    PrivateKey,
    PublicKey,
    key_kind,
    private_pem,
    public_digest,
    public_pem,
)
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.keystore import keystore_record, make_keystore
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.requests import make_request
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.signers import LocalSigner

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
PASSPHRASE = b"correct horse battery staple"
AUTHORITY = MOJALOOP.authority
_KEYS = DryRunKeys()


def participant(name: str, host: str | None = "") -> Participant:
    """A side; its listener is ``<name>.test`` unless another host, or None for no listener, is given."""
    listener = None if host is None else Endpoint(host or f"{name}.test", 8443, "", ())
    authority, keys = CertificateAuthority("internal", "ec-p256"), KeyChoices("ec-p256", "rsa-3072", "rsa-3072")
    return Participant(name, name, f"{name.title()} plc", listener, (), authority, keys, (), Firewall("none", ()))


HUB, GREEN, BLUE = participant("hub"), participant("greenbank"), participant("bluebank")


def rule(name: str) -> CertificateRule:
    return MOJALOOP.rule(name)


@cache
def key(kind: str, use: str = "") -> PrivateKey:
    """The test run's key of this kind for this use."""
    return _KEYS.make(kind)


@cache
def authority(name: str) -> Authority:
    """A side's own root."""
    made = key("ec-p256", f"{name} ca")
    certificate = make_authority(made, side=participant(name), rule=AUTHORITY, now=NOW)
    return Authority(certificate, (certificate,), made)


def signer(name: str) -> LocalSigner:
    held = authority(name)
    return LocalSigner(held.certificate, held.chain, held.key)


@dataclass
class Journal:
    """A serial journal in memory; ``taken`` are serials that are refused, ``order`` tells what was called when."""

    reserved: dict[int, dict[str, str]] = field(default_factory=dict)
    recorded: dict[int, dict[str, str]] = field(default_factory=dict)
    refusals: int = 0
    order: list[str] = field(default_factory=list)

    def reserve(self, serial: int, record: dict[str, str]) -> bool:
        self.order.append("reserve")
        if self.refusals > 0 or serial in self.reserved:
            self.refusals -= 1
            return False
        self.reserved[serial] = record
        return True

    def record(self, serial: int, record: dict[str, str]) -> None:
        self.order.append("record")
        self.recorded[serial] = record


def signed(name: str, public: PublicKey, *, by: str = "greenbank", now: datetime = NOW, holder: Participant = GREEN) -> x509.Certificate:
    """A good certificate by this rule."""
    return issue(signer(by), rule=rule(name), profile=MOJALOOP, holder=holder, public_key=public, now=now, serials=Journal(), why="test")


ISSUERS = {"server": "greenbank", "client": "hub", "jws": "greenbank", "exchange": ""}
"""Who signs greenbank's artefacts; empty: itself."""


def chain_of(name: str) -> Chain:
    return authority(ISSUERS[name]).chain if ISSUERS[name] else ()


@cache
def _artefact(name: str) -> dict[str, bytes]:
    held = key(getattr(GREEN.keys, rule(name).key_choice), name)
    if ISSUERS[name]:
        certificate = signed(name, held.public_key(), by=ISSUERS[name])
    else:
        certificate = self_signed(held, rule=rule(name), profile=MOJALOOP, holder=GREEN, now=NOW)
    files = {"key.pem": private_pem(held), "certificate.pem": certificate_pem(certificate)}
    if name in {"server", "client"}:
        files |= {"request.pem": make_request(held, rule=rule(name), side=GREEN), "chain.pem": certificate_pem(*chain_of(name))}
    if name == "jws":
        keystore = make_keystore("greenbank", held, certificate, chain_of(name), PASSPHRASE)
        digest = public_digest(held.public_key())
        files |= {
            "public.pem": public_pem(held.public_key()),
            "keystore.p12": keystore,
            "keystore.passphrase": PASSPHRASE,
            "keystore.record": keystore_record(keystore, PASSPHRASE, key_digest=digest, certificate=certificate),
        }
    return files


def artefact(name: str) -> dict[str, bytes]:
    """The files of a good artefact folder of greenbank."""
    return dict(_artefact(name))


def forged(  # noqa: PLR0913 - each fact of a certificate can be wrong alone
    name: str = "server",
    *,
    public: PublicKey | None = None,
    by: Authority | None = None,
    holder: Participant = GREEN,
    days: tuple[float, float] = (0, 365),
    subject_name: x509.Name | None = None,
    extensions: Sequence[x509.ExtensionType] = (),
    without: Sequence[type[x509.ExtensionType]] = (),
    serial: int = 0,
) -> x509.Certificate:
    """A certificate by this rule, signed by ``by`` (greenbank's or, for client, the hub's CA), with these facts changed.

    ``days`` are its beginning and end, from NOW.
    """
    issuer = by or authority(ISSUERS[name] or "greenbank")
    public = public or key("ec-p256", name).public_key()
    values: list[x509.ExtensionType] = [
        x509.BasicConstraints(ca=False, path_length=None),
        key_usage(rule(name), key_kind(public)),
    ]
    names = alternative_names(rule(name), holder)
    values += [names] if names else []
    extended = extended_key_usage(rule(name))
    values += [extended] if extended else []
    changed = {type(value) for value in extensions}
    values = [value for value in values if type(value) not in changed | set(without)] + list(extensions)
    builder = (
        x509.CertificateBuilder()
        .issuer_name(issuer.certificate.subject)
        .subject_name(subject_name or subject(rule(name), holder))
        .public_key(public)
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(NOW + timedelta(days=days[0]))
        .not_valid_after(NOW + timedelta(days=days[1]))
    )
    for value in values:
        builder = builder.add_extension(value, critical=isinstance(value, x509.BasicConstraints))
    return builder.sign(issuer.key, hashes.SHA256())


def name_of(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def ca(
    common_name: str, *, above: Authority | None = None, path_length: int | None = 1, days: tuple[float, float] = (-1, 3650)
) -> Authority:
    """A CA made with other tools than ours, a root or below another CA."""
    made = key("ec-p256", f"ca {common_name}")
    issuer_name, issuer_key = (above.certificate.subject, above.key) if above else (name_of(common_name), made)
    public = made.public_key()
    certificate = (
        x509.CertificateBuilder(issuer_name, name_of(common_name), public, x509.random_serial_number())
        .not_valid_before(NOW + timedelta(days=days[0]))
        .not_valid_after(NOW + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(usages("key_cert_sign", "crl_sign"), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
    return Authority(certificate, (certificate, *(above.chain if above else ())), made)


def request(held: PrivateKey, *extensions: x509.ExtensionType, common_name: str = "") -> bytes:
    """A request (PEM) as anybody could make it."""
    builder = x509.CertificateSigningRequestBuilder(name_of(common_name) if common_name else x509.Name([]))
    for value in extensions:
        builder = builder.add_extension(value, critical=False)
    return builder.sign(held, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def names(*values: str) -> x509.SubjectAlternativeName:
    """DNS names, or URIs where there is a colon."""
    return x509.SubjectAlternativeName([x509.UniformResourceIdentifier(name) if ":" in name else x509.DNSName(name) for name in values])
