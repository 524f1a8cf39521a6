# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Signed JSON documents: one object and the signature of a side's exchange key over its canonical form.

The file is ``{"<kind>": {…}, "signature": "<base64>"}``, indented for people and git. What is signed is the object
alone: keys sorted, no blanks, ASCII only, in UTF-8. The signature is RSASSA-PSS with SHA-256 and a salt of 32 bytes
(RFC 8017 section 8.1), so ``openssl dgst -sha256 -sigopt rsa_padding_mode:pss -verify`` checks it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from ..formats import FORMAT, read_json, refuse_newer
from .refusal import PublicationRefused

SMALLEST_KEY = 3072
"""Bits of an exchange key's modulus: it must outlast its certificate's three years (NIST SP 800-57 part 1, table 2)."""
SALT = 32
"""Bytes of a signature's salt; without any, the same content has the same signature (RFC 8017 section 9.1)."""


@dataclass(frozen=True)
class Envelope:
    """A document of format 1 and its signature, parsed and not yet trusted."""

    content: Mapping[str, Any]
    signature: bytes


def canonical(content: Mapping[str, object]) -> bytes:
    """The bytes that are signed and digested."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def content_digest(content: Mapping[str, object]) -> str:
    """SHA-256 (hex) of the canonical form."""
    return sha256(canonical(content)).hexdigest()


def sign_envelope(kind: str, content: Mapping[str, object], key: RSAPrivateKey, *, salt: int = SALT) -> bytes:
    """The file of a signed document."""
    signature = key.sign(canonical(content), _scheme(salt), hashes.SHA256())
    document = {kind: content, "signature": base64.b64encode(signature).decode("ascii")}
    return json.dumps(document, sort_keys=True, indent=1).encode("ascii") + b"\n"


def read_envelope(kind: str, data: bytes, *, fields: set[str], limit: int, where: str) -> Envelope:
    """Parse a signed document with exactly these fields; NewerFormat, or PublicationRefused (``<kind>-unreadable``) for anything else."""
    try:
        _need(len(data) <= limit, f"{len(data):,} bytes; allowed: {limit:,}")
        document = read_json(data)
        _need(isinstance(document, dict) and set(document) == {kind, "signature"}, f"not the two members {kind} and signature")
        content, signature = document[kind], document["signature"]
        refuse_newer(content, where=where)
        _need(isinstance(content, dict) and set(content) == fields | {"format"}, f"not the fields {', '.join(sorted(fields | {'format'}))}")
        _need(type(content["format"]) is int and content["format"] == FORMAT, f"not of format {FORMAT}")
        _need(isinstance(signature, str), "no signature")
        return Envelope(content, base64.b64decode(signature, validate=True))
    except ValueError as error:
        raise unreadable(kind, str(error), where) from error


def unreadable(kind: str, what: str, where: str) -> PublicationRefused:
    """The refusal of a document that is not what it should be."""
    return PublicationRefused(
        f"{kind}-unreadable", f"is not {'an' if kind[0] in 'aeiou' else 'a'} {kind} of format {FORMAT} ({what})", where=where
    )


def signed_by(content: Mapping[str, object], signature: bytes, certificate: x509.Certificate, *, salt: int = SALT) -> bool:
    """Whether the key of this exchange certificate made the signature; an unfit key made none."""
    key = certificate.public_key()
    if not isinstance(key, RSAPublicKey) or key.key_size < SMALLEST_KEY:
        return False
    return signed_with(content, signature, key, salt=salt)


def signed_with(content: Mapping[str, object], signature: bytes, key: RSAPublicKey, *, salt: int = SALT) -> bool:
    """Whether this key made the signature."""
    try:
        key.verify(signature, canonical(content), _scheme(salt), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def _scheme(salt: int) -> padding.PSS:
    return padding.PSS(padding.MGF1(hashes.SHA256()), salt)


def _need(holds: bool, otherwise: str) -> None:  # noqa: FBT001 -- reads as a sentence
    if not holds:
        raise ValueError(otherwise)
