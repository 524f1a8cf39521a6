# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The drivers by kind (``description.gateways`` has the keys of each, ``host.gateways`` the host half of those on hosts)."""

from __future__ import annotations

from ..description.model import Gateway
from ..errors import GatewayError
from .driver import Driver
from .envoy.driver import DRIVER as ENVOY
from .haproxy.driver import DRIVER as HAPROXY
from .kubernetes.driver import DRIVER as KUBERNETES

DRIVERS: dict[str, Driver] = {"haproxy": HAPROXY, "envoy": ENVOY, "kubernetes": KUBERNETES}


def driver_of(gateway: Gateway) -> Driver:
    """The driver of a described gateway; GatewayError when there is none for its kind."""
    found = DRIVERS.get(gateway.kind)
    if found is None:
        known = ", ".join(sorted(DRIVERS))
        raise GatewayError(
            f"there is no driver for a gateway of kind {gateway.kind}", where=gateway.name, remedy=f"Describe one of: {known}."
        )
    return found
