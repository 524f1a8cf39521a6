# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The pack's own token: its secret comes from the store where the pack made the client, and is asked for once while it holds."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.mojaloop.onboarding.plugins.module_utils.description.hub_side import OwnClient
from ansible_collections.mojaloop.onboarding.plugins.module_utils.errors import StoreError
from ansible_collections.mojaloop.onboarding.plugins.module_utils.oauth.own_token import OwnToken
from ansible_collections.mojaloop.onboarding.plugins.module_utils.remote.http import Answer, basic
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.layout import operator_path
from ansible_collections.mojaloop.onboarding.plugins.module_utils.store.tree import DiskTree


def test_the_secret_of_a_client_that_this_pack_made_is_in_the_hubs_store(tmp_path: Path) -> None:
    asked: list[dict[str, str]] = []

    def request(_method: str, _url: str, headers: dict[str, str], _content: bytes) -> Answer:
        asked.append(headers)
        return Answer(200, {}, json.dumps({"access_token": "a.b.c", "expires_in": 600}).encode())

    tree = DiskTree(tmp_path)
    http: Any = SimpleNamespace(request=request)
    server: Any = SimpleNamespace(token_endpoint="https://auth.switch.example/token")
    own = OwnToken(http, server, OwnClient("onboarding"), tree)
    with pytest.raises(StoreError, match="Run the role oauth_clients"):
        own.headers()
    tree.write(operator_path("onboarding"), json.dumps({"client_id": "onboarding", "client_secret": "word"}).encode())
    assert [own.headers(), own.headers()] == [{"Authorization": "Bearer a.b.c"}] * 2
    assert [each["Authorization"] for each in asked] == [basic("onboarding", "word")["Authorization"]]
    assert "a.b.c" not in repr(own)
