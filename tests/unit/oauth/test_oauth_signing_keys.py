# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The authorization server's key set: what is kept, what is refused."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.model import Description
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import AuthorizationServerError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.rules import KEY_ID
from ansible_collections.mojaloop.onboarding.plugins.module_utils.gateway.token_keys import token_keys
from ansible_collections.mojaloop.onboarding.plugins.module_utils.host import releases
from ansible_collections.mojaloop.onboarding.plugins.module_utils.oauth.signing_keys import JWKS_PATH, follow_signing_keys
from ansible_collections.mojaloop.onboarding.plugins.module_utils.remote.http import Answer
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree

Key = dict[str, Any]
Follow = Callable[..., tuple[list[str], list[str]]]


def number(value: int) -> str:
    return base64.urlsafe_b64encode(value.to_bytes((value.bit_length() + 7) // 8, "big")).decode().rstrip("=")


def rsa_key(kid: str, bits: int = 2048) -> Key:
    found = rsa.generate_private_key(65537, bits).public_key().public_numbers()
    return {"kty": "RSA", "kid": kid, "use": "sig", "alg": "RS256", "n": number(found.n), "e": number(found.e)}


def ec_key(kid: str, curve: ec.EllipticCurve | None = None, name: str = "P-256") -> Key:
    found = ec.generate_private_key(curve or ec.SECP256R1()).public_key().public_numbers()
    return {"kty": "EC", "kid": kid, "crv": name, "x": number(found.x), "y": number(found.y)}


RSA, OTHER, CURVE = rsa_key("b"), rsa_key("a"), ec_key("c")


@pytest.fixture
def follow(description: Description, tmp_path: Path) -> Follow:
    tree = DiskTree(tmp_path / "state")

    class Served:
        def __init__(self, content: object, status: int = 200) -> None:
            self.answer = Answer(status, {}, json.dumps(content).encode())

        def request(self, *_: object) -> Answer:
            return self.answer

        def close(self) -> None:
            pass

    def run(*keys: object, status: int = 200) -> tuple[list[str], list[str]]:
        served = Served({"keys": list(keys)}, status)
        findings = follow_signing_keys(description=description, tree=tree, connect=lambda _server: served)
        content = json.loads(tree.read(JWKS_PATH) or b'{"keys": []}')
        return [finding.reason for finding in findings], [key["kid"] for key in content["keys"]]

    return run


def test_several_keys_are_kept_sorted_and_only_a_change_is_a_finding(follow: Follow) -> None:
    assert follow(RSA, OTHER, CURVE) == (["token-keys-changed"], ["a", "b", "c"])
    assert follow(CURVE, OTHER, RSA) == ([], ["a", "b", "c"])
    assert follow(OTHER) == (["token-keys-changed"], ["a"])


def test_keys_for_other_ends_are_left_out(follow: Follow) -> None:
    encrypting, strange = RSA | {"kid": "x", "use": "enc"}, RSA | {"kid": "y", "alg": "RS512"}
    other_curve = ec_key("z", ec.SECP384R1(), "P-384")
    assert follow(RSA, encrypting, strange, other_curve, {"kty": "OKP", "kid": "w"}, "no key")[1] == ["b"]


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (RSA | {"d": "AQAB"}, "publishes the private key"),
        (OTHER, "two keys with one kid"),
        (RSA | {"alg": "none"}, ""),
    ],
    ids=["private", "same-kid", "alg-none"],
)
def test_a_key_set_with_a_bad_key_is_refused_and_the_old_one_stays(follow: Follow, key: Key, said: str) -> None:
    assert follow(OTHER)[1] == ["a"]
    if said:
        with pytest.raises(AuthorizationServerError, match=said):
            follow(OTHER, key)
    else:
        with pytest.raises(AuthorizationServerError, match="no key that signs"):
            follow(key)
    assert follow(OTHER) == ([], ["a"])


@pytest.mark.parametrize("kid", ["../b", ".2024", "=b", "b c", "b" * 129, "", None, 7])
def test_a_key_with_an_unfit_kid_is_a_finding_and_the_others_are_kept(follow: Follow, kid: object) -> None:
    assert follow(OTHER, RSA | {"kid": kid}) == (["token-key-unfit", "token-keys-changed"], ["a"])
    assert follow(OTHER, RSA | {"kid": kid}) == (["token-key-unfit"], ["a"])
    assert follow(OTHER, RSA | {"kid": "2024.="}) == (["token-keys-changed"], ["2024.=", "a"])
    with pytest.raises(AuthorizationServerError, match="no key that signs"):
        follow(RSA | {"kid": kid})


def without(key: Key, member: str) -> Key:
    return {name: value for name, value in key.items() if name != member}


NO_TEXTS: tuple[Any, ...] = (None, 7, [], {}, True)
ODD: dict[str, tuple[Key, str]] = {
    "weak": (rsa_key("b", 1024), "kid 'b' is damaged or weaker than RSA 2048 or P-256"),
    "off the curve": (CURVE | {"y": CURVE["x"]}, "kid 'c' is damaged"),
    "no base64url": (RSA | {"n": "*"}, "kid 'b' is damaged"),
    "an exponent of 1": (RSA | {"e": "AQ"}, "kid 'b' is damaged"),
    "empty": (RSA | {"n": ""}, "kid 'b' is damaged"),
    "other curve": (ec_key("c", ec.SECP384R1()) | {"alg": "ES256"}, "kid 'c' is damaged"),
    "x5c alone": (without(without(RSA, "n"), "e") | {"x5c": ["MIIB"]}, "kid 'b' has no text as n and e"),
    **{f"no {member}": (without(RSA, member), f"kid 'b' has no text as {member}") for member in ("n", "e")},
    **{f"no {member}": (without(CURVE, member) | {"alg": "ES256"}, f"kid 'c' has no text as {member}") for member in ("crv", "x", "y")},
    **{f"n is {value}": (RSA | {"n": value}, "kid 'b' has no text as n") for value in NO_TEXTS},
    "kid of Cognito": (RSA | {"kid": "1234+/abcd="}, "kid '1234+/abcd=': allowed: up to 128 letters, digits"),
    "kid of Hydra": (RSA | {"kid": "public:hydra.openid.id-token"}, "kid 'public:hydra.openid.id-token': allowed: up to 128"),
    "no kid": (without(RSA, "kid"), "a key without kid: allowed: up to 128"),
}


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_entry_is_left_out_and_named_and_the_others_are_kept(follow: Follow, odd: str) -> None:
    key, said = ODD[odd]
    assert follow(OTHER, key) == (["token-key-unfit", "token-keys-changed"], ["a"])
    assert follow(key, OTHER) == (["token-key-unfit"], ["a"])
    with pytest.raises(AuthorizationServerError, match=re.escape(said)):
        follow(key)
    assert follow(OTHER) == ([], ["a"])


@given(st.from_regex(KEY_ID, fullmatch=True))
def test_every_fit_kid_is_one_that_a_gateways_host_takes(kid: str) -> None:
    assert releases._NAME.fullmatch(f"tokens/{kid}.pem")


def test_an_unfit_kid_kept_by_an_earlier_version_stops_no_change_of_a_gateway() -> None:
    kept = json.dumps({"keys": [OTHER, RSA | {"kid": ".2024"}]}).encode()
    assert [name for name, _key in token_keys(kept)] == ["a"]


@pytest.mark.parametrize(("keys", "status"), [((), 200), ((RSA,), 500)])
def test_no_key_set_is_an_error(follow: Follow, keys: tuple[Key, ...], status: int) -> None:
    with pytest.raises(AuthorizationServerError):
        follow(*keys, status=status)
