# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One environment for each file of tests: its secrets are canaries."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator

import pytest
from integration.test_oauth_authorization_server import KEYS, NODE, Server, self_signed
from support.ports import free_port

from .environment import Environment


@pytest.fixture(scope="module")
def canaries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """An environment in which nothing has been done yet but redbank's half."""
    if not (NODE / "node_modules" / "oidc-provider").is_dir() or shutil.which("node") is None:
        pytest.skip("Node.js packages are not installed: run `make node`")
    folder = tmp_path_factory.mktemp("canaries")
    (folder / "server").mkdir()
    self_signed("server", folder / "server")
    (folder / "server" / "initial-access-token").write_text(f"initial-{secrets.token_hex(16)}\n", encoding="ascii")
    server = Server(folder / "server", free_port())
    server.use_keys(KEYS[0])
    server.start()
    try:
        environment = Environment(folder, server)
        environment.publish_redbank()
        yield environment
    finally:
        server.stop()
