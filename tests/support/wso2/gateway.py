# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The stand-in's gateway: what it lets through to the backend, by what is deployed and by the certificates that its timer has loaded."""

from __future__ import annotations

import base64
import json
from fnmatch import fnmatch

from .state import Answered, Json, State

BASE = "/gateway"
"""Its path at the stand-in, which has one port for all."""


def called(state: State, method: str, path: str, headers: dict[str, str]) -> Answered:
    """A call: WSO2's own refusals, or what the backend answers."""
    for api in state.apis.values():
        prefix = f"{BASE}{api['context']}/{api['version']}"
        live = [one["_api"] for one in api.get("_revisions", []) if one["deploymentInfo"]]
        if path.startswith(f"{prefix}/") and live:
            return _through(state, live[0], method, path.removeprefix(prefix), headers)
    return 404, {"code": "404", "message": "No matching resource found"}


def _through(state: State, api: Json, method: str, path: str, headers: dict[str, str]) -> Answered:
    matching = [one for one in api["operations"] if one["verb"] == method and fnmatch(path, one["target"])]
    if not matching:
        return 404, {"code": "404", "message": "No matching resource found"}
    if matching[0]["authType"] != "None" and (refused := _refused(state, api, matching[0], headers)):
        return refused
    if state.backend and state.backend not in state.loaded:
        return 503, {"code": "101503", "message": "Error connecting to the back end"}
    return 200, {"backend": path}


def _refused(state: State, api: Json, operation: Json, headers: dict[str, str]) -> Answered | None:
    shown = base64.b64decode(headers.get("X-WSO2-CLIENT-CERTIFICATE", "")).decode().strip()
    if "mutualssl_mandatory" in api["securityScheme"] and shown not in api["_clients"].values():
        return 401, {"code": "900901", "message": "Invalid Credentials"}
    claims = _claims(headers.get("Authorization", "").removeprefix("Bearer "))
    known = state.client(str(claims.get("azp")))
    if not known:
        return 401, {"code": "900902", "message": "Missing Credentials"}
    application = f"{known[1]['owner']}:{known[1]['name']}"
    subscribed = [one["apiId"] for one in state.subscriptions.values() if one["applicationId"] == known[1]["applicationId"]]
    if any(one["conditionValue"] == application and one.get("conditionStatus", True) for one in state.denials.values()):
        return 403, {"code": "900805", "message": "Message blocked"}
    if api["id"] not in subscribed:
        return 403, {"code": "900908", "message": "Resource forbidden"}
    if not set(operation["scopes"]) <= set(str(claims["scope"]).split()):
        return 403, {"code": "900910", "message": "The access token does not allow you to access the requested resource"}
    return None


def _claims(token: str) -> Json:
    """Of a token that this stand-in has made itself; nothing else comes here."""
    parts = token.split(".")
    found: Json = json.loads(base64.urlsafe_b64decode(parts[1] + "==")) if len(parts) == 3 else {}
    return found
