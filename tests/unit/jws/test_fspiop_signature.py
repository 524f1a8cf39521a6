# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""FSPIOP signatures against vectors made with the reference library (throw-away keys)."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from ansible_collections.mojaloop.onboarding.plugins.module_utils.jws import (
    PrivateKey,
    PublicKey,
    SignatureRefused,
    canonical_body,
    fspiop_uri,
    sign_request,
    verify_request,
)

DATA: dict[str, Any] = json.loads((Path(__file__).parent / "vectors.json").read_text())
VECTORS: list[dict[str, Any]] = DATA["vectors"]
NEWEST = "sdk-standard-components@19.19.1"


def private_key(alg: str) -> PrivateKey:
    pem = DATA["keys"]["rsa"]["private_pkcs8"] if alg == "RS256" else DATA["keys"]["ec_p256"]["private_sec1"]
    key = load_pem_private_key(pem.encode(), None)
    assert isinstance(key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey))
    return key


def public_key(alg: str) -> PublicKey:
    key = load_pem_public_key(DATA["keys"]["rsa" if alg == "RS256" else "ec_p256"]["public_spki"].encode())
    assert isinstance(key, (rsa.RSAPublicKey, ec.EllipticCurvePublicKey))
    return key


def received(vector: dict[str, Any]) -> tuple[dict[str, str], bytes]:
    return {**vector["input"]["headers"], **vector["output"]["headers_added"]}, vector["output"]["wire_body"].encode()


def names(vector: dict[str, Any]) -> str:
    return f"{vector['name']}-{vector['signed_by'].split('@')[1]}-{vector['alg']}"


def test_all_vectors_are_here() -> None:
    assert len(VECTORS) == 21


@pytest.mark.parametrize("vector", VECTORS, ids=names)
def test_every_vector_is_accepted_and_refused_with_one_byte_changed(vector: dict[str, Any]) -> None:
    headers, raw = received(vector)
    key = public_key(vector["alg"])
    verify_request(key, headers, raw)
    with pytest.raises(SignatureRefused) as refused:
        verify_request(key, headers, raw[:-1] + b" }")
    assert refused.value.reason == "signature-invalid"


@pytest.mark.parametrize("vector", [v for v in VECTORS if v["signed_by"] == NEWEST], ids=names)
def test_signing_gives_what_the_reference_library_gives(vector: dict[str, Any]) -> None:
    given, output = vector["input"], vector["output"]
    signed = sign_request(private_key(vector["alg"]), given["method"], given["url"], given["headers"], given["body"])
    assert signed.body == output["wire_body"].encode()
    made, expected = (json.loads(value["fspiop-signature"]) for value in (signed.headers, output["headers_added"]))
    assert made["protectedHeader"] == expected["protectedHeader"]
    assert signed.headers["fspiop-uri"] == output["headers_added"]["fspiop-uri"]
    if output["signature_deterministic"]:
        assert signed.headers == {**given["headers"], **output["headers_added"]}
    verify_request(public_key(vector["alg"]), signed.headers, signed.body)


@pytest.fixture
def message() -> tuple[dict[str, str], bytes]:
    return received(VECTORS[0])


def changed(headers: dict[str, str], **values: str | None) -> dict[str, str]:
    merged = headers | {name.replace("_", "-"): value for name, value in values.items() if value is not None}
    return {name: value for name, value in merged.items() if values.get(name.replace("-", "_"), "") is not None}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"fspiop_destination": None}, "signature-header"),
        ({"fspiop_destination": "evil"}, "signature-header"),
        ({"fspiop_source": "dfspz"}, "signature-header"),
        ({"date": "Tue, 23 Jun 2026 10:15:31 GMT"}, "signature-header"),
        ({"date": None}, "signature-header"),
        ({"fspiop_uri": "/transfers"}, "signature-header"),
        ({"fspiop_http_method": "PUT"}, "signature-header"),
        ({"fspiop_signature": None}, "signature-missing"),
        ({"fspiop_signature": "no json"}, "signature-malformed"),
        ({"fspiop_signature": "[]"}, "signature-malformed"),
        ({"fspiop_signature": '{"protectedHeader":"e30","signature":1}'}, "signature-malformed"),
        ({"fspiop_signature": '{"protectedHeader":"e3*0","signature":"AA"}'}, "signature-malformed"),
        ({"fspiop_signature": '{"protectedHeader":"W10","signature":"AA"}'}, "signature-malformed"),
    ],
)
def test_tampering_is_refused_with_its_reason(message: tuple[dict[str, str], bytes], change: dict[str, str | None], reason: str) -> None:
    headers, raw = message
    verify_request(public_key("RS256"), headers, raw)
    with pytest.raises(SignatureRefused) as refused:
        verify_request(public_key("RS256"), changed(headers, **change), raw)
    assert refused.value.reason == reason


@pytest.mark.parametrize("alg", ["none", "HS256", "ES256", None])
def test_the_key_decides_the_algorithm_not_the_message(message: tuple[dict[str, str], bytes], alg: str | None) -> None:
    headers, raw = message
    header = json.loads(VECTORS[0]["output"]["protected_header_json"]) | {"alg": alg}
    forged = base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
    with pytest.raises(SignatureRefused) as refused:
        verify_request(
            public_key("RS256"), changed(headers, fspiop_signature=json.dumps({"protectedHeader": forged, "signature": "AA"})), raw
        )
    assert refused.value.reason == "signature-algorithm"


def test_a_destination_that_was_not_signed_is_refused() -> None:
    headers, raw = received(next(v for v in VECTORS if v["name"] == "no-destination-no-date"))
    verify_request(public_key("RS256"), headers, raw)
    with pytest.raises(SignatureRefused):
        verify_request(public_key("RS256"), headers | {"fspiop-destination": "dfspb"}, raw)


def test_an_es256_signature_of_the_wrong_length_is_refused() -> None:
    headers, raw = received(next(v for v in VECTORS if v["alg"] == "ES256"))
    parts = json.loads(headers["fspiop-signature"]) | {"signature": "AAAA"}
    with pytest.raises(SignatureRefused) as refused:
        verify_request(public_key("ES256"), headers | {"fspiop-signature": json.dumps(parts)}, raw)
    assert refused.value.reason == "signature-invalid"


def test_both_public_key_forms_carry_the_same_key() -> None:
    certificate = x509.load_pem_x509_certificate(DATA["keys"]["rsa"]["self_signed_cert"].encode())
    assert certificate.public_key() == public_key("RS256")


def test_bodies_are_compact_sorted_and_not_escaped() -> None:
    assert canonical_body({"b": {"d": 1, "c": "é/"}, "a": []}) == '{"a":[],"b":{"c":"é/","d":1}}'.encode()


@pytest.mark.parametrize(
    ("url", "uri"),
    [
        ("https://gw/api/v1/fsp/quotes/abc/error", "/quotes/abc/error"),
        ("/parties/MSISDN/1?x=1", "/parties/MSISDN/1?x=1"),
        ("/parties/ALIAS/quotes", "/parties/ALIAS/quotes"),
    ],
)
def test_the_uri_starts_at_the_resource(url: str, uri: str) -> None:
    assert fspiop_uri(url) == uri


def test_a_url_without_a_resource_cannot_be_signed() -> None:
    with pytest.raises(ValueError, match="no FSPIOP resource"):
        fspiop_uri("https://hub.example/health")


def test_other_curves_are_no_jws_keys(message: tuple[dict[str, str], bytes]) -> None:
    headers, raw = message
    with pytest.raises(ValueError, match="secp384r1"):
        verify_request(ec.generate_private_key(ec.SECP384R1()).public_key(), headers, raw)
