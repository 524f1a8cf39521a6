# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The real client of Connection Manager as a process (see ``tests/lab/connection_manager``)."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Thread
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / "lab" / "connection_manager"
TRACKS = {"DFSP_CA", "DFSP_CLIENT_CERT", "DFSP_JWS", "DFSP_SERVER_CERT", "ENDPOINT_CONFIG", "HUB_CA", "HUB_CERT", "PEER_JWS"}


def settings_of(facts: Mapping[str, str], files: Mapping[str, bytes]) -> dict[str, Any]:
    """What the client is started with, as management-api takes it from its variables and the files beside them."""
    parameters = {name: json.loads(files[f"{name}-csr.json"]) for name in ("ca", "client", "server")}
    return {
        "dfspId": facts["DFSP_ID"],
        "hubEndpoint": facts["MCM_SERVER_ENDPOINT"],
        "hubIamProviderUrl": facts["HUB_IAM_PROVIDER_URL"],
        "auth": {"enabled": facts["AUTH_ENABLED"] == "true"},
        "refreshIntervalSeconds": 2,
        "callbackURL": facts["CALLBACK_URL"],
        "whitelistIP": facts["WHITELIST_IP"].split(","),
        "serverCsr": parameters["server"],
        "clientCsr": parameters["client"],
        "caCsr": parameters["ca"],
        "vault": {
            "endpoint": facts["VAULT_ENDPOINT"],
            "mounts": {"pki": facts["VAULT_MOUNT_PKI"], "kv": facts["VAULT_MOUNT_KV"]},
            "pkiServerRole": facts["VAULT_PKI_SERVER_ROLE"],
            "pkiClientRole": facts["VAULT_PKI_CLIENT_ROLE"],
            "auth": {"appRole": {"roleId": files["role-id"].decode(), "roleSecretId": files["secret-id"].decode()}},
            "signExpiryHours": "720",
            "keyLength": int(facts["PRIVATE_KEY_LENGTH"]),
            "keyAlgorithm": facts["PRIVATE_KEY_ALGORITHM"],
            "commonName": facts["MOJALOOP_CONNECTOR_FQDN"],
        },
    }


class Client:
    """The client's process; ``seen`` are its reports."""

    def __init__(self, settings: Path, entering: Sequence[str] = ()) -> None:
        """``entering``: the command that goes to the machine of a lab on which it runs."""
        command = [*entering, "node", str(FOLDER / "client.mjs"), str(settings)]
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

    def rotate(self) -> None:
        """Have it make a new JWS key, as it does from time to time."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"ROTATE_JWS\n")
        self.process.stdin.flush()

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
