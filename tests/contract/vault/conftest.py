# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A real OpenBao, and state folders whose store is in it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.openbao import TOKEN, OpenBao, running

_numbers = itertools.count(1)
MOUNT = "onboarding"
POLICY = f'path "{MOUNT}/*" {{capabilities=["create","read","update","delete","list"]}}\n'


@pytest.fixture(scope="session")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenBao]:
    """One server for the session, with a KV v2 and a KV v1 engine and AppRole."""
    with running(tmp_path_factory.mktemp("openbao")) as server:
        server.done("POST", f"sys/mounts/{MOUNT}", {"type": "kv", "options": {"version": "2"}})
        server.done("POST", "sys/mounts/bundles", {"type": "kv", "options": {"version": "1"}})
        server.done("POST", "sys/auth/approle", {"type": "approle"})
        server.done("PUT", "sys/policies/acl/onboarding", {"policy": POLICY})
        server.done("POST", "auth/approle/role/onboarding", {"token_policies": "onboarding", "token_ttl": "5m"})
        yield server


@pytest.fixture
def in_vault(bao: OpenBao, tmp_path: Path) -> Callable[[Path], str]:
    """Let a state folder have its store in Vault, with an AppRole; its prefix there."""
    role = bao.done("GET", "auth/approle/role/onboarding/role-id")["role_id"]
    secret = bao.done("POST", "auth/approle/role/onboarding/secret-id")["secret_id"]
    for name, content in (("role", role), ("secret", secret), ("token", TOKEN)):
        (tmp_path / name).write_text(content, encoding="utf-8")

    def describe(state: Path, prefix: str = "") -> str:
        prefix = prefix or f"tests/{next(_numbers)}"
        state.mkdir(parents=True, exist_ok=True)
        facts = {"format": 1, "url": bao.url, "mount": MOUNT, "prefix": prefix}
        credentials = {"role_id_file": str(tmp_path / "role"), "secret_id_file": str(tmp_path / "secret")}
        (state / "vault.json").write_text(json.dumps(facts | credentials), encoding="utf-8")
        return prefix

    return describe
