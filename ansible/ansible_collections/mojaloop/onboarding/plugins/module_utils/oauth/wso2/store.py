# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The same in the API Store of API Manager 2.6 (store v0.14): other paths and names, one pair of keys for each application.

It has no way to replace a secret: the application is made anew, with another client id, which gateways learn in the same playbook.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import ClassVar

from ...remote.http import json_body
from .portal import PRODUCTION, TOKEN_SECONDS, Json, Portal


@dataclass(frozen=True)
class Store(Portal):
    """What one account has."""

    path: ClassVar[str] = "/api/am/store/v0.14"
    api_field: ClassVar[str] = "apiIdentifier"
    policy_field: ClassVar[str] = "tier"

    @property
    def application_values(self) -> dict[str, str]:
        """See Portal."""
        return {"throttlingTier": self.policy}

    def change_subscription(self, found: Json) -> None:
        """See Portal: here a subscription cannot be changed, only made anew."""
        self.changes.write("DELETE", self.url(f"subscriptions/{found['subscriptionId']}"), "deleting a subscription")
        self.subscribe({"applicationId": found["applicationId"]}, str(found[self.api_field]))

    def keys(self, application: Json) -> Json | None:
        """See Portal."""
        answer = self.changes.read(self.url(self._place(application)), "reading keys", also={HTTPStatus.NOT_FOUND})
        found = answer.json()
        return found if answer.status != HTTPStatus.NOT_FOUND and found.get("consumerKey") else None

    def key_differences(self, found: Json, grants: list[str], seconds: int) -> list[str]:
        """See Portal: the lifetime of later tokens is not shown here."""
        del seconds
        return [] if sorted(found.get("supportedGrantTypes") or []) == grants else ["grant types"]

    def generate_keys(self, application: Json, grants: list[str], seconds: int) -> Json:
        """See Portal."""
        values = {"keyType": PRODUCTION, "validityTime": str(seconds), "accessAllowDomains": ["ALL"], "supportedGrantTypes": grants}
        place = f"applications/generate-keys?applicationId={application['applicationId']}"
        return self._make(place, "generating keys", values, lambda: self.keys(application))

    def change_keys(self, application: Json, found: Json, grants: list[str], seconds: int) -> None:
        """See Portal."""
        del seconds
        values = {"supportedGrantTypes": grants, "callbackUrl": found.get("callbackUrl") or ""}
        self.changes.write("PUT", self.url(self._place(application)), "correcting keys", json_body(values))

    def replace_secret(self, application: Json, found: Json, description: str) -> Json:
        """See Portal: a new application with the same subscriptions. Whatever a killed run leaves, the next one completes."""
        apis = list(self.subscriptions(application))
        self.delete_application(application)
        self.make_application(application["name"], description)
        fresh = application if self.changes.dry_run else self.application(application["name"]) or application
        for api in apis:
            self.subscribe(fresh, api)
        return self.generate_keys(fresh, list(found.get("supportedGrantTypes") or []), TOKEN_SECONDS)

    def _place(self, application: Json) -> str:
        return f"applications/{application['applicationId']}/keys/{PRODUCTION}"
