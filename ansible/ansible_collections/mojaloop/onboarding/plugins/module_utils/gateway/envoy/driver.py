# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Envoy 1.35 or later as a gateway driver."""

from __future__ import annotations

from ...description.model import EnvoyGateway
from ..driver import Driver
from .release import render


def _place(gateway: EnvoyGateway) -> dict[str, str]:
    return {"folder": gateway.folder, "admin_socket": gateway.admin_socket}


DRIVER = Driver(render, place=_place)
