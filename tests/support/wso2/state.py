# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a stand-in for WSO2 API Manager knows, and how it answers."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

Json = dict[str, Any]
ADMINISTRATOR = ("admin", "administrator-of-tests")
SUBSCRIBING = {"apim:subscribe", "apim:app_manage", "apim:sub_manage"}


class Refusal(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.status = status
        self.body: Json = {"code": code or status, "message": message, "description": message, "moreInfo": "", "error": []}


@dataclass
class User:
    """An account of the user store."""

    password: str
    roles: set[str]


@dataclass
class State:
    """One API Manager."""

    issuer: str
    audience: str
    users: dict[str, User] = field(default_factory=lambda: {ADMINISTRATOR[0]: User(ADMINISTRATOR[1], {"admin"})})
    roles: set[str] = field(default_factory=lambda: {"admin", "Internal/everyone", "Internal/subscriber", "Internal/publisher"})
    rest_clients: dict[str, Json] = field(default_factory=dict)
    tokens: dict[str, tuple[str, set[str]]] = field(default_factory=dict)
    """REST tokens: whose, and which scopes."""
    scopes: dict[str, Json] = field(default_factory=dict)
    apis: dict[str, Json] = field(default_factory=dict)
    applications: dict[str, Json] = field(default_factory=dict)
    """By id; ``owner`` is the account, ``_keys`` the keys by mapping id."""
    subscriptions: dict[str, Json] = field(default_factory=dict)
    signing: list[tuple[str, rsa.RSAPrivateKey]] = field(default_factory=list)
    denials: dict[str, Json] = field(default_factory=dict)
    certificates: dict[str, Json] = field(default_factory=dict)
    """Endpoint certificates, by alias."""
    backend: str = ""
    """PEM of the certificate by which the backend is trusted; empty: it needs none."""
    loaded: list[str] = field(default_factory=list)
    """PEM of the certificates that the gateway's timer has loaded."""
    several_secrets: bool = False
    hides_secrets: bool = False
    """Shows a secret only when it is made, as with hashed secrets."""
    workflows: bool = False
    """A person must approve applications and subscriptions."""

    def timer(self) -> None:
        """Ten minutes pass: gateways load what was uploaded."""
        self.loaded = [one["certificate"].strip() for one in self.certificates.values()]

    def new_key(self) -> None:
        """Sign with another key from now on; those before are still published."""
        self.signing.insert(0, (f"key-{len(self.signing)}", rsa.generate_private_key(65537, 2048)))

    def application(self, user: str, number: str) -> Json:
        """An application of an account."""
        found = self.applications.get(number)
        if not found or found["owner"] != user:
            raise Refusal(404, "Application not found")
        return found

    def keys(self, user: str, number: str, mapping: str) -> Json:
        """Keys of an application."""
        found: Json | None = self.application(user, number)["_keys"].get(mapping)
        if not found:
            raise Refusal(404, "Keys not found")
        return found

    def client(self, client_id: str) -> tuple[Json, Json] | None:
        """The keys with this consumer key, and their application."""
        for application in self.applications.values():
            for keys in application["_keys"].values():
                if keys["consumerKey"] == client_id:
                    return keys, application
        return None

    def secrets_of(self, keys: Json) -> list[str]:
        """The secrets that work."""
        return [one["secretValue"] for one in keys["_secrets"]]

    def granted(self, owner: str, wanted: list[str]) -> list[str]:
        """Scopes that are granted: those bound to a role of the owner."""
        roles = self.users[owner].roles if owner in self.users else set()
        rows = [one for api in self.apis.values() for one in _old_scopes(api.get("_definition", {}))]
        if rows:  # 2.6: scopes belong to APIs
            return [name for name in wanted if any(row["key"] == name and row["roles"] in roles for row in rows)] or ["default"]
        ours = {one["name"] for one in self.scopes.values() if roles & set(one.get("bindings", []))}
        return [name for name in wanted if name in ours] or ["default"]

    def token_of(self, keys: Json, application: Json, scope: str) -> Json:
        """A JWT as WSO2 makes it for the grant of client credentials."""
        now, seconds = int(time.time()), int(keys["additionalProperties"]["application_access_token_expiry_time"])
        scopes = self.granted(application["owner"], scope.split())
        claims = {"sub": application["owner"], "aut": "APPLICATION", "aud": [keys["consumerKey"], self.audience], "nbf": now, "iat": now}
        claims |= {
            "azp": keys["consumerKey"],
            "scope": " ".join(scopes),
            "iss": self.issuer,
            "exp": now + seconds,
            "jti": str(uuid.uuid4()),
        }
        name, key = self.signing[0]
        signed = ".".join(_text(json.dumps(one).encode()) for one in ({"kid": name, "typ": "at+jwt", "alg": "RS256"}, claims))
        signature = key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        token = f"{signed}.{_text(signature)}"
        return {"access_token": token, "scope": claims["scope"], "token_type": "Bearer", "expires_in": seconds}

    def key_set(self) -> Json:
        """The public keys (RFC 7517)."""
        keys = [(name, key.public_key().public_numbers()) for name, key in self.signing]
        fixed = {"kty": "RSA", "use": "sig", "alg": "RS256"}
        return {"keys": [{**fixed, "kid": name, "n": _number(one.n), "e": _number(one.e)} for name, one in keys]}


@dataclass(frozen=True)
class Asked:
    """One request: the account that asks, parts of the path, query and body."""

    user: str
    parts: dict[str, str]
    query: dict[str, str]
    body: Any


Answered = tuple[int, Any]
"""Status and body."""
Handler = Callable[[State, Asked], Answered]


def _old_scopes(definition: Json) -> list[Json]:
    found: list[Json] = definition.get("x-wso2-security", {}).get("apim", {}).get("x-wso2-scopes", [])
    return found


def listing(found: list[Json]) -> Json:
    """A list as all of WSO2's APIs answer it."""
    return {"count": len(found), "list": found, "pagination": {"offset": 0, "limit": 500, "total": len(found), "next": "", "previous": ""}}


def shown(found: Json) -> Json:
    """What leaves the server."""
    return {name: value for name, value in found.items() if not name.startswith("_")}


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _number(value: int) -> str:
    return _text(value.to_bytes((value.bit_length() + 7) // 8, "big"))
