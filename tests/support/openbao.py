# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A real OpenBao (Vault's API) in memory, for one test session."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from support.ports import free_port

Json = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]
TOKEN = "root-of-tests"
PATIENCE = 60


@dataclass
class OpenBao:
    """One server."""

    port: int

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, body: Json | None = None, token: str = TOKEN) -> tuple[int, Json]:
        """One request under ``/v1/``: status and answer."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, f"/v1/{path}", content, {"X-Vault-Token": token})
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text.startswith(b"{") else {}
        finally:
            connection.close()

    def done(self, method: str, path: str, body: Json | None = None) -> Json:
        """A request that must succeed; its data."""
        status, answer = self.ask(method, path, body)
        assert status < 300, (status, answer)
        found: Json = answer.get("data") or answer.get("auth") or {}
        return found


@contextmanager
def running(folder: Path) -> Iterator[OpenBao]:
    """A server in memory, unsealed, with the token above."""
    program = subprocess.run([ROOT / "tests/tools/openbao_program"], capture_output=True, text=True, check=True, timeout=300).stdout.strip()
    bao = OpenBao(free_port())
    command = [program, "server", "-dev", f"-dev-listen-address=127.0.0.1:{bao.port}", f"-dev-root-token-id={TOKEN}", "-dev-no-store-token"]
    with (folder / "openbao.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log, cwd=folder) as process:
        try:
            _await(bao, process)
            yield bao
        finally:
            process.terminate()
            process.wait(20)


def _await(bao: OpenBao, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        try:
            if bao.ask("GET", "sys/health")[0] == 200:
                return
        except (OSError, HTTPException):
            pass
        time.sleep(0.1)
    msg = "OpenBao did not start"
    raise AssertionError(msg)
