# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What may enter a gateway's configuration or maps. Whatever does not match is refused, never escaped.

Threat: a value from a counterpart that carries a space, a quote, ``#`` or a line break becomes a directive.
"""

from __future__ import annotations

import re
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from ..errors import GatewayError
from ..identifiers import CLIENT_ID

Pattern = re.Pattern[str]
PARTICIPANT = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
FSPIOP_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
FINGERPRINT = re.compile(r"[0-9a-f]{64}")
CLIENT = CLIENT_ID
RESOURCE = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
ROLE = re.compile(r"[a-z-]{1,20}")
SUBJECT = re.compile(r"[A-Za-z0-9-]{1,64}(\|[A-Za-z0-9-]{1,64})?")
KEY_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.=-]{0,127}")
HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:.]{2,45}")
BASE_PATH = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")
URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9:/._~@=+-]{1,255}|[A-Za-z0-9._~-]{1,255}")
FILE = re.compile(r"/[A-Za-z0-9._/-]{1,200}")


def checked(rule: Pattern, value: str, *, what: str) -> str:
    """The value itself when it matches the rule as a whole; GatewayError naming ``what`` otherwise."""
    if rule.fullmatch(value) is None:
        raise GatewayError(
            f"{what} {value[:80]!r} cannot enter a gateway's configuration",
            where="gateway",
            remedy=f"Allowed is: {rule.pattern}",
        )
    return value


def certificates(pem: bytes) -> tuple[x509.Certificate, ...]:
    """The certificates of a PEM file; ValueError when there is none or one is unreadable."""
    return tuple(x509.load_pem_x509_certificates(pem))


def bundle(pem: bytes) -> bytes:
    """The certificates alone, written anew, doubles left out: text around them never reaches a gateway."""
    written = dict.fromkeys(certificate.public_bytes(serialization.Encoding.PEM) for certificate in certificates(pem))
    return b"".join(written)


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 over the DER, lower-case hex, as ``ssl_c_der,sha2(256),hex,lower`` gives it."""
    return sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()


def doubled(value: str, one: str, other: str) -> GatewayError:
    """The error for an identity (certificate or OAuth client) that two participants claim."""
    return GatewayError(f"{value} is claimed by {one} and by {other}", where="gateway", remedy="An identity belongs to one participant.")
