# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The stand-in's publisher, publisher v4."""

from __future__ import annotations

import uuid

from .state import Answered, Asked, Handler, Refusal, State, listing


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


HANDLERS: dict[str, Handler] = {"GET /scopes": scopes, "POST /scopes": make_scope, "PUT /scopes/{scopeId}": change_scope}
