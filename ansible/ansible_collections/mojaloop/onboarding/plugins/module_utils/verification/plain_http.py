# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Plain HTTP on a machine's loopback: to a side's own services, never over a network."""

from __future__ import annotations

import http.client
import json

from .model import Answer, InboundListener, Kind, Site, printable

SECONDS = 20.0
LIMIT = 1_000_000
"""Bytes of an answer that are read: what came through an outbound listener was written by a counterpart."""


def exchange(  # noqa: PLR0913 -- place and request
    site: Site,
    machine: str,
    listener: InboundListener,
    method: str,
    path: str,
    body: object = None,
    headers: dict[str, str] | None = None,
    *,
    seconds: float = SECONDS,
) -> Answer:
    """One request on a machine's loopback; OSError when no one listens there, or the answer takes longer than ``seconds``."""
    connection = site.connect(machine, "", listener.address, listener.port, seconds)
    with connection:
        connection.settimeout(seconds)
        stream = http.client.HTTPConnection(listener.address, listener.port)
        stream.sock = connection
        content = None if body is None else json.dumps(body).encode()
        stream.request(method, path, body=content, headers={"content-type": "application/json", **(headers or {}), "connection": "close"})
        response = stream.getresponse()
        found = response.read(LIMIT)
    by, why = printable(response.getheader("x-refused-by", "")), printable(response.getheader("x-refused-because", ""))
    return Answer(Kind.ANSWERED, response.status, by, why, f"{method} {path} -> {response.status}", found)
