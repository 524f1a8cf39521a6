# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files that are right and not in PEM: what they are, and the command that converts them."""

from __future__ import annotations

import re

CONVERTED = "converted.pem"
_PROGRAMS = {
    "CERTIFICATE": "x509",
    "CERTIFICATE REQUEST": "req",
    "X509 CRL": "crl",
    "PUBLIC KEY": "pkey -pubin",
    "PRIVATE KEY": "pkcs8 -topk8",
    "PKCS7": "cms",
}
_SEQUENCE = b"\x30"
_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
"""The object identifier that PKCS#7 signed data begins with (RFC 2315 section 14)."""
_VERSION_3 = b"\x02\x01\x03"
"""The version that PKCS#12 begins with (RFC 7292 section 4)."""
_BASE64 = re.compile(rb"\s*MI[A-Za-z0-9+/]{2}[A-Za-z0-9+/=\s]+")
_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----")


def conversion(data: bytes, label: str, name: str) -> tuple[str, str]:
    """What a file is that was to be PEM with this label, and the command that makes it so; two empty texts where it is nothing known.

    ``label`` is CERTIFICATE, CERTIFICATE REQUEST, X509 CRL, PUBLIC KEY, PRIVATE KEY or PKCS7; ``name`` the file's name in the command.
    """
    file = name.rpartition("/")[2] or "FILE"
    found = _binary(data, label, file) if data[:1] == _SEQUENCE else _text(data, label, file)
    return found or ("", "")


def _binary(data: bytes, label: str, file: str) -> tuple[str, str]:
    content = _content(data)
    if content.startswith(_VERSION_3):
        return "a PKCS#12 file", f"openssl pkcs12 -in {file} {'-nocerts' if label == 'PRIVATE KEY' else '-nokeys'} -out {CONVERTED}"
    if label == "CERTIFICATE" and content.startswith(_SIGNED_DATA):
        return "PKCS#7 in DER", f"openssl pkcs7 -inform DER -print_certs -in {file} -out {CONVERTED}"
    return "DER", f"openssl {_PROGRAMS[label]} -inform DER -in {file} -out {CONVERTED}"


def _text(data: bytes, label: str, file: str) -> tuple[str, str] | None:
    blocks = {found.decode("ascii") for found in _BLOCK.findall(data)}
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"} or data[1:2] == b"\0":
        return "text in UTF-16", f"iconv -f UTF-16 -t UTF-8 {file} > {CONVERTED}"
    if label == "CERTIFICATE" and blocks & {"PKCS7", "CMS"}:
        return "PKCS#7", f"openssl pkcs7 -print_certs -in {file} -out {CONVERTED}"
    if label == "PRIVATE KEY" and blocks & {"PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"}:
        form = "a key in the traditional encryption of OpenSSL" if b"Proc-Type: 4,ENCRYPTED" in data else "a key without a passphrase"
        return form, f"openssl pkcs8 -topk8 -in {file} -out {CONVERTED}"
    if not blocks and _BASE64.fullmatch(data):
        return "base64 without its BEGIN line", f"base64 -d {file} | openssl {_PROGRAMS[label]} -inform DER -out {CONVERTED}"
    return None


def _content(data: bytes) -> bytes:
    """What stands in the outer SEQUENCE (X.690 section 8.1.3), or nothing."""
    length = data[1] if len(data) > 1 else 0
    return data[2 + (length & 0x7F if length & 0x80 else 0) :][:16]
