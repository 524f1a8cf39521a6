# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What verification sends to be refused: wrong in the one thing it says, right in the rest, and really offered."""

from __future__ import annotations

import base64
import json
import ssl
from dataclasses import replace
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from ansible_collections.mojaloop.onboarding.plugins.module_utils.jws import SignatureRefused, sign_request, signature_bytes, verify_request
from ansible_collections.mojaloop.onboarding.plugins.module_utils.pki.keys import DryRunKeys
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification import offers
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.forgeries import (
    UNADDRESSED,
    forged_signatures,
    forged_tokens,
    signed_by,
)
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.model import Attempt, InboundListener, Offer
from ansible_collections.mojaloop.onboarding.plugins.module_utils.verification.wrong_requests import (
    METHOD,
    NO_TOKEN,
    PATHS,
    STATED,
    TAMPERED,
    Wrong,
    identity_header,
    with_header,
)

MAKE = DryRunKeys().make
KEY = MAKE("rsa-2048")
assert isinstance(KEY, RSAPrivateKey)
LISTENER = InboundListener("127.0.0.1", 1, "listener.example", b"")


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def token(**header: str) -> str:
    parts = ({"alg": "RS256", "kid": "one", **header}, {"iss": "x", "scope": "parties"})
    text = ".".join(b64(json.dumps(part).encode()) for part in parts)
    return f"{text}.{b64(signature_bytes(KEY, text.encode()))}"


def holds(text: str) -> bool:
    """Whether the token is the server's own: RS256 by its key, under its name (RFC 7515 section 5.2)."""
    head, claims, signature = text.split(".")
    found: dict[str, Any] = json.loads(unb64(head))
    if (found["alg"], found["kid"]) != ("RS256", "one"):
        return False
    assert isinstance(KEY, RSAPrivateKey)
    try:
        KEY.public_key().verify(unb64(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def right() -> Attempt:
    plain = {"fspiop-source": "greenbank", "fspiop-destination": "switch", "date": "now", "authorization": f"Bearer {token()}"}
    signed = sign_request(KEY, "POST", "/quotes", plain, {"amount": {"amount": "1"}})
    return Attempt("", "127.0.0.1", LISTENER, None, "POST", "/quotes", tuple(signed.headers.items()), signed.body)


def bearer(attempt: Attempt) -> str:
    return dict(attempt.headers)["authorization"].removeprefix("Bearer ")


def signed_well(attempt: Attempt) -> bool:
    try:
        verify_request(KEY.public_key(), dict(attempt.headers), attempt.body)
    except SignatureRefused:
        return False
    return True


def test_the_control_is_right() -> None:
    assert holds(bearer(right()))
    assert signed_well(right())
    assert signed_well(signed_by(KEY, right()))


@pytest.mark.parametrize("wrong", forged_tokens(MAKE), ids=lambda wrong: wrong.key)
def test_a_forged_token_does_not_hold_and_nothing_else_is_changed(wrong: Wrong) -> None:
    changed = wrong.change(right())
    assert not holds(bearer(changed))
    assert replace(changed, headers=()) == replace(right(), headers=(), body=changed.body)
    others = [[pair for pair in attempt.headers if pair[0] not in {"authorization", "fspiop-signature"}] for attempt in (changed, right())]
    assert others[0] == others[1]


def test_a_token_that_is_none_is_not_forged() -> None:
    opaque = with_header("authorization", lambda _: "Bearer opaque")(right())
    for wrong in forged_tokens(MAKE):
        with pytest.raises(ValueError, match="no signed JSON web token"):
            wrong.change(opaque)


@pytest.mark.parametrize("wrong", [*forged_signatures(MAKE, lambda: KEY), UNADDRESSED, TAMPERED], ids=lambda wrong: wrong.key)
def test_a_forged_message_is_not_signed_well(wrong: Wrong) -> None:
    assert not signed_well(wrong.change(right()))


@pytest.mark.parametrize(
    "wrong", [*identity_header("fspiop-source", "source-header"), *STATED, *PATHS, METHOD, NO_TOKEN], ids=lambda wrong: wrong.key
)
def test_a_wrong_request_differs_in_headers_path_or_method_alone(wrong: Wrong) -> None:
    changed, good = wrong.change(right()), right()
    assert (changed.headers != good.headers) + (changed.path != good.path) + (changed.method != good.method) == 1
    assert replace(changed, headers=good.headers, path=good.path, method=good.method) == good


@pytest.mark.parametrize(
    ("key", "values"), [("doubled", ["greenbank"] * 2), ("joined", ["greenbank,greenbank"]), ("folded", ["gr\r\n eenbank"])]
)
def test_headers_are_wrong_as_they_say(key: str, values: list[str]) -> None:
    wrong = next(each for each in identity_header("fspiop-source", "source-header") if each.key.endswith(key))
    assert [value for name, value in wrong.change(right()).headers if name == "fspiop-source"] == values


def test_a_header_that_is_not_there_cannot_be_wrong() -> None:
    with pytest.raises(ValueError, match="no header x"):
        with_header("x", str.upper)(right())


def hello(offer: Offer) -> bytes:
    """The first message of a client with this offer."""
    outgoing = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        offers.offering(offer).wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="listener.example").do_handshake()
    return outgoing.read()


def suites(first: bytes) -> set[int]:
    """The suites of a ClientHello (RFC 5246 section 7.4.1.2): after record and message headers, version, random and session."""
    start = 9 + 2 + 32
    start += 1 + first[start]
    length = int.from_bytes(first[start : start + 2], "big")
    return {int.from_bytes(first[at : at + 2], "big") for at in range(start + 2, start + 2 + length, 2)}


@pytest.mark.parametrize(("key", "offer"), [(key, offer) for key, _, offer in offers.OUTDATED], ids=[key for key, _, _ in offers.OUTDATED])
def test_an_outdated_client_offers_nothing_of_the_policy(key: str, offer: Offer) -> None:
    if offers.obstacle(offer):
        pytest.skip(offers.obstacle(offer))
    first = hello(offer)
    assert first[9:11] == {"tls-1.0": b"\x03\x01", "tls-1.1": b"\x03\x02"}.get(key, b"\x03\x03")
    aead = {0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0xC02C, 0xC030, 0xCCA9, 0xCCA8}
    assert suites(hello(offers.NORMAL)) & aead == aead
    assert len(suites(first)) > 5
    if first[9:11] == b"\x03\x03":
        assert suites(first) & aead == set()


def test_an_offer_that_cannot_be_made_is_an_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "knows none" in offers.obstacle(Offer(suites="NO-SUCH-SUITE"))
    outdated = offers.OUTDATED[0][2]
    hardened = offers.offering(replace(outdated, suites=""))
    monkeypatch.setattr(offers, "offering", lambda _: hardened)
    assert "does not offer it" in offers.obstacle(outdated)
