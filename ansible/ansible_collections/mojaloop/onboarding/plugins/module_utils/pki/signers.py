# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who signs: an interface, a CA key held here, and a CA that is offline."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ..errors import OnboardingError, SigningRefused
from ..store.tree import Tree
from .certificates import CertificateUnreadable, Chain, certificate_key, certificate_pem, fingerprint, read_certificate, signed_by
from .keys import PrivateKey, PublicKey, public_digest, public_pem, signature_hash

_HOW = (
    "openssl x509 -req -in request.csr -force_pubkey public.pem -copy_extensions copyall -CA <ca certificate> -CAkey <ca key>"
    " -set_serial {serial:#x} -days {days} -sha256 -out certificate.pem; then put certificate.pem beside this file"
)


class AwaitingSignature(OnboardingError):
    """An offline CA has been asked and has not answered yet: a pending result. ``request_file`` is the request's path."""

    def __init__(self, request_file: str) -> None:
        super().__init__("awaits the signature of an offline CA", where=request_file, remedy="The file says how to sign it.")
        self.request_file = request_file


@dataclass(frozen=True)
class Draft:
    """A certificate before its serial and signature.

    ``label`` names holder and artefact (``greenbank/client``); ``take_serial`` takes a serial in the journal, for good;
    ``needed_until``: an answer to an earlier draft that ends before it is no longer worth having.
    """

    label: str
    builder: x509.CertificateBuilder
    public_key: PublicKey
    take_serial: Callable[[], int]
    needed_until: datetime


class CertificateSigner(Protocol):
    """A CA that can sign."""

    @property
    def certificate(self) -> x509.Certificate:
        """The issuing CA's certificate."""

    @property
    def chain(self) -> Chain:
        """Issuing CA first, up to and with the root."""

    def sign(self, draft: Draft) -> x509.Certificate:
        """The signed certificate; AwaitingSignature when it will come later."""


@dataclass(frozen=True)
class LocalSigner:
    """A CA whose key is in this process."""

    certificate: x509.Certificate
    chain: Chain
    key: PrivateKey

    def sign(self, draft: Draft) -> x509.Certificate:
        """See ``CertificateSigner``."""
        return draft.builder.serial_number(draft.take_serial()).sign(self.key, signature_hash(self.key))


@dataclass(frozen=True)
class OfflineSigner:
    """A CA that is reached by files: a request goes out to ``folder`` of the tree, ``certificate.pem`` comes back beside it.

    ``template.pem`` is the certificate as it shall be, signed by a key that was thrown away: what comes back is compared
    with it field by field. ``request.csr`` says the same for tools that sign requests (its own key was thrown away too:
    the key to certify is ``public.pem``), ``request.json`` for people, with the command. What came back under a serial
    number in ``revoked`` is asked for again under another.
    """

    tree: Tree
    folder: str
    certificate: x509.Certificate
    chain: Chain
    revoked: frozenset[int] = frozenset()

    def sign(self, draft: Draft) -> x509.Certificate:
        """See ``CertificateSigner``; SigningRefused when what came back is not what was asked."""
        place = f"{self.folder}/{draft.label.replace('/', '-')}-{public_digest(draft.public_key)[:16]}"
        asked = self._asked(place, draft)
        if asked is None:
            self._ask(place, draft)
            raise AwaitingSignature(f"{place}/request.json")
        answer = self.tree.read(f"{place}/certificate.pem")
        if answer is None:
            raise AwaitingSignature(f"{place}/request.json")
        return self._checked(answer, asked, f"{place}/certificate.pem")

    def _asked(self, place: str, draft: Draft) -> x509.Certificate | None:
        """The template of an earlier run, when it still says what this draft says."""
        pem = self.tree.read(f"{place}/template.pem")
        if pem is None:
            return None
        template = read_certificate(pem)
        if template.serial_number in self.revoked:
            return None
        wanted = _template(draft, template.serial_number)
        same = (template.subject, template.issuer, _extensions(template)) == (wanted.subject, wanted.issuer, _extensions(wanted))
        return template if same and template.not_valid_after_utc >= draft.needed_until else None

    def _ask(self, place: str, draft: Draft) -> None:
        serial = draft.take_serial()
        template = _template(draft, serial)
        length = template.not_valid_after_utc - template.not_valid_before_utc
        facts = {
            "format": 1,
            "label": draft.label,
            "subject": template.subject.rfc4514_string(),
            "public_key_sha256": public_digest(draft.public_key),
            "serial": f"{serial:#x}",
            "days": length.days,
            "issuer_sha256": fingerprint(self.certificate),
            "how": _HOW.format(serial=serial, days=length.days),
        }
        files = {"template.pem": certificate_pem(template), "request.csr": _request(template), "public.pem": public_pem(draft.public_key)}
        self.tree.write_folder(place, {**files, "request.json": json.dumps(facts, indent=2).encode() + b"\n"})

    def _checked(self, pem: bytes, asked: x509.Certificate, where: str) -> x509.Certificate:
        try:
            answer = read_certificate(pem)
        except CertificateUnreadable as error:
            raise SigningRefused("certificate-unreadable", str(error), where=where) from error
        for reason, right in self._comparison(answer, asked):
            if not right:
                remedy = "Remove the file and sign again as request.json says."
                raise SigningRefused(reason, "the offline CA's certificate is not what was asked", where=where, remedy=remedy)
        return answer

    @property
    def _end(self) -> datetime:
        return min(authority.not_valid_after_utc for authority in self.chain)

    def _comparison(self, answer: x509.Certificate, asked: x509.Certificate) -> tuple[tuple[str, bool], ...]:
        length, longest = (one.not_valid_after_utc - one.not_valid_before_utc for one in (answer, asked))
        return (
            ("issuer-signature", signed_by(answer, self.certificate)),
            ("key-does-not-match", certificate_key(answer) == certificate_key(asked)),
            ("serial", answer.serial_number == asked.serial_number),
            ("subject", answer.subject == asked.subject),
            ("extensions", _extensions(answer) == _extensions(asked)),
            ("lifetime-too-long", length <= longest and answer.not_valid_after_utc <= self._end),
        )


def _template(draft: Draft, serial: int) -> x509.Certificate:
    return draft.builder.serial_number(serial).sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())


def _extensions(certificate: x509.Certificate) -> dict[x509.ObjectIdentifier, x509.Extension[x509.ExtensionType]]:
    return {extension.oid: extension for extension in certificate.extensions}


def _request(template: x509.Certificate) -> bytes:
    builder = x509.CertificateSigningRequestBuilder(template.subject)
    for extension in template.extensions:
        builder = builder.add_extension(extension.value, critical=extension.critical)
    return builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
