# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Envoy's administration interface over its unix socket: what the process really has in force.

Source: Envoy, "Administration interface" (``/config_dump``, ``/clusters``); keys are redacted by Envoy itself.
"""

from __future__ import annotations

import http.client
import json
import socket
import struct
from typing import Any

from ..errors import GatewayError

TIMEOUT = 10.0
LIMIT = 64 * 1024 * 1024
"""Bytes of an answer: the routes of a thousand participants are below one."""


_DUMPS = {
    "ListenersConfigDump": ("listeners", "dynamic_listeners", "listener"),
    "ClustersConfigDump": ("clusters", "dynamic_active_clusters", "cluster"),
    "RoutesConfigDump": ("routes", "dynamic_route_configs", "route_config"),
    "EcdsConfigDump": ("filters", "ecds_filters", "ecds_filter"),
    "SecretsConfigDump": ("secrets", "dynamic_active_secrets", "secret"),
}
"""By kind of dump: what it is called here, its member with the list, and the member of each with the message itself."""


class _Local(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(TIMEOUT)
        self.sock.connect(self._path)


def ask(path: str, what: str) -> bytes:
    """The answer to a GET; OSError when no process answers in time, GatewayError when it is none that Envoy gives."""
    connection = _Local(path)
    try:
        connection.request("GET", what)
        answer = connection.getresponse()
        content = answer.read(LIMIT + 1)
    except http.client.HTTPException as error:
        raise GatewayError("does not speak HTTP", where=path, remedy="Check what serves this socket.") from error
    finally:
        connection.close()
    if answer.status != http.client.OK or len(content) > LIMIT:
        raise GatewayError(f"answers {what} with status {answer.status}, {len(content)} bytes", where=path, remedy="Check what serves it.")
    return content


def process(path: str) -> int:
    """The id of the process that serves the socket; 0 when there is none."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(TIMEOUT)
        try:
            connection.connect(path)
        except OSError:
            return 0
        found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", found)[0])


def dump(path: str) -> dict[str, list[dict[str, Any]]]:
    """What is in force, as lists of messages: ``listeners``, ``clusters``, ``routes``, ``filters``, ``secrets``; ``errors``: refused."""
    found: dict[str, list[Any]] = {name: [] for name in ("listeners", "clusters", "routes", "filters", "secrets", "errors")}
    for section in json.loads(ask(path, "/config_dump").decode("utf-8", "replace"))["configs"]:
        kind = section["@type"].rsplit(".", 1)[-1]
        if kind not in _DUMPS:
            continue
        name, held, member = _DUMPS[kind]
        for one in section.get(held, ()):
            state = one.get("active_state", {}) if name == "listeners" else one
            found[name] += [state[member]] if member in state else []
            found["errors"] += [one["error_state"]] if "error_state" in one else []
    return found
