# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The authorization server's signing keys: fetched, checked, and kept as the gateways need them."""

from __future__ import annotations

import base64
import json
from contextlib import closing
from http import HTTPStatus

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ..description.model import HUB, AuthorizationServer, Description
from ..errors import AuthorizationServerError
from ..findings import Disposition, Finding
from ..gateway.rules import KEY_ID
from ..store.tree import Tree
from .onboarding import connect_https
from .records import canonical
from .workplace import STEP, Connect

JWKS_PATH = f"store/{HUB}/authorization-server/jwks.json"
MINIMUM_BITS = 2048
ALGORITHMS = {"RSA": ("RS256",), "EC": ("ES256",)}
MEMBERS = {"RSA": ("n", "e"), "EC": ("crv", "x", "y")}
PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


def follow_signing_keys(*, description: Description, tree: Tree, connect: Connect = connect_https) -> list[Finding]:
    """Fetch the server's key set and keep it when it changed; several keys at once, by ``kid`` (RFC 7517 section 5).

    A key that no gateway can hold or use is a fault of its own: the other keys are kept, and every other change goes on.
    """
    server = description.hub.authorization_server
    if server is None:
        return []
    content, unfit = signing_keys(server, connect)
    reported = [Finding(HUB, STEP, HUB, "signing-keys", "token-key-unfit", Disposition.FAULT, detail=why) for why in unfit]
    if tree.read(JWKS_PATH) == content:
        return reported
    tree.write(JWKS_PATH, content)
    names = ", ".join(str(key["kid"]) for key in json.loads(content)["keys"])
    return [*reported, Finding(HUB, STEP, HUB, "signing-keys", "token-keys-changed", detail=names)]


def signing_keys(server: AuthorizationServer, connect: Connect = connect_https) -> tuple[bytes, list[str]]:
    """The server's keys that sign tokens, checked, as canonical JSON sorted by ``kid``; and why others were left out, by key.

    AuthorizationServerError when the key set is unusable.
    """
    with closing(connect(server)) as http:
        answer = http.request("GET", server.jwks_url, {"Accept": "application/json"})
    found = answer.json().get("keys")
    if answer.status != HTTPStatus.OK or not isinstance(found, list):
        raise _unusable(server, f"answered {answer.status} without a key set")
    signing = [key for key in found if isinstance(key, dict) and _signs(key)]
    for key in signing:
        if PRIVATE & key.keys():
            raise _unusable(server, f"publishes the private key {key.get('kid')!r:.80}")
    unfit = [_unfit(key) for key in signing]
    keys = [_public(key) for key, why in zip(signing, unfit, strict=True) if not why]
    names = [str(key["kid"]) for key in keys]
    reported = [why for why in unfit if why]
    if not keys:
        raise _unusable(server, "; ".join(["has no key that signs with RS256 or ES256", *reported])[:2000])
    if len(set(names)) != len(names):
        raise _unusable(server, "has two keys with one kid")
    return canonical({"keys": sorted(keys, key=lambda key: str(key["kid"]))}), reported


def _unfit(key: dict[str, object]) -> str:
    """Why a gateway can not hold or use a key; empty when it can. RFC 7518 section 3.3: RSA from 2048 bits."""
    name, kind = key.get("kid"), str(key["kty"])
    shown = f"kid {name!r:.80}" if "kid" in key else "a key without kid"
    if not isinstance(name, str) or not KEY_ID.fullmatch(name):
        return f"{shown}: allowed: up to 128 letters, digits and the characters - _ . = (not . or = first)"
    lacking = [member for member in MEMBERS[kind] if not isinstance(key.get(member), str)]
    if lacking:
        return f"{shown} has no text as {' and '.join(lacking)} (RFC 7518 section 6)"
    try:
        sound = _sound_rsa(key) if kind == "RSA" else _sound_ec(key)
    except (TypeError, ValueError):
        sound = False
    return "" if sound else f"{shown} is damaged or weaker than RSA {MINIMUM_BITS} or P-256"


def _signs(key: dict[str, object]) -> bool:
    """Key sets also hold encryption keys and keys of other algorithms: they are no fault, and not kept."""
    return key.get("use", "sig") == "sig" and key.get("alg", _default(key)) in ALGORITHMS.get(str(key.get("kty")), ())


def _default(key: dict[str, object]) -> str:
    """The algorithm of a key that names none."""
    if key.get("kty") == "EC":
        return "ES256" if key.get("crv") == "P-256" else ""
    return "RS256"


def _public(key: dict[str, object]) -> dict[str, object]:
    """The public members of a sound key."""
    kind = str(key["kty"])
    return {"kid": key["kid"], "kty": kind, "alg": ALGORITHMS[kind][0], "use": "sig", **{member: key[member] for member in MEMBERS[kind]}}


def _sound_rsa(key: dict[str, object]) -> bool:
    modulus, exponent = _number(key["n"]), _number(key["e"])
    rsa.RSAPublicNumbers(exponent, modulus).public_key()
    return modulus.bit_length() >= MINIMUM_BITS


def _sound_ec(key: dict[str, object]) -> bool:
    ec.EllipticCurvePublicNumbers(_number(key["x"]), _number(key["y"]), ec.SECP256R1()).public_key()
    return key.get("crv") == "P-256"


def _number(value: object) -> int:
    text = str(value)
    return int.from_bytes(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True), "big")


def _unusable(server: AuthorizationServer, what: str) -> AuthorizationServerError:
    return AuthorizationServerError(what, where=server.jwks_url, remedy="The keys kept so far stay in use; correct the server's key set.")
