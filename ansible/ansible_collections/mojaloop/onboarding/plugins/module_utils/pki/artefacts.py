# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Artefact folders of the store, verified again on every run: form, key, request, certificate, chain, keystore."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from cryptography import x509

from ..description.model import HUB, Side
from ..description.profiles import EXCHANGE, CertificateRule, Signer
from ..store.tree import Status, Tree
from .certificate_checks import DIRECTORY, OWN, RECEIVED, Examined, examine
from .certificates import CertificateUnreadable, Chain, read_certificate, read_certificates
from .chains import chain_faults
from .contents import alternative_names, subject
from .faults import Fault
from .keys import KeyUnusable, PrivateKey, key_kind, public_digest, public_pem, read_own_key
from .keystore import keystore_faults, keystore_record
from .requests import proves_possession

_TLS = {"key.pem": "key", "request.pem": "request", "certificate.pem": "certificate", "chain.pem": "chain"}
_PREPARED = {"key.pem": "key", "request.pem": "request"}
FILES: dict[str, dict[str, str]] = {
    "server": _TLS,
    "client": _TLS,
    "jws": {
        "key.pem": "key",
        "certificate.pem": "certificate",
        "public.pem": "public-key",
        "keystore.p12": "keystore",
        "keystore.passphrase": "keystore-passphrase",
    },
    "exchange": {"key.pem": "key", "certificate.pem": "certificate"},
}
"""The files of an artefact folder by rule, and the stem of their reason codes."""
SECRET_FILES = frozenset({"key.pem", "keystore.p12", "keystore.passphrase", "keystore.record", "key.record"})


@dataclass(frozen=True)
class _Folder:
    """One artefact folder, read, and what it is held against."""

    files: dict[str, bytes]
    rule: CertificateRule
    holder: Side
    chain: Chain
    now: datetime
    key: PrivateKey | None
    key_digest: str


def artefact_faults(
    tree: Tree, folder: str, *, rule: CertificateRule, holder: Side, issuer_chain: Chain, now: datetime, prepared: bool = False
) -> list[Fault]:
    """What is wrong with one artefact folder of the store, in a fixed order; ``missing`` alone when none of its files is there.

    ``issuer_chain`` is the CA that should have signed, issuing CA first; empty for self-signed artefacts and where the
    counterpart's CA is not known yet (a certificate is then ``issuer-is-not-ours``). What a counterpart signed is held to
    ``received_certificate_faults``, the rest to ``certificate_faults``. An artefact that someone else signs is in order
    with its key and request alone: what is awaited is no fault of this side. ``prepared``: so is this one, whoever signs.
    """
    expected = FILES.get(rule.name, FILES[EXCHANGE] if rule.signer is Signer.SELF else _TLS)
    seen, files, unreadable = look(tree, folder, {**expected, **(_PREPARED if prepared else {}), **dict.fromkeys(_records(rule), "")})
    if not any(seen.values()):
        return [Fault("missing", f"{folder} is not there")]
    awaited = (prepared or _signed_elsewhere(rule, holder)) and not seen["certificate.pem"] and not seen.get("chain.pem")
    faults = [*_missing(seen, _PREPARED if awaited else expected), *form_faults(seen)]
    key, key_faults = _open(files, rule)
    subject_of_checks = _Folder(files, rule, holder, issuer_chain, now, key, public_digest(key.public_key()) if key else "")
    checks = (_request_faults, _certificate_faults, _chain_faults, _public_faults, _keystore_faults)
    return [*faults, *unreadable, *key_faults, *(fault for check in checks for fault in check(subject_of_checks))]


def form_faults(seen: dict[str, Status | None]) -> Iterator[Fault]:
    """``symlink``, ``not-a-file`` and ``mode`` of files: secret ones are the owner's alone, no other may be written by others."""
    for name, status in seen.items():
        if status is None:
            continue
        if status.symlink:
            yield Fault("symlink", "is a symbolic link; allowed: a plain file", name)
        elif not status.regular:
            yield Fault("not-a-file", "is not a plain file", name)
        elif status.mode & (0o077 if name in SECRET_FILES else 0o022):
            yield Fault("mode", f"has mode {status.mode:04o}; allowed: 0600 (set it when no one else can have read or written it)", name)


def folder_faults(tree: Tree, folder: str) -> Iterator[Fault]:
    """``mode`` of a folder that is not the owner's alone: who may write there can put other files in the place of these."""
    status = tree.status(folder)
    if status is not None and status.folder and status.mode & 0o077:
        yield Fault("mode", f"{folder} has mode {status.mode:04o}; allowed: 0700 (set it when no one else can have changed what is in it)")


def look(tree: Tree, folder: str, names: Iterable[str]) -> tuple[dict[str, Status | None], dict[str, bytes], list[Fault]]:
    """One look at a folder and these files: the status of each, the content of plain ones, ``unreadable`` for the others; ``mode``."""
    entries = tree.folder(folder)
    seen = {name: entries[name].status if name in entries else None for name in names}
    files, faults = {}, list(folder_faults(tree, folder))
    for name, status in seen.items():
        if status is not None and status.regular:
            content = entries[name].content
            if content is not None:
                files[name] = content
            else:
                faults.append(Fault("unreadable", f"cannot be used ({entries[name].problem or 'too large'})", name))
    return seen, files, faults


def _signed_elsewhere(rule: CertificateRule, holder: Side) -> bool:
    return rule.signer in {Signer.COUNTERPART, Signer.DIRECTORY} or (rule.signer is Signer.SCHEME and holder.name != HUB)


def _records(rule: CertificateRule) -> tuple[str, ...]:
    return ("keystore.record",) if rule.name == "jws" else ()


def _missing(seen: dict[str, Status | None], expected: dict[str, str]) -> Iterator[Fault]:
    for name, stem in expected.items():
        if seen.get(name) is None:
            yield Fault(f"{stem}-missing", "is not there, although other files of the artefact are", name)


def _open(files: dict[str, bytes], rule: CertificateRule) -> tuple[PrivateKey | None, list[Fault]]:
    """The key when it is usable, and what is wrong with it."""
    if "key.pem" not in files:
        return None, []
    try:
        key = read_own_key(files["key.pem"])
    except KeyUnusable as error:
        return None, [Fault(error.reason, error.what, "key.pem")]
    kind = key_kind(key.public_key())
    if kind not in rule.key_kinds:
        return key, [Fault("key-kind", f"is of kind {kind}; allowed: {', '.join(rule.key_kinds)}", "key.pem")]
    return key, []


def _request_faults(folder: _Folder) -> Iterable[Fault]:
    pem = folder.files.get("request.pem")
    if pem is None or folder.key is None:
        return
    request = _request(pem)
    if request is None:
        yield Fault("request-unreadable", "is not a certificate request in PEM, or is damaged", "request.pem")
        return
    digest, name, names = request
    if digest != folder.key_digest:
        yield Fault("request-does-not-match", "is about another key than key.pem", "request.pem")
    elif (name, names) != (subject(folder.rule, folder.holder), alternative_names(folder.rule, folder.holder)):
        yield Fault("request-does-not-match", "asks for other names than the description gives", "request.pem")


@lru_cache(maxsize=4096)
def _request(pem: bytes) -> tuple[str, x509.Name, x509.SubjectAlternativeName | None] | None:
    """Key digest, subject and names of a request of our own; None when it is unreadable or its signature does not verify."""
    try:
        request = x509.load_pem_x509_csr(pem)
        found = [each.value for each in request.extensions if isinstance(each.value, x509.SubjectAlternativeName)]
        names = found[0] if found else None
        return (public_digest(request.public_key()), request.subject, names) if proves_possession(request) else None
    except ValueError:
        return None


def _certificate(folder: _Folder) -> x509.Certificate | None:
    try:
        return read_certificate(folder.files["certificate.pem"])
    except (KeyError, CertificateUnreadable):
        return None


_CHECKS = {Signer.COUNTERPART: RECEIVED, Signer.DIRECTORY: DIRECTORY}
"""Who signs with tools of its own is held to no more than safety needs; all others to what this pack writes."""


def _certificate_faults(folder: _Folder) -> Iterable[Fault]:
    if "certificate.pem" not in folder.files:
        return []
    certificate = _certificate(folder)
    if certificate is None:
        return [Fault("certificate-unreadable", "is not one certificate in PEM, or is damaged", "certificate.pem")]
    checks = _CHECKS.get(folder.rule.signer, OWN)
    found = examine(checks, Examined(certificate, folder.rule, folder.holder, folder.chain, folder.now, folder.key_digest))
    own_kind = folder.key is not None and key_kind(folder.key.public_key()) not in folder.rule.key_kinds
    return [fault for fault in found if not (own_kind and fault.reason == "key-kind")]


def _chain_faults(folder: _Folder) -> Iterable[Fault]:
    """The stored chain is the CA's known chain; and that chain is in order."""
    if "chain.pem" not in folder.files:
        return []
    try:
        stored = read_certificates(folder.files["chain.pem"])
    except CertificateUnreadable as error:
        return [Fault("chain-unreadable", str(error), "chain.pem")]
    if stored == folder.chain or not folder.chain:
        return [Fault(fault.reason, fault.detail, "chain.pem") for fault in chain_faults(stored, folder.now)]
    return [_chain_difference(stored, folder.chain)]


def _chain_difference(stored: Chain, known: Chain) -> Fault:
    if set(stored) == set(known):
        return Fault("chain-order", "is not in order, issuing CA first", "chain.pem")
    if set(stored) < set(known):
        return Fault("chain-incomplete", f"holds {len(stored)} of {len(known)} certificates", "chain.pem")
    return Fault("chain-does-not-match", "is not the chain of the CA that signs this artefact", "chain.pem")


def _public_faults(folder: _Folder) -> Iterable[Fault]:
    stored = folder.files.get("public.pem")
    if stored is not None and folder.key is not None and stored != public_pem(folder.key.public_key()):
        yield Fault("public-key-does-not-match", "is not the public key of key.pem", "public.pem")


def _keystore_faults(folder: _Folder) -> Iterable[Fault]:
    """By its record, or else by opening it."""
    data, passphrase, certificate = folder.files.get("keystore.p12"), folder.files.get("keystore.passphrase"), _certificate(folder)
    if data is None or passphrase is None or certificate is None or not folder.key_digest:
        return []
    secret = passphrase.strip()
    record = keystore_record(data, secret, key_digest=folder.key_digest, certificate=certificate)
    if folder.files.get("keystore.record") == record:
        return []
    return keystore_faults(data, secret, key_digest=folder.key_digest, certificate=certificate)
