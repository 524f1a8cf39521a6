# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The authorization server's signing keys as the gateway needs them: one public key file each, by ``kid``."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ..description.model import AuthorizationServer
from ..errors import StoreError
from ..formats import read_json
from ..oauth.signing_keys import JWKS_PATH
from ..store.tree import Tree
from .desired import AuthorizationFacts
from .rules import KEY_ID


def authorization_facts(server: AuthorizationServer | None, tree: Tree) -> AuthorizationFacts:
    """Keys from the store and the CA from its file, as far as they are there; StoreError when the key set is damaged."""
    if server is None:
        return AuthorizationFacts()
    authority = Path(server.ca_file)
    return AuthorizationFacts(token_keys(tree.read(JWKS_PATH)), authority.read_bytes() if authority.is_file() else None)


def token_keys(jwks: bytes | None) -> tuple[tuple[str, bytes], ...]:
    """(kid, SPKI public key PEM) of a JWK set (RFC 7517) by kid, but those with an unfit kid; StoreError when it is damaged."""
    if jwks is None:
        return ()
    try:
        named = ((str(key["kid"]), key) for key in read_json(jwks)["keys"])
        return tuple(sorted((name, _public_pem(key)) for name, key in named if KEY_ID.fullmatch(name)))
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError("is no set of RSA and P-256 keys", where=JWKS_PATH, remedy="Fetch it anew: run the role oauth_clients.") from error


def _public_pem(key: Mapping[str, str]) -> bytes:
    numbers = (
        rsa.RSAPublicNumbers(_number(key["e"]), _number(key["n"]))
        if key["kty"] == "RSA"
        else ec.EllipticCurvePublicNumbers(_number(key["x"]), _number(key["y"]), ec.SECP256R1())
    )
    return numbers.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _number(value: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)), "big")
