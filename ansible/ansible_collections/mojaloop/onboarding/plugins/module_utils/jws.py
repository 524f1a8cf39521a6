# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""FSPIOP-Signature: signing requests, and judging received ones on their raw bytes.

Source: FSPIOP API "Signature" v1.1 sections 3 and 4 (detached JWS of RFC 7515 over the protected header and the body).
Validators in the field serialise the parsed body again: older ones in the received order, newer ones with sorted keys.
What is signed here is compact JSON with sorted keys, which all of them accept; what is verified is the received bytes.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from .errors import OnboardingError
from .formats import read_json

RESOURCES = frozenset(
    {
        "participants", "parties", "quotes", "bulkQuotes", "transfers", "bulkTransfers", "transactionRequests",
        "thirdpartyRequests", "authorizations", "transactions", "consents", "consentRequests", "fxQuotes", "fxTransfers",
    }
)  # fmt: skip
P256_BYTES = 32

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


REMEDY = "Compare the sender's published JWS key with the one it signs with."


class SignatureRefused(OnboardingError):
    """A received message is not signed as FSPIOP requires; ``reason`` is the stable code."""

    def __init__(self, reason: str, what: str) -> None:
        super().__init__(what, where="FSPIOP-Signature", remedy=REMEDY, reason=reason)


@dataclass(frozen=True)
class SignedRequest:
    """What goes out: all headers (names in lower case) and the exact bytes of the body."""

    headers: dict[str, str]
    body: bytes


def canonical_body(body: object) -> bytes:
    """Compact JSON in UTF-8 with keys sorted recursively: the one form that every known validator accepts."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def fspiop_uri(url: str) -> str:
    """The part of a URL from its FSPIOP resource on, query included (Signature v1.1 section 3.2.1); ValueError without one."""
    parts = urlsplit(url)
    words = parts.path.split("/")
    for index, word in enumerate(words):
        if word in RESOURCES:
            return "/" + "/".join(words[index:]) + (f"?{parts.query}" if parts.query else "")
    msg = f"no FSPIOP resource in the path {parts.path!r}"
    raise ValueError(msg)


def sign_request(key: PrivateKey, method: str, url: str, headers: Mapping[str, str], body: object) -> SignedRequest:
    """Sign a request with a body (RS256 for RSA keys, ES256 for P-256); ``headers`` must name ``FSPIOP-Source``."""
    lower = {name.lower(): value for name, value in headers.items()}
    lower |= {"fspiop-http-method": method.upper(), "fspiop-uri": fspiop_uri(url)}
    raw = canonical_body(body)
    protected = _encode(json.dumps(_protected_header(key, lower), separators=(",", ":"), ensure_ascii=False).encode())
    signature = _encode(signature_bytes(key, f"{protected}.{_encode(raw)}".encode()))
    lower["fspiop-signature"] = json.dumps({"protectedHeader": protected, "signature": signature}, separators=(",", ":"))
    return SignedRequest(lower, raw)


def verify_request(key: PublicKey, headers: Mapping[str, str], raw: bytes) -> None:
    """Check a received message against its sender's key: signature over the raw body, then the protected headers.

    Raises SignatureRefused with reason ``signature-missing``, ``-malformed``, ``-algorithm``, ``-invalid`` or ``-header``.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    if not all(lower.get(name) for name in ("fspiop-source", "fspiop-uri", "fspiop-http-method", "fspiop-signature")):
        raise SignatureRefused("signature-missing", "FSPIOP-Source, -URI, -HTTP-Method and -Signature are all required")
    protected, signature = _signature_parts(lower["fspiop-signature"])
    header = _json_object(_decode(protected))
    if header.get("alg") != _algorithm(key):
        raise SignatureRefused("signature-algorithm", f"the protected algorithm is not {_algorithm(key)}, which the sender's key asks for")
    try:
        _verify(key, f"{protected}.{_encode(raw)}".encode(), _decode(signature))
    except InvalidSignature:
        raise SignatureRefused("signature-invalid", "the signature does not match the key and the body") from None
    _check_headers(header, lower)


def _protected_header(key: PrivateKey, headers: Mapping[str, str]) -> dict[str, str]:
    fixed = {
        "alg": _algorithm(key.public_key()),
        "FSPIOP-URI": headers["fspiop-uri"],
        "FSPIOP-HTTP-Method": headers["fspiop-http-method"],
        "FSPIOP-Source": headers["fspiop-source"],
    }
    optional = {"FSPIOP-Destination": headers.get("fspiop-destination"), "Date": headers.get("date")}
    return fixed | {name: value for name, value in optional.items() if value}


def _check_headers(protected: Mapping[str, object], headers: Mapping[str, str]) -> None:
    """Protected values equal the real ones; a destination is in both or in neither."""
    required = ("FSPIOP-URI", "FSPIOP-HTTP-Method", "FSPIOP-Source")
    optional = [name for name in ("FSPIOP-Destination", "Date") if name in protected]
    if headers.get("fspiop-destination"):
        optional.append("FSPIOP-Destination")
    for name in (*required, *optional):
        if protected.get(name) != headers.get(name.lower()):
            raise SignatureRefused("signature-header", f"the protected {name} is not that of the request")


def _algorithm(key: PublicKey) -> str:
    if isinstance(key, rsa.RSAPublicKey):
        return "RS256"
    if isinstance(key.curve, ec.SECP256R1):
        return "ES256"
    msg = f"JWS keys are RSA or P-256, not {key.curve.name}"
    raise ValueError(msg)


def signature_bytes(key: PrivateKey, data: bytes) -> bytes:
    """The signature of RS256 or ES256, as the key asks for (RFC 7518 sections 3.3, 3.4)."""
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    first, second = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
    return first.to_bytes(P256_BYTES, "big") + second.to_bytes(P256_BYTES, "big")


def _verify(key: PublicKey, data: bytes, signature: bytes) -> None:
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
        return
    if len(signature) != 2 * P256_BYTES:
        raise InvalidSignature
    numbers = (int.from_bytes(signature[:P256_BYTES], "big"), int.from_bytes(signature[P256_BYTES:], "big"))
    key.verify(encode_dss_signature(*numbers), data, ec.ECDSA(hashes.SHA256()))


def _signature_parts(value: str) -> tuple[str, str]:
    found = _json_object(value.encode())
    protected, signature = found.get("protectedHeader"), found.get("signature")
    if not isinstance(protected, str) or not isinstance(signature, str):
        raise SignatureRefused("signature-malformed", "is not a JSON object of protectedHeader and signature")
    return protected, signature


def _json_object(data: bytes) -> dict[str, object]:
    try:
        found = read_json(data)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise SignatureRefused("signature-malformed", "is not a JSON object")
    return found


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise SignatureRefused("signature-malformed", "is not base64url") from None
