# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A gateway on a managed host: the module ``gateway`` acts there, and a change is confirmed over a new connection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..module_utils.errors import GatewayError
from ..module_utils.gateway.comparison import Plan, archive
from ..module_utils.gateway.model import GatewayModel
from ..module_utils.host.releases import ARCHIVE

Order = Callable[[dict[str, Any]], dict[str, Any]]


class HostTarget:
    """A ``driver.Target``. ``order`` has the host do one thing, ``send`` brings it a file, ``renew`` ends the connection to it."""

    def __init__(
        self, model: GatewayModel, place: dict[str, Any], order: Order, send: Callable[[bytes, str], None], renew: Callable[[], None]
    ) -> None:
        self._model, self._order, self._send, self._renew = model, order, send, renew
        self._common = {"kind": model.gateway.kind, "place": place, "sources": model.called_from}

    def observe(self) -> dict[str, Any]:
        """See ``driver.Target``."""
        found: dict[str, Any] = self._order({**self._common, "do": "observe"})["observation"]
        return found

    def change(self, made: Plan, observed: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """See ``driver.Target``."""
        common = {**self._common, "installed": observed["installed"]}
        staging = self._order({**common, "do": "stage"})["staging"]
        self._send(archive(made), f"{staging}/{ARCHIVE}")
        inbound = self._model.inbound
        listeners = [[str(listener.address), listener.port] for listener in inbound.listeners] if inbound else []
        proved = {"listeners": listeners, "proxy_protocol": bool(inbound and inbound.proxy_protocol)}
        change = {"staging": staging, "digest": made.digest, "files": dict(made.files), **proved}
        done = self._order({**common, "do": "apply", **change})
        self._renew()
        answer = self._order({**common, "do": "confirm", "ticket": done["ticket"]})
        if not answer["confirmed"]:
            remedy = "Give confirm_within more seconds."
            raise GatewayError("the change was undone: its confirmation came too late", where=self._model.host, remedy=remedy)
        return done["reloads"], answer["observation"]
