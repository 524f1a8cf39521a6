# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Secrets for one reader: PKCS#7 enveloped data, opened by the reader's exchange key alone.

The content is encrypted, not authenticated: it is trusted because the publication's manifest lists its digest.
"""

from __future__ import annotations

import re
from base64 import b64decode, encodebytes
from binascii import Error

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7EnvelopeBuilder, PKCS7Options, pkcs7_decrypt_pem

from .manifest import LIMIT
from .refusal import PublicationRefused

_BLOCK = re.compile(rb"-----BEGIN (?:PKCS7|CMS)-----\r?\n([A-Za-z0-9+/=\s]+)-----END (?:PKCS7|CMS)-----")
_WIDTH = 48
"""Bytes in a line of 64 characters (RFC 7468 section 2)."""
_REMEDY = "Its sender seals it again, to the exchange certificate published now."


def seal(data: bytes, recipient: x509.Certificate) -> bytes:
    """PKCS#7 enveloped data in PEM: AES-256-CBC, its key by RSA PKCS#1 v1.5 (RFC 2315 section 10).

    ``openssl cms -decrypt -inform PEM -inkey key.pem`` opens it. PublicationRefused (``exchange-key-kind``) for other keys.
    """
    if not isinstance(recipient.public_key(), RSAPublicKey):
        raise PublicationRefused("exchange-key-kind", "the reader's exchange key is not RSA: PKCS#7 encryption takes no other")
    builder = PKCS7EnvelopeBuilder().set_data(data).add_recipient(recipient).set_content_encryption_algorithm(AES256)
    # Binary: or line ends would come out as CR LF.
    return builder.encrypt(Encoding.PEM, [PKCS7Options.Binary])


def open_sealed(data: bytes, key: RSAPrivateKey, certificate: x509.Certificate, *, where: str) -> bytes:
    """The sealed content; PublicationRefused (``sealed-for-another``, ``sealed-unreadable``) when it does not open."""
    if len(data) > LIMIT:
        raise PublicationRefused("too-large", f"has {len(data):,} bytes; allowed: {LIMIT:,}", where=where)
    try:
        return pkcs7_decrypt_pem(sealed_anew(data, where=where), certificate, key, [])
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        reason = "sealed-for-another" if "recipient" in str(error).lower() else "sealed-unreadable"
        raise PublicationRefused(reason, "does not open with this exchange key", where=where, remedy=_REMEDY) from error


def sealed_anew(data: bytes, *, where: str) -> bytes:
    """The first PEM block alone, in lines of 64 characters under the label PKCS7; PublicationRefused (``sealed-unreadable``).

    ``openssl cms`` writes the same structure under a label of its own.
    """
    found = _BLOCK.search(data)
    try:
        content = b64decode(b"".join(found.group(1).split()), validate=True) if found else b""
    except Error:
        content = b""
    if not content:
        raise PublicationRefused("sealed-unreadable", "holds no PEM block of base64 lines", where=where, remedy=_REMEDY)
    lines = b"".join(encodebytes(content[at : at + _WIDTH]) for at in range(0, len(content), _WIDTH))
    return b"-----BEGIN PKCS7-----\n" + lines + b"-----END PKCS7-----\n"
