# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
r"""First contact: a person confirms the digest of a counterpart's first publication over another channel.

The digest is the SHA-256 of a few lines of text, one for each certificate and key, sorted, each ``<SHA-256>  <what>``
and a newline. Whoever has the files can compute it with plain tools::

    d() { printf '%s  %s\n' "$(sha256sum | cut -d' ' -f1)" "$1"; }
    { openssl x509 -in ca.pem -outform DER | d ca                      # of a chain: one line for each certificate
      openssl req -in client.csr -noout -pubkey | openssl pkey -pubin -outform DER | d client-key
      openssl pkey -pubin -in jws.pem -outform DER | d jws-key
      openssl x509 -in exchange.pem -noout -pubkey | openssl pkey -pubin -outform DER | d exchange-key
    } | LC_ALL=C sort | sha256sum

Files that are not there have no line; a request for a server certificate (``server.csr``) counts as ``server-key``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ..errors import StoreError
from ..pki.certificates import CertificateUnreadable, read_certificate, read_certificates, received_certificate
from ..pki.keys import public_digest, read_public_key
from ..pki.requests import read_request
from ..store.journal import Numbered, SequenceJournal, damaged, find_record, render_record, write_changed
from ..store.layout import contact_path, seen_path
from ..store.tree import Tree
from .publication import Address, Publication, read_publication
from .published import AUTHORITY, BUILT_IN, EXCHANGE_CERTIFICATE, JWS_KEY, NEXT_EXCHANGE_CERTIFICATE, Form, PublishedFile
from .refusal import PublicationRefused

SIGNED, CHANNEL = "signed", "channel"
"""Provenance of what needs no person: a known key signed it, or the transport says who sent it."""


@dataclass(frozen=True)
class Trust:
    """What is known of a counterpart without its publication.

    From the description: the confirmed digest (or empty), automatic approval (labs), plain files. ``certificate``: its
    exchange certificate as its own store has it, where both sides are in one place.
    """

    first_publication: str = ""
    automatic: bool = False
    plain: bool = False
    certificate: x509.Certificate | None = None
    channel: bool = False
    """Whether the transport itself says who the sender is; its publications have no manifest."""

    @property
    def unsigned(self) -> bool:
        """Whether publications have no manifest."""
        return self.plain or self.channel


@dataclass(frozen=True)
class Contact:
    """What a side knows its counterpart by.

    ``digest`` is that of the publication that was accepted, ``provenance`` how (``confirmed`` by a person, ``automatic``).
    ``exchange_certificates`` (PEM) are those whose keys may sign its manifests: one, or two while it changes keys.
    """

    digest: str
    provenance: str
    exchange_certificates: tuple[str, ...]

    def certificates(self) -> list[x509.Certificate]:
        """The exchange certificates; StoreError when the journal's copy is damaged."""
        try:
            return [read_certificate(pem.encode()) for pem in self.exchange_certificates]
        except ValueError as error:
            raise StoreError("holds a certificate that is none", where="journal/contacts", remedy="Restore it from a copy.") from error


class ContactStatus(StrEnum):
    """Whether a publication may become effective."""

    ACCEPTED = "accepted"
    AWAITING_APPROVAL = "awaiting-approval"
    REFUSED = "refused"


@dataclass(frozen=True)
class Reception:
    """A publication and what may become of it.

    ``digest`` is what a person confirms; ``reason`` says why when it is refused (``first-publication-differs``);
    ``provenance`` of what was accepted: ``signed``, ``channel``, ``confirmed`` or ``automatic``.
    """

    publication: Publication
    status: ContactStatus
    digest: str
    reason: str = ""
    provenance: str = ""
    contact: Contact | None = None
    """What the counterpart was known by before; None at first contact."""


def first_publication_digest(files: Mapping[str, bytes], known: Mapping[str, PublishedFile] = BUILT_IN) -> str:
    """``sha256:<hex>`` over the CA certificates, request keys, JWS key and exchange key of a publication (see above)."""
    lines = sorted(f"{digest}  {what}\n" for what, digest in _identity(files, known))
    return "sha256:" + sha256("".join(lines).encode("ascii")).hexdigest()


def read_contact(tree: Tree, side: str, counterpart: str) -> Contact | None:
    """What ``side`` knows ``counterpart`` by; None before first contact."""
    record = find_record(tree, contact_path(side, counterpart), {"digest", "provenance", "exchange_certificates"})
    if record is None:
        return None
    certificates = record["exchange_certificates"]
    if not isinstance(certificates, list):
        raise damaged(contact_path(side, counterpart))
    return Contact(str(record["digest"]), str(record["provenance"]), tuple(map(str, certificates)))


def receive(tree: Tree, address: Address, trust: Trust) -> Reception | None:
    """Read what ``address.sender`` published and judge it; writes nothing. None when nothing is published.

    PublicationRefused as by ``read_publication``. A description that confirms another digest than the one accepted
    before starts anew: the counterpart lost its exchange key, and a person has confirmed what it published since.
    """
    contact = read_contact(tree, address.receiver, address.sender)
    if contact is not None and trust.first_publication not in {"", contact.digest}:
        contact = None
    known = contact.certificates() if contact is not None and not trust.unsigned else []
    if known and trust.certificate is not None and trust.certificate not in known:
        known.append(trust.certificate)
    publication = _read(tree, address, trust, known)
    if publication is None:
        return None
    if contact is not None and publication.signer is not None:
        return Reception(publication, ContactStatus.ACCEPTED, contact.digest, provenance=SIGNED, contact=contact)
    return replace(_judge(publication, trust, contact, address), contact=contact)


def _read(tree: Tree, address: Address, trust: Trust, known: list[x509.Certificate]) -> Publication | None:
    """As ``read_publication``; for a manifest that another key signed the error says how a person may let that key follow."""
    try:
        return read_publication(tree, address, plain=trust.unsigned, known=known)
    except PublicationRefused as refusal:
        if refusal.reason != "manifest-signature" or not known:
            raise
        published = read_publication(tree, address)
        if published is None:
            raise
        end = max(certificate.not_valid_after_utc for certificate in known)
        what = f"is signed by another exchange key of {address.sender} than the one known here, whose certificate ends on {end:%Y-%m-%d}"
        digest = first_publication_digest(published.files, address.files)
        remedy = (
            f"If {address.sender} has renewed its key: confirm {digest} over another channel, "
            "write it into the description as first publication."
        )
        raise PublicationRefused(refusal.reason, what, where=address.manifest_path, remedy=remedy) from refusal


def accept(tree: Tree, address: Address, reception: Reception) -> bool:
    """Journal an accepted publication (contact, exchange keys, sequence number); whether anything was new."""
    if reception.status is not ContactStatus.ACCEPTED:
        raise PublicationRefused(reception.status.value, "is not accepted", where=address.folder)
    publication, journal = reception.publication, SequenceJournal(tree)
    seen = seen_path(address.receiver, address.sender)
    contact = _contact_after(reception)
    changed = False
    if publication.manifest is not None:
        last = Numbered(publication.manifest.sequence, publication.manifest.digest)
        if publication.signer is not None:
            changed = publication.seen != last and journal.advance(seen, last)
        elif journal.highest(seen) != last:
            # Before the contact: killed in between, the next run is at first contact still.
            journal.restart(seen, last)
            changed = True
    if contact != reception.contact:
        changed = write_changed(tree, contact_path(address.receiver, address.sender), render_record(asdict(contact))) or changed
    return changed


def _judge(publication: Publication, trust: Trust, contact: Contact | None, address: Address) -> Reception:
    """First contact, or plain files: what a person confirmed decides, and in labs the run itself where no one did."""
    digest = first_publication_digest(publication.files, address.files)
    if trust.channel and (contact is not None or trust.first_publication in {"", digest}):
        return Reception(publication, ContactStatus.ACCEPTED, digest, provenance=CHANNEL)
    if contact is not None and contact.digest == digest:
        return Reception(publication, ContactStatus.ACCEPTED, digest, provenance=contact.provenance)
    if trust.first_publication == digest:
        return Reception(publication, ContactStatus.ACCEPTED, digest, provenance="confirmed")
    if trust.first_publication and contact is None:
        return Reception(publication, ContactStatus.REFUSED, digest, reason="first-publication-differs")
    if trust.automatic and not trust.first_publication:
        return Reception(publication, ContactStatus.ACCEPTED, digest, provenance="automatic")
    return Reception(publication, ContactStatus.AWAITING_APPROVAL, digest)


def _contact_after(reception: Reception) -> Contact:
    """What the counterpart is known by from now on."""
    contact, publication = reception.contact, reception.publication
    announced = [
        received_certificate(publication.files[name], where=name) for name in _announcing(publication) if name in publication.files
    ]
    if contact is None or publication.signer is None:
        return _contact(reception.digest, reception.provenance, announced)
    # A manifest signed by the key in use announces the next one; signed by the next one, it ends the one before.
    known = {public_digest(certificate.public_key()): certificate for certificate in (publication.signer, *announced)}
    return _contact(contact.digest, contact.provenance, list(known.values()))


def _announcing(publication: Publication) -> tuple[str, ...]:
    """Plain files announce nothing: no one has signed for the next key."""
    return (EXCHANGE_CERTIFICATE,) if publication.manifest is None else (EXCHANGE_CERTIFICATE, NEXT_EXCHANGE_CERTIFICATE)


def _contact(digest: str, provenance: str, certificates: list[x509.Certificate]) -> Contact:
    return Contact(digest, provenance, tuple(certificate.public_bytes(Encoding.PEM).decode("ascii") for certificate in certificates))


def _identity(files: Mapping[str, bytes], known: Mapping[str, PublishedFile]) -> Iterator[tuple[str, str]]:
    """What a side is known by, with the SHA-256 (hex) of its DER form."""
    for row in known.values():
        if row.identity and row.name in files:
            yield from ((row.identity, digest) for digest in _digests(row, files[row.name]))


def _digests(row: PublishedFile, content: bytes) -> Iterator[str]:
    if row.name == AUTHORITY:
        for certificate in _authorities(content):
            yield sha256(certificate.public_bytes(Encoding.DER)).hexdigest()
    elif row.form is Form.REQUEST:
        yield public_digest(read_request(content, where=row.name).public_key)
    elif row.name == JWS_KEY:
        yield public_digest(read_public_key(content, where=row.name))
    else:
        yield public_digest(received_certificate(content, where=row.name).public_key())


def _authorities(pem: bytes) -> tuple[x509.Certificate, ...]:
    try:
        return read_certificates(pem)
    except CertificateUnreadable as error:
        raise PublicationRefused("unreadable", str(error), where="ca.pem") from error
