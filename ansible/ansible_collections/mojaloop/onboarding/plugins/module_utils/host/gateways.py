# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The host halves of the gateway drivers by kind.

Each is a module with ``Place``, ``observe`` and ``apply`` (see ``gateway_haproxy``); what they share is in ``gateway_change``.
"""

from __future__ import annotations

from types import ModuleType

from . import gateway_envoy, gateway_haproxy

HOSTS: dict[str, ModuleType] = {"haproxy": gateway_haproxy, "envoy": gateway_envoy}
