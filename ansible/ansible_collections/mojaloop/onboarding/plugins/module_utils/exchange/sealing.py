# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Secrets for one reader: PKCS#7 enveloped data, opened by the reader's exchange key alone.

The content is encrypted, not authenticated: it is trusted because the publication's manifest lists its digest.
"""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7EnvelopeBuilder, PKCS7Options, pkcs7_decrypt_pem

from .manifest import LIMIT
from .refusal import PublicationRefused

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
        # ``openssl cms`` writes the same structure under a label of its own.
        return pkcs7_decrypt_pem(data.replace(b" CMS-----", b" PKCS7-----"), certificate, key, [])
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        reason = "sealed-for-another" if "recipient" in str(error).lower() else "sealed-unreadable"
        raise PublicationRefused(reason, "does not open with this exchange key", where=where, remedy=_REMEDY) from error
