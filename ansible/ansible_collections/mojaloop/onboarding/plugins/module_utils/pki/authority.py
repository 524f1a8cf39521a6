# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Certification authorities: making a side's own, taking one over, reading the counterpart's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.x509.oid import NameOID

from ..description.model import Side
from ..description.profiles import AuthorityRule
from ..errors import StoreError
from ..store.tree import Tree
from .artefacts import form_faults, look
from .certificates import (
    CertificateUnreadable,
    Chain,
    certificate_key,
    extension,
    is_authority,
    read_certificate,
    read_certificates,
    signed_by,
)
from .chains import chain_faults
from .contents import usages
from .conversions import conversion
from .faults import Fault
from .inputs import KIBI, InputRefused, check_input
from .keys import KeyUnusable, PrivateKey, public_digest, read_own_key, signature_hash

FILES = {"key.pem": "key", "certificate.pem": "certificate", "chain.pem": "chain"}
LONGEST_CHAIN = 6
CHAIN_LIMIT = 64 * KIBI


@dataclass(frozen=True)
class Authority:
    """A CA ready to sign. ``chain``: issuing CA first, up to and with the root."""

    certificate: x509.Certificate
    chain: Chain
    key: PrivateKey


def make_authority(key: PrivateKey, *, side: Side, rule: AuthorityRule, now: datetime, backdate_seconds: int = 300) -> x509.Certificate:
    """A self-signed root for this side: ``O=<organisation>, CN=<FSPIOP id> CA``, keyCertSign and cRLSign, CA=TRUE with path length.

    RSA roots are signed with SHA-512 (Mojaloop PKI Best Practices section 5.3). ``now`` is timezone-aware.
    """
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, side.organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{side.fspiop_id} CA"),
        ]
    )
    start, public = now.replace(microsecond=0), key.public_key()
    builder = (
        x509.CertificateBuilder(name, name, public, x509.random_serial_number())
        .not_valid_before(start - timedelta(seconds=backdate_seconds))
        .not_valid_after(start + timedelta(days=rule.lifetime_days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=rule.path_length), critical=True)
        .add_extension(usages("key_cert_sign", "crl_sign"), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )
    return builder.sign(key, hashes.SHA512() if isinstance(key, RSAPrivateKey) else signature_hash(key))


def read_chain(pem: bytes, *, where: str) -> Chain:
    """A CA chain as a counterpart hands it in, ordered issuing CA first up to the root whatever order it came in.

    InputRefused with ``too-large`` (over 64 KiB), ``too-many`` (over 6), ``private-key-received``, ``unreadable``,
    ``authority-not-ca``, ``chain-unrelated`` (certificates that belong to no single chain) or ``chain-incomplete`` (no root).
    """
    check_input(pem, labels=("CERTIFICATE",), most=LONGEST_CHAIN, limit=CHAIN_LIMIT, where=where)
    try:
        certificates = tuple(dict.fromkeys(read_certificates(pem)))
    except CertificateUnreadable as error:
        raise InputRefused("unreadable", str(error), where=where) from error
    leaves = [certificate.subject.rfc4514_string() for certificate in certificates if not is_authority(certificate)]
    if leaves:
        raise InputRefused("authority-not-ca", f"holds {leaves[0][:120]!a}, which is no CA; allowed: CA certificates", where=where)
    return _ordered(certificates, where)


class Where(NamedTuple):
    """The names of the files of a CA that was made elsewhere."""

    certificate: str
    key: str


def import_authority(
    certificate_pem: bytes, chain_pem: bytes, key_pem: bytes, passphrase: bytes | None, *, rule: AuthorityRule, now: datetime, where: Where
) -> Authority:
    """A CA made elsewhere: its certificate, the certificates above it (with or without itself), its key; StoreError otherwise.

    The key gets the full checks that keys of our own store are spared. ``where`` names the files in errors.
    """
    key = _imported_key(key_pem, passphrase, where.key)
    try:
        certificate = read_certificate(check_certificates(certificate_pem, where.certificate))
        chain = read_chain(certificate_pem + b"\n" + chain_pem, where=where.certificate)
    except (CertificateUnreadable, InputRefused) as error:
        remedy = getattr(error, "remedy", "") or "Give the CA's certificate, chain and key."
        raise StoreError(getattr(error, "what", str(error)), where=where.certificate, remedy=remedy) from error
    faults = [*_certificate_faults(certificate, chain, rule, now), *_key_match(key, certificate)]
    if faults:
        found = "; ".join(f"{fault.reason} ({fault.detail})" for fault in faults)
        raise StoreError(
            f"cannot serve as a CA: {found}",
            where=where.certificate,
            remedy="Give a CA certificate, its chain up to the root, and its key.",
        )
    return Authority(certificate, chain, key)


def authority_record(key_pem: bytes, certificate: x509.Certificate) -> bytes:
    """What is stored as ``key.record`` beside an encrypted CA key that was opened and fits: later runs compare instead of opening it."""
    return sha256(key_pem + certificate.public_bytes(serialization.Encoding.DER)).hexdigest().encode() + b"\n"


def authority_faults(
    tree: Tree, folder: str, *, rule: AuthorityRule, now: datetime, passphrase: bytes | None = None, with_key: bool = True
) -> list[Fault]:
    """What is wrong with a CA folder (key.pem, certificate.pem, chain.pem, key.record); ``missing`` alone when it is not there.

    The key is opened only when no record fits; without a passphrase it is then ``key-passphrase-missing``.
    That the CA ends soon makes it no less usable: see ``chains.authority_expiry``.
    ``with_key=False`` is for a CA whose key is elsewhere.
    """
    expected = FILES if with_key else {name: stem for name, stem in FILES.items() if stem != "key"}
    seen, files, unreadable = look(tree, folder, (*expected, "key.record"))
    if not any(seen[name] for name in expected):
        return [Fault("missing", f"{folder} is not there")]
    lost = [
        Fault("key-missing" if stem == "key" else f"authority-{stem}-missing", "is not there, although other files of the CA are", name)
        for name, stem in expected.items()
        if seen[name] is None
    ]
    return [*lost, *form_faults(seen), *unreadable, *_content_faults(files, rule, now, passphrase)]


def _content_faults(files: dict[str, bytes], rule: AuthorityRule, now: datetime, passphrase: bytes | None) -> list[Fault]:
    if "certificate.pem" not in files:
        return []
    try:
        certificate = read_certificate(files["certificate.pem"])
        chain = read_certificates(files["chain.pem"]) if "chain.pem" in files else (certificate,)
    except CertificateUnreadable as error:
        return [Fault("authority-unreadable", str(error), "certificate.pem or chain.pem")]
    return [*_stored_key_faults(files, certificate, passphrase), *_certificate_faults(certificate, chain, rule, now)]


def _stored_key_faults(files: dict[str, bytes], certificate: x509.Certificate, passphrase: bytes | None) -> list[Fault]:
    if "key.pem" not in files or files.get("key.record") == authority_record(files["key.pem"], certificate):
        return []
    if b"ENCRYPTED PRIVATE KEY" not in files["key.pem"]:
        return [Fault("key-not-encrypted", "is not encrypted, or damaged; allowed: encrypted PKCS#8", "key.pem")]
    try:
        return _key_match(read_own_key(files["key.pem"], passphrase), certificate)
    except KeyUnusable as error:
        return [Fault(error.reason, error.what, "key.pem")]


def _key_match(key: PrivateKey, certificate: x509.Certificate) -> list[Fault]:
    if public_digest(key.public_key()) == certificate_key(certificate)[1]:
        return []
    return [Fault("key-does-not-match", "is not the key of the CA certificate", "key.pem")]


def _certificate_faults(certificate: x509.Certificate, chain: Chain, rule: AuthorityRule, now: datetime) -> list[Fault]:
    faults = [Fault(_of_authority(fault.reason), fault.detail, "chain.pem") for fault in chain_faults(chain, now)]
    kind, usage = certificate_key(certificate)[0], extension(certificate, x509.KeyUsage)
    if chain[0] != certificate:
        faults.append(Fault("authority-chain-order", "does not begin with the CA certificate", "chain.pem"))
    if kind not in rule.key_kinds:
        faults.append(Fault("authority-key-kind", f"has a key of kind {kind}; allowed: {', '.join(rule.key_kinds)}", "certificate.pem"))
    if usage is None or not usage.crl_sign:
        faults.append(Fault("authority-not-crl-signer", "may not sign revocation lists", "certificate.pem"))
    return faults


def _of_authority(reason: str) -> str:
    """A CA's own chain is never made again by a run, unlike the copy of it in an artefact's folder: its faults are a person's."""
    return reason if reason.startswith("authority-") else f"authority-{reason}"


def _ordered(certificates: Chain, where: str) -> Chain:
    """The one path through all of them; signatures decide, not the order of the file."""
    tips = [one for one in certificates if not any(other != one and signed_by(other, one) for other in certificates)]
    if len(tips) != 1:
        raise InputRefused("chain-unrelated", f"holds {len(tips)} issuing CAs; allowed: one chain", where=where)
    chain = [tips[0]]
    while not signed_by(chain[-1], chain[-1]):
        above = [one for one in certificates if one not in chain and signed_by(chain[-1], one)]
        if not above:
            name = ascii(chain[-1].issuer.rfc4514_string())[:120]
            raise InputRefused("chain-incomplete", f"lacks {name}; allowed: every CA up to the self-signed root", where=where)
        chain.append(above[0])
    if len(chain) != len(certificates):
        raise InputRefused("chain-unrelated", "holds CAs that are not part of the chain; allowed: one chain", where=where)
    return tuple(chain)


def check_certificates(pem: bytes, where: str) -> bytes:
    """The same bytes; InputRefused unless they are certificates in PEM."""
    check_input(pem, labels=("CERTIFICATE",), most=LONGEST_CHAIN, limit=CHAIN_LIMIT, where=where)
    return pem


def _imported_key(pem: bytes, passphrase: bytes | None, where: str) -> PrivateKey:
    form, command = conversion(pem, "PRIVATE KEY", where) if passphrase is not None else ("", "")
    if command:
        reason = "key-not-encrypted" if b"PRIVATE KEY-----" in pem and b"ENCRYPTED" not in pem else "key-form"
        what = f"holds {form}; allowed: an encrypted PKCS#8 key in PEM (ENCRYPTED PRIVATE KEY)"
        raise KeyUnusable(reason, what, where=where, remedy=f"Convert it: {command}")
    key = read_own_key(pem, passphrase, where=where)
    try:
        serialization.load_pem_private_key(pem, passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyUnusable("key-damaged", "is not a sound private key", where=where) from error
    return key
