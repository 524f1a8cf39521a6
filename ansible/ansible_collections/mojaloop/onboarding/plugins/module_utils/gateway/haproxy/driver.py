# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""HAProxy 2.6 or later as a gateway driver."""

from __future__ import annotations

from ...description.model import HaproxyGateway
from ..driver import Driver
from .release import render


def _place(gateway: HaproxyGateway) -> dict[str, str]:
    return {"folder": gateway.folder, "master_socket": gateway.master_socket, "stats_socket": gateway.stats_socket}


DRIVER = Driver(render, place=_place)
