# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The stand-in's admin APIs, admin v4 and v0.14: deny policies, which 2.6 calls a blacklist."""

from __future__ import annotations

import uuid

from .state import Answered, Asked, Handler, Refusal, State


def policies(state: State, _asked: Asked) -> Answered:
    return 200, {"count": len(state.denials), "list": list(state.denials.values())}


def deny(state: State, asked: Asked) -> Answered:
    made = {"conditionId": str(uuid.uuid4()), **asked.body}
    state.denials[made["conditionId"]] = made
    return 201, made


def allow(state: State, asked: Asked) -> Answered:
    if asked.parts["conditionId"] not in state.denials:
        raise Refusal(404, "Condition not found")
    del state.denials[asked.parts["conditionId"]]
    return 200, None


HANDLERS: dict[str, Handler] = {
    "GET /throttling/deny-policies": policies,
    "POST /throttling/deny-policies": deny,
    "DELETE /throttling/deny-policy/{conditionId}": allow,
}
OLD_HANDLERS: dict[str, Handler] = {
    "GET /throttling/blacklist": policies,
    "POST /throttling/blacklist": deny,
    "DELETE /throttling/blacklist/{conditionId}": allow,
}
