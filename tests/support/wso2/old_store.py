# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The stand-in's API Store of 2.6, store v0.14, on the same state: other names, one pair of keys for each application."""

from __future__ import annotations

import secrets
import uuid

from . import devportal
from .state import Answered, Asked, Handler, Json, Refusal, State

NAMES = {"throttlingPolicy": "throttlingTier", "owner": "subscriber"}
KEPT = ("applicationId", "name", "throttlingTier", "subscriber", "description", "status")


def _old(application: Json) -> Json:
    found = {NAMES.get(name, name): value for name, value in application.items()}
    return {name: found[name] for name in KEPT if name in found}


def _list(found: list[Json]) -> Json:
    return {"count": len(found), "list": found, "next": "", "previous": ""}


def apis(state: State, _asked: Asked) -> Answered:
    found = [one for one in state.apis.values() if one["lifeCycleStatus"] == "PUBLISHED"]
    rows = [{name: one[name] for name in ("id", "name", "context", "version")} | {"status": "PUBLISHED"} for one in found]
    return 200, _list(rows)


def definition(state: State, asked: Asked) -> Answered:
    if asked.parts["apiId"] not in state.apis:
        raise Refusal(404, "API not found")
    return 200, state.apis[asked.parts["apiId"]].get("_definition", {"swagger": "2.0", "paths": {}})


def applications(state: State, asked: Asked) -> Answered:
    found = [one for one in state.applications.values() if one["owner"] == asked.user]
    wanted = asked.query.get("query")
    return 200, _list([_old(one) for one in found if wanted in {None, one["name"]}])


def make_application(state: State, asked: Asked) -> Answered:
    body = {**asked.body, "throttlingPolicy": asked.body["throttlingTier"]}
    status, found = devportal.make_application(state, Asked(asked.user, {}, {}, body))
    return status, _old(found) if status == 201 else found


def application(state: State, asked: Asked) -> Answered:
    return 200, _old(state.application(asked.user, asked.parts["applicationId"]))


def change_application(state: State, asked: Asked) -> Answered:
    found = state.application(asked.user, asked.parts["applicationId"])
    found |= {"description": asked.body.get("description", ""), "throttlingPolicy": asked.body["throttlingTier"]}
    return 200, _old(found)


def _keys(application: Json) -> Json | None:
    return next(iter(application["_keys"].values()), None)


def _shown(keys: Json) -> Json:
    names = ("consumerKey", "supportedGrantTypes", "keyState", "keyType", "callbackUrl")
    return {name: keys[name] for name in names} | {"consumerSecret": keys["_secrets"][0]["secretValue"], "groupId": ""}


def generate_keys(state: State, asked: Asked) -> Answered:
    found = state.application(asked.user, asked.query["applicationId"])
    if _keys(found):
        raise Refusal(409, "Keys already generated")
    made = {
        "consumerKey": secrets.token_urlsafe(21),
        "supportedGrantTypes": asked.body["supportedGrantTypes"],
        "keyState": "COMPLETED",
        "keyType": asked.body["keyType"],
        "callbackUrl": "",
        "additionalProperties": {"application_access_token_expiry_time": asked.body["validityTime"]},
        "_secrets": [{"secretValue": secrets.token_urlsafe(21)}],
    }
    found["_keys"]["PRODUCTION"] = made
    return 200, _shown(made)


def keys(state: State, asked: Asked) -> Answered:
    found = _keys(state.application(asked.user, asked.parts["applicationId"]))
    if not found:
        raise Refusal(404, "Keys not found")
    return 200, _shown(found)


def change_keys(state: State, asked: Asked) -> Answered:
    found = _keys(state.application(asked.user, asked.parts["applicationId"]))
    if not found:
        raise Refusal(404, "Keys not found")
    found["supportedGrantTypes"] = asked.body["supportedGrantTypes"]
    return 200, _shown(found)


def _subscription(one: Json) -> Json:
    row = {name: one[name] for name in ("subscriptionId", "applicationId", "status")}
    return row | {"apiIdentifier": one["apiId"], "tier": one["throttlingPolicy"]}


def subscriptions(state: State, asked: Asked) -> Answered:
    state.application(asked.user, asked.query["applicationId"])
    found = [one for one in state.subscriptions.values() if one["applicationId"] == asked.query["applicationId"]]
    return 200, _list([_subscription(one) for one in found])


def subscribe(state: State, asked: Asked) -> Answered:
    body = {"applicationId": asked.body["applicationId"], "apiId": asked.body["apiIdentifier"], "throttlingPolicy": asked.body["tier"]}
    status, found = devportal.subscribe(state, Asked(asked.user, {}, {}, body))
    return status, _subscription(found) if status == 201 else found


def unsubscribe(state: State, asked: Asked) -> Answered:
    if not state.subscriptions.pop(str(uuid.UUID(asked.parts["subscriptionId"])), None):
        raise Refusal(404, "Subscription not found")
    return 200, None


_A = "/applications/{applicationId}"
HANDLERS: dict[str, Handler] = {
    "GET /apis": apis,
    "GET /apis/{apiId}/swagger": definition,
    "GET /applications": applications,
    "POST /applications": make_application,
    f"GET {_A}": application,
    f"PUT {_A}": change_application,
    f"DELETE {_A}": devportal.delete_application,
    "POST /applications/generate-keys": generate_keys,
    f"GET {_A}/keys/{{keyType}}": keys,
    f"PUT {_A}/keys/{{keyType}}": change_keys,
    "GET /subscriptions": subscriptions,
    "POST /subscriptions": subscribe,
    "DELETE /subscriptions/{subscriptionId}": unsubscribe,
}
