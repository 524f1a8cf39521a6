# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One account's applications, subscriptions and keys in the developer portal (devportal v3 of API Manager 4.2 and later).

Every change follows the same way: what is there was read, one request is sent, and its answer is not believed: what is there is read
again. 409 means that it is there; after a 500 it may be; 202 that a person must approve it first, which the next reading shows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import quote

from ...errors import AuthorizationServerError
from ...remote.changes import Changes
from ...remote.errors import Unknown
from ...remote.http import json_body

Json = dict[str, Any]
PRODUCTION = "PRODUCTION"
TOKEN_SECONDS = 300
"""How long access tokens live: WSO2 takes none back."""
LIFETIME = "application_access_token_expiry_time"


@dataclass(frozen=True)
class Portal:
    """What one account has."""

    changes: Changes
    base_url: str
    policy: str
    key_manager: str
    path: ClassVar[str] = "/api/am/devportal/v3"
    api_field: ClassVar[str] = "apiId"
    policy_field: ClassVar[str] = "throttlingPolicy"

    @property
    def application_values(self) -> dict[str, str]:
        """What an application is to be."""
        return {"throttlingPolicy": self.policy, "tokenType": "JWT"}

    def url(self, place: str) -> str:
        """The URL of a place in the API."""
        return f"{self.base_url}{self.path}/{place}"

    def application(self, name: str) -> Json | None:
        """The account's application of this name, whole."""
        found = self._listed(f"applications?query={quote(name, safe='')}", "looking for an application")
        known = next((one for one in found if one.get("name") == name), None)
        return self._read(f"applications/{known['applicationId']}", "reading an application") if known else None

    def make_application(self, name: str, description: str) -> None:
        """Make it."""
        values = {"name": name, "description": description, **self.application_values}
        self._make("applications", "making an application", values, lambda: self.application(name))

    def change_application(self, found: Json, **values: str) -> None:
        """Replace fields of an application; what others set is sent back as it was read."""
        self.changes.write(
            "PUT", self.url(f"applications/{found['applicationId']}"), "correcting an application", json_body(found | values)
        )

    def delete_application(self, found: Json) -> None:
        """Delete it, with its keys and subscriptions."""
        gone = {HTTPStatus.NOT_FOUND}
        self.changes.write("DELETE", self.url(f"applications/{found['applicationId']}"), "deleting an application", also=gone)

    def subscriptions(self, application: Json) -> dict[str, Json]:
        """The application's subscriptions, by the id of the API."""
        found = self._listed(f"subscriptions?applicationId={application['applicationId']}&limit=500", "reading subscriptions")
        return {str(one.get(self.api_field)): one for one in found}

    def subscribe(self, application: Json, api: str) -> None:
        """Subscribe an application to an API."""
        values = {"applicationId": application["applicationId"], self.api_field: api, self.policy_field: self.policy}
        self._make("subscriptions", "subscribing", values, lambda: self.subscriptions(application).get(api))

    def subscription_differs(self, found: Json) -> bool:
        """Whether a subscription has another policy."""
        return bool(found.get(self.policy_field) != self.policy)

    def change_subscription(self, found: Json) -> None:
        """Correct the policy of a subscription."""
        names = ("applicationId", "apiId", "status")
        values = {name: found[name] for name in names if name in found} | {"throttlingPolicy": self.policy}
        self.changes.write("PUT", self.url(f"subscriptions/{found['subscriptionId']}"), "correcting a subscription", json_body(values))

    def keys(self, application: Json) -> Json | None:
        """The application's production keys of this key manager."""
        found = self._listed(f"applications/{application['applicationId']}/oauth-keys", "reading keys")
        ours = [one for one in found if one.get("keyType") == PRODUCTION and one.get("keyManager", self.key_manager) == self.key_manager]
        return ours[0] if ours else None

    def key_differences(self, found: Json, grants: list[str], seconds: int) -> list[str]:
        """In what keys are not as wanted."""
        names = [] if sorted(found.get("supportedGrantTypes") or []) == grants else ["grant types"]
        lifetime = (found.get("additionalProperties") or {}).get(LIFETIME)
        return names if str(lifetime) == str(seconds) else [*names, "token lifetime"]

    def generate_keys(self, application: Json, grants: list[str], seconds: int) -> Json:
        """Have a client made, and return it as it was shown; what an attempt that failed left behind is cleaned up first."""
        place = f"applications/{application['applicationId']}"
        left = self.keys(application)
        if left:
            self.changes.write("POST", self.url(f"{place}/oauth-keys/{left['keyMappingId']}/clean-up"), "cleaning up keys")
        values = {
            "keyType": PRODUCTION,
            "keyManager": self.key_manager,
            "grantTypesToBeSupported": grants,
            "additionalProperties": {LIFETIME: seconds},
        }
        return self._make(f"{place}/generate-keys", "generating keys", values, lambda: self.keys(application))

    def change_keys(self, application: Json, found: Json, grants: list[str], seconds: int) -> None:
        """Correct grants and the lifetime of tokens."""
        properties = (found.get("additionalProperties") or {}) | {LIFETIME: seconds}
        shown = {name: value for name, value in found.items() if name not in {"consumerSecret", "consumerSecrets", "token"}}
        values = shown | {"supportedGrantTypes": grants, "additionalProperties": properties}
        self.changes.write("PUT", self._key_url(application, found), "correcting keys", json_body(values))

    def replace_secret(self, application: Json, found: Json, description: str) -> Json:
        """Replace the secret; the one before ends at once. The keys as they were shown; empty in a dry run."""
        answer = self.changes.write("POST", f"{self._key_url(application, found)}/regenerate-secret", "replacing a secret")
        self.change_application(application, description=description)
        return answer.json() if answer else {}

    def secrets(self, application: Json, found: Json) -> list[Json]:
        """All secrets of the keys, the newest first, where the key manager has several."""
        listed = self._listed(f"{self._key_place(application, found)}/secrets", "reading secrets")
        return sorted(listed, key=_made, reverse=True)

    def add_secret(self, application: Json, found: Json, made: str) -> str:
        """Have another secret made, which says when; those before go on working. Empty in a dry run."""
        values = {"additionalProperties": {"description": made}}
        answer = self.changes.write("POST", f"{self._key_url(application, found)}/generate-secret", "adding a secret", json_body(values))
        return str(answer.json().get("secretValue") or "") if answer else ""

    def end_secret(self, application: Json, found: Json, secret: Json) -> None:
        """End one of several secrets."""
        body, gone = json_body({"secretId": secret["secretId"]}), {HTTPStatus.NOT_FOUND}
        self.changes.write("POST", f"{self._key_url(application, found)}/revoke-secret", "ending a replaced secret", body, also=gone)

    def _key_place(self, application: Json, found: Json) -> str:
        return f"applications/{application['applicationId']}/oauth-keys/{found['keyMappingId']}"

    def _key_url(self, application: Json, found: Json) -> str:
        return self.url(self._key_place(application, found))

    def _make(self, place: str, why: str, values: Json, find: Callable[[], object]) -> Json:
        try:
            answer = self.changes.write("POST", self.url(place), why, json_body(values), also={HTTPStatus.CONFLICT})
        except Unknown:
            if not find():
                raise
            return {}
        return answer.json() if answer else {}

    def _read(self, place: str, why: str) -> Json:
        return self.changes.read(self.url(place), why).json()

    def _listed(self, place: str, why: str) -> list[Json]:
        return listed(self.changes, self.url(place), why)


def listed(changes: Changes, url: str, why: str) -> list[Json]:
    """The objects of a list, as all of WSO2's APIs answer it."""
    found = changes.read(url, why).json().get("list")
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise AuthorizationServerError(f"{why} gave no list", where=url.partition("?")[0], remedy="Check that admin_url is WSO2's.")
    return found


def _made(secret: Json) -> str:
    return str((secret.get("additionalProperties") or {}).get("description") or "")
