# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a gateway product must offer: the interface of the drivers, and of the place where a gateway runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from .comparison import Plan
from .model import GatewayModel
from .release import Release


class Target(Protocol):
    """One running gateway.

    What is observed is plain data. ``running``/``installed``: digests of the release in force and of the one installed, empty when
    there is none; ``files``: name -> SHA-256; ``maps``: table -> key -> value in force; ``stale``: names of what is in force
    otherwise than installed; ``undone``: changes that rolled themselves back; ``absent``: addresses of
    ``GatewayModel.called_from`` that it has not; ``token_endpoint``: why no token can be had through it, empty when one can.
    """

    def observe(self) -> dict[str, Any]:
        """What is in force; nothing is written. GatewayError when it cannot be known."""

    def change(self, made: Plan, observed: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """Carry a plan out and keep it, or undo it and raise GatewayError; returns the number of reloads and what is then in force."""


def _on_a_host(model: GatewayModel, _seconds: float) -> Target:
    raise NotImplementedError(model.gateway.kind)


@dataclass(frozen=True)
class Driver:
    """One kind of gateway. A kind that runs on a host has ``place`` and a host half (``host.gateways``); any other has ``target``."""

    render: Callable[[GatewayModel], Release]
    """Pure; GatewayError when a value may not enter, ValueError when ``inbound`` is None."""
    place: Callable[[Any], dict[str, Any]] | None = None
    """The fields of the host half's ``Place`` that the description's record knows; the caller adds ``service``."""
    target: Callable[[GatewayModel, float], Target] = _on_a_host
    """Reached from the controller; the number is the seconds within which a change is to be confirmed."""
