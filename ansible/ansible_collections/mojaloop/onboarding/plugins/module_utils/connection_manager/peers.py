# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""JWS keys of participants who exchange elsewhere, at a Connection Manager of the later era: its own participants find them there.

What is registered there is its holder's to publish. A key that is withdrawn stays: there is no request that would remove it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..document_steps import Phase
from . import forms
from .server import Case, Task
from .service import Service, text_of


def peer_task(service: Service, case: Case, keys: Mapping[str, bytes], listed: Callable[[], Mapping[str, bytes]]) -> Task:
    """That these keys (by FSPIOP id) are known there; ``listed`` asks for what is."""
    own = {case.hub.fspiop_id, *(text_of(one, "id") for one in service.records("/dfsps", "listing the participants"))}
    wanted = {name: key.decode("ascii", "replace") for name, key in keys.items() if name not in own}

    def missing() -> list[str]:
        there = listed() if wanted else {}
        return sorted(name for name, text in wanted.items() if there.get(name) != forms.public_key(text))

    def act() -> None:
        records = service.records("/dfsps/jwscerts", "listing the JWS keys")
        made = {text_of(one, "dfspId"): one["createdAt"] for one in records if isinstance(one.get("createdAt"), int | float)}
        moment = int(case.now.timestamp())
        # Peers take a key for a new one only where this has grown.
        body = [{"dfspId": name, "publicKey": wanted[name], "createdAt": max(moment, int(made.get(name, -1)) + 1)} for name in missing()]
        service.send("POST", "/external-dfsps/jwscerts", "publishing the JWS keys of others", body)

    return Task("jws-keys", Phase.JWS_SHARED, lambda: not missing(), act)
