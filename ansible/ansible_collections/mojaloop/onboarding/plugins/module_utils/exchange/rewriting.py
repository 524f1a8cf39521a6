# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Received files in the one form that every reader takes (PEM: RFC 7468 section 3): what was read, written anew.

Threat: a file with a byte order mark, attributes of a PKCS#12 or indented lines is read by one library and refused by the next,
in a later step that is about everybody.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ..formats import read_json
from ..pki.certificates import certificate_pem, read_certificates
from ..pki.keys import public_pem, read_public_key
from .published import CREDENTIALS, ENDPOINTS
from .sealing import sealed_anew

JWS = "jws.pem"
_LABEL = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----")
_WRITERS: Mapping[bytes, Callable[[bytes], bytes]] = {
    b"CERTIFICATE": lambda pem: certificate_pem(*read_certificates(pem)),
    b"CERTIFICATE REQUEST": lambda pem: x509.load_pem_x509_csr(pem).public_bytes(Encoding.PEM),
    b"NEW CERTIFICATE REQUEST": lambda pem: x509.load_pem_x509_csr(pem).public_bytes(Encoding.PEM),
    b"X509 CRL": lambda pem: x509.load_pem_x509_crl(pem).public_bytes(Encoding.PEM),
}


def written_anew(name: str, content: bytes) -> bytes:
    """A file that was judged and accepted, without anything around what was read; a file of a profile's own kind as it is.

    A JWS key is written as a public key (SubjectPublicKeyInfo), in whatever form it was published.
    """
    if name == JWS:
        return public_pem(read_public_key(content, where=name))
    if name == CREDENTIALS:
        return sealed_anew(content, where=name)
    if name == ENDPOINTS:
        return json.dumps(read_json(content), indent=2, sort_keys=True).encode() + b"\n"
    label = _LABEL.search(content)
    write = _WRITERS.get(label.group(1)) if label else None
    return write(content) if write else content
