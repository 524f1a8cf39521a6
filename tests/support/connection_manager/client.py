# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The real client of Connection Manager as a process (see ``tests/lab/connection_manager``)."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / "lab" / "connection_manager"
TRACKS = {"DFSP_CA", "DFSP_CLIENT_CERT", "DFSP_JWS", "DFSP_SERVER_CERT", "ENDPOINT_CONFIG", "HUB_CA", "HUB_CERT", "PEER_JWS"}


class Client:
    """The client's process; ``seen`` are its reports."""

    def __init__(self, settings: Path) -> None:
        command = ["node", str(FOLDER / "client.mjs"), str(settings)]
        self.log = settings.with_suffix(".log")
        with self.log.open("wb") as errors:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, cwd=FOLDER)
        self.seen: list[dict[str, Any]] = []
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith(b"{"):
                self.seen.append(json.loads(line))

    @property
    def last(self) -> dict[str, Any]:
        """Its latest report."""
        return self.seen[-1] if self.seen else {"states": {}, "client": "", "hubCA": "", "peers": []}

    def stop(self) -> None:
        """End it."""
        for stream in (self.process.stdin, self.process.stdout):
            if stream:
                stream.close()
        self.process.terminate()
        self.process.wait(20)


def until(what: Callable[[], bool], client: Client, seconds: float = 90) -> None:
    """Wait for it."""
    end = time.monotonic() + seconds
    while not what():
        assert client.process.poll() is None, client.log.read_text(encoding="utf-8")[-2000:]
        assert time.monotonic() < end, (client.last["states"], client.log.read_text(encoding="utf-8")[-3000:])
        time.sleep(0.3)
