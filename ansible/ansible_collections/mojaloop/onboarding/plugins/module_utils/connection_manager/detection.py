# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which era a server is of: the API says no version, so that its answers have to."""

from __future__ import annotations

from http import HTTPStatus

from ..errors import RemoteError
from ..remote.changes import Changes
from .era1 import Era1
from .era3 import Era3
from .server import Server
from .service import Service

_ANSWERS = {HTTPStatus.NOT_FOUND, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


def server_at(changes: Changes, url: str, environment: str) -> Server:
    """The server at this URL (the base of its API); ``environment`` names one of the first era. RemoteError when it is none."""
    base, service = url.rstrip("/"), Service(changes, url)
    why = "asking which Connection Manager this is"
    health = changes.read(f"{base}/health", why, also=_ANSWERS)
    if health.status == HTTPStatus.OK and "database" in health.json():
        return Era3(service)
    environments = changes.read(f"{base}/environments", why, also=_ANSWERS)
    if isinstance(environments.parsed(), list):
        return Era1(service, environment)
    if environments.status == HTTPStatus.NOT_FOUND and "message" in environments.json():
        if isinstance(changes.read(f"{base}/dfsps", why, also={HTTPStatus.NOT_FOUND}).parsed(), list):
            return Era3(service)
    elif environments.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        changes.read(f"{base}/environments", why)
    remedy = "Check url: it ends in /api, or /pm4mlapi behind a gateway."
    raise RemoteError("is no Connection Manager that is known here", where=base, remedy=remedy)
