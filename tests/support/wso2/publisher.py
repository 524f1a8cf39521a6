# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The stand-in's publisher, publisher v4."""

from __future__ import annotations

import uuid

from .state import Answered, Asked, Handler, Json, Refusal, State, listing, shown


def scopes(state: State, asked: Asked) -> Answered:
    return 200, listing(list(state.scopes.values()))


def make_scope(state: State, asked: Asked) -> Answered:
    if any(one["name"] == asked.body["name"] for one in state.scopes.values()):
        raise Refusal(409, "Scope already exists")
    if unknown := set(asked.body.get("bindings", [])) - state.roles:
        raise Refusal(400, f"Roles do not exist: {sorted(unknown)}")
    made = {"id": str(uuid.uuid4()), "usageCount": 0, **asked.body}
    state.scopes[made["id"]] = made
    return 201, made


def change_scope(state: State, asked: Asked) -> Answered:
    found = state.scopes.get(asked.parts["scopeId"])
    if not found:
        raise Refusal(404, "Scope not found")
    found |= {name: asked.body[name] for name in ("displayName", "description", "bindings") if name in asked.body}
    return 200, found


def apis(state: State, asked: Asked) -> Answered:
    wanted = asked.query.get("query", "").removeprefix("name:")
    names = ("id", "name", "context", "version", "provider", "lifeCycleStatus")
    return 200, listing([{name: one[name] for name in names if name in one} for one in state.apis.values() if wanted in one["name"]])


def _api(state: State, number: str) -> Json:
    if number not in state.apis:
        raise Refusal(404, "API not found")
    return state.apis[number]


def make_api(state: State, asked: Asked) -> Answered:
    known = {scope["name"] for scope in state.scopes.values()}
    if any((one["name"], one["version"]) == (asked.body["name"], asked.body["version"]) for one in state.apis.values()):
        raise Refusal(409, "The API exists")
    if {one["scope"]["name"] for one in asked.body.get("scopes", [])} - known:
        raise Refusal(400, "No such shared scope")
    made = {"id": str(uuid.uuid4()), "provider": asked.user, "lifeCycleStatus": "CREATED", "type": "HTTP", "_revisions": [], **asked.body}
    made["_clients"] = {}
    state.apis[made["id"]] = made
    return 201, shown(made)


def api(state: State, asked: Asked) -> Answered:
    return 200, shown(_api(state, asked.parts["apiId"]))


def change_api(state: State, asked: Asked) -> Answered:
    found = _api(state, asked.parts["apiId"])
    found |= {name: value for name, value in asked.body.items() if name not in {"id", "name", "version", "context", "lifeCycleStatus"}}
    return 200, shown(found)


def change_lifecycle(state: State, asked: Asked) -> Answered:
    found = _api(state, asked.query["apiId"])
    if asked.query["action"] != "Publish" or found["lifeCycleStatus"] != "CREATED":
        raise Refusal(409, "No such transition")
    if state.workflows:
        return 202, {"workflowStatus": "CREATED", "jsonPayload": ""}
    found["lifeCycleStatus"] = "PUBLISHED"
    return 200, {"workflowStatus": "APPROVED", "jsonPayload": ""}


def revisions(state: State, asked: Asked) -> Answered:
    found = [shown(one) for one in _api(state, asked.parts["apiId"])["_revisions"]]
    return 200, {"count": len(found), "list": found}


def make_revision(state: State, asked: Asked) -> Answered:
    found = _api(state, asked.parts["apiId"])
    if len(found["_revisions"]) >= 5:
        raise Refusal(400, "Maximum number of revisions has reached")
    copied = {name: value for name, value in found.items() if name != "_revisions"} | {"_clients": dict(found["_clients"])}
    made = {"id": str(uuid.uuid4()), "displayName": "Revision", "deploymentInfo": [], **asked.body, "_api": copied}
    found["_revisions"].append(made)
    return 201, shown(made)


def delete_revision(state: State, asked: Asked) -> Answered:
    found = _api(state, asked.parts["apiId"])
    found["_revisions"] = [one for one in found["_revisions"] if one["id"] != asked.parts["revisionId"] or one["deploymentInfo"]]
    return 200, {"count": len(found["_revisions"]), "list": [shown(one) for one in found["_revisions"]]}


def deploy(state: State, asked: Asked) -> Answered:
    found = _api(state, asked.parts["apiId"])
    wanted = next((one for one in found["_revisions"] if one["id"] == asked.query.get("revisionId")), None)
    if not wanted:
        raise Refusal(404, "Revision not found")
    for one in found["_revisions"]:
        one["deploymentInfo"] = []
    wanted["deploymentInfo"] = [{"revisionUuid": wanted["id"], "status": "APPROVED", **one} for one in asked.body]
    return 200, wanted["deploymentInfo"]


def certificates(state: State, asked: Asked) -> Answered:
    alias = asked.query.get("alias")
    found = [{"alias": name, "endpoint": one["endpoint"]} for name, one in state.certificates.items() if alias in {None, name}]
    return 200, {"count": len(found), "certificates": found}


def upload(state: State, asked: Asked) -> Answered:
    if asked.body["alias"] in state.certificates:
        raise Refusal(409, "Alias already exists")
    state.certificates[asked.body["alias"]] = {"endpoint": asked.body["endpoint"], "certificate": asked.body["certificate"]}
    return 200, {"alias": asked.body["alias"], "endpoint": asked.body["endpoint"]}


def replace(state: State, asked: Asked) -> Answered:
    found = state.certificates.get(asked.parts["alias"])
    if not found:
        raise Refusal(404, "Alias not found")
    found["certificate"] = asked.body["certificate"]
    return 200, {"alias": asked.parts["alias"], "endpoint": found["endpoint"]}


def content(state: State, asked: Asked) -> Answered:
    if asked.parts["alias"] not in state.certificates:
        raise Refusal(404, "Alias not found")
    return 200, state.certificates[asked.parts["alias"]]["certificate"].encode()


def client_certificates(state: State, asked: Asked) -> Answered:
    found = _api(state, asked.parts["apiId"])
    rows = [{"alias": alias, "apiId": found["id"], "tier": "Unlimited"} for alias in found["_clients"]]
    return 200, {"count": len(rows), "certificates": rows}


def add_client_certificate(state: State, asked: Asked) -> Answered:
    found = _api(state, asked.parts["apiId"])
    if asked.body["alias"] in found["_clients"]:
        raise Refusal(409, "Alias already exists")
    found["_clients"][asked.body["alias"]] = asked.body["certificate"]
    return 200, {"alias": asked.body["alias"], "apiId": found["id"], "tier": asked.body["tier"]}


def delete_client_certificate(state: State, asked: Asked) -> Answered:
    if not _api(state, asked.parts["apiId"])["_clients"].pop(asked.parts["alias"], None):
        raise Refusal(404, "Alias not found")
    return 200, None


_A, _C = "/apis/{apiId}", "/endpoint-certificates"
HANDLERS: dict[str, Handler] = {
    "GET /scopes": scopes,
    "POST /scopes": make_scope,
    "PUT /scopes/{scopeId}": change_scope,
    "GET /apis": apis,
    "POST /apis": make_api,
    f"GET {_A}": api,
    f"PUT {_A}": change_api,
    "POST /apis/change-lifecycle": change_lifecycle,
    f"GET {_A}/revisions": revisions,
    f"POST {_A}/revisions": make_revision,
    f"DELETE {_A}/revisions/{{revisionId}}": delete_revision,
    f"POST {_A}/deploy-revision": deploy,
    f"GET {_A}/client-certificates": client_certificates,
    f"POST {_A}/client-certificates": add_client_certificate,
    f"DELETE {_A}/client-certificates/{{alias}}": delete_client_certificate,
    f"GET {_C}": certificates,
    f"POST {_C}": upload,
    f"PUT {_C}/{{alias}}": replace,
    f"GET {_C}/{{alias}}/content": content,
}
