# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The stand-in's developer portal, devportal v3."""

from __future__ import annotations

import secrets
import uuid

from .state import Answered, Asked, Handler, Json, Refusal, State, listing, shown

SUMMARY = ("applicationId", "name", "throttlingPolicy", "description", "status", "owner", "createdTime")


def apis(state: State, asked: Asked) -> Answered:
    wanted = asked.query.get("query", "").removeprefix("name:")
    found = [one for one in state.apis.values() if one["lifeCycleStatus"] == "PUBLISHED" and wanted in one["name"]]
    names = ("id", "name", "context", "version", "provider", "lifeCycleStatus")
    return 200, listing([{name: one[name] for name in names if name in one} for one in found])


def applications(state: State, asked: Asked) -> Answered:
    found = [
        one for one in state.applications.values() if one["owner"] == asked.user and asked.query.get("query", one["name"]) == one["name"]
    ]
    return 200, listing([{name: one[name] for name in SUMMARY if name in one} for one in found])


def make_application(state: State, asked: Asked) -> Answered:
    if any(one["owner"] == asked.user and one["name"] == asked.body["name"] for one in state.applications.values()):
        raise Refusal(409, "Application already exists")
    made = {
        "applicationId": str(uuid.uuid4()),
        "owner": asked.user,
        "groups": [],
        "attributes": {},
        "hashEnabled": False,
        "_keys": {},
        **asked.body,
    }
    made["status"] = "CREATED" if state.workflows else "APPROVED"
    state.applications[made["applicationId"]] = made
    return (202, {"workflowStatus": "CREATED", "jsonPayload": ""}) if state.workflows else (201, shown(made))


def application(state: State, asked: Asked) -> Answered:
    return 200, shown(state.application(asked.user, asked.parts["applicationId"]))


def change_application(state: State, asked: Asked) -> Answered:
    found = state.application(asked.user, asked.parts["applicationId"])
    found |= {
        name: asked.body[name] for name in ("name", "throttlingPolicy", "description", "tokenType", "attributes") if name in asked.body
    }
    return 200, shown(found)


def delete_application(state: State, asked: Asked) -> Answered:
    state.application(asked.user, asked.parts["applicationId"])
    del state.applications[asked.parts["applicationId"]]
    gone = [number for number, one in state.subscriptions.items() if one["applicationId"] == asked.parts["applicationId"]]
    for number in gone:
        del state.subscriptions[number]
    return 200, None


def generate_keys(state: State, asked: Asked) -> Answered:
    found = state.application(asked.user, asked.parts["applicationId"])
    if found["status"] != "APPROVED":
        raise Refusal(400, "The application is not approved")
    if any(one["keyType"] == asked.body["keyType"] for one in found["_keys"].values()):
        raise Refusal(409, "Keys already generated")
    key, secret = (secrets.token_urlsafe(21).replace("-", "a") for _ in range(2))
    made: Json = {
        "keyMappingId": str(uuid.uuid4()),
        "keyManager": asked.body.get("keyManager", "Resident Key Manager"),
        "consumerKey": key,
        "keyState": "APPROVED",
        "keyType": asked.body["keyType"],
        "mode": "CREATED",
        "supportedGrantTypes": asked.body["grantTypesToBeSupported"],
        "callbackUrl": asked.body.get("callbackUrl", ""),
        "additionalProperties": {"application_access_token_expiry_time": 3600} | asked.body.get("additionalProperties", {}),
        "_secrets": [{"secretId": f"sec_{uuid.uuid4()}", "secretValue": secret, "additionalProperties": {}}],
    }
    found["_keys"][made["keyMappingId"]] = made
    return 200, {**shown(made), "consumerSecret": secret}


def _shown(state: State, keys: Json) -> Json:
    return {**shown(keys), "consumerSecret": _masked(state, keys["_secrets"][-1]["secretValue"])}


def _masked(state: State, secret: str) -> str:
    return f"***{secret[-3:]}" if state.hides_secrets else secret


def all_keys(state: State, asked: Asked) -> Answered:
    found = [_shown(state, one) for one in state.application(asked.user, asked.parts["applicationId"])["_keys"].values()]
    return 200, {"count": len(found), "list": found}


def change_keys(state: State, asked: Asked) -> Answered:
    found = state.keys(asked.user, asked.parts["applicationId"], asked.parts["keyMappingId"])
    found |= {name: asked.body[name] for name in ("supportedGrantTypes", "callbackUrl", "additionalProperties") if name in asked.body}
    return 200, _shown(state, found)


def regenerate(state: State, asked: Asked) -> Answered:
    found = state.keys(asked.user, asked.parts["applicationId"], asked.parts["keyMappingId"])
    secret = secrets.token_urlsafe(21)
    found["_secrets"] = [{"secretId": f"sec_{uuid.uuid4()}", "secretValue": secret, "additionalProperties": {}}]
    return 200, {"consumerKey": found["consumerKey"], "consumerSecret": secret}


def clean_up(state: State, asked: Asked) -> Answered:
    state.keys(asked.user, asked.parts["applicationId"], asked.parts["keyMappingId"])
    del state.application(asked.user, asked.parts["applicationId"])["_keys"][asked.parts["keyMappingId"]]
    return 200, None


def add_secret(state: State, asked: Asked) -> Answered:
    found = state.keys(asked.user, asked.parts["applicationId"], asked.parts["keyMappingId"])
    if not state.several_secrets:
        raise Refusal(400, "Multiple client secrets are disabled", 900916)
    made = {"secretId": f"sec_{uuid.uuid4()}", "secretValue": secrets.token_urlsafe(21), **asked.body}
    found["_secrets"].append(made)
    return 201, made


def all_secrets(state: State, asked: Asked) -> Answered:
    if not state.several_secrets:
        raise Refusal(400, "Multiple client secrets are disabled", 900916)
    found = state.keys(asked.user, asked.parts["applicationId"], asked.parts["keyMappingId"])["_secrets"]
    listed = [{**one, "secretValue": _masked(state, one["secretValue"])} for one in found]
    return 200, {"count": len(found), "list": listed}


def end_secret(state: State, asked: Asked) -> Answered:
    found = state.keys(asked.user, asked.parts["applicationId"], asked.parts["keyMappingId"])
    if not any(one["secretId"] == asked.body["secretId"] for one in found["_secrets"]):
        raise Refusal(404, "Secret not found")
    if found["_secrets"][-1]["secretId"] == asked.body["secretId"]:
        raise Refusal(400, "The newest secret cannot be deleted")
    found["_secrets"] = [one for one in found["_secrets"] if one["secretId"] != asked.body["secretId"]]
    return 204, None


def subscriptions(state: State, asked: Asked) -> Answered:
    state.application(asked.user, asked.query["applicationId"])
    return 200, listing([shown(one) for one in state.subscriptions.values() if one["applicationId"] == asked.query["applicationId"]])


def subscribe(state: State, asked: Asked) -> Answered:
    state.application(asked.user, asked.body["applicationId"])
    if asked.body.get("apiId") not in state.apis:
        raise Refusal(400, "No such API")
    if any(
        (one["applicationId"], one["apiId"]) == (asked.body["applicationId"], asked.body["apiId"]) for one in state.subscriptions.values()
    ):
        raise Refusal(409, "Subscription already exists")
    made = {"subscriptionId": str(uuid.uuid4()), **asked.body, "status": "ON_HOLD" if state.workflows else "UNBLOCKED"}
    state.subscriptions[made["subscriptionId"]] = made
    return (202, {"workflowStatus": "CREATED", "jsonPayload": ""}) if state.workflows else (201, made)


def change_subscription(state: State, asked: Asked) -> Answered:
    found = state.subscriptions.get(asked.parts["subscriptionId"])
    if not found:
        raise Refusal(404, "Subscription not found")
    state.application(asked.user, found["applicationId"])
    found["throttlingPolicy"] = asked.body["throttlingPolicy"]
    return 200, shown(found)


def key_managers(state: State, asked: Asked) -> Answered:
    properties = {"enable_multiple_client_secrets": "true"} if state.several_secrets else {}
    one = {"id": "1", "name": "Resident Key Manager", "type": "default", "enabled": True, "additionalProperties": properties}
    return 200, {"count": 1, "list": [one]}


_A, _K = "/applications/{applicationId}", "/applications/{applicationId}/oauth-keys"
HANDLERS: dict[str, Handler] = {
    "GET /apis": apis,
    "GET /applications": applications,
    "POST /applications": make_application,
    f"GET {_A}": application,
    f"PUT {_A}": change_application,
    f"DELETE {_A}": delete_application,
    f"POST {_A}/generate-keys": generate_keys,
    f"GET {_K}": all_keys,
    f"PUT {_K}/{{keyMappingId}}": change_keys,
    f"POST {_K}/{{keyMappingId}}/regenerate-secret": regenerate,
    f"POST {_K}/{{keyMappingId}}/clean-up": clean_up,
    f"POST {_K}/{{keyMappingId}}/generate-secret": add_secret,
    f"GET {_K}/{{keyMappingId}}/secrets": all_secrets,
    f"POST {_K}/{{keyMappingId}}/revoke-secret": end_secret,
    "GET /subscriptions": subscriptions,
    "POST /subscriptions": subscribe,
    "PUT /subscriptions/{subscriptionId}": change_subscription,
    "GET /key-managers": key_managers,
}
